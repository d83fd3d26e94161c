"""`validate`: what is said of files, folders and catalogues, and when it warns."""

import json
from dataclasses import replace

import numpy as np
import pytest
from archive_files import archive_file

from gandalf_core import load_model, write_stars
from gandalf_core.cli import main
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.io import rebin
from gandalf_core.io.folders import data_files
from gandalf_core.models.line_shift import line_shifts
from gandalf_core.products.census import Census, scatter
from gandalf_core.products.validation import validate
from gandalf_core.products.walking import Walk, spread
from gandalf_core.simulator import simulate
from gandalf_core.simulator.nuisances import OFF

KEYS = {
    *("stars", "pixels", "medium", "errors", "mask", "ids", "labels", "ignored", "missing", "rejected"),
    *("verdict", "notes"),
}


@pytest.fixture
def run(capsys):
    """run(FILE, …) -> (status, JSON object, lines of standard error)."""

    def call(*arguments) -> tuple[int, dict, list[str]]:
        capsys.readouterr()
        status = main(["validate", *map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        return status, json.loads(out), err.splitlines()

    return call


def written(tmp_path, stars: SpectraSet, name: str = "stars.npz"):
    write_stars(tmp_path / name, stars)
    return tmp_path / name


def grades(result: dict, words: str) -> list[str]:
    """The grades of the sentences that have these words."""
    return [sentence["grade"] for sentence in result["verdict"] if words in sentence["text"]]


def moved(stars: SpectraSet, shift_nm: float) -> SpectraSet:
    """The same spectra with their lines `shift_nm` further to the red, on wider wavelengths."""
    return replace(stars, wavelength_nm=stars.wavelength_nm + shift_nm)


# --- what is in a file ---


def test_a_good_file_gets_good_sentences_and_the_promised_keys(run, tmp_path):
    status, result, _ = run(written(tmp_path, simulate(40, seed=3)))
    assert status == 0 and set(result) >= KEYS
    assert {s["grade"] for s in result["verdict"]} == {"good"}, result["verdict"]
    assert (result["stars"], result["pixels"], result["rejected"]) == (40, 800, {})
    assert (result["medium"], result["errors"], result["ids"]) == ("vacuum", "flux_error", ["ids"])
    labels = simulate(40, seed=3).label("teff")
    assert result["labels"]["teff"] == {"from": ["teff"], "known": 40, "range": [labels.min(), labels.max()]}
    assert result["snr"]["median"] == pytest.approx(np.median(simulate(40, seed=3).snr), rel=1e-3)
    assert abs(result["shift_kms"]) < 3


def test_people_get_a_page(capsys, tmp_path):
    assert main(["validate", str(written(tmp_path, simulate(5, seed=3)))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "nothing looks wrong" and lines[2] == "good  5 stars can be used"
    assert any(line.startswith("good  flux errors from flux_error, S/N ") for line in lines)


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "votable"])
def test_a_file_of_the_archive_has_nothing_to_warn_of(run, tmp_path, kind):
    star = replace(simulate(1, seed=4, pixels=2401), ids=np.array(["2052747119115620353"]))
    (tmp_path / "star").write_bytes(archive_file(kind, "INDIVIDUAL", star))
    status, result, _ = run(tmp_path / "star")
    assert status == 0 and {s["grade"] for s in result["verdict"]} == {"good"}, result["verdict"]
    assert result["ids"][0].lower().replace("_", "").endswith("sourceid") and len(result["ids"]) == 1


def test_one_star_of_many_that_cannot_be_used_is_a_warning(run, tmp_path):
    stars = simulate(12, seed=5)
    mask = stars.mask.copy()
    mask[3, :400] = True
    status, result, _ = run(written(tmp_path, replace(stars, mask=mask)))
    assert status == 0 and result["stars"] == 11 and list(result["rejected"]) == ["sim5-3"]
    assert result["verdict"][0]["grade"] == "warn" and "cover 50.0%" in result["verdict"][0]["text"]


@pytest.mark.parametrize(
    ("factor", "words"), [(100.0, "its median flux is 9"), (1e-13, "normalised"), (0.0, "normalised")]
)
def test_nothing_that_can_be_used_is_status_two_with_a_verdict(run, tmp_path, factor, words):
    stars = simulate(1, seed=5)
    path = written(tmp_path, replace(stars, flux=stars.flux * factor, flux_error=None))
    status, result, err = run(path)
    assert status == 2 and result["stars"] == 0 and result["verdict"][0]["grade"] == "bad"
    assert err[-1].startswith(f"gandalf: {path}: ") and (words in err[-1] or "no usable flux" in err[-1])


@pytest.mark.parametrize(
    ("name", "content"), [("none.csv", None), ("photo.fits", b"\xff\xd8\xff" + bytes(99))]
)
def test_a_file_that_cannot_be_read_is_status_two(run, tmp_path, name, content):
    if content:
        (tmp_path / name).write_bytes(content)
    status, result, err = run(tmp_path / name)
    assert status == 2 and list(result["rejected"]) == [str(tmp_path / name)]
    assert name in err[-1] and grades(result, name) == ["bad"]


# --- wavelengths ---


def test_lines_tell_air_from_vacuum_and_a_velocity_from_both(run, tmp_path):
    stars = simulate(20, seed=9)
    status, result, _ = run(written(tmp_path, moved(stars, 0.2), "fast.csv"))
    assert status == 0 and result["shift_kms"] == pytest.approx(70, abs=5)
    (shifted,) = [s for s in result["verdict"] if "the lines are shifted by" in s["text"]]
    assert shifted["grade"] == "bad" and "correct the radial velocity" in shifted["text"]
    status, result, _ = run(written(tmp_path, moved(stars, -0.236), "air.csv"))
    assert status == 0 and result["medium"] == "air" and abs(result["shift_kms"]) < 3, (
        "converted, and said so"
    )


def test_a_few_stars_that_move_are_named(run, tmp_path):
    stars = simulate(30, seed=9, pixels=2401)
    flux = stars.flux.copy()
    flux[7] = np.interp(stars.wavelength_nm, stars.wavelength_nm + 0.1, flux[7])
    status, result, _ = run(written(tmp_path, replace(stars, flux=flux)))
    (sentence,) = [s for s in result["verdict"] if "shifted by more than" in s["text"]]
    assert status == 0 and sentence["grade"] == "warn" and "1 star (sim9-7)" in sentence["text"]


@pytest.mark.parametrize("shift_nm", [-0.236, -0.05, 0.0, 0.03, 0.2])
def test_line_shifts_are_those_of_the_lines(shift_nm):
    model, stars = load_model("autoencoder"), simulate(60, seed=3, snr=(40, 60))
    shifted = rebin(moved(stars, shift_nm), model.wavelength_nm)
    velocity = line_shifts(shifted, model.scaler.flux_mean)
    assert np.median(velocity) == pytest.approx(shift_nm / 858 * 299_792, abs=1)
    assert np.abs(velocity - np.median(velocity)).max() < 10
    flat = replace(shifted, flux=np.ones_like(shifted.flux))
    assert np.isnan(line_shifts(flat, model.scaler.flux_mean)).all()
    assert np.isnan(line_shifts(shifted, np.ones(800))).all()


def test_a_spectrum_of_another_range_is_not_for_the_model(run, tmp_path):
    star = simulate(1, seed=3)
    path = written(tmp_path, moved(star, -300.0), "blue.csv")
    status, result, _ = run(path)
    assert status == 2 and grades(result, "for the 800 pixels of autoencoder") == ["bad"]
    status, result, _ = run(path, "--model", "none")
    assert status == 0 and grades(result, "546.01 to 569.98 nm") == ["good"]


# --- errors, masks, ids, labels ---


def test_errors_that_are_too_large_unknown_or_too_small_are_warned_of(run, tmp_path):
    stars = simulate(10, seed=3, snr=(40, 60))
    for name, factor, words in (
        ("large", 10.0, "times the scatter between neighbouring pixels"),
        ("small", 1e-3, "too good to be true"),
    ):
        changed = replace(stars, flux_error=stars.flux_error * np.float32(factor))
        assert grades(run(written(tmp_path, changed, f"{name}.npz"))[1], words) == ["warn"], name
    bare = run(written(tmp_path, replace(stars, flux_error=None), "bare.npz"))[1]
    assert grades(bare, "flux errors unknown") == ["warn"] and bare["errors"] is None and bare["snr"] is None


def test_the_scatter_of_neighbours_is_the_noise_of_a_pixel():
    noise = np.random.default_rng(0).normal(0, [[0.01], [0.1]], (2, 4000))
    stars = SpectraSet(1 + noise, np.linspace(846, 870, 4000), ["a", "b"], np.empty((2, 0)), ())
    np.testing.assert_allclose(scatter(stars), [0.01, 0.1], rtol=0.05)


@pytest.mark.parametrize("pixels", [800, 2401])
def test_the_scatter_of_neighbours_allows_for_the_correlation_of_the_instrument(pixels):
    smooth = simulate(1, seed=3, clean=True, pixels=pixels)
    only, labels = replace(OFF, noise=True), np.repeat(smooth.labels, 200, 0)
    noisy = simulate(200, seed=3, pixels=pixels, nuisances=only, labels=labels, snr=(9, 9))
    noise = replace(noisy, flux=noisy.flux - smooth.flux)
    assert np.median(scatter(noise) / noise.flux_error[:, 0]) == pytest.approx(1, abs=0.02)


def test_many_masked_pixels_repeated_ids_and_labels_beyond_the_sample_are_warned_of(run, tmp_path):
    stars = simulate(20, seed=3)
    mask = stars.mask.copy()
    mask[:, 100:230] = True
    labels = stars.labels.copy()
    labels[:5, 0], labels[5, 1], labels[:, 2] = 9000, -9999, np.nan
    ids = np.where(np.arange(20) < 2, "same", stars.ids)
    strange = replace(stars.with_labels(labels), mask=mask, ids=ids, flux_error=stars.flux_error)
    result = run(written(tmp_path, strange), "--model", "none")[1]
    assert grades(result, "16.2% of the pixels masked") == ["warn"]
    assert grades(result, "1 id of more than one star: same") == ["warn"]
    assert grades(result, "5 stars beyond") == ["warn"] and grades(result, "[M/H] of no star") == ["warn"]
    assert grades(result, "logg = -9999 once: taken as missing") == ["warn"]
    assert result["missing"]["logg = -9999"] == 1 and result["labels"]["logg"]["known"] == 19


def test_ids_are_counted_over_the_pieces_of_a_source():
    census, stars = Census(), simulate(4, seed=3)
    census.add(stars)
    census.add(stars[1:2])
    census.add(replace(stars[:2], ids=np.array([7, 8])))
    census.add(replace(stars[:1], ids=np.array([8])))
    assert census.repeated_ids() == ["8", "sim3-1"] and census.stars == 8


# --- folders and catalogues ---


@pytest.fixture
def survey(tmp_path):
    """A folder of 40 partitions with 30 stars each, and files that are none of it."""
    folder = tmp_path / "survey"
    (folder / "deep").mkdir(parents=True)
    stars = simulate(30, seed=1)
    for k in range(40):
        ids = np.arange(30) + 1000 * k + 5853498713190525696
        place = folder / "deep" if k % 2 else folder
        write_stars(place / f"part.{k:02d}.parquet", replace(stars, ids=ids))
    (folder / "_metadata").write_bytes(b"PAR1")
    (folder / ".hidden.parquet").write_bytes(b"nothing")
    return folder


def test_a_catalogue_is_sampled_and_its_footers_tell_the_rest(run, survey):
    (survey / "part.77.parquet").write_bytes(b"PAR1 cut")
    status, result, _ = run(survey)
    assert status == 0 and result["partitions"] == {"all": 41, "opened": 32}
    assert result["checked"] == 32 * 30 and result["stars"] == 40 * 30
    assert list(result["rejected"]) == [str(survey / "part.77.parquet")]
    assert grades(result, "1,200 stars in 41 partitions, of which 960 stars in 32") == ["good"]
    status, result, _ = run(survey, "--all")
    assert result["checked"] == result["stars"] == 1200 and result["partitions"]["opened"] == 40
    assert len(data_files(survey).files) == 41


def test_bad_stars_of_a_catalogue_are_found_with_all(run, survey):
    stars = simulate(30, seed=1)
    mask = stars.mask.copy()
    mask[4, :300] = True
    write_stars(survey / "part.04.parquet", replace(stars, mask=mask, ids=np.arange(30)))
    status, result, _ = run(survey, "--all")
    assert status == 0 and result["rejected"].keys() == {"4"} and result["stars"] == 1199


def test_partitions_with_other_columns_are_named(run, survey):
    write_stars(survey / "part.98.parquet", replace(simulate(3, seed=2), flux_error=None))
    result = run(survey)[1]
    (sentence,) = [s for s in result["verdict"] if "not like the first" in s["text"]]
    assert (
        sentence["grade"] == "warn"
        and "part.98.parquet: without flux_error, source_id is string" in sentence["text"]
    )


def test_a_catalogue_without_a_usable_star_is_status_two(run, tmp_path):
    stars = simulate(4, seed=1)
    mask = np.zeros(stars.mask.shape, bool)
    mask[:, :400] = True
    (tmp_path / "cat").mkdir()
    write_stars(tmp_path / "cat" / "0.parquet", replace(stars, mask=mask))
    status, result, err = run(tmp_path / "cat")
    assert status == 2 and len(result["rejected"]) == 4 and err[-1].endswith("(and 3 more)")


def test_a_folder_of_files_is_read_file_by_file(run, tmp_path):
    folder = tmp_path / "spectra"
    folder.mkdir()
    for k in range(3):
        write_stars(folder / f"{k}.fits", simulate(1, seed=k))
    (folder / "notes.pdf").write_bytes(b"%PDF-1.4 nothing")
    status, result, _ = run(folder)
    assert status == 0 and result["stars"] == 3 and list(result["rejected"]) == [str(folder / "notes.pdf")]
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(empty)[0] == 2


def test_a_sample_is_spread_over_all():
    assert spread(range(100), 4) == [0, 33, 66, 99] and spread(range(3), 4) == [0, 1, 2]


def test_what_python_finds_is_what_the_shell_prints(run, tmp_path):
    path = written(tmp_path, simulate(6, seed=3))
    found = validate([str(path)], load_model("autoencoder"), Walk())
    assert found.grade == "good" and found.usable
    assert [f._asdict() for f in found.verdict] == run(path)[1]["verdict"]
