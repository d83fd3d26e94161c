"""Instruments: the measured noise of Gaia's RVS, and errors that are propagated with it, and only with it."""

from dataclasses import replace

import numpy as np
import pytest
from archive_files import archive_file, toy

from gandalf_core.data.instruments import (
    INDEPENDENT,
    Instrument,
    instrument,
    instrument_of,
    instruments,
    recognised,
)
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import ConfigError
from gandalf_core.io import read_bytes, read_stars, rebin, resample, write_stars

FINE = np.round(846 + 0.01 * np.arange(2401), 2)
COARSE = FINE[:2400].reshape(800, 3).mean(1)
RVS = instrument("gaia-rvs")
# power over flux_error², of residuals of a star of three transits; their rms is 1.08 flux_error
BANDS = ((1, 4), (4, 8), (8, 12), (12, 16), (16, 20), (20, 25), (25, 40))
MEASURED = np.array([3.8, 3.6, 3.0, 1.9, 1.2, 0.41, 0.05]) / 1.08**2


def stars(n=1, grid=FINE, error=0.01, name: str | None = "gaia-rvs", flux=None) -> SpectraSet:
    flux = np.ones((n, len(grid))) if flux is None else flux
    errors = np.broadcast_to(error, flux.shape)
    about = {} if name is None else {"instrument": name}
    return SpectraSet(flux, grid, [f"s{i}" for i in range(n)], np.empty((n, 0)), (), errors, None, about)


def noise(n: int) -> np.ndarray:
    """(n, 2401) noise of unit variance with the correlations of RVS, by their Cholesky factor."""
    matrix = sum(np.diag(row[: 2401 - j], -j) for j, row in enumerate(RVS.bands(FINE)))
    factor = np.linalg.cholesky(matrix + np.tril(matrix, -1).T)
    return np.random.default_rng(0).standard_normal((n, 2401)) @ factor.T


# --- what is known of an instrument ---


def test_the_noise_of_rvs_is_that_of_its_residuals():
    assert RVS.resolving_power == 11_500 and RVS.sample_nm == 0.01
    assert RVS.at_distance(np.array([0, 0.01, 0.02, 0.03])) == pytest.approx([1, 0.78, 0.35, 0], abs=0.021)
    frequency = np.linspace(0, 50, 5001)
    power = RVS.noise_power(frequency)
    assert power.min() > 0 and power.mean() == pytest.approx(1, abs=1e-3)
    means = np.array([power[(frequency >= low) & (frequency < high)].mean() for low, high in BANDS])
    assert np.abs(means / MEASURED - 1).max() < 0.25 and RVS.noise_power(np.array([30.0])) < 0.06


def test_the_mean_of_three_samples_has_87_hundredths_of_the_error_of_one():
    assert RVS.error_of_mean(3) == pytest.approx(0.8705, abs=1e-4)
    assert RVS.error_of_mean(1) == 1 and INDEPENDENT.error_of_mean(3) == pytest.approx(3**-0.5)
    # very many: only the power at frequency 0 is left
    assert RVS.error_of_mean(300) == pytest.approx((RVS.noise_power(np.zeros(1))[0] / 300) ** 0.5, rel=0.01)


def test_pixels_of_three_samples_correlate_as_their_means_do():
    weights = np.kron(np.eye(6), np.full((1, 3), 1 / 3))
    lag = np.arange(18)[:, None] - np.arange(18)
    covariance = weights @ RVS.at_distance(0.01 * lag) @ weights.T
    expected = covariance / covariance[0, 0]
    bands = RVS.bands(COARSE)
    assert bands[:, 5] == pytest.approx(expected[: len(bands), 0], abs=1e-6) and len(bands) == 3
    assert bands[1, 0] == pytest.approx(0.19, abs=0.01)


def test_between_two_samples_the_correlation_is_that_of_linear_interpolation():
    assert RVS.at_distance(np.array([0.005, 0.015, 1.0])) == pytest.approx([0.89, 0.565, 0])
    matrix = RVS.at_distance(0.004 * (np.arange(400)[:, None] - np.arange(400)))
    assert np.linalg.eigvalsh(matrix).min() > -1e-9


def test_correlations_of_no_noise_are_refused():
    with pytest.raises(ConfigError, match="wrong: no noise has these correlations"):
        Instrument("wrong", sample_nm=0.01, noise_correlation=(0.78, 0.35))


def test_unknown_samples_are_independent():
    assert instrument("unknown") is INDEPENDENT and len(INDEPENDENT.bands(FINE)) == 1
    assert (INDEPENDENT.noise_power(np.arange(3.0)) == 1).all()
    with pytest.raises(ConfigError, match="no instrument nirps; there are: unknown, gaia-rvs"):
        instrument("nirps")


