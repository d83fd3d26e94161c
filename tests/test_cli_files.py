"""What the commands say of files: how they were read, and which stars are left out of the results."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from toy import toy_config, toy_stars

from gandalf_core import load_model, read_stars, write_stars
from gandalf_core.cli import main
from gandalf_core.cli.console import facts, left_out_lines
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import read_latents
from gandalf_core.simulator import simulate
from gandalf_core.sources import gather, load_stars

BAD = "sim5-3"
CAUSE = "usable samples at 858.01-869.98 nm cover 50.0% of 846.01-869.98 nm, at least 95% are needed"


@pytest.fixture
def run(capsys):
    """run("encode", …) -> (status, JSON object or None, lines of standard error)."""

    def call(*arguments) -> tuple[int, dict | None, list[str]]:
        capsys.readouterr()
        status = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return status, json.loads(out) if out else None, err.splitlines()

    return call


@pytest.fixture(scope="module")
def twelve():
    """Twelve stars of which the fourth covers half of the wavelengths."""
    stars = simulate(12, seed=5)
    mask = stars.mask.copy()
    mask[3, :400] = True
    return replace(stars, mask=mask)


def left_out(twelve: SpectraSet) -> SpectraSet:
    """The eleven good ones."""
    return twelve[np.array([row for row in range(12) if row != 3])]


# --- one bad star never stops the others ---


@pytest.mark.parametrize("suffix", ["npz", "parquet", "csv", "fits"])
def test_predict_names_the_bad_star_and_does_the_others(run, twelve, tmp_path, suffix):
    path = tmp_path / f"twelve.{suffix}"
    write_stars(path, twelve)
    status, result, err = run("predict", "autoencoder", path)
    assert status == 0 and result["rejected"] == {BAD: f"{path}: star {BAD}: {CAUSE}"}
    assert f"left out: {path}: star {BAD}: {CAUSE}" in err
    good = left_out(twelve)
    assert [row["id"] for row in result["stars"]] == good.ids.tolist()
    alone = load_model("autoencoder").predict(good)
    np.testing.assert_allclose([row["teff"] for row in result["stars"]], alone.values[:, 0], atol=2)


@pytest.mark.parametrize("source", ["npz", "parquet"])
@pytest.mark.parametrize("out", ["z.npz", "z.parquet", "z.csv"])
def test_encode_names_the_bad_star_and_does_the_others(run, twelve, tmp_path, source, out):
    write_stars(tmp_path / f"twelve.{source}", twelve)
    status, result, _ = run("encode", "autoencoder", tmp_path / f"twelve.{source}", tmp_path / out)
    assert status == 0 and result["stars"] == 11 and list(result["rejected"]) == [BAD]
    if out != "z.csv":
        latents = read_latents(tmp_path / out)
        assert latents.ids.tolist() == left_out(twelve).ids.tolist() and np.isfinite(latents.z).all()
    else:
        assert len(pd.read_csv(tmp_path / out)) == 11


def test_decode_project_compare_and_ingest_do_the_others_too(run, twelve, tmp_path):
    path = tmp_path / "twelve.npz"
    write_stars(path, twelve)
    for command, out in (("decode", "d.npz"), ("project", "p.csv"), ("ingest", "i.npz")):
        model = [] if command == "ingest" else ["generator"]
        options = ["--method", "pca"] if command == "project" else []
        status, result, _ = run(command, *model, path, *options, tmp_path / out)
        assert status == 0 and result["stars"] == 11, command
        assert result["rejected"] == {BAD: f"{path}: star {BAD}: {CAUSE}"}, command
    assert read_stars(tmp_path / "d.npz").ids.tolist() == left_out(twelve).ids.tolist()
    assert len(pd.read_csv(tmp_path / "p.csv")) == 11


def test_the_measuring_commands_take_the_usable_stars(run, monkeypatch, twelve, tmp_path):
    import gandalf_core.auditing
    from gandalf_core.products import report

    seen = []
    monkeypatch.setattr(
        gandalf_core.auditing,
        "audit",
        lambda model, stars, **options: seen.append(stars.ids) or {"removed": {}},
    )
    monkeypatch.setattr(report, "audit", gandalf_core.auditing.audit)
    monkeypatch.setattr(
        report,
        "compare_models",
        lambda stars, models, options, **more: seen.append(stars.ids) or {"representations": {}},
    )
    path = tmp_path / "twelve.npz"
    write_stars(path, twelve)
    for arguments in (
        ["audit", "autoencoder", path, "--plain", "none"],
        ["compare", path, "--model", "autoencoder"],
        ["test", "autoencoder", path, "--plain", "none"],
    ):
        status, result, err = run(*arguments)
        assert status == 0, err
        assert list(result["rejected"]) == [BAD] and result["notes"][0].startswith("twelve.npz: 1")
    assert len(seen) == 4 and all(ids.tolist() == left_out(twelve).ids.tolist() for ids in seen)


def test_a_grid_of_the_median_star_leaves_the_bad_one_out(run, twelve, tmp_path):
    write_stars(tmp_path / "twelve.npz", twelve)
    of = ["--of", tmp_path / "twelve.npz"]
    status, result, _ = run("grid", "generator", "--step", "teff=1000", *of, tmp_path / "g.npz")
    assert status == 0 and list(result["rejected"]) == [BAD] and result["latent"] != BAD


def test_a_file_that_cannot_be_read_does_not_stop_the_others(run, twelve, tmp_path):
    write_stars(tmp_path / "good.npz", left_out(twelve))
    (tmp_path / "photo.csv").write_bytes(b"\xff\xd8\xff\xe0" + bytes(range(256)))
    status, result, _ = run("predict", "autoencoder", tmp_path / "photo.csv", tmp_path / "good.npz")
    assert status == 0 and len(result["stars"]) == 11
    assert list(result["rejected"]) == [str(tmp_path / "photo.csv")]
    assert "JPEG" in result["rejected"][str(tmp_path / "photo.csv")]


@pytest.mark.parametrize("suffix", ["npz", "parquet"])
@pytest.mark.parametrize("command", ["predict", "encode", "decode", "project", "ingest", "train"])
def test_without_a_usable_star_the_status_is_two_and_one_line_says_why(
    run, twelve, tmp_path, command, suffix
):
    path, others = tmp_path / f"bad.{suffix}", np.zeros((12, 800), bool)
    others[:, :400] = True
    write_stars(path, replace(twelve, mask=others))
    arguments = {
        "train": [path, "--preset", "paper", "--out", tmp_path / "m"],
        "ingest": [path, tmp_path / "o.npz"],
        "predict": ["autoencoder", path],
    }
    status, result, err = run(command, *arguments.get(command, ["generator", path, tmp_path / "o.npz"]))
    assert status == 2 and result is None
    assert err[-1].startswith(f"gandalf: {path}: star sim5-0: ") and err[-1].endswith("(and 11 more)")
    assert len(err) == (2 if command == "train" else 1), err
    assert not (tmp_path / "o.npz").exists()


def test_a_file_without_a_usable_star_is_an_empty_result_among_others(run, twelve, tmp_path):
    nothing = np.zeros((12, 800), bool)
    nothing[:, :400] = True
    write_stars(tmp_path / "bad.parquet", replace(twelve, mask=nothing))
    write_stars(tmp_path / "good.parquet", simulate(3, seed=9))
    files = [tmp_path / "bad.parquet", tmp_path / "good.parquet"]
    status, result, _ = run("encode", "autoencoder", *files, tmp_path / "z.parquet")
    assert status == 0 and result["stars"] == 3 and len(result["rejected"]) == 12
    assert read_latents(tmp_path / "z.parquet").ids.tolist() == ["sim9-0", "sim9-1", "sim9-2"]


def test_a_piece_of_a_file_without_a_usable_star_is_an_empty_result(run, twelve, tmp_path, monkeypatch):
    from gandalf_core.io import parquet

    monkeypatch.setattr(parquet, "iter_parts", partial(parquet.iter_parts, chunk=4))
    mask = np.zeros((12, 800), bool)
    mask[4:8, :400] = True
    write_stars(tmp_path / "middle.parquet", replace(twelve, mask=mask))
    status, result, _ = run("predict", "autoencoder", tmp_path / "middle.parquet")
    assert status == 0 and list(result["rejected"]) == ["sim5-4", "sim5-5", "sim5-6", "sim5-7"]
    assert [row["id"] for row in result["stars"]] == [f"sim5-{k}" for k in (0, 1, 2, 3, 8, 9, 10, 11)]


def test_a_star_that_is_not_normalised_is_one_of_those_left_out(run, twelve, tmp_path):
    flux = twelve.flux.copy()
    flux[5] *= 20_000
    stars = replace(
        twelve, flux=flux, flux_error=twelve.flux_error * np.where(np.arange(12) == 5, 2e4, 1)[:, None]
    )
    write_stars(tmp_path / "mixed.parquet", stars)
    status, result, _ = run("encode", "autoencoder", tmp_path / "mixed.parquet", tmp_path / "z.npz")
    assert status == 0 and result["stars"] == 10 and set(result["rejected"]) == {BAD, "sim5-5"}
    assert "divide the flux by its continuum" in result["rejected"]["sim5-5"]


def test_a_star_without_the_labels_that_an_encoder_needs_is_left_out(run, tmp_path):
    from gandalf_core.models.fit import Extras, train
    from gandalf_core.models.store import save_model

    stars, folder = toy_stars(), tmp_path / "conditional"
    config = toy_config("paper", model__conditional_encoder=True)
    save_model(train(stars, config, device="cpu", extras=Extras(regressor_epochs=3)), folder)
    labels = stars.labels[:5].copy()
    labels[2, 0] = np.nan
    write_stars(tmp_path / "five.npz", stars[:5].with_labels(labels))
    for command, out in (("encode", "z.npz"), ("decode", "d.npz")):
        status, result, err = run(command, folder, tmp_path / "five.npz", tmp_path / out)
        assert status == 0 and result["stars"] == 4, err
        assert result["rejected"] == {
            "toy0-2": "star toy0-2: no teff, which the encoder of conditional needs"
        }
    status, result, _ = run("predict", folder, tmp_path / "five.npz")
    assert status == 0 and len(result["stars"]) == 4 and list(result["rejected"]) == ["toy0-2"]


def test_many_that_are_left_out_are_counted_and_the_first_are_named():
    rejected = {f"star-{k}": f"f.csv: star star-{k}: too short" for k in range(40)}
    lines = left_out_lines(rejected)
    assert lines[0] == "left out: f.csv: star star-0: too short"
    assert lines[-1] == "left out: 35 more (--json lists all)" and len(lines) == 6
    assert left_out_lines({"sim0-1": "no value of mh"}) == ["left out: sim0-1: no value of mh"]
    assert facts({"rejected": rejected, "notes": ["said before"]}).endswith("and 30 more")
    assert "said before" not in facts({"rejected": rejected, "notes": ["said before"]})


# --- what was understood ---


@pytest.fixture(scope="module")
def with_snr(tmp_path_factory):
    """A table with a column that nobody uses."""
    star = simulate(1, seed=5)
    path = tmp_path_factory.mktemp("notes") / "star.csv"
    columns = {"wavelength": star.wavelength_nm, "flux": star.flux[0], "snr": 1 / star.flux_error[0]}
    Table(columns).write(path)
    return path


@pytest.mark.parametrize("command", ["predict", "encode", "decode", "ingest", "grid", "project"])
def test_every_command_says_how_it_read_its_stars(run, with_snr, tmp_path, command):
    out = tmp_path / "out.npz"
    arguments = {
        "predict": ["autoencoder", with_snr],
        "ingest": [with_snr, out],
        "grid": ["generator", "--step", "teff=1000", "--of", with_snr, out],
        "project": ["autoencoder", with_snr, "simulated:30:1", "--method", "pca", out],
    }
    status, result, err = run(command, *arguments.get(command, ["generator", with_snr, out]))
    assert status == 0, err
    assert "star.csv: columns not used: snr" in result["notes"]
    first = next(note for note in result["notes"] if note.startswith("star.csv: 1 star of 800 pixels"))
    assert "errors unknown" in first and "wavelengths from wavelength" in first
    assert [line for line in err if line.startswith("note: star.csv")] == [
        f"note: {note}" for note in result["notes"] if note.startswith("star.csv")
    ]


def test_simulated_stars_need_no_note(run, tmp_path):
    assert run("encode", "autoencoder", "simulated:3:1", tmp_path / "z.npz")[1]["notes"] == []


def test_predictions_in_json_carry_notes_and_rejected(run, twelve, tmp_path):
    write_stars(tmp_path / "twelve.npz", twelve)
    run("predict", "autoencoder", tmp_path / "twelve.npz", tmp_path / "p.json")
    stored = json.loads((tmp_path / "p.json").read_text(encoding="utf-8"))
    assert len(stored["stars"]) == 11 and list(stored["rejected"]) == [BAD]
    assert stored["notes"][0].startswith("twelve.npz: 12 stars of 800 pixels")


def test_training_counts_bad_labels_and_bad_stars_before_the_first_epoch(run, tmp_path):
    toys = toy_stars(300)
    labels, mask = toys.labels.copy(), toys.mask.copy()
    labels[::10] = -9999.0
    mask[7, :20] = True
    write_stars(tmp_path / "toy.npz", replace(toys.with_labels(labels), mask=mask))
    small = ["--set", "training.batch_size=32", "--set", "model.encoder_hidden=[16]", "--epochs", 1]
    status, result, err = run(
        "train", tmp_path / "toy.npz", "--preset", "physical-removed", *small, "--out", tmp_path / "m"
    )
    assert status == 0, err
    first_epoch = next(k for k, line in enumerate(err) if line.startswith("epoch"))
    before = "\n".join(err[:first_epoch])
    assert "note: toy.npz: teff = -9999 30 times: taken as missing" in before
    assert "left out: " in before and "toy0-7" in before and "left out (without a needed label" in before
    assert list(result["rejected"]) == ["toy0-7"] and 0 < result["left_out"] <= 30
    assert result["test"]["parameters"]["teff"]["mae"] < 5000, "no label of -9999 was learned"


def test_labels_that_cannot_be_meant_are_estimated_and_others_beyond_the_sample_counted(run, tmp_path):
    stars = simulate(4, seed=5)
    files = {}
    for name, value in (("filler", -9999.0), ("missing", np.nan)):
        labels = stars.labels.copy()
        labels[0], labels[1, 0] = value, 8500.0
        files[name] = tmp_path / f"{name}.npz"
        write_stars(files[name], stars.with_labels(labels))
        status, result, _ = run("decode", "generator", files[name], tmp_path / f"{name}-decoded.npz")
        assert status == 0 and result["labels"] == {"given": 3, "estimated": 1}
        assert result["extrapolated"] == 1 and result["beyond"] == [], "the star of 8500 K"
        assert any("teff = -9999 once" in note for note in result["notes"]) == (name == "filler")
    filler, missing = (read_stars(tmp_path / f"{name}-decoded.npz") for name in files)
    np.testing.assert_array_equal(filler.flux, missing.flux)
    assert filler.flux[0].min() > 0 and filler.flux[0].max() < 1.3


def test_spikes_are_masked_unless_they_are_to_be_kept(run, tmp_path):
    star = simulate(1, seed=5)
    flux = star.flux.copy()
    flux[0, 300] = 6.0
    write_stars(tmp_path / "hit.npz", replace(star, flux=flux))
    clean = run("predict", "autoencoder", "simulated:1:5")[1]["stars"][0]
    masked = run("predict", "autoencoder", tmp_path / "hit.npz")[1]
    kept = run("predict", "autoencoder", tmp_path / "hit.npz", "--keep-spikes")[1]
    assert any("1 sample far above" in note for note in masked["notes"])
    assert not any("far above" in note for note in kept["notes"])
    assert abs(masked["stars"][0]["teff"] - clean["teff"]) < 20
    assert kept["stars"][0]["chi2"] > 10 * masked["stars"][0]["chi2"]


# --- several sources ---


def test_files_on_different_grids_are_one_set_on_the_first_grid(tmp_path):
    fine, coarse = simulate(2, seed=5, pixels=2401), simulate(2, seed=6)
    write_stars(tmp_path / "fine.npz", fine)
    write_stars(tmp_path / "coarse.npz", coarse)
    stars, intake = gather([str(tmp_path / "coarse.npz"), str(tmp_path / "fine.npz")])
    assert stars.ids.tolist() == ["sim6-0", "sim6-1", "sim5-0", "sim5-1"] and stars.flux.shape == (4, 800)
    assert intake.stars == 4 and intake.rejected == {}
    means = fine.flux[:, :2400].reshape(2, 800, 3).mean(2)
    np.testing.assert_allclose(stars.flux[2:], means, atol=2e-5)
    assert load_stars([str(tmp_path / "coarse.npz"), str(tmp_path / "fine.npz")]).flux.shape == (4, 800)


def test_load_stars_refuses_where_nobody_can_be_told(twelve, tmp_path):
    write_stars(tmp_path / "twelve.npz", twelve)
    with pytest.raises(SpectraError, match=f"star {BAD}: usable samples.*`gather` takes the other stars"):
        load_stars(str(tmp_path / "twelve.npz"))
    assert len(gather(str(tmp_path / "twelve.npz"))[0]) == 11


def test_errors_that_are_lost_because_others_have_none_are_said(tmp_path):
    write_stars(tmp_path / "with.npz", simulate(2, seed=5))
    write_stars(tmp_path / "without.npz", replace(simulate(3, seed=6), flux_error=None))
    stars, intake = gather([str(tmp_path / "with.npz"), str(tmp_path / "without.npz")])
    assert stars.flux_error is None
    assert intake.notes[-1] == "3 of 5 stars come without flux errors: those of the others are left out too"


def test_ids_that_are_integers_in_one_source_and_names_in_another_are_text_in_one_file(run, tmp_path):
    gaia = replace(simulate(2, seed=5), ids=np.array([5853498713190525696, 5853498713190525697]))
    write_stars(tmp_path / "gaia.parquet", gaia)
    mixed = replace(simulate(2, seed=6), ids=np.array(["12", "HD 7"]))
    write_stars(tmp_path / "mixed.parquet", mixed)
    for sources in (["gaia.parquet", "mixed.parquet"], ["mixed.parquet"], ["gaia.parquet"]):
        files = [tmp_path / name for name in sources]
        status, _, err = run("encode", "autoencoder", *files, tmp_path / "z.parquet")
        assert status == 0, err
        expected = [i for name in sources for i in (gaia if name == "gaia.parquet" else mixed).ids.tolist()]
        assert read_latents(tmp_path / "z.parquet").ids.tolist() == expected
    sources = [tmp_path / "gaia.parquet", "simulated:2:1"]
    status, _, err = run("encode", "autoencoder", *sources, tmp_path / "z.parquet")
    assert status == 0, err
    assert pd.read_parquet(tmp_path / "z.parquet")["source_id"].tolist()[1:3] == [
        "5853498713190525697",
        "sim1-0",
    ]


def test_a_star_that_is_given_twice_is_done_twice_and_said(run, tmp_path):
    write_stars(tmp_path / "a.npz", simulate(3, seed=5))
    status, result, _ = run("predict", "autoencoder", tmp_path / "a.npz", "simulated:2:5")
    assert status == 0 and len(result["stars"]) == 5 and result["rejected"] == {}
    assert "given more than once, and done each time: sim5-0, sim5-1" in result["notes"]
    status, result, _ = run("ingest", tmp_path / "a.npz", "simulated:2:5", tmp_path / "o.npz")
    assert result["stars"] == 3 and list(result["rejected"]) == ["sim5-0 (again)", "sim5-1 (again)"]
    assert not any("done each time" in note for note in result["notes"])


# --- tables of labels ---


LABELS = {"teff": [5000.0, 6000.0], "logg": [4.0, 4.5], "mh": [0.0, -0.5], "alphafe": [0.1, 0.2]}
TEXTS = {
    "semicolon.csv": "teff;logg;mh;alphafe\n5000;4;0;0.1\n6000;4.5;-0.5;0.2\n",
    "decimal.csv": "teff;logg;mh;alphafe\n5000;4;0;0,1\n6000;4,5;-0,5;0,2\n",
    "tabs.tsv": "teff\tlogg\tmh\talphafe\n5000\t4\t0\t0.1\n6000\t4.5\t-0.5\t0.2\n",
    "blanks.txt": "teff logg mh alphafe\n5000 4 0 0.1\n6000 4.5 -0.5 0.2\n",
    "comment.csv": "# from my paper\nteff,logg,mh,alphafe\n5000,4,0,0.1\n6000,4.5,-0.5,0.2\n",
    "units.csv": "Teff [K],log g,[Fe/H],[alpha/Fe]\n5000,4,0,0.1\n6000,4.5,-0.5,0.2\n",
    "utf16.csv": "teff,logg,mh,alphafe\n5000,4,0,0.1\n6000,4.5,-0.5,0.2\n",
    "kilo.ecsv": "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: teff, unit: kK, datatype: float64}\n"
    "# - {name: logg, datatype: float64}\n# - {name: mh, datatype: float64}\n"
    "# - {name: alphafe, datatype: float64}\nteff logg mh alphafe\n5 4 0 0.1\n6 4.5 -0.5 0.2\n",
}


def label_file(folder, name: str):
    path, table = folder / name, Table(LABELS)
    if name in TEXTS:
        path.write_text(TEXTS[name], encoding="utf-16" if name == "utf16.csv" else "utf-8")
    elif name.endswith(".vot"):
        table.write(path, format="votable")
    elif name.endswith(".parquet"):
        table.to_pandas().to_parquet(path)
    elif name.endswith(".npz"):
        np.savez(path, labels=np.array(list(LABELS.values())).T, label_names=np.array(list(LABELS)))
    else:
        table.write(path)
    return path


@pytest.mark.parametrize(
    "name", ["labels.csv", "labels.fits", "labels.ecsv", "labels.vot", "labels.parquet", "labels.npz", *TEXTS]
)
def test_labels_are_read_from_whatever_stars_are_read_from(run, tmp_path, name):
    path = label_file(tmp_path, name)
    status, result, err = run("simulate", "--labels", path, "--clean", tmp_path / "s.npz")
    assert status == 0, err
    assert result["stars"] == 2 and result["rejected"] == {}
    stars = read_stars(tmp_path / "s.npz")
    np.testing.assert_allclose(stars.labels, np.array(list(LABELS.values())).T)
    expected = simulate(2, labels=np.array(list(LABELS.values())).T, clean=True)
    np.testing.assert_allclose(stars.flux, expected.flux, atol=1e-6)


@pytest.mark.parametrize("missing", ["null", "", "nan", "-9999", "NULL", "--"])
def test_a_row_that_cannot_be_simulated_is_rejected_and_the_others_are_done(run, tmp_path, missing):
    (tmp_path / "l.csv").write_text(f"teff,logg,mh,alphafe\n5000,4,{missing},0.1\n5000,4,0,0.1\n")
    status, result, err = run("simulate", "--labels", tmp_path / "l.csv", tmp_path / "s.npz")
    assert status == 0 and result["stars"] == 2 and result["rejected"] == {"sim0-0": "no value of mh"}
    assert "left out: sim0-0: no value of mh" in err
    assert any("mh = -9999 once: taken as missing" in note for note in result["notes"]) == (
        missing == "-9999"
    )


def test_labels_of_which_no_star_can_be_simulated_are_status_two(run, tmp_path):
    (tmp_path / "l.csv").write_text("teff,logg,mh,alphafe\n25000,4,0,0.1\n26000,4,0,0.1\n")
    status, _, err = run("simulate", "--labels", tmp_path / "l.csv", tmp_path / "s.npz")
    assert status == 2 and not (tmp_path / "s.npz").exists()
    assert err == [
        f"gandalf: {tmp_path / 'l.csv'}: no star can be simulated: row 1: outside the emulator's region: "
        "teff 25000, logg 4, mh 0, alphafe 0.1"
    ]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("photo.csv", b"\xff\xd8\xff\xe0" + bytes(range(256)), "a JPEG image"),
        ("sheet.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel"),
        ("twice.csv", b"teff,Teff,logg,mh,alphafe\n5000,5100,4,0,0\n", "teff and Teff are both teff"),
        ("word.csv", b"teff,logg,mh,alphafe\n5000,4,low,0\n", "'low' in row 1"),
        ("some.csv", b"teff,logg,mh\n5000,4,0\n", "no column alphafe"),
        ("kpc.ecsv", None, "no unit of it"),
        ("spectrum.csv", b"wavelength,flux,teff\n846,1,5000\n847,1,5000\n", "one row for each star"),
    ],
)
def test_a_table_of_labels_that_is_none_is_called_what_it_is(run, tmp_path, name, content, words):
    if content is None:
        content = TEXTS["kilo.ecsv"].replace("kK", "kpc").encode()
    (tmp_path / name).write_bytes(content)
    status, _, err = run("simulate", "--labels", tmp_path / name, tmp_path / "s.npz")
    assert status == 2 and len(err) == 1 and name in err[0] and words in err[0]
    assert "fetch or write it again" not in err[0]


def test_of_two_columns_of_one_label_the_clearer_name_is_taken_and_the_other_named(run, tmp_path):
    (tmp_path / "l.csv").write_text("teff_gspspec,logg,mh,alphafe,Teff\n6000,4,0,0.1,5000\n")
    status, result, _ = run("simulate", "--labels", tmp_path / "l.csv", tmp_path / "s.npz")
    assert status == 0 and read_stars(tmp_path / "s.npz").label("teff").tolist() == [5000.0]
    assert "l.csv: columns not used: teff_gspspec" in result["notes"]
