"""The command line: the contract of every command, mistakes in one line, stop and resume, job folders."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core import read_stars, write_stars
from gandalf_core.cli import load_commands, main
from gandalf_core.cli.console import duration, facts, table
from gandalf_core.config.presets import HEAD_LAMBDA, LAMBDA, preset
from gandalf_core.config.schema import from_dict, to_json
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.io import read_latents
from gandalf_core.io.plain import jsonable
from gandalf_core.models.cards import EARLIER_NOTE

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = load_commands()
PLANNED = [
    "simulate",
    "config",
    "ingest",
    "train",
    "encode",
    "predict",
    "decode",
    "project",
    "audit",
    "compare",
    "test",
    "models",
    "pretrain",
    "app",
]
CHANCE = {
    "simulate",
    "train",
    "encode",
    "predict",
    "decode",
    "project",
    "audit",
    "compare",
    "test",
    "pretrain",
    "sweep",
    "grid",
    "catalogue",
}  # take a seed


@pytest.fixture
def run(capsys):
    """run("encode", …) -> (status, what stood on standard output, what stood on standard error)."""

    def call(*arguments) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return call


@pytest.fixture
def ask(run):
    """ask("encode", …) -> the JSON object of a command that must succeed."""

    def call(*arguments) -> dict:
        status, out, err = run(*arguments, "--json")
        assert status == 0, err
        assert out.count("\n") == 1, "one JSON object, on one line"
        return json.loads(out)

    return call


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """A file of 2,000 simulated stars."""
    path = tmp_path_factory.mktemp("sky") / "stars.npz"
    assert main(["simulate", "--stars", "2000", "--seed", "7", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def models(sky):
    """Both recipes trained for two epochs on them: {recipe: folder}."""
    folders = {}
    for recipe in ("paper", "bottleneck"):
        folders[recipe] = sky.parent / "models" / recipe
        signs = ["--remove", "teff", "--remove", "logg", "--keep", "mh", "--keep", "alphafe"]
        assert (
            main(
                [
                    "train",
                    str(sky),
                    "--preset",
                    recipe,
                    *signs,
                    "--epochs",
                    "2",
                    "--out",
                    str(folders[recipe]),
                ]
            )
            == 0
        )
    return folders


# --- the whole path on 2,000 simulated stars ---


def test_simulate_writes_what_it_says(ask, tmp_path):
    result = ask(
        "simulate", "--stars", 5, "--seed", 3, "--snr", 40, 60, "--pixels", 2401, tmp_path / "s.fits"
    )
    assert (
        result["stars"] == 5
        and result["pixels"] == 2401
        and result["rejected"] == {}
        and result["seconds"] > 0
    )
    stars = read_stars(tmp_path / "s.fits")
    assert len(stars) == 5 and set(stars.label_names) >= {"teff", "logg", "mh", "alphafe"}


def test_simulating_under_other_labels_changes_the_labels_only_and_lists_what_is_outside(ask, tmp_path):
    ask("simulate", "--stars", 3, "--seed", 3, "--clean", tmp_path / "own.npz")
    own = read_stars(tmp_path / "own.npz")
    table = (
        "teff,logg,mh,alphafe\n"
        + "".join(f"{t},{g},{m},{a}\n" for t, g, m, a in own.labels[:2])
        + "25000,4,0,0\n"
    )
    (tmp_path / "labels.csv").write_text(table)
    result = ask(
        "simulate", "--labels", tmp_path / "labels.csv", "--seed", 3, "--clean", tmp_path / "same.npz"
    )
    same = read_stars(tmp_path / "same.npz")
    assert (
        result["stars"] == 3
        and list(result["rejected"]) == ["sim3-2"]
        and "25000" in result["rejected"]["sim3-2"]
    )
    assert np.allclose(same.flux[:2], own.flux[:2], atol=1e-4)
    assert same.mask[2].all() and same.label("teff")[2] == 25000


def test_simulating_from_a_catalogue_takes_its_labels_only(ask, run, tmp_path):
    table = "source_id,ra,teff,logg,mh,alphafe,vsini,flux\nHD 7,1.5,5000,4,0,0,3,\n2,1.5,5000,4,0,,3,1\n"
    (tmp_path / "labels.csv").write_text(table)
    status, _, err = run("simulate", "--labels", tmp_path / "labels.csv", tmp_path / "s.npz")
    assert status == 0 and "columns not used: source_id, ra, flux" in err
    assert read_stars(tmp_path / "s.npz").label_names == ("teff", "logg", "mh", "alphafe", "vsini")
    result = ask("simulate", "--labels", tmp_path / "labels.csv", tmp_path / "s.npz")
    assert result["rejected"] == {"sim0-1": "no value of alphafe"}


def test_config_prints_what_train_accepts(ask, run, tmp_path):
    assert from_dict(ask("config", "--preset", "generator")) == preset("generator")
    status, out, _ = run(
        "config",
        "--preset",
        "bottleneck",
        "--remove",
        "Teff",
        "--keep",
        "[M/H]",
        "--lambda",
        "logg=0.3",
        "--epochs",
        7,
    )
    assert status == 0
    (tmp_path / "c.json").write_text(out)
    again = from_dict(
        ask(
            "config",
            "--config",
            tmp_path / "c.json",
            "--set",
            "model.noise=0.2",
            "--set",
            "model.activation=tanh",
        )
    )
    assert again.removed == ("teff", "logg") and again.kept == ("mh",) and again.lambdas["logg"] == 0.3
    assert (again.lambdas["teff"], again.lambdas["mh"]) == (
        LAMBDA["conditional"],
        -HEAD_LAMBDA,
    ) and again.training.epochs == 7
    assert (again.model.noise, again.model.activation) == (0.2, "tanh")


def test_ingest_reports_and_converts(ask, sky, tmp_path):
    (tmp_path / "bad.csv").write_text("nothing,here\n1,2\n")
    result = ask("ingest", sky, tmp_path / "bad.csv", tmp_path / "all.parquet")
    assert result["stars"] == 2000 and result["pixels"] == 800 and 0 <= result["masked_fraction"] < 0.01
    assert list(result["rejected"]) == [str(tmp_path / "bad.csv")]
    assert len(read_stars(tmp_path / "all.parquet")) == 2000


@pytest.mark.parametrize("recipe", ["paper", "bottleneck"])
def test_a_models_card_has_its_scores(ask, models, recipe):
    result = ask("models", "--root", models[recipe].parent)["models"]
    assert [m["name"] for m in result] == ["bottleneck", "paper"]
    card = next(m["card"] for m in result if m["name"] == recipe)
    assert (
        card["removed"] == ["teff", "logg"]
        and card["kept"] == ["mh", "alphafe"]
        and card["data"]["train"] == 1600
    )
    assert {"r2", "mae", "rmse", "coverage"} <= set(card["figures"]["parameters"]["mh"])


def test_train_reports_the_promised_keys_and_every_epoch(run, sky, tmp_path):
    status, out, err = run(
        "train",
        sky,
        "--preset",
        "physical-removed",
        "--epochs",
        2,
        "--out",
        tmp_path / "m",
        "--seed",
        5,
        "--json",
    )
    result = json.loads(out)
    assert status == 0 and result["epochs"] == 2 and result["stopped"] is False
    assert result["seconds"] > 0 and result["spectra_per_second"] > 0 and result["reconstruction_mse"] > 0
    assert set(result["discriminator_accuracy"]) == set(result["chance"]) == {"teff", "logg"}
    lines = [line for line in err.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    for part in ("epoch 1/2", "loss", "rec", "Teff", "log g", "%/", "left"):
        assert part in lines[0]
    config = from_dict(json.loads((tmp_path / "m" / "config.json").read_text()))
    assert config.training.seed == 5 and not (tmp_path / "m" / "checkpoint.safetensors").exists()


@pytest.mark.parametrize("recipe", ["paper", "bottleneck"])
def test_encode_predict_decode_project(ask, sky, models, recipe, tmp_path):
    result = ask("encode", models[recipe], sky, tmp_path / "z.npz")
    assert result["stars"] == 2000 and result["latent_size"] == 25 and result["spectra_per_second"] > 0
    assert read_latents(tmp_path / "z.npz").z.shape == (2000, 25)

    rows = ask("predict", models[recipe], "simulated:20:3")["stars"]
    assert len(rows) == 20 and rows[4]["id"] == "sim3-4"
    assert {"teff", "teff_error", "logg", "mh", "alphafe_error", "chi2", "outlier_score"} <= set(rows[0])

    result = ask(
        "decode", models[recipe], sky, "--set", "teff=7500", "--set", "alphafe=0.0", tmp_path / "d.npz"
    )
    assert result["stars"] == 2000 and result["extrapolated"] == 2000 and result["beyond"] == ["teff"]
    decoded = read_stars(tmp_path / "d.npz")
    assert (decoded.label("teff") == 7500).all() and (decoded.label("alphafe") == 0).all()
    assert (
        np.array_equal(decoded.label("mh"), read_stars(sky).label("mh")) and np.isfinite(decoded.flux).all()
    )

    result = ask(
        "project",
        models[recipe],
        "simulated:300:4",
        "--of",
        "latent",
        "--method",
        "pca",
        tmp_path / "map.npz",
    )
    assert result["stars"] == 300 and set(result["neighbour_r2"]) == {"teff", "logg", "mh", "alphafe"}
    with np.load(tmp_path / "map.npz") as file:
        assert file["xy"].shape == (300, 2) and file["ids"][0] == "sim4-0"


@pytest.mark.parametrize(("of", "method"), [("latent", "tsne"), ("spectra", "pca")])
def test_maps_of_latents_and_of_spectra(ask, models, tmp_path, of, method):
    arguments = [
        "project",
        models["paper"],
        "simulated:80:4",
        "--of",
        of,
        "--method",
        method,
        "--cache",
        tmp_path / "kept",
    ]
    first = ask(*arguments, tmp_path / "a.npz")
    again = ask(*arguments, tmp_path / "b.npz")
    assert first["neighbour_r2"] == again["neighbour_r2"] and len(list((tmp_path / "kept").iterdir())) == 1


@pytest.mark.parametrize("setting", [("tsne", "--perplexity", 1), ("umap", "--neighbours", 2)])
def test_the_smallest_neighbourhoods_make_a_map(ask, models, tmp_path, setting):
    assert (
        ask("project", models["paper"], "simulated:30", "--method", *setting, tmp_path / "m.npz")["stars"]
        == 30
    )


def test_the_noise_of_a_prediction_is_that_of_the_latent(ask, models, tmp_path):
    def predicted(*options):
        return ask("predict", models["bottleneck"], "simulated:5:1", *options)["stars"]

    key = tmp_path / "key.txt"
    NoiseKey.from_seed(5).write(key)
    under_key = ("--noise-key", key)
    assert predicted() == predicted() != predicted(*under_key) == predicted(*under_key)
    grids = []
    for name, options in (("a", ()), ("b", under_key)):
        ask(
            "grid",
            models["bottleneck"],
            "--step",
            "teff=1000",
            "--of",
            "simulated:1:1",
            *options,
            tmp_path / f"{name}.npz",
        )
        grids.append(read_stars(tmp_path / f"{name}.npz").flux)
    assert not np.allclose(*grids)


OVERWRITING = {
    "simulate": ["--labels", "{csv}", "{csv}"],
    "ingest": ["{csv}", "{csv}"],
    "encode": ["{model}", "{npz}", "{npz}"],
    "predict": ["{model}", "{csv}", "--out", "{csv}"],
    "decode": ["{model}", "{npz}", "{link}"],
    "project": ["{model}", "{npz}", "simulated:30", "{npz}"],
    "catalogue": ["predict", "{model}", "{parquet}", "{parquet}"],
    "grid": ["{model}", "--step", "teff=1000", "--of", "{npz}", "{npz}"],
}


@pytest.mark.parametrize("command", OVERWRITING)
def test_no_command_writes_over_what_it_reads(run, sky, models, tmp_path, command):
    files = {"{" + suffix + "}": tmp_path / f"s.{suffix}" for suffix in ("csv", "npz", "parquet")}
    for path in files.values():
        write_stars(path, read_stars(sky)[:2])
    (tmp_path / "link.npz").symlink_to(tmp_path / "s.npz")
    before = {path: path.read_bytes() for path in files.values()}
    words = {**files, "{link}": tmp_path / "link.npz", "{model}": models["bottleneck"]}
    status, _, err = run(command, *(words.get(a, a) for a in OVERWRITING[command]))
    assert status == 2 and "is read by this command and would be lost" in err and err.count("\n") == 1
    assert before == {path: path.read_bytes() for path in files.values()}


def test_parquet_streams_to_the_same_numbers(ask, sky, models, tmp_path):
    ask("ingest", sky, tmp_path / "sky.parquet")
    ask("encode", models["bottleneck"], sky, tmp_path / "a.npz")
    ask("encode", models["bottleneck"], tmp_path / "sky.parquet", tmp_path / "b.parquet")
    a, b = read_latents(tmp_path / "a.npz"), read_latents(tmp_path / "b.parquet")
    assert np.array_equal(a.ids, b.ids) and np.allclose(a.z, b.z, atol=1e-5)
    result = ask(
        "decode", models["bottleneck"], tmp_path / "sky.parquet", "--set", "mh=-1", tmp_path / "d.parquet"
    )
    assert result["stars"] == len(read_stars(tmp_path / "d.parquet")) == 2000


def test_decode_says_whose_labels_it_used(ask, sky, models, tmp_path):
    stars = read_stars(sky)[:6]
    write_stars(
        tmp_path / "half.npz", stars.with_labels(np.where(np.arange(6)[:, None] < 4, stars.labels, np.nan))
    )
    result = ask("decode", models["bottleneck"], tmp_path / "half.npz", tmp_path / "d.npz")
    assert result["labels"] == {"given": 4, "estimated": 2} and result["extrapolated"] == 0


def test_predictions_come_with_the_notes_of_the_models_card(run, models, monkeypatch):
    status, out, err = run("predict", models["paper"], "simulated:2:3")
    assert status == 0 and EARLIER_NOTE not in err
    monkeypatch.setattr("gandalf_core.models.cards.EDITION", 3)  # the simulator has moved on
    status, out, err = run("predict", models["paper"], "simulated:2:3")
    assert status == 0 and f"note: {EARLIER_NOTE}" in err.splitlines() and EARLIER_NOTE not in out
    _, out, err = run("predict", models["paper"], "simulated:2:3", "--json")
    assert EARLIER_NOTE in json.loads(out)["notes"] and EARLIER_NOTE in err


def test_people_get_tables_with_units(run, models, tmp_path):
    status, out, _ = run("predict", models["paper"], "simulated:2:3")
    header, first, _ = out.splitlines()
    assert (
        status == 0
        and "Teff [K]" in header
        and "[M/H] [dex]" in header
        and "±" in first
        and first.startswith("sim3-0")
    )
    status, out, _ = run("models", "--root", models["paper"].parent)
    assert "Teff, log g" in out and "1,600" in out
    status, out, _ = run("models", models["paper"])
    assert out.startswith("# paper") and "Measured on the test split" in out


def test_predictions_go_to_a_file_that_may_be_replaced_but_never_over_spectra(
    ask, run, sky, models, tmp_path
):
    for name in ("out.csv", "out.csv", "out.json", "out.parquet"):
        assert len(ask("predict", models["paper"], "simulated:5:1", tmp_path / name)["stars"]) == 5
    assert (tmp_path / "out.csv").read_text().startswith("id,teff,teff_error")
    assert len(json.loads((tmp_path / "out.json").read_text())["stars"]) == 5
    two = tmp_path / "two.npz"
    write_stars(two, read_stars(sky)[:2])
    before = two.read_bytes()
    # a file of spectra is input
    assert len(ask("predict", models["paper"], "simulated:5:1", two)["stars"]) == 7
    assert two.read_bytes() == before


# --- the contract ---


def test_every_command_is_there_with_help_json_and_a_job_folder(run, capsys):
    assert list(COMMANDS)[: len(PLANNED)] != [] and set(PLANNED) <= set(COMMANDS)
    status, out, _ = run("--help")
    assert status == 0 and all(f"  {name} " in out for name in COMMANDS)
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        out = capsys.readouterr().out
        assert ended.value.code == 0 and "--json" in out and "--job" in out
        assert "--seed" in out or name not in CHANCE, name


BAD = {
    "no command": [],
    "unknown command": ["encod"],
    "no arguments": ["encode"],
    "unknown option": ["config", "--preset", "paper", "--colour"],
    "unknown preset": ["config", "--preset", "papr"],
    "preset and file": ["config", "--preset", "paper", "--config", "x.json"],
    "neither": ["config"],
    "missing file": ["config", "--config", "{tmp}/none.json"],
    "broken json": ["config", "--config", "{tmp}/broken.json"],
    "image as json": ["config", "--config", "{tmp}/image.jpg"],
    "unknown label": ["config", "--preset", "paper", "--remove", "vsini"],
    "removed and kept": ["config", "--preset", "paper", "--remove", "teff", "--keep", "teff"],
    "lambda without value": ["config", "--preset", "paper", "--lambda", "teff"],
    "lambda is no number": ["config", "--preset", "paper", "--lambda", "teff=high"],
    "unknown field": ["config", "--preset", "paper", "--set", "model.nose=1"],
    "epochs": ["config", "--preset", "paper", "--epochs", "0"],
    "seed": ["simulate", "--stars", "3", "--seed", "-1", "{tmp}/x.npz"],
    "seed beyond every generator": ["simulate", "--stars", "3", "--seed", "9" * 23, "{tmp}/x.npz"],
    "seed of a source": ["ingest", "simulated:3:" + "9" * 23, "{tmp}/x.npz"],
    "source longer than a file's name": ["ingest", "simulated:" + "9" * 5000, "{tmp}/x.npz"],
    "out longer than a file's name": ["ingest", "simulated:3", "{tmp}/" + "x" * 300 + ".npz"],
    "too many stars": ["simulate", "--stars", "2000001", "{tmp}/x.npz"],
    "stars": ["simulate", "--stars", "none", "{tmp}/x.npz"],
    "no number of stars": ["simulate", "{tmp}/x.npz"],
    "snr": ["simulate", "--stars", "3", "--snr", "50", "20", "{tmp}/x.npz"],
    "label table": ["simulate", "--labels", "{tmp}/ragged.csv", "{tmp}/x.npz"],
    "label table without a label": ["simulate", "--labels", "{tmp}/lacking.csv", "{tmp}/x.npz"],
    "label table with a word": ["simulate", "--labels", "{tmp}/word.csv", "{tmp}/x.npz"],
    "label given twice": ["simulate", "--labels", "{tmp}/twice.csv", "{tmp}/x.npz"],
    "empty label table": ["simulate", "--labels", "{tmp}/empty.csv", "{tmp}/x.npz"],
    "label table missing": ["simulate", "--labels", "{tmp}/none.csv", "{tmp}/x.npz"],
    "suffix": ["simulate", "--stars", "2", "{tmp}/x.docx"],
    "no folder": ["simulate", "--stars", "2", "{tmp}/nowhere/x.npz"],
    "missing stars": ["ingest", "{tmp}/none.csv", "{tmp}/x.npz"],
    "empty file": ["ingest", "{tmp}/empty.csv", "{tmp}/x.npz"],
    "wrong columns": ["ingest", "{tmp}/columns.csv", "{tmp}/x.npz"],
    "image": ["predict", "{model}", "{tmp}/image.jpg"],
    "grid elsewhere": ["predict", "{model}", "{tmp}/elsewhere.csv"],
    "no flux": ["predict", "{model}", "{tmp}/nan.csv"],
    "cut fits": ["predict", "{model}", "{tmp}/cut.fits"],
    "simulated": ["encode", "{model}", "simulated:many", "{tmp}/z.npz"],
    "model": ["encode", "no-such-model", "simulated:3", "{tmp}/z.npz"],
    "model without a file": ["encode", "{hole}", "simulated:3", "{tmp}/z.npz"],
    "label to set": ["decode", "{model}", "simulated:3", "--set", "vsini=3", "{tmp}/d.npz"],
    "value to set": ["decode", "{model}", "simulated:3", "--set", "teff=hot", "{tmp}/d.npz"],
    "no such map": ["project", "{model}", "simulated:30", "--place", "--method", "umap", "{tmp}/m.npz"],
    "nothing to resume": ["train", "simulated:300", "--preset", "paper", "--out", "{tmp}/fresh", "--resume"],
    "too few stars": ["train", "simulated:50", "--preset", "paper", "--out", "{tmp}/fresh"],
    "out is a file": [
        "train",
        "simulated:400",
        "--preset",
        "autoencoder",
        "--epochs",
        "1",
        "--out",
        "{tmp}/empty.csv",
    ],
    "model list": ["models", "no-such-model"],
    "missing model list": ["models", "--root", "{tmp}/none.csv"],
    "perplexity": ["project", "{model}", "simulated:30", "--perplexity", "0.5", "{tmp}/m.npz"],
    "perplexity is no number": ["project", "{model}", "simulated:30", "--perplexity", "nan", "{tmp}/m.npz"],
    "neighbours": [
        "project",
        "{model}",
        "simulated:30",
        "--method",
        "umap",
        "--neighbours",
        "1",
        "{tmp}/m.npz",
    ],
    "alpha": ["compare", "simulated:600", "--model", "{model}", "--alpha", "-1"],
    "alpha is no number": ["compare", "simulated:600", "--model", "{model}", "--alpha", "nan"],
    "probe": ["audit", "{model}", "simulated:600", "--plain", "{hole}", "--probes", "foo"],
    "latent suffix": ["encode", "{model}", "simulated:3", "{tmp}/z.txt"],
    "decoded suffix": ["decode", "{model}", "simulated:3", "--set", "teff=99999", "{tmp}/d.foo"],
    "map suffix": ["project", "{model}", "simulated:30", "{tmp}/m.txt"],
    "grid suffix": ["grid", "{model}", "--step", "teff=1000", "{tmp}/g.csv"],
    "catalogue suffix": ["catalogue", "encode", "{model}", "{tmp}/whole.parquet", "{tmp}/c.csv"],
    "catalogue without a folder": [
        "catalogue",
        "encode",
        "{model}",
        "{tmp}/whole.parquet",
        "{tmp}/nowhere/c.parquet",
    ],
    "catalogue of a csv": ["catalogue", "encode", "{model}", "{tmp}/nan.csv", "{tmp}/c.parquet"],
    "out is a folder": ["ingest", "simulated:3", "{hole}"],
    "no file and no prediction": ["predict", "{model}", "simulated:3", "{tmp}/p.npz"],
    "port": ["app", "--port", "70000"],
    "prediction suffix": ["predict", "{model}", "simulated:3", "--out", "{tmp}/x.docx"],
}


@pytest.fixture(scope="module")
def trouble(models, tmp_path_factory):
    """A folder of files that cannot be used, and the words in BAD that stand for paths."""
    import shutil

    folder = tmp_path_factory.mktemp("trouble")
    (folder / "broken.json").write_text('{"model": ')
    (folder / "image.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 4)
    (folder / "ragged.csv").write_text("teff,logg\n5000\n")
    (folder / "empty.csv").write_text("")
    (folder / "lacking.csv").write_text("teff,logg,mh\n5000,4,0\n")
    (folder / "word.csv").write_text("teff,logg,mh,alphafe\n5000,4,low,0\n")
    (folder / "twice.csv").write_text("teff,TEFF,logg,mh,alphafe\n5000,5000,4,0,0\n")
    (folder / "columns.csv").write_text("a,b\n1,2\n")
    grid = "".join(f"{w:.3f},1.0,0.01\n" for w in np.linspace(500, 520, 800))
    (folder / "elsewhere.csv").write_text("wavelength,flux,flux_error\n" + grid)
    holes = "".join(f"{w:.3f},nan,0.01\n" for w in np.linspace(846, 870, 800))
    (folder / "nan.csv").write_text("wavelength,flux,flux_error\n" + holes)
    main(["simulate", "--stars", "2", str(folder / "whole.fits")])
    main(["simulate", "--stars", "2", str(folder / "whole.parquet")])
    whole = (folder / "whole.fits").read_bytes()
    (folder / "cut.fits").write_bytes(whole[: len(whole) // 2])
    hole = shutil.copytree(models["paper"], folder / "hole")
    (hole / "scaling.npz").unlink()
    return folder, {"{tmp}": str(folder), "{model}": str(models["paper"]), "{hole}": str(hole)}


@pytest.mark.parametrize("mistake", BAD)
def test_a_mistake_is_status_two_and_one_line_that_names_it(run, trouble, mistake):
    folder, words = trouble
    arguments = BAD[mistake]
    for word, value in words.items():
        arguments = [a.replace(word, value) for a in arguments]
    status, out, err = run(*arguments)
    lines = [line for line in err.splitlines() if line.startswith("gandalf: ")]
    assert status == 2, err
    assert out == "" and len(lines) == 1 and "Traceback" not in err
    assert len(err.splitlines()) == 1 or arguments[0] == "train", "said before the work"
    for argument in arguments:
        if argument.startswith(str(folder)) and Path(argument).suffix in (".csv", ".json", ".jpg", ".fits"):
            assert lines[0].count(Path(argument).name) == 1
    if mistake == "model without a file":
        assert "scaling.npz" in lines[0] and "hole" in lines[0]


def test_a_plain_auto_encoder_has_no_sliders(run, stars, tmp_path):
    from gandalf_core.models.fit import Extras, train
    from gandalf_core.models.store import save_model

    save_model(
        train(stars, toy_config("autoencoder"), device="cpu", extras=Extras(regressor_epochs=3)),
        tmp_path / "plain",
    )
    write_stars(tmp_path / "s.npz", stars[:5])
    status, _, err = run(
        "decode", tmp_path / "plain", tmp_path / "s.npz", "--set", "teff=5000", tmp_path / "d.npz"
    )
    assert status == 2 and "receives no labels" in err
    assert run("decode", tmp_path / "plain", tmp_path / "s.npz", tmp_path / "d.npz")[0] == 0


def test_an_internal_error_is_status_one(run, monkeypatch):
    import dataclasses

    def broken(args, console):
        raise ZeroDivisionError("on purpose")

    monkeypatch.setitem(COMMANDS, "models", dataclasses.replace(COMMANDS["models"], run=broken))
    status, out, err = run("models")
    assert status == 1 and out == "" and err.splitlines()[-1] == "gandalf: internal error: on purpose"


def test_what_a_library_prints_is_not_part_of_the_result(run, monkeypatch):
    import dataclasses

    from gandalf_core.cli.registry import Report

    def chatty(args, console):
        print("a library's banner")
        return Report({"value": np.float32(2), "nothing": float("nan"), "names": np.array(["a"])})

    monkeypatch.setitem(COMMANDS, "models", dataclasses.replace(COMMANDS["models"], run=chatty))
    _, out, err = run("models", "--json")
    assert json.loads(out) == {"value": 2.0, "nothing": None, "names": ["a"]} and "banner" in err


def test_options_may_stand_anywhere(ask, models, tmp_path):
    result = ask(
        "decode",
        "--set",
        "teff=5000",
        models["paper"],
        "simulated:2:1",
        "simulated:3:2",
        "--set",
        "mh=0",
        tmp_path / "d.npz",
    )
    assert result["stars"] == 5 and result["set"] == {"teff": 5000.0, "mh": 0.0}


def test_usage_says_how_the_program_was_started(run, monkeypatch, capsys):
    both = ["usage: gandalf COMMAND …", "   or: python -m gandalf_core COMMAND …"]
    for started, name in (
        ("/usr/bin/gandalf", "gandalf"),
        ("/x/gandalf_core/__main__.py", "python -m gandalf_core"),
    ):
        monkeypatch.setattr(sys, "argv", [started])
        assert run("--help")[1].splitlines()[:2] == both
        assert run("nonsense")[2] == f"gandalf: no command 'nonsense'; `{name} --help` lists them\n"
        assert run("config", "--nonsense")[2].endswith(f"see `{name} config --help`\n")
        with pytest.raises(SystemExit):
            main(["config", "--help"])
        assert capsys.readouterr().out.startswith(f"usage: {name} config ")


def test_every_option_says_its_default_or_that_it_is_needed():
    for command in COMMANDS.values():
        for flags, options in command.arguments:
            text = options["help"]
            assert text and not text.endswith("."), flags
            optional = flags[0].startswith("-") and not options.get("required")
            if optional and options.get("action") != "store_true" and "may repeat" not in text:
                assert "default" in text or "needed" in text, (command.name, flags)


# --- the explorer ---


@pytest.mark.parametrize("package", ["streamlit", "plotly"])
def test_the_explorer_without_its_packages_is_one_line(run, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    status, out, err = run("app")
    assert status == 2 and out == ""
    assert (
        err
        == f"gandalf: the explorer needs {package}, not installed here: pip install 'gandalf-explorer[app]'\n"
    )


SERVER = "import os, sys; print(os.getcwd()); print(sys.argv[1:]); sys.exit(int(os.environ['STATUS']))"


@pytest.mark.parametrize("ending", [0, 3])
def test_the_explorer_is_served_from_its_folder(monkeypatch, tmp_path, ending):
    (tmp_path / "streamlit.py").write_text(SERVER)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "STATUS": str(ending)}
    command = [
        sys.executable,
        "-m",
        "gandalf_core",
        "app",
        "--port",
        "8600",
        "--address",
        "0.0.0.0",
        "--json",
    ]
    process = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    folder, arguments, *rest = process.stderr.splitlines()
    assert folder == str(ROOT)
    assert arguments == str(["run", "app.py", "--server.port=8600", "--server.address=0.0.0.0"])
    if ending:
        assert process.returncode == 2 and process.stdout == ""
        assert rest == ["gandalf: the explorer ended with status 3: see the messages above"]
    else:
        assert process.returncode == 0 and json.loads(process.stdout) == {"stopped": True}


WAITING_SERVER = """
import os, pathlib, time
pathlib.Path(os.environ["PID"]).write_text(str(os.getpid()))
time.sleep(60)
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_explorer_ends_with_its_command(tmp_path, stop):
    (tmp_path / "streamlit.py").write_text(WAITING_SERVER)
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PID": str(tmp_path / "pid")}
    process = subprocess.Popen([sys.executable, "-m", "gandalf_core", "app"], cwd=tmp_path, env=environment)
    wait_for(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text(), 60)
    process.send_signal(stop)
    assert process.wait(30) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_words_of_the_console():
    assert [duration(s) for s in (7.4, 200, 7500)] == ["7 s", "3 min 20 s", "2 h 5 min"]
    assert table(["a", "b"], [["long name", "1"], ["x", "22"]]).splitlines() == [
        "a           b",
        "long name   1",
        "x          22",
    ]
    assert facts({"stars": 1200, "rejected": {}, "part": 0.123456}) == "stars  1,200\npart   0.1235"
    assert jsonable({"a": (1, np.inf), 3: True}) == {"a": [1, None], "3": True}


