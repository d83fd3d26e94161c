"""The verdict on a star: a score that is a percentile at every S/N, the right word, and a reason."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models import verdicts
from gandalf_core.models.reasons import (
    ACTIVE,
    COMPOSITE,
    NOISY,
    NORMAL,
    OUTSIDE,
    WORDS,
    is_shifted,
    score_text,
)
from gandalf_core.models.verdicts import is_physical, physical_verdicts
from gandalf_core.simulator import PIXELS_800, PIXELS_2401, simulate, simulate_kind, truth
from gandalf_core.simulator.grids import LIGHT_KMS
from gandalf_core.simulator.oddities import simulate_active, simulate_binaries

EDGES = (15, 30, 60, 120, 400)


@pytest.fixture(scope="module")
def ordinary() -> SpectraSet:
    return simulate(500, seed=31, snr=(15, 400))


@pytest.fixture(scope="module")
def found(ordinary):
    return physical_verdicts(ordinary)


@pytest.fixture(scope="module")
def bright() -> SpectraSet:
    return simulate(40, seed=32, snr=(80, 200))


def under(stars: SpectraSet, flux: np.ndarray) -> verdicts.Verdicts:
    """The verdict on the same stars with another flux."""
    return physical_verdicts(replace(stars, flux=flux.astype(np.float32)))


def doppler(stars: SpectraSet, velocity_kms: float) -> SpectraSet:
    """The stars with their lines moved to the red, on the same samples."""
    moved = stars.wavelength_nm / (1 + velocity_kms / LIGHT_KMS)
    return replace(stars, flux=np.array([np.interp(moved, stars.wavelength_nm, row) for row in stars.flux]))


# --- the score ---


def test_scores_of_ordinary_stars_are_percentiles_at_every_signal_to_noise(ordinary, found):
    for low, high in pairwise(EDGES):
        score = found.score[(ordinary.snr >= low) & (ordinary.snr < high)]
        assert 0.38 < np.median(score) < 0.62, (low, np.median(score))
        assert (score > 0.95).mean() < 0.12
    assert (found.score > 0.95).mean() < 0.075 and found.score.min() >= 0 and found.score.max() < 1


def test_under_other_physics_few_ordinary_stars_are_unusual():
    score = physical_verdicts(simulate_kind("b", 500, seed=33, snr=(15, 400))).score
    assert (score > 0.95).mean() <= 0.065  # 5 %, and the noise of 500 stars


@pytest.mark.parametrize("nature", ["a", "b"])
def test_binaries_and_active_stars_are_unusual(nature):
    two = physical_verdicts(simulate_binaries(60, 34, snr=(60, 200), nature=nature))
    active = physical_verdicts(simulate_active(60, 34, snr=(60, 200), nature=nature))
    assert (two.score > 0.95).mean() > 0.9 and (two.word == COMPOSITE).mean() > 0.85
    assert (active.score > 0.95).mean() > 0.9 and (active.word == ACTIVE).mean() > 0.9
    assert not active.outside.any()  # their labels can be read


def test_the_slightest_companions_are_seen_less_often():
    shares = []
    for separation in (10.0, 25.0, 60.0):
        stars = simulate_binaries(60, 35, separation_kms=separation, flux_ratio=0.7, snr=(60, 200))
        shares.append((physical_verdicts(stars).score > 0.95).mean())
    assert shares[0] < 0.3 < shares[2] and shares == sorted(shares)


def test_the_score_does_not_depend_on_the_grid_of_the_spectrum(bright):
    fine = simulate(40, seed=32, snr=(80, 200), pixels=2401)
    assert np.abs(physical_verdicts(fine).score - physical_verdicts(bright).score).max() < 0.1


def test_a_stars_verdict_does_not_depend_on_its_company(ordinary, found):
    alone = physical_verdicts(ordinary[77])
    assert alone.score[0] == pytest.approx(found.score[77], abs=0.01)
    assert alone.word[0] == found.word[77]


def test_without_flux_errors_ordinary_stars_stay_ordinary(bright):
    bare = physical_verdicts(replace(bright, flux_error=None))
    assert np.isnan(bare.parts["misfit"]).all() and np.isfinite(bare.score).all()
    assert (bare.score > 0.95).mean() < 0.2 and bare.outside.mean() < 0.1


# --- the words ---


def test_most_ordinary_stars_are_called_ordinary_and_few_outside(ordinary, found):
    assert set(found.word) <= set(WORDS)
    assert (found.word == NORMAL).mean() > 0.9 and found.outside.mean() <= 0.02
    row = int(np.flatnonzero(found.word == NORMAL)[0])
    said = found.reason[row]
    assert "a synthetic spectrum fits it with chi²" in said and " at S/N " in said


def test_stars_dealt_over_the_whole_grid_are_inside():
    assert physical_verdicts(simulate_kind("uniform", 200, seed=36)).outside.mean() < 0.3


def test_hot_stars_and_cool_dwarfs_are_outside(bright):
    noise = bright.flux - truth(bright).flux

    def lines(*table) -> np.ndarray:
        return sum(d * np.exp(-0.5 * ((PIXELS_800 - nm) / (w / 2.355)) ** 2) for nm, d, w in table)

    paschen = lines(
        (847, 0.2, 1.6), (850.5, 0.24, 1.8), (854.8, 0.28, 2), (860.1, 0.3, 2.2), (866.7, 0.33, 2.4)
    )
    hot = under(bright, 1 - paschen - lines((854.4, 0.08, 0.25), (868.3, 0.05, 0.25)) + noise)
    heads = ((843.2, 0.5, 4.0), (850.5, 0.2, 3.0), (855.9, 0.15, 3.0), (858.9, 0.25, 4.0))
    oxide = sum(d * np.exp(-(PIXELS_800 - nm) / length) * (nm < PIXELS_800) for nm, d, length in heads)
    dwarf = truth(bright, np.tile([4430, 4.6, -0.1, 0.02], (40, 1))).flux
    cool = under(bright, dwarf * (1 - np.clip(oxide, 0, 0.7)) / np.median(1 - oxide) + noise)
    for kind in (hot, cool):
        assert kind.outside.all() and (kind.score > 0.97).all()
        assert (kind.word == OUTSIDE).mean() > 0.8


def test_noise_larger_than_stated_is_called_noisy(bright):
    clean = truth(bright).flux
    found = under(bright, clean + 2.5 * (bright.flux - clean))
    assert (found.word == NOISY).mean() > 0.8
    assert "times as much as the flux errors say" in found.reason[found.word == NOISY][0]


def test_a_spike_is_told_from_an_overall_misfit(bright):
    spiky = bright.flux.copy()
    spiky[:, 500] += 0.5  # 861.01 nm
    found = under(bright, spiky)
    assert (found.word == NOISY).all() and found.outside.mean() > 0.9
    assert all("the continuum at 861.0" in reason for reason in found.reason)


def test_a_fast_rotator_or_a_lower_resolution_is_named(bright):
    from scipy.ndimage import gaussian_filter1d

    clean = truth(bright).flux
    found = under(bright, gaussian_filter1d(clean, 2.5, axis=1) + bright.flux - clean)
    assert (found.word == COMPOSITE).mean() > 0.9 and "rotation of" in found.reason[0] and found.outside.all()


def test_few_photons_are_called_noisy():
    faint = physical_verdicts(simulate(40, seed=37, snr=(8, 12)))
    assert (faint.word == NOISY).mean() > 0.8 and "S/N" in faint.reason[0]


# --- rest, vacuum, continuum ---


@pytest.mark.parametrize("velocity", [-82.5, -12.0, 30.0, 300.0])
def test_a_shift_is_measured_and_named(velocity):
    stars = doppler(simulate(20, seed=38, snr=(60, 120), pixels=2401), velocity)
    found = physical_verdicts(stars)
    assert np.median(found.velocity_kms) == pytest.approx(velocity, abs=1 + 0.005 * abs(velocity))
    assert found.outside.all() and is_shifted(found.velocity_kms, found.velocity_error).all()
    assert ("wavelengths in air" in found.preparation[0]) == (velocity == -82.5)
    assert all("--shift auto" in text for text in found.preparation)


def test_stars_at_rest_are_not_called_shifted(ordinary, found):
    assert is_shifted(found.velocity_kms, found.velocity_error).mean() < 0.005
    assert np.median(found.velocity_error) < 1.5
    true = np.abs(found.velocity_kms) / np.hypot(1.5, found.velocity_error)
    assert 0.55 < (true < 1).mean() < 0.8  # the errors are honest


@pytest.mark.parametrize(("tilt", "said"), [(0.03, 0.05), (-0.09, 0.8), (0.15, 1.0)])
def test_a_continuum_that_leans_is_named_when_models_do_not_know_it(bright, tilt, said):
    """tilt: above and below 1 at the ends."""
    x = (PIXELS_800 - 858) / 12
    found = under(bright, bright.flux * (1 + tilt * x))
    poor = np.char.startswith(found.preparation, "not normalised: its continuum")
    assert poor.mean() <= said if said < 0.5 else poor.mean() >= said
    assert np.median(found.score) < 0.8  # the fit has a continuum of its own


def test_a_continuum_far_from_one_is_named(bright):
    found = under(bright, 0.8 * bright.flux)
    assert all("lies at 0." in text for text in found.preparation) and found.outside.all()


def test_a_score_is_written_with_as_many_digits_as_show_that_it_is_not_one():
    written = [score_text(score) for score in (0.004, 0.5, 0.984, 0.99, 0.9993, 1 - 1e-9, np.nan)]
    assert written == ["0.00", "0.50", "0.98", "0.990", "0.99930", "0.999999", "nan"]


# --- where it applies ---


def test_physics_applies_to_grids_of_the_instrument_alone():
    assert is_physical(PIXELS_800) and is_physical(PIXELS_2401) and is_physical(PIXELS_2401[400:2100])
    for other in (PIXELS_800 - 100, PIXELS_800[::4], np.linspace(400, 2500, 800), PIXELS_800[:300]):
        assert not is_physical(other)


def test_the_whole_of_nothing_is_judged():
    none = physical_verdicts(simulate(1, seed=1)[:0])
    assert none.score.shape == none.word.shape == none.outside.shape == (0,)
