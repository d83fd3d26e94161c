"""Stars are moved to rest when a user asks for it, and only those that need it; what was done is said."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gandalf_core import load_model, write_stars
from gandalf_core.cli import main
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.rest_frame import RestFrame, moved_to_rest, velocities
from gandalf_core.simulator import simulate
from gandalf_core.simulator.grids import LIGHT_KMS

VELOCITIES = np.array([-82.4, 0.0, 25.0, -150.0])


def doppler(stars: SpectraSet, velocity_kms: np.ndarray) -> SpectraSet:
    """The stars with their lines moved to the red, on the same samples."""
    grid = stars.wavelength_nm
    rows = zip(velocity_kms, stars.flux, strict=True)
    return replace(
        stars, flux=np.array([np.interp(grid / (1 + v / LIGHT_KMS), grid, row) for v, row in rows])
    )


@pytest.fixture(scope="module")
def at_rest() -> SpectraSet:
    return simulate(4, seed=41, snr=(80, 120), pixels=2401)


@pytest.fixture(scope="module")
def moving(at_rest) -> SpectraSet:
    return doppler(at_rest, VELOCITIES)


@pytest.fixture(scope="module")
def model():
    return load_model("autoencoder")


@pytest.fixture
def run(capsys):
    """run(COMMAND, …) -> (JSON object, standard error)."""

    def call(*arguments) -> tuple[dict, str]:
        capsys.readouterr()
        assert main([*map(str, arguments), "--json"]) == 0
        out, err = capsys.readouterr()
        return json.loads(out), err

    return call


# --- moving spectra ---


def test_what_is_moved_to_rest_is_the_spectrum_at_rest(at_rest, moving):
    back = moved_to_rest(moving, VELOCITIES)
    usable = ~back.mask
    assert np.abs(back.flux - at_rest.flux)[usable].max() < 0.02
    assert np.sqrt(np.mean((back.flux - at_rest.flux)[usable] ** 2)) < 3e-3  # what interpolating twice costs
    assert not back.mask[1].any() and back.mask.sum(1).tolist() == pytest.approx([24, 0, 8, 43], abs=2)
    assert np.isnan(back.flux[back.mask]).all() and np.array_equal(back.wavelength_nm, at_rest.wavelength_nm)


def test_gaps_move_along_and_grow_by_no_more_than_a_sample_at_each_side(at_rest):
    mask = np.zeros(at_rest.flux.shape, bool)
    mask[:, 1000:1010] = True
    holes = replace(at_rest, flux=np.where(mask, np.float32(np.nan), at_rest.flux), mask=mask)
    back = moved_to_rest(holes, np.full(4, -35.0))
    for row in back.mask:
        gap = 100 + np.flatnonzero(row[100:])  # what comes from beyond the blue end is masked, too
        assert 10 <= len(gap) <= 12 and abs(gap.mean() - 1004.5 - 35.0 / LIGHT_KMS * 856 / 0.01) < 1
    unknown = moved_to_rest(holes, np.full(4, np.nan))
    assert np.array_equal(unknown.mask, mask)


def test_velocities_come_with_errors_that_hold(moving, model):
    found, error = velocities(moving, model)
    own = velocities(doppler(moving, np.zeros(4)), model)[0]
    assert np.array_equal(found, own) and (error < 1).all()
    assert found == pytest.approx(VELOCITIES, abs=4.5)  # each star has a velocity of its own


def test_only_what_needs_it_is_moved(at_rest, moving, model):
    rest = RestFrame(model)
    back = rest(moving)
    assert list(rest.moved) == [str(moving.ids[i]) for i in (0, 2, 3)]
    assert np.array_equal(back.flux[1], moving.flux[1])
    values = model.predict(back).values
    expected, noise = model.predict(at_rest), model.predict(at_rest).errors
    assert (np.abs(values - expected.values) < noise).all()
    (note,) = rest.notes
    assert note.startswith("3 stars were moved to rest: ") and str(moving.ids[0]) in note
    still = RestFrame(model)
    assert still(at_rest) is at_rest and not still.notes


# --- on the command line ---


def test_predict_warns_and_moves_nothing_by_itself(run, tmp_path, moving, model):
    write_stars(tmp_path / "moving.npz", moving)
    result, err = run("predict", "autoencoder", tmp_path / "moving.npz")
    stars = result["stars"]
    assert [s["outside"] for s in stars] == [True, False, True, True]
    assert [s["velocity_kms"] for s in stars] == pytest.approx(VELOCITIES.tolist(), abs=4.5)
    assert all(0 < s["velocity_kms_error"] < 1 for s in stars)
    assert "as wavelengths in air are: convert them to vacuum" in stars[0]["reason"]
    assert f"{moving.ids[0]}: its lines are shifted by -" in err and "(and 2 more)" in err
    assert any("--shift auto" in note for note in result["notes"])
    np.testing.assert_allclose([s["teff"] for s in stars], model.predict(moving).values[:, 0], rtol=1e-5)


def test_shift_auto_reads_the_labels_of_the_star_at_rest_and_says_so(run, tmp_path, at_rest, moving):
    write_stars(tmp_path / "moving.npz", moving)
    write_stars(tmp_path / "rest.npz", at_rest)
    moved, err = run("predict", "autoencoder", tmp_path / "moving.npz", "--shift", "auto")
    rest, _ = run("predict", "autoencoder", tmp_path / "rest.npz", "--shift", "auto")
    assert "3 stars were moved to rest" in err and not any("moved" in note for note in rest["notes"])
    for star, true, velocity in zip(moved["stars"], rest["stars"], VELOCITIES, strict=True):
        assert abs(star["teff"] - true["teff"]) < true["teff_error"]
        assert not star["outside"] and star["verdict"] == true["verdict"]
        assert star["velocity_kms"] == pytest.approx(true["velocity_kms"] + velocity, abs=0.8)
        assert ("moved to rest by" in star["reason"]) == (velocity != 0)


def test_encode_and_project_take_the_shift_out_too(run, tmp_path, at_rest, moving, model):
    write_stars(tmp_path / "moving.npz", moving)
    changes = []
    for options in ((), ("--shift", "auto")):
        run("encode", "autoencoder", tmp_path / "moving.npz", tmp_path / "z.npz", *options)
        with np.load(tmp_path / "z.npz") as stored:
            changes.append(np.linalg.norm(stored["z"] - model.encode(at_rest).z))
    assert changes[1] < 0.1 * changes[0]
    result, _ = run(
        *("project", "autoencoder", tmp_path / "moving.npz", tmp_path / "xy.npz"),
        *("--place", "--method", "pca", "--of", "latent", "--shift", "auto"),
    )
    assert any("moved to rest" in note for note in result["notes"])
