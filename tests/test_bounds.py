"""The Cramér-Rao bound against closed forms and the simulator's own noise; the posterior mean too."""

import numpy as np
import pytest

from gandalf_core.auditing import optimal
from gandalf_core.auditing.bounds import (
    Bounds,
    config_of,
    cramer_rao,
    error_metric,
    noise_correlation,
    star_bounds,
)
from gandalf_core.errors import AuditError
from gandalf_core.parameters import LABELS
from gandalf_core.simulator import NuisanceConfig, simulate, truth


@pytest.fixture(scope="module")
def stars():
    return simulate(60, 41)


def test_bound_of_a_linear_gaussian_toy_is_the_analytic_one():
    """y = a + b t with unit noise: variances of a straight-line fit."""
    t = np.linspace(-1, 3, 50)
    line = np.stack([np.ones(50), t])[None]
    (covariance,) = cramer_rao(line)
    spread = np.square(t - t.mean()).sum()
    assert covariance[1, 1] == pytest.approx(1 / spread)
    assert covariance[0, 0] == pytest.approx(1 / 50 + t.mean() ** 2 / spread)
    assert covariance[0, 1] == pytest.approx(-t.mean() / spread)


def test_a_prior_adds_information_and_a_known_parameter_frees_the_others():
    line = np.stack([np.ones(20), np.arange(20.0)])[None]
    free, with_prior = cramer_rao(line)[0], cramer_rao(line, np.array([0.1, np.inf]))[0]
    assert with_prior[0, 0] < 0.1**2 < free[0, 0] and with_prior[1, 1] < free[1, 1]
    (known,) = cramer_rao(line, np.array([1e-9, np.inf]))
    assert known[1, 1] == pytest.approx(1 / np.square(np.arange(20.0)).sum())


def test_units_of_very_different_size_do_not_spoil_the_inverse():
    line = np.stack([np.ones(20) * 1e-6, np.arange(20.0) * 1e3])[None]
    (covariance,) = cramer_rao(line)
    assert covariance[0, 0] * 1e-12 == pytest.approx(
        cramer_rao(np.stack([np.ones(20), np.arange(20.0)])[None])[0][0, 0]
    )


def test_a_star_without_derivatives_has_no_bound_and_spoils_no_other():
    two = np.stack([np.full((1, 5), np.nan), np.ones((1, 5))])
    covariance = cramer_rao(two)
    assert np.isnan(covariance[0]).all() and covariance[1, 0, 0] == pytest.approx(0.2)


def test_the_metric_whitens_the_simulators_own_noise_and_model_error(stars):
    metric = error_metric(stars.wavelength_nm, config_of(stars))
    errors = stars.flux - truth(stars, without=("model_error",)).flux
    white = metric.whitened(errors, stars.flux_error[:, 0])
    assert white.var() == pytest.approx(1, abs=0.02)
    neighbours = (white[:, 1:] * white[:, :-1]).mean()
    assert abs(neighbours) < 0.02
    raw = errors / stars.flux_error
    assert (raw[:, 1:] * raw[:, :-1]).mean() > 0.1  # so the whitening had something to do


def test_noise_of_the_archive_is_band_limited():
    correlation = noise_correlation(simulate(1, 0).wavelength_nm)
    assert correlation[0, 0] == pytest.approx(0.869, abs=0.005) and correlation[0, 1] == pytest.approx(
        0.049, abs=0.005
    )
    fine = noise_correlation(simulate(1, 0, pixels=2401).wavelength_nm)
    assert fine[5, 6] / fine[5, 5] > 0.7
    with pytest.raises(AuditError, match="grids of 800 or 2401"):
        noise_correlation(np.linspace(846, 870, 500))


def test_the_bound_falls_with_signal_to_noise_and_without_nuisances(stars):
    bright, faint = (star_bounds(simulate(20, 41, snr=(s, s))) for s in (300, 30))
    assert (bright.sigma < faint.sigma).all()
    assert bright.snr == pytest.approx(300) and bright.label_names == LABELS
    bare = simulate(
        20,
        41,
        snr=(30, 30),
        nuisances=NuisanceConfig(continuum=0, shift_kms=0, broadening_kms=0, calcium=0, dib_depth=0),
    )
    assert (star_bounds(bare).sigma < faint.sigma).all()
    assert np.median(star_bounds(bare).sigma[:, 0]) < 0.8 * np.median(faint.sigma[:, 0])


def test_rows_per_signal_to_noise_bin():
    bounds = Bounds(
        np.array(["a", "b", "c"]), ("teff",), np.array([[3.0], [4.0], [np.nan]]), np.array([20.0, 25.0, 20.0])
    )
    first, second = bounds.per_snr((15, 30, 60))
    assert first == {"low": 15, "high": 30, "stars": 2, "teff": pytest.approx(np.sqrt(12.5))}
    assert second["stars"] == 0 and np.isnan(second["teff"])


def test_errors_in_units_of_the_bound_per_bin_count_the_stars_with_a_bound():
    sigma = np.array([[3.0, 1.0], [4.0, 1.0], [np.nan, np.nan], [2.0, 0.5]])
    bounds = Bounds(
        np.array(["a", "b", "c", "d"]), ("teff", "logg"), sigma, np.array([20.0, 25.0, 20.0, 45.0])
    )
    error = np.array([[6.0, -2.0], [-8.0, 2.0], [1e6, 1e6], [1.0, 0.5]])
    faint, bright = bounds.ratio_per_snr(error, (15, 30, 60))
    assert faint == {"low": 15, "high": 30, "stars": 2, "teff": pytest.approx(2), "logg": pytest.approx(2)}
    assert (
        bright["stars"] == 1 and bright["teff"] == pytest.approx(0.5) and bright["logg"] == pytest.approx(1)
    )


def test_bounds_need_the_truth():
    from dataclasses import replace

    stars = simulate(3, 1)
    with pytest.raises(AuditError, match="simulated:N"):
        star_bounds(replace(stars, ids=np.array(["a", "b", "c"])))
    given = simulate(3, 1, labels=np.tile([5500, 4.4, 0.0, 0.0], (3, 1)))
    with pytest.raises(AuditError, match="labels were given"):
        optimal.bayes_optimal(given)


def test_linear_nuisances_are_integrated_out_exactly():
    """One nuisance of slope s and prior width w: covariance 1 + w² s sᵀ in closed form."""
    rng = np.random.default_rng(0)
    slope, rest = rng.standard_normal((1, 6)), rng.standard_normal((4, 6))
    covariance = np.eye(6) + 0.7**2 * slope.T @ slope
    expected = -0.5 * np.einsum("mi,ij,mj->m", rest, np.linalg.inv(covariance), rest)
    assert np.allclose(optimal.marginal(rest, slope, np.array([0.7])), expected)


def test_the_posterior_mean_beats_the_prior_and_knows_its_error(stars):
    found = optimal.bayes_optimal(stars[:24])
    assert found.trusted.all() and np.median(found.effective) > 100
    spread = stars.labels.std(0)
    rmse = np.array(list(found.rmse().values()))
    assert (rmse < [0.3, 0.3, 0.3, 0.8] * spread).all()
    pull = (found.mean - found.truth) / found.sigma
    assert 0.7 < np.sqrt(np.square(pull).mean()) < 1.35
    bound = star_bounds(stars[:24]).sigma
    assert (np.median(found.sigma, 0) < np.median(bound, 0)).all()  # the sample's prior helps
