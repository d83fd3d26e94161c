"""Error bars of whole models: what they know of the fit and of own stars; and stars of other physics."""

from dataclasses import replace

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core.errors import ModelError, SpectraError
from gandalf_core.models import calibration
from gandalf_core.models.calibration import recalibrate, with_calibrated_errors
from gandalf_core.models.fit import Extras, train
from gandalf_core.models.misfit import PARTS, fit_measures
from gandalf_core.models.store import load_model, save_model
from gandalf_core.regression.conformal import promise
from gandalf_core.simulator import nuisance_values, simulate
from gandalf_core.simulator.other_physics import depth_field, like, with_depth_errors

SAMPLE = toy_stars(6400, noise=0.03)


def other_physics(n: int, seed: int):
    """Toy stars whose spectra bend in a way that no toy star of the sample does."""
    stars = toy_stars(n, seed, noise=0.03)
    pattern = np.random.default_rng(5).standard_normal(stars.flux.shape[1]) * 0.06
    return replace(stars, flux=(stars.flux + pattern).astype(np.float32))


@pytest.fixture(scope="module")
def plain():
    config = toy_config("autoencoder", training__epochs=6)
    return train(SAMPLE, config, device="cpu", extras=Extras(regressor_epochs=20))


@pytest.fixture(scope="module")
def knowing(plain):
    """The same, told that the sample is simulated."""
    patch = pytest.MonkeyPatch()
    patch.setattr(calibration, "is_simulated", lambda stars: True)
    patch.setattr(calibration, "like", lambda stars, n, seed: other_physics(n, seed % 1000))
    trained = SAMPLE[np.flatnonzero(~plain.held_out(SAMPLE))]
    model = with_calibrated_errors(plain, trained)
    patch.undo()
    return model


def held(model, stars, source: str) -> np.ndarray:
    """(N, P) whether 1σ intervals hold the truth."""
    predicted = model.predict(stars)
    values, errors = (
        (predicted.values, predicted.errors) if source == "latent" else (model.predict_from_spectrum(stars))
    )
    return np.abs(values - stars.labels) <= errors


@pytest.mark.parametrize("source", ["latent", "spectrum"])
def test_errors_hold_under_right_and_under_other_physics(plain, knowing, source):
    right, other = toy_stars(3000, 61, noise=0.03), other_physics(3000, 62)
    assert held(plain, right, source).mean() == pytest.approx(0.683, abs=0.03)
    assert held(plain, other, source).mean() < 0.55, "else there would be nothing to learn"
    assert held(knowing, right, source).mean() == pytest.approx(0.69, abs=0.06)
    assert held(knowing, other, source).mean() == pytest.approx(0.68, abs=0.08)
    for one in (plain, knowing):
        np.testing.assert_array_equal(one.predict(right).values, plain.predict(right).values)


def test_a_prediction_does_not_depend_on_labels_that_come_with_a_star(knowing):
    stars = toy_stars(50, 63, noise=0.03)
    wrong = replace(stars, labels=stars.labels + 1)
    for a, b in ((knowing.predict(stars), knowing.predict(wrong)),):
        np.testing.assert_array_equal(a.errors, b.errors)
        np.testing.assert_array_equal(a.correlations, b.correlations)


def test_covariances_are_those_of_the_errors(knowing):
    """Residuals in units of the root of their covariance no longer go together."""
    predicted = recalibrate(knowing, other_physics(2000, 67)).predict(judged := other_physics(4000, 64))
    residuals = (predicted.values - judged.labels) / predicted.errors
    whitened = np.linalg.solve(np.linalg.cholesky(predicted.correlations), residuals[:, :, None])[:, :, 0]
    before, after = (_going_together(values) for values in (residuals, whitened))
    assert before.max() > 0.3 and after.max() < 0.12, (before, after)


def _going_together(values: np.ndarray) -> np.ndarray:
    """Correlations about 0 of the columns (N, P), each pair once."""
    values = np.clip(values, -3, 3)
    moments = values.T @ values
    spread = np.sqrt(np.diag(moments))
    return np.abs(moments / np.outer(spread, spread))[np.triu_indices(values.shape[1], 1)]


def test_what_is_stored_says_how_it_was_calibrated(knowing, tmp_path):
    again = load_model(save_model(knowing, tmp_path / "m") and tmp_path / "m")
    stars = toy_stars(40, 65, noise=0.03)
    before, after = knowing.predict(stars), again.predict(stars)
    np.testing.assert_allclose(before.errors, after.errors, rtol=1e-6)
    np.testing.assert_allclose(before.covariance, after.covariance, rtol=1e-5)
    about = again.regressor_latent.summary["calibration"]
    share = about["other_physics"] / (about["stars"] + about["other_physics"])
    assert share == pytest.approx(calibration.OTHER_SHARE, abs=0.08)
    said = promise(about)
    assert f"and {about['other_physics']:,} of other physics" in said and "either physics alone" in said


def test_stars_without_errors_are_as_wide_as_typical_ones(knowing):
    stars = toy_stars(200, 66, noise=0.03)
    unknown = knowing.predict(replace(stars, flux_error=None)).errors
    known = knowing.predict(stars).errors
    assert np.isfinite(unknown).all() and 0.5 < np.median(unknown / known) < 2