# --- other labels ---


def test_a_set_with_its_own_labels_trains_by_its_names(ask, tmp_path):
    soils = toy_stars(600, names=("grain_size", "moisture"), missing=0.1)
    write_stars(tmp_path / "soils.npz", soils)
    small = ["--set", "training.batch_size=64", "--set", "model.encoder_hidden=[32]", "--epochs", 2]
    signs = ["--remove", "moisture", "--keep", "grain_size"]
    result = ask(
        "train", tmp_path / "soils.npz", "--preset", "bottleneck", *signs, *small, "--out", tmp_path / "m"
    )
    assert set(result["discriminator_accuracy"]) == {"moisture"} and result["left_out"] > 0
    rows = ask("predict", tmp_path / "m", tmp_path / "soils.npz")["stars"]
    assert "moisture_error" in rows[0] and len(rows) == 600


# --- stop, resume, jobs ---


@pytest.fixture(scope="module")
def long_training(tmp_path_factory):
    """Arguments of a training of 60 epochs in the toy world, and the weights that it ends in when nobody
    stops it.
    """
    folder = tmp_path_factory.mktemp("long")
    write_stars(folder / "toy.npz", toy_stars())
    (folder / "config.json").write_text(to_json(toy_config(training__epochs=60, adversary__target="uniform")))
    arguments = ["train", str(folder / "toy.npz"), "--config", str(folder / "config.json"), "--device", "cpu"]
    assert main([*arguments, "--out", str(folder / "straight")]) == 0
    return arguments, (folder / "straight" / "weights.safetensors").read_bytes()


