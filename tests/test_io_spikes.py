"""Cosmic-ray hits are masked and counted; noise and the lines of stars are not."""

import io

import numpy as np
import pytest
from star_files import ERROR, FLUX, FORMATS, WAVE, star_file

from gandalf_core.io import iter_parquet, read_bytes, read_many, read_stars, write_stars
from gandalf_core.io.spikes import spikes
from gandalf_core.io.understanding import reading_notes, understandings
from gandalf_core.simulator import simulate

RESOLUTION_NM = 858 / 11_500  # full width of a line that the star does not broaden


@pytest.mark.parametrize("kind", FORMATS)
def test_hits_are_masked_counted_and_left_alone_when_asked(kind):
    flux = FLUX.copy()
    flux[[0, 100, 333, 799]] += [2, 1.5, 30, 1]
    data = star_file(kind, {"wavelength": WAVE, "flux": flux, "flux_error": ERROR})
    stars = read_bytes("s", data)
    assert np.flatnonzero(stars.mask[0]).tolist() == [0, 100, 333, 799]
    assert understandings(stars)[0].spikes == 4
    assert "s: 4 samples far above their neighbours masked as cosmic-ray hits" in reading_notes(stars)
    kept = read_bytes("s", data, keep_spikes=True)
    assert not kept.mask.any() and understandings(kept)[0].spikes == 0
    assert not read_many([("s", data)], keep_spikes=True)[0].mask.any()


def test_pieces_of_a_catalogue_are_looked_at_too(tmp_path):
    stars = simulate(4, seed=8)
    stars.flux[2, 200] += 3
    write_stars(tmp_path / "s.parquet", stars)
    (piece,) = iter_parquet(tmp_path / "s.parquet")
    assert np.argwhere(piece.mask).tolist() == [[2, 200]]
    (piece,) = iter_parquet(tmp_path / "s.parquet", keep_spikes=True)
    assert not piece.mask.any()
    assert np.argwhere(read_stars(tmp_path / "s.parquet").mask).tolist() == [[2, 200]]


def found(flux: np.ndarray, grid: np.ndarray, error: np.ndarray | None = None, mask=None) -> np.ndarray:
    flux = np.atleast_2d(flux).astype(np.float32)
    hits = spikes(flux, np.zeros(flux.shape, bool) if mask is None else mask, error, grid)
    return np.zeros(flux.shape, bool) if hits is None else hits


@pytest.mark.parametrize("pixels", [800, 2401])
@pytest.mark.parametrize("snr", [(5, 10), (20, 25), (30, 400)])
def test_no_sample_of_a_simulated_star_is_a_hit(pixels, snr):
    """With the Ca II cores, bands and rotation of the mock sample; errors known or not."""
    stars = simulate(400, seed=41, pixels=pixels, snr=snr)
    assert not found(stars.flux, stars.wavelength_nm, stars.flux_error).any()
    assert not found(stars.flux, stars.wavelength_nm).any()


@pytest.mark.parametrize("step", [0.005, 0.01, 0.03])
@pytest.mark.parametrize("height", [0.3, 1.0, 10.0])
def test_the_narrowest_emission_line_is_no_hit(step, height):
    """An unresolved line, wherever it falls between samples, on the continuum or in a dark core."""
    grid = np.arange(850, 858, step)
    core = 0.7 * np.exp(-0.5 * ((grid - 854) / 0.15) ** 2)
    for phase in np.linspace(0, 1, 11):
        line = height * np.exp(-0.5 * ((grid - 854 - phase * step) / (RESOLUTION_NM / 2.355)) ** 2)
        assert not found(1 + line, grid).any() and not found(1 - core + line, grid).any()


@pytest.mark.parametrize(("snr", "height"), [(20, 1.0), (50, 0.4), (200, 0.2)])
def test_hits_well_above_the_noise_are_found_and_nothing_else(snr, height):
    stars = simulate(200, seed=6, snr=(snr, snr * 1.01))
    rng, flux = np.random.default_rng(0), stars.flux.copy()
    at = rng.integers(0, 800, 200)
    flux[np.arange(200), at] += height
    hits = found(flux, stars.wavelength_nm, stars.flux_error)
    assert hits[np.arange(200), at].mean() > 0.85 and hits.sum() == hits[np.arange(200), at].sum()


def test_three_samples_of_one_hit_on_a_fine_grid():
    stars = simulate(1, seed=5, pixels=2401)
    flux = stars.flux.copy()
    flux[0, 1449:1452] += 3
    assert np.flatnonzero(found(flux, stars.wavelength_nm, stars.flux_error)[0]).tolist() == [
        1449,
        1450,
        1451,
    ]


def test_a_hit_beside_a_gap_is_found():
    flux, mask = np.array(FLUX)[None].copy(), np.zeros((1, 800), bool)
    flux[0, 300:303], mask[0, 300:303], flux[0, 303] = np.nan, True, 3
    assert np.flatnonzero(found(flux, WAVE, mask=mask)[0]).tolist() == [303]


def test_too_few_samples_to_know_the_noise():
    flux = np.ones(30)
    flux[4] = 5
    np.savez(out := io.BytesIO(), flux=flux[None] + 1e-3 * np.sin(np.arange(30)), wavelength_nm=WAVE[:30])
    assert not read_bytes("s.npz", out.getvalue()).mask.any()
