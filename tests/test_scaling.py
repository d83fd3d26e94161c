"""Scaling and bins: invertible, fitted to unmasked pixels and known labels only."""

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core.data.scaling import fit_scaler
from gandalf_core.data.spectra import SpectraSet


def masked(stars: SpectraSet, mask: np.ndarray, value: float = np.nan) -> SpectraSet:
    return SpectraSet(
        np.where(mask, value, stars.flux),
        stars.wavelength_nm,
        stars.ids,
        stars.labels,
        stars.label_names,
        mask=mask,
    )


@pytest.mark.parametrize("kind", ["pixel", "global", "range", "none"])
def test_flux_scaling_is_invertible(stars, kind):
    scaler = fit_scaler(stars, toy_config(model__flux_scaling=kind))
    back = scaler.flux_out(scaler.flux_in(stars.flux, stars.mask))
    assert np.allclose(back, stars.flux, atol=1e-5)


def test_scaled_flux_and_labels_are_standard(stars):
    scaler = fit_scaler(stars, toy_config(model__flux_scaling="pixel"))
    x, y = scaler.flux_in(stars.flux), scaler.labels_standard(stars.labels)
    assert np.allclose([x.mean(0), x.std(0) - 1], 0, atol=1e-3)
    assert np.allclose([y.mean(0), y.std(0) - 1], 0, atol=1e-5)


def test_a_masked_pixel_enters_as_the_training_mean_and_shifts_no_statistic(stars):
    mask = np.random.default_rng(0).random(stars.flux.shape) < 0.2
    scaler = fit_scaler(masked(stars, mask), toy_config())
    assert np.allclose(scaler.flux_mean, np.nanmean(np.where(mask, np.nan, stars.flux), 0), atol=1e-5)
    loud = masked(stars, mask, 1e6)
    assert np.array_equal(
        scaler.flux_in(loud.flux, loud.mask), scaler.flux_in(masked(stars, mask).flux, mask)
    )
    assert np.allclose(scaler.flux_in(loud.flux, loud.mask)[mask], 0, atol=1e-5)


def test_the_range_of_the_training_sample_is_0_to_1(stars):
    x = fit_scaler(stars, toy_config(model__flux_scaling="range")).flux_in(stars.flux)
    assert x.min() == pytest.approx(0, abs=1e-6) and x.max() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("kind", ["pixel", "global", "range", "none"])
def test_a_pixel_that_no_training_star_has_is_never_seen(stars, kind):
    mask = np.zeros(stars.flux.shape, bool)
    mask[:, :3] = True
    scaler = fit_scaler(masked(stars, mask), toy_config(model__flux_scaling=kind))
    assert np.array_equal(scaler.unseen, mask[0])
    assert np.array_equal(scaler.flux_in(stars.flux), scaler.flux_in(masked(stars, mask).flux, mask))
    # what is drawn there is near its neighbours, not 0
    assert np.allclose(scaler.flux_mean[:3], scaler.flux_mean[3])


def test_a_pixel_that_did_not_vary_is_not_blown_up(stars):
    flux = stars.flux.copy()
    flux[:, 2] = 1.0
    scaler = fit_scaler(
        SpectraSet(flux, stars.wavelength_nm, stars.ids, stars.labels, stars.label_names), toy_config()
    )
    later = flux[:1].copy()
    later[:, 2] += 0.01 * flux.std()
    assert np.abs(scaler.flux_in(later) - scaler.flux_in(flux[:1])).max() < 20


def test_calcium_cores_are_unseen_when_the_configuration_masks_them():
    stars = toy_stars()
    fine = np.linspace(849.9, 850.2, stars.flux.shape[1])  # around the core at 850.036
    stars = SpectraSet(stars.flux, fine, stars.ids, stars.labels, stars.label_names)
    scaler = fit_scaler(stars, toy_config(model__mask_calcium=True))
    assert np.array_equal(scaler.unseen, np.abs(fine - 850.036) <= 0.12)
    changed = np.where(scaler.unseen, 0.1, stars.flux)
    assert np.array_equal(scaler.flux_in(changed), scaler.flux_in(stars.flux))


def test_missing_labels_stay_missing():
    stars = toy_stars(missing=0.3)
    gone = np.isnan(stars.labels)
    assert gone.any()
    scaler = fit_scaler(stars, toy_config())
    assert np.array_equal(np.isnan(scaler.labels_standard(stars.labels)), gone)
    bins = scaler.bins(stars.labels)
    assert np.array_equal(bins == -1, gone)
    assert np.allclose(scaler.label_mean, np.nanmean(stars.labels, 0))


def test_bins_of_equal_width_and_of_equal_count():
    stars = toy_stars(2000)
    stars = stars.with_labels(stars.labels**3)  # far from uniform
    width = fit_scaler(stars, toy_config(adversary__binning="width", adversary__bins=10))
    assert np.allclose(np.diff(width.bin_edges, axis=1), np.diff(width.bin_edges, axis=1)[:, :1])
    count = fit_scaler(stars, toy_config(adversary__binning="count", adversary__bins=10)).bins(stars.labels)
    for column in count.T:
        assert np.array_equal(np.unique(column), np.arange(10))
        assert np.bincount(column).min() >= 198


@pytest.mark.parametrize("unit", [1e-9, 1e12])
def test_the_unit_of_a_label_changes_nothing(stars, unit):
    one, other = (fit_scaler(s, toy_config()) for s in (stars, stars.with_labels(stars.labels * unit)))
    assert np.array_equal(one.bins(stars.labels), other.bins(stars.labels * unit))
    assert np.allclose(
        one.labels_standard(stars.labels), other.labels_standard(stars.labels * unit), atol=1e-5
    )


def test_a_label_that_did_not_vary_is_scaled_by_its_own_size(stars):
    constant = stars.with_labels(
        np.column_stack([stars.labels[:, :2], np.full((len(stars), 2), [5000.0, 0.1])])
    )
    scaler = fit_scaler(constant, toy_config())
    moved = scaler.labels_standard(constant.labels[:1] + np.array([0, 0, 50, 0.01]))
    assert moved[0, 2:] == pytest.approx([0.01, 0.01], rel=1e-4)


def test_labels_beyond_the_training_range_fall_into_the_outer_bins(stars):
    scaler = fit_scaler(stars, toy_config())
    extremes = np.array([[-1e6] * 4, [1e6] * 4])
    assert scaler.bins(extremes).tolist() == [[0] * 4, [4] * 4]


def test_a_label_that_nobody_has_gives_finite_scaling(stars):
    unknown = stars.with_labels(np.column_stack([stars.labels[:, :3], np.full(len(stars), np.nan)]))
    scaler = fit_scaler(unknown, toy_config())
    assert all(np.isfinite(a).all() for a in scaler.arrays().values())