def wait_for(condition, seconds: float = 300) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited too long"
        time.sleep(0.02)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_stopped_or_killed_training_resumes_to_the_same_weights(long_training, run, tmp_path, how):
    arguments, straight = long_training
    process = subprocess.Popen(
        [sys.executable, "-m", "gandalf_core", *arguments, "--out", str(tmp_path / "m"), "--json"],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    wait_for(lambda: (tmp_path / "m" / "checkpoint.safetensors").is_file())
    process.send_signal(how)
    said, err = process.communicate(timeout=60)
    if how == signal.SIGINT:
        result = json.loads(said)
        assert process.returncode == 0 and result["stopped"] is True and 1 <= result["epochs"] < 60
        assert "stopping after this epoch" in err and "--resume continues" in err
    assert not (tmp_path / "m" / "config.json").exists(), "no unfinished model"
    status, _, err = run(*arguments, "--out", tmp_path / "m", "--resume")
    lines = err.splitlines()
    assert status == 0 and "after epoch" in next(line for line in lines[1:] if not line.startswith("note: "))
    assert (tmp_path / "m" / "weights.safetensors").read_bytes() == straight


def test_resuming_a_finished_training_finds_it_finished(run, stars, tmp_path):
    write_stars(tmp_path / "toy.npz", stars)
    (tmp_path / "c.json").write_text(to_json(toy_config("autoencoder")))
    arguments = ["train", tmp_path / "toy.npz", "--config", tmp_path / "c.json", "--out", tmp_path / "m"]
    assert run(*arguments)[0] == 0
    status, _, err = run(*arguments, "--resume")
    assert status == 0 and "nothing left to train" in err
    status, _, err = run(*arguments, "--epochs", 9, "--resume")
    assert status == 2 and "another configuration" in err


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_a_job_folder_follows_a_training_to_its_end(run, stars, tmp_path):
    write_stars(tmp_path / "toy.npz", stars)
    (tmp_path / "c.json").write_text(to_json(toy_config()))
    job = tmp_path / "job"
    status, _, err = run(
        "train", tmp_path / "toy.npz", "--config", tmp_path / "c.json", "--out", job / "model", "--job", job
    )
    assert status == 0, err
    result = read(job / "status.json")
    assert (
        result["state"] == "done"
        and result["epoch"] == result["epochs"] == 2
        and result["command"] == "train"
    )
    assert result["pid"] == os.getpid() and result["result"]["epochs"] == 2
    records = [json.loads(line) for line in (job / "metrics.jsonl").read_text().splitlines()]
    assert [r["epoch"] for r in records] == [1, 2] and {
        "loss",
        "discriminator_accuracy",
        "chance",
        "seconds_left",
    } <= set(records[0])


def test_a_job_that_fails_says_why(run, tmp_path):
    assert (
        run("encode", "no-such-model", "simulated:3", tmp_path / "z.npz", "--job", tmp_path / "job")[0] == 2
    )
    result = read(tmp_path / "job" / "status.json")
    assert result["state"] == "failed" and "no-such-model" in result["error"]


def cancel(job: Path, monkeypatch) -> None:
    (job / "cancel").touch()


def lose_parent(job: Path, monkeypatch) -> None:
    monkeypatch.setattr(os, "getppid", lambda: 1)


@pytest.mark.parametrize("end", [cancel, lose_parent])
def test_a_cancelled_or_orphaned_job_stops_at_once_and_can_be_resumed(
    long_training, run, tmp_path, monkeypatch, end
):
    arguments, _ = long_training
    job = tmp_path / "job"

    def later() -> None:
        wait_for(lambda: (job / "metrics.jsonl").is_file() and (job / "metrics.jsonl").stat().st_size)
        end(job, monkeypatch)

    started = threading.Thread(target=later)
    started.start()
    status, out, err = run(*arguments, "--out", job / "model", "--job", job, "--epochs", 100_000)
    started.join()
    assert status == 1 and out == "" and err.splitlines()[-1] == "gandalf: stopped"
    result = read(job / "status.json")
    assert result["state"] == "cancelled" and 1 <= result["epoch"] < 100_000
    assert (job / "model" / "checkpoint.safetensors").is_file()


def test_a_resumed_job_lists_each_epoch_once(run, stars, tmp_path):
    from gandalf_core.cli.training_steps import make_trainer
    from gandalf_core.config.schema import from_json

    write_stars(tmp_path / "toy.npz", stars)
    (tmp_path / "c.json").write_text(to_json(toy_config(training__epochs=3)))
    trainer = make_trainer(
        read_stars(tmp_path / "toy.npz"), from_json((tmp_path / "c.json").read_text()), tmp_path, "cpu"
    )
    next(trainer.epochs())
    trainer.save_checkpoint(tmp_path / "m")
    # the second was not saved before a kill
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1}\n{"epoch": 2}\n')
    arguments = [
        "train",
        tmp_path / "toy.npz",
        "--config",
        tmp_path / "c.json",
        "--device",
        "cpu",
        "--out",
        tmp_path / "m",
    ]
    assert run(*arguments, "--resume", "--job", tmp_path)[0] == 0
    assert [json.loads(line)["epoch"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()] == [
        1,
        2,
        3,
    ]


# --- measuring and making what is shipped ---


def test_audit_gets_the_options_of_the_command_line(ask, models, monkeypatch):
    import inspect

    import gandalf_core.auditing

    assert {"plain", "probes", "seed", "progress"} <= set(
        inspect.signature(gandalf_core.auditing.audit).parameters
    )
    seen = {}

    def audit(model, stars, *, plain, probes, rows, seed, progress):
        progress(0.5, "probing")
        seen.update(probes=probes, rows=rows, seed=seed)
        seen.update(stars=len(stars), name=model.name, plain=plain.name)
        return {
            "removed": {"teff": {"r2": 0.1, "floor": 0.05, "excess": 0.05, "removal_fraction": 0.9}},
            "kept": {},
        }

    monkeypatch.setattr(gandalf_core.auditing, "audit", audit)
    result = ask(
        "audit",
        models["paper"],
        "simulated:9:2",
        "--plain",
        models["bottleneck"],
        "--probes",
        "ridge",
        "--row",
        "plain",
        "--seed",
        4,
    )
    assert result["removed"]["teff"]["excess"] == 0.05
    assert seen == {
        "probes": ("ridge",),
        "rows": ("plain",),
        "seed": 4,
        "stars": 9,
        "name": "paper",
        "plain": "bottleneck",
    }


def test_test_is_audit_and_compare_in_one_report(ask, models, monkeypatch):
    from gandalf_core.products import report

    seen = {}

    def audit(model, stars, *, plain, probes, seed, progress):
        seen.update(audited=model.name, plain=plain, probes=probes, seed=seed)
        return {"removed": {}, "verdict": ["all is well"]}

    def compare(stars, compared, options, *, bounds, progress):
        seen.update(compared=list(compared), options=options, known=np.isfinite(bounds).all(1).sum())
        return {"representations": {}}

    monkeypatch.setattr(report, "audit", audit)
    monkeypatch.setattr(report, "compare_models", compare)
    options = ["--plain", "none", "--max-iter", 7, "--per-parameter", "--seed", 3]
    result = ask("test", models["paper"], "simulated:50:2", *options)
    assert result == {
        "audit": {"removed": {}, "verdict": ["all is well"]},
        "compare": {"representations": {}},
        "rejected": {},
        "notes": [],
    }
    assert (seen["audited"], seen["compared"], seen["plain"]) == ("paper", ["paper"], None)
    assert seen["seed"] == seen["options"].seed == 3 and seen["options"].max_iter == 7
    assert seen["options"].per_parameter and len(seen["probes"]) > 1
    assert seen["known"] == 10, "bounds of the fifth of the stars that tests"


def test_compare_has_a_row_for_each_representation_and_parameter(run, models):
    models_compared = ["--model", models["paper"], "--model", models["bottleneck"]]
    status, out, err = run("compare", "simulated:600:11", *models_compared, "--max-iter", 5, "--json")
    assert status == 0, err
    assert "bottleneck: error bars cross-conformal (CV+, 5 folds), on 480 stars" in err
    result = json.loads(out)["representations"]
    assert set(result) == {"spectra", "spectra, best regressor", "paper", "bottleneck"}
    for labels in result.values():
        assert set(labels) == {"teff", "logg", "mh", "alphafe"}
        assert {"mean", "mean_absolute", "std", "rmse_over_bound"} <= set(labels["teff"])
        assert labels["teff"]["rmse_over_bound"] > 1


def test_pretrain_makes_missing_models_and_skips_finished_ones(ask, tmp_path):
    small = ["--stars", "simulated:400:1", "--epochs", 1, "--map", "pca", "--map-stars", 60]
    arguments = [
        "pretrain",
        "--only",
        "autoencoder",
        "--only",
        "generator",
        *small,
        "--out",
        tmp_path / "out",
        "--work",
        tmp_path / "work",
    ]
    first = ask(*arguments)
    assert set(first["models"]) == {"autoencoder", "generator"} and first["stopped"] is False
    assert {p.stem for p in (tmp_path / "out" / "autoencoder" / "projections").iterdir()} == {
        "latent-pca",
        "spectra-pca",
    }
    assert {p.stem for p in (tmp_path / "out" / "generator" / "projections").iterdir()} == {"latent-pca"}
    shared = list((tmp_path / "work").glob("spectrum-regressor-*.npz"))
    assert len(shared) == 1, "one regressor from the spectrum for all models"
    ours = [
        (tmp_path / "out" / name / "regressor-spectrum.npz").read_bytes()
        for name in ("autoencoder", "generator")
    ]
    assert ours[0] == ours[1]
    again = ask(*arguments)
    assert all(m["passed_over"] for m in again["models"].values())
