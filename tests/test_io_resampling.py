"""Resampling: bin means, honest errors, masks honoured, nothing invented."""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io import rebin, resample

FINE = np.round(846 + 0.01 * np.arange(2401), 2)
COARSE = FINE[:2400].reshape(800, 3).mean(1)


def stars(flux, grid=FINE, mask=None, error=0.01, ids=None) -> SpectraSet:
    flux = np.atleast_2d(flux)
    ids = [f"s{i}" for i in range(len(flux))] if ids is None else ids
    return SpectraSet(
        flux, grid, ids, np.ones((len(flux), 1)), ("teff",), np.full(flux.shape, error), mask, {"seed": 1}
    )


def noise(n=3, grid=FINE):
    return np.random.default_rng(0).normal(1, 0.1, (n, len(grid)))


def test_archive_grid_to_800_pixels_is_the_mean_of_three():
    flux = noise(300)  # more than one block
    out = resample(stars(flux), COARSE)
    np.testing.assert_allclose(out.flux, flux[:, :2400].reshape(300, 800, 3).mean(2), atol=3e-7)
    np.testing.assert_allclose(out.flux_error, 0.01 / np.sqrt(3), rtol=1e-5)
    assert not out.mask.any() and out.labels.shape == (300, 1) and out.provenance == {"seed": 1}
    flux[:, 2400] = 1e6  # the odd last sample belongs to no pixel
    np.testing.assert_array_equal(resample(stars(flux), COARSE).flux, out.flux)


def test_the_error_is_that_of_the_mean():
    """Scatter of resampled white noise against the propagated error."""
    out = resample(stars(1 + 0.01 * np.random.default_rng(1).standard_normal((400, 2401))), COARSE)
    assert np.std(out.flux - 1) == pytest.approx(out.flux_error.mean(), rel=0.02)


@pytest.mark.parametrize(
    "target",
    [
        np.arange(847, 869, 0.03),
        np.arange(847, 869, 0.0237),
        np.geomspace(847, 869, 900),
        np.arange(847, 869, 0.004),
        np.arange(847.005, 869, 0.01),
        np.arange(847, 869, 0.5),
    ],
)
def test_a_straight_line_stays_one_on_any_grid(target):
    out = resample(stars(1 + 0.1 * (FINE - 858)), target)
    inner = slice(1, -1)
    atol = 0.1 * 0.01  # partial overlaps of flat samples: less than a sample's step
    np.testing.assert_allclose(out.flux[0][inner], 1 + 0.1 * (target - 858)[inner], atol=atol)
    if np.diff(target).max() < 0.01:
        np.testing.assert_allclose(out.flux[0][inner], 1 + 0.1 * (target - 858)[inner], atol=1e-5)


def test_flux_is_conserved_with_partial_overlaps():
    """The sum of mean × width equals the integral of the samples over the covered range."""
    target = 847.3 + 0.0371 * np.arange(500)
    flux = noise(1)
    out = resample(stars(flux), target)
    low, high = target[0] - 0.0371 / 2, target[-1] + 0.0371 / 2
    width = np.clip(np.minimum(FINE + 0.005, high) - np.maximum(FINE - 0.005, low), 0, None)
    assert out.flux[0].sum() * 0.0371 == pytest.approx(flux[0] @ width, rel=1e-5)


def test_masked_samples_carry_no_weight():
    flux, mask = noise(1), np.zeros((1, 2401), bool)
    mask[0, [30, 60, 61]] = True
    flux[mask] = 1e9
    out = resample(stars(flux, mask=mask), COARSE)
    # one of three lost: the mean of two
    assert out.flux[0, 10] == pytest.approx(flux[0, 31:33].mean(), rel=1e-5)
    assert out.flux_error[0, 10] == pytest.approx(0.01 / np.sqrt(2), rel=1e-5)
    # two of three lost: masked
    assert np.flatnonzero(out.mask[0]).tolist() == [20] and np.isnan(out.flux[0, 20])


@pytest.mark.parametrize("target", [COARSE, np.arange(846, 870, 0.004)])
def test_a_gap_in_the_samples_is_masked_not_bridged(target):
    keep = (FINE < 850) | (FINE > 850.5)
    out = resample(stars(noise(1)[:, keep], FINE[keep]), target)
    inside = (target > 850.02) & (target < 850.48)
    assert out.mask[0][inside].all() and not out.mask[0][(target < 849.97) | (target > 850.53)].any()


def test_too_little_coverage_is_refused_by_name_and_the_rest_never_extrapolated():
    flux, mask = noise(4), np.zeros((4, 2401), bool)
    mask[1, :130] = True  # 5.4 %
    mask[2, :110] = True  # 4.6 %
    with pytest.raises(
        SpectraError, match=r"^1 of 4 spectra .* \(s1: usable samples at 847\.30-870\.00 nm cover 94"
    ):
        resample(stars(flux, mask=mask), COARSE)
    with pytest.raises(SpectraError, match=r"^that\.csv: 1 of 4 spectra cannot be used"):
        resample(replace(stars(flux, mask=mask), provenance={"file": "this.csv"}), COARSE, "that.csv")
    out = rebin(stars(flux, mask=mask), COARSE)
    assert out.mask[2, :36].all() and np.isnan(out.flux[2, :36]).all()
    wide = np.arange(845, 871, 0.03)
    edges = rebin(stars(noise(1)), wide).mask[0]
    assert (
        edges[wide < 845.97].all()
        and edges[wide > 870.03].all()
        and not edges[(wide > 846.03) & (wide < 869.97)].any()
    )


def test_the_same_grid_also_asks_for_coverage():
    mask = np.zeros((1, 2401), bool)
    mask[0, ::10] = True
    with pytest.raises(SpectraError, match=r"cover 90\.0% of 846\.00-870\.00 nm"):
        resample(stars(noise(1), mask=mask), FINE)
    assert resample(stars(noise(2)), FINE).flux.shape == (2, 2401)


def test_grids_that_cannot_serve():
    elsewhere = np.arange(500, 600, 0.03)
    with pytest.raises(
        SpectraError, match=r"usable samples at 500\.00-599\.99 nm cover 0\.0% of 846\.01-869\.98 nm"
    ):
        resample(stars(noise(1, elsewhere), elsewhere), COARSE)
    coarse = np.arange(336, 1021, 2.0)  # Gaia's BP/RP spectra
    with pytest.raises(SpectraError, match=r"samples 2 nm apart for pixels of 0\.03 nm"):
        resample(stars(noise(1, coarse), coarse), COARSE)
    with pytest.raises(SpectraError, match="at least two wavelengths that increase"):
        resample(stars(noise(1)), COARSE[::-1])
