"""What is ordinary for a model: its own reconstruction where no physics applies, labels and latent."""

from dataclasses import replace

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.files import under_prefix, with_prefix
from gandalf_core.models.fit import Extras, train
from gandalf_core.models.outliers import LATENT_FAR, OLD, OutlierReference
from gandalf_core.models.reasons import NOISY, NORMAL, OUTSIDE, WORDS
from gandalf_core.models.region import beyond_grid, known_labels
from gandalf_core.models.rest_frame import RestFrame
from gandalf_core.models.store import load_model, save_model
from gandalf_core.parameters import LABELS
from gandalf_core.simulator import simulate


@pytest.fixture(scope="module")
def own():
    """A model whose spectra no physics describes: pixels of 0.5 nm."""
    return train(
        toy_stars(1200),
        toy_config("autoencoder", training__epochs=14),
        device="cpu",
        extras=Extras(regressor_epochs=30),
    )


@pytest.fixture(scope="module")
def physical():
    """A small model of simulated stars."""
    return train(simulate(300, seed=51), toy_config(), device="cpu", extras=Extras(regressor_epochs=8))


# --- a model without physics ---


def test_sixty_reference_stars_are_enough(own):
    """Ordinary stars are spread over all scores, and hardly any of them is called unusual."""
    assert len(own.reference_ids) < 60 and not own.outlier_reference.physics
    found = own.predict(toy_stars(600, seed=52))
    assert 0.35 < np.median(found.outlier_score) < 0.65
    assert (found.outlier_score > 0.95).mean() < 0.15 and (found.outlier_score > 0.995).mean() < 0.05
    assert found.outside.mean() < 0.05 and set(found.verdict) <= set(WORDS)
    assert (found.verdict == NORMAL).mean() > 0.8 and np.isnan(found.velocity_kms).all()


def test_an_overall_misfit_a_single_one_and_noise_are_told_apart(own):
    stars = toy_stars(40, seed=53)
    wrong = own.predict(replace(stars, flux=2.3 - stars.flux))
    assert wrong.outside.all() and (wrong.verdict == OUTSIDE).all() and (wrong.outlier_score > 0.99).all()
    assert np.char.find(wrong.reason, "reconstruction has chi²").min() >= 0
    flux = stars.flux.copy()
    flux[:, 20] += 0.25
    single = own.predict(replace(stars, flux=flux))
    unusual = single.outlier_score > 0.95
    said = f"near {stars.wavelength_nm[20]:.2f} nm"
    assert unusual.mean() > 0.5 and np.char.find(single.reason[unusual], said).max() >= 0
    assert set(single.verdict[unusual & ~single.outside]) <= {NOISY}


def test_the_score_grows_with_the_misfit(own):
    stars, scores = toy_stars(30, seed=54), []
    for size in (0.0, 0.02, 0.06):
        ripple = size * np.sin(stars.wavelength_nm * 2)
        scores.append(own.predict(replace(stars, flux=stars.flux + ripple)).outlier_score)
    assert (scores[2] > scores[0]).all() and np.median(scores[1]) > np.median(scores[0])
    assert (scores[2] < 1).all()


def lined_stars(n: int, seed: int, shift_kms: float = 0.0) -> SpectraSet:
    """Stars with twenty narrow lines near 1,600 nm, whose depths are their labels, on pixels of 0.02 nm."""
    rng = np.random.default_rng(seed)
    grid, labels = 1600 + 0.02 * np.arange(400), rng.uniform(0.2, 0.8, (n, 2))
    lines = np.random.default_rng(1).uniform(1600.5, 1607.5, 20) * (1 + shift_kms / 299_792.458)
    shapes = np.exp(-0.5 * ((grid - lines[:, None]) / 0.05) ** 2)
    flux = 1 - labels[:, :1] * shapes[:10].sum(0) - labels[:, 1:] * shapes[10:].sum(0)
    flux += rng.normal(0, 0.01, flux.shape)
    ids = [f"lined{seed}-{k}" for k in range(n)]
    return SpectraSet(flux, grid, ids, labels, ("width", "depth"), np.full(flux.shape, 0.01))


def test_other_wavelengths_with_lines_show_velocities_too():
    config = toy_config("autoencoder", ("width", "depth"), training__epochs=10)
    model = train(lined_stars(500, 62), config, device="cpu", extras=Extras(regressor_epochs=8))
    rest, moving = (model.predict(lined_stars(40, 63, shift)) for shift in (0.0, 30.0))
    assert np.abs(rest.velocity_kms).max() < 3 and not rest.outside.any()
    assert moving.velocity_kms == pytest.approx(30, abs=3) and moving.outside.all()
    assert np.char.find(moving.reason, "--shift auto").min() >= 0
    again = model.predict(RestFrame(model)(lined_stars(40, 63, 30.0)))
    assert np.abs(again.velocity_kms).max() < 3 and again.outside.mean() < 0.1


# --- labels and latent ---


def test_labels_of_no_training_star_are_outside(physical):
    reference = physical.outlier_reference
    assert reference.physics
    dwarfs = replace(
        reference, known=known_labels(simulate(300, seed=51).labels[:20] * 0 + np.arange(20)[:, None])
    )
    star = simulate(3, seed=55, snr=(60, 90))
    found = replace(physical, outlier_reference=dwarfs).predict(star)
    assert found.outside.all() and "no training star has such labels" in found.reason[0]
    assert not physical.predict(star).outside.any()


