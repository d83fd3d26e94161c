"""Numbers that are no numbers: left out and counted in one sentence, and every other value stays right."""

import io

import numpy as np
import pytest
from star_files import ERROR, FLUX, FORMATS, WAVE, star_file
from toy import toy_stars

from gandalf_core.io import read_bytes, read_many
from gandalf_core.io.understanding import reading_notes, understandings

AT = [100, 101, 400]  # samples that hold no number
BASE = {"wavelength": WAVE, "flux": FLUX, "flux_error": ERROR}
NO_FLUX = [(1e30, "flux = 1e+30"), (-1e10, "flux beyond 100 or -100"), (-150.0, "flux beyond 100 or -100")]
NO_ERROR = [(1e30, "flux error of 10 or more"), (1e-30, "flux error below 1e-06")]


def with_values(name: str, value: float) -> dict[str, np.ndarray]:
    changed = BASE[name].astype(np.float64)
    changed[AT] = value
    return BASE | {name: changed}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("value", "words"), NO_FLUX)
def test_a_flux_that_is_none_is_masked_and_counted(kind, value, words):
    stars = read_bytes("s", star_file(kind, with_values("flux", value)))
    assert np.flatnonzero(stars.mask[0]).tolist() == AT
    assert understandings(stars)[0].missing == {words: 3}
    assert any(f"{words} 3 times: taken as missing" in note for note in reading_notes(stars))
    np.testing.assert_allclose(np.delete(stars.flux[0], AT), np.delete(FLUX, AT), rtol=1e-6)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("value", "words"), NO_ERROR)
def test_an_error_that_is_none_masks_its_sample_and_is_counted(kind, value, words):
    stars = read_bytes("s", star_file(kind, with_values("flux_error", value)))
    assert np.flatnonzero(stars.mask[0]).tolist() == AT and np.isnan(stars.flux_error[0][AT]).all()
    assert understandings(stars)[0].missing == {words: 3}
    np.testing.assert_allclose(np.delete(stars.flux_error[0], AT), np.delete(ERROR, AT), rtol=1e-6)


@pytest.mark.parametrize("kind", ["csv", "fits", "votable", "parquet", "ecsv"])
@pytest.mark.parametrize(("name", "value"), [("teff", 1e15), ("mh", -2e7), ("logg", 1e300)])
def test_a_label_that_no_star_has_is_missing_and_counted(kind, name, value):
    stars = read_bytes("s", star_file(kind, BASE | {name: np.full(len(WAVE), value)}))
    assert np.isnan(stars.label(name)).all() and not stars.mask.any()
    assert any(
        f"{name} " in note and note.endswith("once: taken as missing") for note in reading_notes(stars)
    )


def saved(**changes: np.ndarray) -> bytes:
    own = toy_stars(30)
    arrays = {"flux": own.flux, "flux_error": own.flux_error, "wavelength_nm": own.wavelength_nm}
    arrays |= {"ids": own.ids, "labels": own.labels, "label_names": np.array(own.label_names)}
    np.savez(out := io.BytesIO(), **arrays | changes)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("flux", 1e30, "no usable sample"),
        ("flux", 1e-30, "its median flux is 1e-30"),
        ("flux", np.nan, "no usable sample"),
        ("flux_error", 1e30, "its median flux error is 1e+30"),
        ("flux_error", np.nan, "its flux errors are unknown or not positive"),
    ],
)
def test_a_star_without_numbers_is_left_out_with_its_cause(name, value, cause):
    values = getattr(toy_stars(30), name).astype(np.float64)
    values[7] = value
    stars, rejected = read_many([("s.npz", saved(**{name: values}))])
    assert list(rejected) == ["toy0-7"] and cause in rejected["toy0-7"]
    np.testing.assert_array_equal(stars.flux, np.delete(toy_stars(30).flux, 7, axis=0))


def test_what_stands_under_a_mask_changes_nothing(model):
    """Neither predictions nor their errors, and numpy has nothing to warn of."""
    answers = []
    for value in (1e30, 3e38, -1e25, 1e19):
        flux = toy_stars(30).flux.astype(np.float64)
        flux[3, 20] = value
        stars = read_bytes("s.npz", saved(flux=flux))
        assert stars.mask.sum() == 1
        found = model.predict(stars)
        answers.append((found.values, found.errors))
    for values, errors in answers[1:]:
        np.testing.assert_array_equal(values, answers[0][0])
        np.testing.assert_array_equal(errors, answers[0][1])
