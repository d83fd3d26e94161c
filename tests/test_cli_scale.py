"""The commands sweep, grid, fetch and catalogue, as a user gives them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.cli import main
from gandalf_core.errors import ArchiveError
from gandalf_core.io import read_latents, read_stars, write_stars


@pytest.fixture
def run(capsys):
    """run("grid", …) -> (status, JSON object or None, standard error)."""

    def call(*arguments):
        capsys.readouterr()
        status = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out.strip() and not status else None, err

    return call


def test_catalogue_does_what_encode_does(run, model, model_folder, stars, tmp_path):
    (tmp_path / "in").mkdir()
    for k in range(2):
        write_stars(tmp_path / "in" / f"{k}.parquet", stars[100 * k : 100 * k + 100])
    status, result, _ = run(
        "catalogue", "encode", model_folder, tmp_path / "in", tmp_path / "out", "--chunk", 64
    )
    assert (
        status == 0
        and result["stars"] == 200
        and result["partitions"] == 2
        and result["spectra_per_second"] > 0
    )
    np.testing.assert_allclose(
        read_latents(tmp_path / "out" / "1.parquet").z, model.encode(stars[100:200]).z, atol=1e-5
    )
    status, again, _ = run(
        "catalogue", "encode", model_folder, tmp_path / "in", tmp_path / "out", "--chunk", 64
    )
    assert status == 0 and again["already"] == 2 and again["stars"] == 0
    status, _, err = run(
        "catalogue", "encode", model_folder, tmp_path / "in", tmp_path / "out", "--set", "teff=5000"
    )
    assert status == 2 and "--set belongs to decode" in err


def test_catalogue_names_what_it_leaves_out_and_says_when_all_is_done(run, model_folder, stars, tmp_path):
    mask = np.zeros((4, stars.flux.shape[1]), bool)
    mask[1, :30] = True
    (tmp_path / "in").mkdir()
    write_stars(tmp_path / "in" / "a.parquet", replace(stars[:4], mask=mask))
    (tmp_path / "in" / "b.parquet").write_bytes(b"no Parquet")
    command = ["catalogue", "predict", model_folder, tmp_path / "in", tmp_path / "out"]
    status, result, err = run(*command)
    assert status == 0 and (result["stars"], result["left_out"], result["partitions"]) == (3, 1, 2)
    assert list(result["rejected"]) == [stars.ids[1], "b.parquet"]
    assert "cover" in result["rejected"][stars.ids[1]] and "left out: b.parquet: " in err
    assert any("a.parquet: 4 stars of 48 pixels" in note for note in result["notes"])
    status, again, err = run(*command)
    assert status == 0 and (again["already"], again["stars"], again["stars_in_all"]) == (2, 0, 3)
    assert again["rejected"] == result["rejected"] and "all 2 partitions were done before" in err


def test_catalogue_refuses_another_source_in_one_line(run, model_folder, stars, tmp_path):
    for k, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        write_stars(tmp_path / name / "part.0.parquet", stars[4 * k : 4 * k + 4])
    assert run("catalogue", "predict", model_folder, tmp_path / "a", tmp_path / "out")[0] == 0
    status, _, err = run("catalogue", "predict", model_folder, tmp_path / "b", tmp_path / "out")
    assert status == 2 and err.count("\n") == 1 and "was begun with another source" in err
    write_stars(tmp_path / "a" / "part.0.parquet", stars[4:8])
    status, result, err = run("catalogue", "predict", model_folder, tmp_path / "a", tmp_path / "out")
    assert status == 0 and result["again"] == ["part.0.parquet"] and "done again" in err
    status, _, err = run("catalogue", "predict", model_folder, tmp_path / "nowhere", tmp_path / "out")
    assert status == 2 and "nowhere: no such file or folder" in err


def test_grid_writes_flagged_nodes(run, model_folder, stars, tmp_path):
    write_stars(tmp_path / "star.npz", stars[:3])
    arguments = [
        "--step",
        "teff=1000",
        "--axis",
        "logg=1:5:2",
        "--axis",
        "mh=-0.5,0",
        "--of",
        tmp_path / "star.npz",
    ]
    status, result, _ = run("grid", model_folder, *arguments, tmp_path / "grid.fits")
    assert status == 0 and result["axes"]["logg"] == [1, 5, 3] and result["axes"]["mh"] == [-0.5, 0, 2]
    assert (
        result["nodes"] == len(read_stars(tmp_path / "grid.fits"))
        and 0 < result["extrapolated"] <= result["nodes"]
    )
    assert result["latent"] in stars.ids[:3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "at least one --step"),
        (["--axis", "teff=hot"], "low:high:step"),
        (["--step", "vsini=5"], "vsini"),
    ],
)
def test_grid_mistakes_are_one_line(run, model_folder, tmp_path, arguments, message):
    status, _, err = run("grid", model_folder, *arguments, tmp_path / "grid.npz")
    assert status == 2 and message in err and len(err.strip().splitlines()) == 1


def test_sweep_searches_tabulates_and_resumes(run, tmp_path):
    from toy import SMALL, toy_stars

    write_stars(tmp_path / "toy.npz", toy_stars(500))
    sets = [f"{k}={json.dumps(v)}" for k, v in SMALL.items() if "latent_size" not in k]
    command = [
        "sweep",
        tmp_path / "toy.npz",
        "--preset",
        "autoencoder",
        "--space",
        "model.latent_size=1,4",
        "--epochs",
        1,
        "--score",
        "reconstruction",
        "--out",
        tmp_path / "sweep",
        *[a for s in sets for a in ("--set", s)],
    ]
    status, result, err = run(*command)
    assert status == 0, err
    assert [t["state"] for t in result["trials"]] == ["complete"] * 2 and result["best"]["model"][
        "latent_size"
    ] in (1, 4)
    assert (
        result["trials"][0]["score"] <= result["trials"][1]["score"]
        and len(result["curves"]["latent_size"]) == 2
    )
    assert run(*command)[1]["trials"] == result["trials"]
    assert run(*command, "--space", "model.nonsense=1")[0] == 2


def test_fetch_offline_is_one_line(run, tmp_path, monkeypatch):
    def offline(folder, out, **settings):
        raise ArchiveError("VizieR III/286: no answer after 3 tries (offline)")

    monkeypatch.setattr("gandalf_core.archive.gaia.fetch_sample", offline)
    status, _, err = run("fetch", "--keep", tmp_path, tmp_path / "out.parquet")
    assert status == 2 and "no answer after 3 tries" in err
    assert run("fetch", "--keep", tmp_path, tmp_path / "out.csv")[0] == 2
