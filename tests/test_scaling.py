"""Scaling and bins: invertible, fitted to unmasked pixels and known labels only."""

from dataclasses import fields

import numpy as np
import pytest
from toy import toy_config, toy_stars

from gandalf_core.data.scaling import Scaler, fit_scaler
from gandalf_core.data.spectra import SpectraSet


def masked(stars: SpectraSet, mask: np.ndarray, value: float = np.nan) -> SpectraSet:
    """The stars with this value under a mask."""
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


def test_a_label_that_every_star_lacks_gives_finite_scaling(stars):
    unknown = stars.with_labels(np.column_stack([stars.labels[:, :3], np.full(len(stars), np.nan)]))
    scaler = fit_scaler(unknown, toy_config())
    assert all(np.isfinite(a).all() for a in scaler.arrays().values())


# --- exact values, for three stars of four pixels ---

FLUX = np.array([[1.0, 2.0, 5.0, 1.0], [3.0, 2.0, 7.0, 1.0], [8.0, 5.0, 9.0, 1.0]])
MASK = np.array([[0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 1, 0]], bool)


def three(
    flux=FLUX, labels=((1.0,), (2.0,), (6.0,)), mask=MASK, wavelength_nm=(1.0, 2.0, 4.0, 5.0)
) -> SpectraSet:
    return SpectraSet(flux, wavelength_nm, ["a", "b", "c"], labels, ("age",), mask=mask)


def scaler_of(stars: SpectraSet, **changes) -> Scaler:
    return fit_scaler(stars, toy_config("paper", ("age",), **changes))