def test_own_stars_make_error_bars_wider_or_narrower(knowing):
    own, judged = other_physics(900, 71), other_physics(3000, 72)
    again = recalibrate(knowing, own)
    for source in ("latent", "spectrum"):
        assert held(again, judged, source).mean() == pytest.approx(0.683, abs=0.04)
    assert again.regressor_latent.summary["calibration"]["stars"] == 450
    np.testing.assert_array_equal(again.predict(judged).values, knowing.predict(judged).values)
    with pytest.raises(ModelError, match="too few of these 300 stars"):
        recalibrate(knowing, SAMPLE[~knowing.held_out(SAMPLE)][:300])


def test_stars_reserved_for_judging_calibrate_nothing(plain):
    ids = np.array([f"sim990001-{k}" for k in range(100)])
    with pytest.raises(SpectraError, match="cannot calibrate on 100"):
        recalibrate(plain, replace(toy_stars(100, 73), ids=ids))


def test_fit_measures_tell_lines_from_continuum():
    guess = np.repeat([[1.0, 0.8, 0.5]], 30, axis=1).reshape(1, -1)
    flux, error = guess.copy(), np.full_like(guess, 0.02)
    flux[guess == 1.0] += 0.02
    flux[guess == 0.8] += 0.06
    hidden = np.zeros(guess.shape, bool)
    measures = fit_measures(flux, guess, error, hidden)
    assert list(measures) == [*PARTS, "roughness"]
    expected = {
        "chi2_continuum": 0.02**2 / (0.02**2 + (0.007 * 1.02) ** 2),
        "chi2_lines": 0.06**2 / (0.02**2 + (0.007 * 0.86) ** 2),
        "chi2_deep": 0.0,
    }
    for name, value in expected.items():
        assert measures[name].item() == pytest.approx(value)
    flux[0, :5], hidden[0, :5] = 99, True
    assert fit_measures(flux, guess, error, hidden)["chi2_continuum"].item() == pytest.approx(
        expected["chi2_continuum"]
    )
    hidden[0, :25] = True
    assert np.isnan(fit_measures(flux, guess, error, hidden)["chi2_continuum"]).all()
    assert np.isnan(list(fit_measures(flux, guess, error * np.nan, hidden).values())).all()


def test_roughness_is_that_of_the_noise_and_not_of_wrong_lines():
    rng = np.random.default_rng(0)
    error, guess = np.full((2, 800), 0.02), np.ones((2, 800))
    noise = rng.normal(0, 0.02, guess.shape)
    smooth = 0.03 * np.sin(np.arange(800) / 12)
    hidden = np.zeros(guess.shape, bool)
    plain, wrong, noisier = (
        fit_measures(guess + flux, guess, error, hidden) for flux in (noise, noise + smooth, 1.5 * noise)
    )
    assert plain["roughness"] == pytest.approx([1, 1], abs=0.12)
    assert wrong["roughness"] == pytest.approx(plain["roughness"], rel=0.05)
    assert (wrong["chi2_continuum"] > 1.8 * plain["chi2_continuum"]).all()
    assert noisier["roughness"] == pytest.approx(2.25 * plain["roughness"])
    hidden[:, 1:-1:2] = True  # no two neighbours are left
    assert np.isnan(fit_measures(guess + noise, guess, error, hidden)["roughness"]).all()


# --- stars of other physics ---


def test_stars_of_other_physics_are_made_like_the_sample():
    sample = simulate(40, 5, snr=(80.0, 90.0))
    made = like(sample, 30, 6)
    assert len(made) == 30 and made.ids[0].startswith("sim6b-") and made.label_names == sample.label_names
    snr = nuisance_values(made)["snr"]
    assert (snr >= 80).all() and (snr <= 90).all()
    given = simulate(20, 5, labels=np.tile([5000.0, 4.5, -0.3, 0.1], (20, 1)))
    assert (like(given, 10, 6).labels == given.labels[:10]).all()
    fine = simulate(4, 5, pixels=2401)
    assert np.array_equal(like(fine, 4, 6).wavelength_nm, fine.wavelength_nm)
    np.testing.assert_array_equal(like(sample, 30, 6).flux, made.flux)
    with pytest.raises(SpectraError, match="not simulated"):
        like(toy_stars(20), 10, 6)


def test_depth_errors_multiply_lines_and_leave_the_continuum():
    stars = simulate(300, 5, clean=True)
    changed = with_depth_errors(stars, 0.06)
    depth = 1 - stars.flux
    relative = np.where(depth > 0.05, (1 - changed.flux) / depth - 1, np.nan)
    assert np.nanstd(relative) == pytest.approx(0.06, rel=0.05)
    assert np.abs(changed.flux - stars.flux)[depth < 0.005].max() < 0.002
    np.testing.assert_array_equal(with_depth_errors(stars[:10], 0.06).flux, changed.flux[:10])
    np.testing.assert_allclose(with_depth_errors(stars, 0.0).flux, stars.flux, atol=1e-7)


def test_the_field_of_depths_has_unit_variance_and_the_stated_correlation():
    field = depth_field(1, np.arange(400), 800, 0.05 / 0.03)
    assert field.std() == pytest.approx(1, abs=0.01) and field[:, [0, -1]].std() == pytest.approx(1, abs=0.05)
    for lag in (1, 2, 3):
        expected = np.exp(-0.5 * (lag * 0.03 / 0.05) ** 2)
        assert np.mean(field[:, lag:] * field[:, :-lag]) == pytest.approx(expected, abs=0.02)