@pytest.mark.parametrize("name", list(instruments()))
def test_its_bands_are_a_correlation_matrix_on_every_grid(name):
    for grid in (FINE[:300], COARSE[:100], np.geomspace(846, 850, 300), 846 + 0.1 * np.arange(50)):
        bands = instrument(name).bands(grid)
        matrix = sum(np.diag(row[: len(grid) - j], -j) for j, row in enumerate(bands))
        assert (np.diag(matrix) == 1).all()
        assert np.linalg.eigvalsh(matrix + np.tril(matrix, -1).T).min() > 0


# --- errors ---


def test_errors_of_rvs_are_those_of_correlated_samples_on_every_grid():
    """The scatter of resampled noise is the propagated error: means, partial overlaps, interpolation."""
    some = stars(1500, flux=1 + 0.01 * noise(1500))
    for target in (COARSE, FINE[:-1] + 0.005, np.arange(847, 869, 0.0237), np.arange(847, 869, 0.3)):
        out = rebin(some, target)
        inner = slice(2, -2)
        scatter = out.flux[:, inner].std(0)
        assert (scatter / out.flux_error[0, inner]).mean() == pytest.approx(1, abs=0.01), len(target)
    assert np.allclose(rebin(some, COARSE).flux_error, 0.008705, rtol=1e-4)


def test_errors_that_change_along_the_spectrum_and_gaps_are_weighted_with_their_correlation():
    error = np.random.default_rng(3).uniform(0.005, 0.02, (1, 2401))
    mask = np.zeros((1, 2401), bool)
    mask[0, 31] = True
    out = resample(replace(stars(error=error), mask=mask), COARSE)
    a, b, c = error[0, 60:63]
    variance = a**2 + b**2 + c**2 + 2 * (0.78 * (a * b + b * c) + 0.35 * a * c)
    assert out.flux_error[0, 20] == pytest.approx(variance**0.5 / 3, rel=1e-5)
    a, c = error[0, [30, 32]]
    assert out.flux_error[0, 10] == pytest.approx((a**2 + c**2 + 0.7 * a * c) ** 0.5 / 2, rel=1e-5)


def test_resampling_in_two_steps_has_the_error_of_one():
    pairs = COARSE.reshape(400, 2).mean(1)
    for name in ("gaia-rvs", None):
        one, two = rebin(stars(name=name), pairs), rebin(rebin(stars(name=name), COARSE), pairs)
        np.testing.assert_allclose(two.flux_error, one.flux_error, rtol=1e-4)
    assert one.flux_error[0, 7] == pytest.approx(0.01 / 6**0.5, rel=1e-4)


# --- whose noise it is ---


def test_a_grid_of_its_own_shows_the_instrument():
    gappy = np.delete(FINE, [5, 6, 700, 2400])
    assert [recognised(g) for g in (FINE, FINE[200:900], gappy, COARSE)] == ["gaia-rvs"] * 4
    others = (FINE + 0.004, FINE[::2], FINE[:50], np.arange(840, 872, 0.01), np.geomspace(846, 870, 2401))
    assert [recognised(g) for g in others] == [None] * 5


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits", "votable"])
@pytest.mark.parametrize("layout", ["INDIVIDUAL", "COMBINED", "RAW"])
def test_files_of_the_archive_are_of_gaia_rvs(kind, layout):
    read = read_bytes(f"f.{kind}", archive_file(kind, layout, toy(1 if layout == "INDIVIDUAL" else 2)))
    assert instrument_of(read) is RVS
    out = rebin(read, COARSE)
    assert out.flux_error[0, 10:790] == pytest.approx(0.8705 * 0.0123, rel=1e-3)


def test_a_file_of_another_grid_is_of_no_known_instrument():
    grid = np.arange(845, 871, 0.02)
    rows = "".join(f"{w:.2f},1.0,0.01\n" for w in grid)
    read = read_bytes("s.csv", f"wavelength,flux,flux_error\n{rows}".encode(), keep_spikes=True)
    assert instrument_of(read) is INDEPENDENT
    coarser = rebin(read, grid.reshape(-1, 2).mean(1)[5:-5])
    np.testing.assert_allclose(coarser.flux_error, 0.01 / 2**0.5, rtol=1e-4)


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".ecsv", ".fits", ".vot"])
def test_files_of_ours_keep_the_instrument_on_any_grid(tmp_path, suffix):
    line = 1 - 0.5 * np.exp(-0.5 * ((FINE - 854.444) / 0.15) ** 2)
    moved = rebin(stars(flux=line[None]), FINE[:-1] + 0.003)
    for name, kept in (("gaia-rvs", RVS), ("unknown", INDEPENDENT)):
        some = replace(moved, provenance={"instrument": name})
        write_stars(tmp_path / f"s{suffix}", some)
        assert instrument_of(read_stars(tmp_path / f"s{suffix}")) is kept


def test_a_joined_set_is_never_more_certain_than_its_parts():
    parts = [stars(name=None), replace(stars(), ids=["t"])]
    assert instrument_of(concatenate(parts)) is RVS and instrument_of(concatenate(parts[:1])) is INDEPENDENT
    assert instrument_of(replace(stars(), provenance={"instrument": "of a later version"})) is INDEPENDENT