def test_moments_are_those_of_the_unmasked_pixels():
    scaler = scaler_of(three(), model__flux_scaling="pixel")
    # 2 ± 1 of two stars, 3 ± √2 of three, a blank pixel between 3 and 1 (at 4 of 2 to 5), a constant one
    mean, std = [2, 3, 5 / 3, 1], np.array([1, 2**0.5, 0, 0])
    assert scaler.flux_mean == pytest.approx(mean) and scaler.flux_offset is scaler.flux_mean
    least = 1e-3 * np.sqrt(np.mean(std**2))
    assert scaler.flux_scale == pytest.approx([1, 2**0.5, least, least])
    assert scaler.unseen.tolist() == [False, False, True, False]
    assert scaler.flux_mean.dtype == scaler.flux_scale.dtype == np.float32
    assert np.array_equal(scaler.wavelength_nm, [1, 2, 4, 5]) and scaler.flux_in(FLUX).dtype == np.float32
    single = scaler_of(three(mask=[[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]), model__flux_scaling="none")
    assert single.flux_mean.tolist() == [1, 2, 7, 1]


def test_one_scale_for_all_pixels_is_their_rms():
    scaler = scaler_of(three(), model__flux_scaling="global")
    assert scaler.flux_scale == pytest.approx([0.75**0.5] * 4, rel=1e-5)
    assert scaler.flux_offset == pytest.approx([2, 3, 5 / 3, 1])


def test_the_range_is_that_of_all_pixels_with_the_mean_under_a_mask():
    scaler = scaler_of(three(), model__flux_scaling="range")
    assert scaler.flux_offset.tolist() == [1] * 4 and scaler.flux_scale.tolist() == [4] * 4  # 1 to 5
    flat = scaler_of(three(np.full((3, 4), 2.0)), model__flux_scaling="range")
    assert flat.flux_offset.tolist() == [2] * 4 and flat.flux_scale.tolist() == [1] * 4


def test_no_scaling_leaves_flux_as_it_is():
    scaler = scaler_of(three(), model__flux_scaling="none")
    assert scaler.flux_offset.tolist() == [0] * 4 and scaler.flux_scale.tolist() == [1] * 4
    expected = FLUX.copy()
    expected[:, 2] = np.float32(5 / 3)  # a pixel that no star has
    assert np.array_equal(scaler.flux_in(FLUX), expected.astype(np.float32))


def test_spectra_that_do_not_vary_or_are_all_masked_have_a_scale_too():
    constant = scaler_of(three(np.ones((3, 4)), mask=None), model__flux_scaling="pixel")
    assert constant.flux_scale == pytest.approx([1e-3] * 4) and constant.flux_mean.tolist() == [1] * 4
    assert not constant.unseen.any()
    nothing = scaler_of(three(mask=np.ones((3, 4), bool)), model__flux_scaling="pixel")
    assert nothing.flux_mean.tolist() == [0] * 4 and nothing.unseen.all()
    assert nothing.flux_scale == pytest.approx([1e-3] * 4)


def test_filling_replaces_masked_and_unseen_pixels_and_nothing_else():
    scaler = scaler_of(three())
    filled = scaler.fill(FLUX, np.array([[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]], bool))
    assert filled == pytest.approx(np.array([[2, 2, 5 / 3, 1], [3, 2, 5 / 3, 1], [8, 5, 5 / 3, 1]]))
    assert scaler.fill(FLUX)[:, 2] == pytest.approx([5 / 3] * 3) and scaler.fill(FLUX)[2, 0] == 8
    all_seen = scaler_of(three(mask=None))
    assert all_seen.fill(FLUX) is FLUX and all_seen.fill(FLUX, np.zeros((3, 4), bool)) is FLUX


def test_labels_are_standardised_by_those_that_are_known():
    scaler = scaler_of(three(labels=[[1.0], [np.nan], [5.0]]))
    assert (scaler.label_mean.tolist(), scaler.label_std.tolist()) == ([3], [2])
    assert scaler.labels_standard(np.array([[1.0], [4.0]])).tolist() == [[-1], [0.5]]
    assert scaler.labels_standard(np.array([[1.0]])).dtype == np.float32


@pytest.mark.parametrize(("value", "scale"), [(5000.0, 5000), (-3.0, 3), (0.25, 1), (0.0, 1)])
def test_a_constant_label_is_scaled_by_its_size_but_not_below_1(value, scale):
    scaler = scaler_of(three(labels=[[value]] * 3), adversary__bins=4)
    assert (scaler.label_mean.tolist(), scaler.label_std.tolist()) == ([value], [scale])
    assert scaler.bin_edges.tolist() == [[value + 0.25, value + 0.5, value + 0.75]]  # of a range of 1


@pytest.mark.parametrize("binning", ["width", "count"])
def test_a_label_that_every_star_lacks_has_the_range_0_to_1(binning):
    labels = np.full((3, 1), np.nan)
    scaler = scaler_of(three(labels=labels), adversary__bins=4, adversary__binning=binning)
    assert (scaler.label_mean.tolist(), scaler.label_std.tolist()) == ([0], [1])
    assert scaler.bin_edges.tolist() == [[0.25, 0.5, 0.75]]


def test_bins_divide_the_range_or_the_stars():
    width = scaler_of(three(), adversary__bins=5)
    assert width.bin_edges == pytest.approx(np.array([[2.0, 3.0, 4.0, 5.0]]))
    labels = [[1.0], [2.0], [6.0]]
    count = scaler_of(three(labels=labels), adversary__bins=4, adversary__binning="count")
    assert count.bin_edges.tolist() == [[1.5, 2.0, 4.0]]
    some = scaler_of(three(labels=[[1.0], [np.nan], [6.0]]), adversary__bins=2, adversary__binning="count")
    assert some.bin_edges.tolist() == [[3.5]]


def test_an_edge_belongs_to_the_bin_above_it():
    scaler = scaler_of(three(), adversary__bins=2)
    assert scaler.bin_edges.tolist() == [[3.5]]
    bins = scaler.bins(np.array([[3.4], [3.5], [np.nan], [99.0], [-99.0]]))
    assert bins.tolist() == [[0], [1], [-1], [1], [0]] and bins.dtype == np.int64


def test_a_scaler_is_its_arrays():
    scaler = scaler_of(three())
    assert list(scaler.arrays()) == [f.name for f in fields(Scaler)]
    again = Scaler(**scaler.arrays())
    assert all(getattr(again, name) is array for name, array in scaler.arrays().items())


@pytest.mark.parametrize("core", [850.036, 854.444, 866.452])
def test_each_calcium_core_is_masked_within_its_half_width(core):
    grid = core + np.array([-0.13, -0.119, 0.119, 0.13])
    stars = three(wavelength_nm=grid)
    assert scaler_of(stars, model__mask_calcium=True).unseen.tolist() == [False, True, True, False]
    blank = masked(stars, np.array([[1, 0, 0, 0]] * 3, bool))
    assert scaler_of(blank, model__mask_calcium=True).unseen.tolist() == [True, True, True, False]
    assert scaler_of(blank).unseen.tolist() == [True, False, False, False]
