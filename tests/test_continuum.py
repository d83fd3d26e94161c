"""Stars divided by their fitted continuum: what was planted is taken out, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.models.continuum import divided, fitted_continua
from gandalf_core.models.rest_frame import moved_to_rest
from gandalf_core.models.verdicts import physical_deviations
from gandalf_core.simulator import simulate

STARS = simulate(4, seed=3, snr=(100, 100))
X = np.linspace(-1, 1, STARS.flux.shape[1])
PLANTED = 0.8 * (1 + 0.15 * X - 0.05 * X**2)


def under(continuum: np.ndarray, stars: SpectraSet = STARS) -> SpectraSet:
    return replace(stars, flux=stars.flux * continuum, flux_error=stars.flux_error * continuum)


def test_a_planted_continuum_is_found_and_taken_out_of_flux_and_errors():
    tilted = under(PLANTED)
    found = fitted_continua(tilted)
    np.testing.assert_allclose(found / fitted_continua(STARS), np.tile(PLANTED, (4, 1)), rtol=4e-3)
    flat = divided(tilted, found)
    np.testing.assert_allclose(flat.flux, divided(STARS).flux, atol=5e-3)
    np.testing.assert_allclose(flat.flux_error, tilted.flux_error / found, rtol=1e-5)
    assert np.isfinite(flat.snr).all() and np.array_equal(flat.ids, STARS.ids)
    after = physical_deviations(flat)
    assert np.abs(after.tilt).max() < 0.01 < 0.2 < np.abs(physical_deviations(tilted).tilt).min()
    np.testing.assert_allclose(after.level, 1, atol=0.01)


def test_the_continuum_stays_where_it_is_while_the_lines_are_shifted():
    shifted = moved_to_rest(STARS, np.full(4, -60.0))
    np.testing.assert_allclose(
        fitted_continua(under(PLANTED, shifted)) / fitted_continua(STARS),
        np.tile(PLANTED, (4, 1)),
        rtol=0.015,
    )


def test_a_continuum_on_other_pixels_and_without_errors():
    fine = simulate(2, seed=3, snr=(100, 100), pixels=2401)
    x = np.linspace(-1, 1, 2401)
    bare = replace(fine, flux=fine.flux * (1 + 0.1 * x), flux_error=None)
    slope = fitted_continua(bare) / fitted_continua(fine)
    np.testing.assert_allclose(slope, np.tile(1 + 0.1 * x, (2, 1)), rtol=0.01)
    assert divided(bare).flux_error is None


def test_a_star_without_a_continuum_stays_as_it_is():
    some = divided(STARS, np.full(STARS.flux.shape, np.nan))
    np.testing.assert_array_equal(some.flux, STARS.flux)
    elsewhere = SpectraSet(STARS.flux, np.linspace(500, 520, 800), STARS.ids, np.empty((4, 0)), ())
    with pytest.raises(SpectraError, match="no continuum is fitted"):
        fitted_continua(elsewhere)