def test_a_latent_far_from_all_training_stars_is_outside(physical):
    far = replace(physical.outlier_reference, latent_limit=np.array(0.0))
    found = replace(physical, outlier_reference=far).predict(simulate(3, seed=55, snr=(60, 90)))
    assert found.outside.all() and (found.reason == LATENT_FAR).all() and (found.verdict == OUTSIDE).all()
    assert physical.outlier_reference.latent_limit > 3


def test_known_labels_reach_as_far_as_their_largest_gap():
    rng = np.random.default_rng(0)
    known = known_labels(np.column_stack([rng.uniform(4000, 6000, 3000), rng.uniform(4, 5, 3000)]))
    labels = np.array([[5000, 4.5], [3990, 4.5], [7500, 4.5], [5000, 2.0], [np.nan, 9.0]])
    assert known.beyond(labels, np.zeros((5, 2))).tolist() == [False, False, True, True, False]
    assert not known.beyond(labels, np.tile([800.0, 1.0], (5, 1))).any()  # their errors reach the sample
    assert np.abs(known.nearest(np.array([7500, 4.5])) - [6000, 4.5]).max() < 100
    assert known_labels(np.full((50, 2), np.nan)) is None


def test_the_grid_ends_where_its_photospheres_end():
    sample = simulate(300, seed=51).labels
    labels = np.array([[5000, 4.5, 0, 0], [4000, 4.7, 0, 0], [8500, 4.2, 0, 0], [5000, 2.5, -4, 0]], float)
    small, large = np.tile([20, 0.05, 0.03, 0.03], (4, 1)), np.tile([1500, 2, 2, 1], (4, 1))
    assert beyond_grid(labels, small, sample).tolist() == [False, True, True, True]
    assert not beyond_grid(labels, large, sample).any()


def test_a_star_without_errors_among_others_is_judged_without_them(physical):
    stars = simulate(4, seed=64, snr=(60, 90))
    error = stars.flux_error.copy()
    error[2] = np.nan
    mixed, all_known = physical.predict(replace(stars, flux_error=error)), physical.predict(stars)
    assert np.isnan(mixed.percentiles["misfit"]).tolist() == [False, False, True, False]
    assert np.isfinite(mixed.outlier_score).all() and np.isfinite(mixed.velocity_kms).all()
    np.testing.assert_allclose(mixed.outlier_score[[0, 1, 3]], all_known.outlier_score[[0, 1, 3]], atol=0.01)


# --- folders ---


def test_the_reference_survives_the_folder(own, physical, tmp_path):
    for model, stars in ((own, toy_stars(20, seed=56)), (physical, simulate(8, seed=56))):
        again = load_model(save_model(model, tmp_path / model.name).identity and tmp_path / model.name)
        for name in ("outlier_score", "verdict", "reason", "outside"):
            assert np.array_equal(getattr(again.predict(stars), name), getattr(model.predict(stars), name))


def test_a_folder_of_an_earlier_version_loads_and_says_what_it_cannot_tell(own, physical):
    """It had quantiles of other measures; the score by physics needs none of them."""
    quantiles = {name: np.linspace(0, 1, 201) for name in ("chi2", "core", "distance", "joint")}
    for model, stars in ((physical, simulate(6, seed=57)), (own, toy_stars(6, seed=57))):
        kept = {n: getattr(model.outlier_reference, n) for n in ("latent_mean", "latent_whiten")}
        stored = with_prefix("outliers", kept | quantiles | {"label_mean": np.zeros(4)})
        old = OutlierReference.from_arrays(under_prefix("outliers", stored))
        found = replace(model, outlier_reference=old).predict(stars)
        if model is physical:
            np.testing.assert_allclose(found.outlier_score, model.predict(stars).outlier_score)
        else:
            assert np.isnan(found.outlier_score).all() and (found.reason == OLD).all()
        assert not found.outside.any() and np.isfinite(found.values).all()


def test_without_verdicts_everything_else_is_the_same(physical):
    stars = simulate(5, seed=58)
    plain, judged = physical.predict(stars, verdicts=False), physical.predict(stars)
    assert np.array_equal(plain.values, judged.values) and np.array_equal(plain.chi2, judged.chi2)
    assert np.isnan(plain.outlier_score).all() and np.isnan(plain.velocity_kms).all()
    assert (
        not plain.outside.any()
        and (plain.verdict == "").all()
        and set(plain.columns()) == set(judged.columns())
    )


def test_the_score_is_the_same_whatever_model_is_asked(physical):
    other = train(
        simulate(300, seed=59), toy_config("autoencoder"), device="cpu", extras=Extras(regressor_epochs=8)
    )
    stars = simulate(30, seed=60)
    difference = physical.predict(stars).outlier_score - other.predict(stars).outlier_score
    assert np.abs(difference).max() < 1e-6


def test_stars_that_physics_does_not_describe_are_compared_with_each_other():
    """A sample of another kind on the instrument's own pixels: the model's reconstruction judges."""
    stars = simulate(300, seed=61)
    waves = 0.1 * np.sin(stars.wavelength_nm * 3 + stars.label("teff")[:, None] / 100)
    strange = SpectraSet(
        stars.flux + waves, stars.wavelength_nm, stars.ids, stars.labels, LABELS, stars.flux_error
    )
    model = train(strange, toy_config("autoencoder"), device="cpu", extras=Extras(regressor_epochs=8))
    assert not model.outlier_reference.physics
    assert model.predict(strange[model.held_out(strange)]).outside.mean() < 0.2
