"""The best physical fit of a star: its spectra are the simulator's, and its answers right."""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models import physics
from gandalf_core.models.physical_fit import fit_spectra
from gandalf_core.models.physics import QUANTITIES, ROTATION, SHIFT
from gandalf_core.simulator import PIXELS_800, population, simulate
from gandalf_core.simulator.effects import shift_and_broaden
from gandalf_core.simulator.emulator import emulate
from gandalf_core.simulator.grids import LIGHT_KMS, MARGIN, observe


def fitted(stars: SpectraSet):
    error = np.full(stars.flux.shape, 0.005) if stars.flux_error is None else stars.flux_error.astype(float)
    return fit_spectra(stars.flux.astype(float), error, stars.mask)


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    """Twenty stars, each with its own velocity, rotation, band and continuum."""
    rng = np.random.default_rng(0)
    out = np.zeros((20, len(QUANTITIES)))
    out[:, :4] = population.labels(5, np.arange(20))
    out[:, 4] = rng.normal(0.1, 0.2, 20)
    out[:, SHIFT], out[:, ROTATION] = rng.normal(0, 3, 20), rng.uniform(10, 400, 20)
    out[:, physics.BAND], out[:, physics.SLOPE] = 0.03, 0.01
    out[:, physics.CONTINUUM :] = rng.normal(0, 0.01, (20, 5))
    return out


def test_its_spectra_are_those_of_the_simulator(values):
    fine = shift_and_broaden(
        emulate(values[:, :4], values[:, 4]), values[:, SHIFT], values[:, ROTATION] ** 0.5
    )
    expected = observe(fine[:, MARGIN:-MARGIN], 800)
    lines = physics.spectra(values).lines
    error = lines - expected
    assert np.abs(error[:, 10:-10]).max() < 5e-4 and np.abs(error).max() < 2e-3  # a little of the other end


@pytest.mark.parametrize("name", QUANTITIES)
def test_derivatives_are_those_of_finite_differences(values, name):
    q, step = QUANTITIES.index(name), {"teff": 5.0, "shift_kms": 0.1, "rotation": 5.0}.get(name, 0.01)
    below, above = values.copy(), values.copy()
    below[:, q] -= step
    above[:, q] += step
    numeric = (physics.spectra(above).flux - physics.spectra(below).flux) / (2 * step)
    exact = physics.spectra_and_slopes(values)[1][:, q]
    tolerance = 0.06 if name == "rotation" else 2e-3  # that one is a finite difference itself
    assert np.abs(exact - numeric).max() < tolerance * np.abs(numeric).max()


def test_a_spectrum_without_noise_gives_its_labels_back():
    stars = simulate(60, seed=6, clean=True)
    fit = fitted(stars)
    error = np.abs(fit.values[:, :4] - stars.labels)
    assert (np.median(error, axis=0) < [15, 0.05, 0.02, 0.015]).all(), np.median(error, axis=0)
    assert fit.chi2.max() < 0.2 and np.abs(fit.velocity_kms).max() < 0.3


def test_errors_of_labels_are_honest_and_chi2_is_one():
    stars = simulate(300, seed=7, snr=(30, 60))
    fit = fitted(stars)
    errors = np.sqrt(np.einsum("nqq->nq", fit.covariance))[:, :4]
    within = (np.abs(fit.values[:, :4] - stars.labels) < errors).mean(0)
    assert ((within > 0.55) & (within < 0.85)).all(), within
    assert 0.8 < np.median(fit.chi2) < 1.1


@pytest.mark.parametrize("velocity", [-300.0, -82.5, -7.0, 3.0, 40.0, 250.0])
def test_velocities_are_found_wherever_the_lines_lie(velocity):
    stars = simulate(12, seed=8, snr=(80, 120), pixels=2401)
    grid = stars.wavelength_nm * (1 + velocity / LIGHT_KMS)
    flux = np.array([np.interp(PIXELS_800, grid, row) for row in stars.flux])
    at_rest = np.array([np.interp(PIXELS_800, stars.wavelength_nm, row) for row in stars.flux])
    error = np.full(flux.shape, 0.01)
    mask = np.zeros(flux.shape, bool)
    found = fit_spectra(flux, error, mask).velocity_kms - fit_spectra(at_rest, error, mask).velocity_kms
    assert np.median(found) == pytest.approx(velocity, abs=0.5 + 0.004 * abs(velocity))
    assert np.abs(found - np.median(found)).max() < 3


def test_a_stars_fit_depends_neither_on_its_company_nor_on_masked_pixels():
    stars = simulate(9, seed=9)
    together = fitted(stars)
    mask = np.zeros(stars.flux.shape, bool)
    mask[:, 300:310] = True
    wild = replace(stars, flux=np.where(mask, np.float32(np.nan), stars.flux), mask=mask)
    spoilt = replace(stars, flux=np.where(mask, np.float32(7.0), stars.flux), mask=mask)
    np.testing.assert_allclose(fitted(wild).values, fitted(spoilt).values, rtol=1e-6, atol=1e-9)
    for row in (0, 4):
        alone = fitted(stars[row])
        np.testing.assert_allclose(alone.chi2[0], together.chi2[row], rtol=1e-3)
        assert (np.abs(alone.values[0, :4] - together.values[row, :4]) < [2, 0.01, 0.005, 0.005]).all()


def test_more_steps_would_change_nothing(monkeypatch):
    from gandalf_core.models import physical_fit

    stars = simulate(100, seed=10, snr=(20, 300))
    now = fitted(stars).chi2
    monkeypatch.setattr(physical_fit, "STEPS", 10)
    assert np.quantile(np.abs(now - fitted(stars).chi2), 0.95) < 2e-3


def test_a_spectrum_of_nothing_is_fitted_without_a_fuss():
    blank = SpectraSet(np.ones((2, 800)), PIXELS_800, ["a", "b"], np.empty((2, 0)), ())
    fit = fitted(blank)
    assert np.isfinite(fit.values).all() and np.isfinite(fit.chi2).all()
    none = fit_spectra(np.empty((0, 800)), np.empty((0, 800)), np.empty((0, 800), bool))
    assert none.values.shape == (0, len(QUANTITIES))
