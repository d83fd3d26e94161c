"""Simulated binaries and active stars: two stars of the sample added, and Ca II cores that are filled."""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.data.instruments import instrument_of
from gandalf_core.errors import SpectraError
from gandalf_core.io import read_stars, write_stars
from gandalf_core.parameters import CALCIUM_CORES_NM, LABELS
from gandalf_core.simulator import (
    is_simulated,
    nuisance_values,
    simulate,
    simulate_active,
    simulate_binaries,
)
from gandalf_core.simulator.judging import refuse_reserved
from gandalf_core.simulator.nuisances import OFF
from gandalf_core.simulator.oddities import PARTNER
from gandalf_core.simulator.population import labels as mock_labels

CALM = replace(OFF, broadening_kms=10)


@pytest.fixture(scope="module")
def binaries():
    return simulate_binaries(60, 7, pixels=2401)


def test_they_say_what_they_are(binaries):
    assert binaries.ids[:2].tolist() == ["sim7-binary-0", "sim7-binary-1"]
    assert simulate_active(1, 7, nature="b").ids.tolist() == ["sim7b-active-0"]
    assert not is_simulated(binaries) and binaries.provenance["odd"]["binary"]["flux_ratio"] == (0.3, 1.0)
    assert instrument_of(binaries).name == "gaia-rvs" and not binaries.mask.any()
    with pytest.raises(SpectraError, match="reserved for judging"):
        refuse_reserved(simulate_binaries(1, 990_001).ids, "train on")


def test_a_binary_is_two_stars_of_the_sample(binaries):
    k = np.arange(60)
    assert np.array_equal(binaries.labels[:, :4], simulate(60, 7).labels)
    assert np.array_equal(binaries.labels[:, 6:], mock_labels(7, k + PARTNER))
    ratio, separation = binaries.label("flux_ratio"), binaries.label("separation_kms")
    assert ratio.min() >= 0.3 and ratio.max() <= 1 and np.ptp(ratio) > 0.5
    assert (np.abs(separation) >= 40).all() and (np.abs(separation) <= 150).all()
    assert 15 < (separation > 0).sum() < 45


def test_its_spectrum_is_the_weighted_sum_at_the_stated_velocity():
    """The second star alone, from the sum and the first one, has its lines where they belong."""
    pair = simulate_binaries(8, 7, pixels=2401, separation_kms=80, flux_ratio=0.5, nuisances=CALM)
    first = simulate(8, 7, pixels=2401, nuisances=CALM)
    second = 3 * pair.flux - 2 * first.flux
    assert pair.label("flux_ratio") == pytest.approx(0.5)
    assert np.abs(pair.label("separation_kms")) == pytest.approx(80)
    for star, flux in enumerate(second):
        shift_nm = 854.444 * pair.label("separation_kms")[star] / 299_792.458
        near = np.abs(pair.wavelength_nm - 854.444 - shift_nm) < 0.3
        depth = 1 - flux[near]
        centre = (pair.wavelength_nm[near] * depth**4).sum() / (depth**4).sum()
        assert centre == pytest.approx(854.444 + shift_nm, abs=0.02)
        assert flux.min() > 0 and flux.max() < 1.01


def test_equal_stars_at_no_distance_are_one_star():
    """A pair far closer than a pixel has a spectrum between those of its two stars."""
    pair = simulate_binaries(30, 7, separation_kms=0.01, flux_ratio=1, nuisances=OFF)
    first = simulate(30, 7, nuisances=OFF).flux
    other = simulate(30, 7, labels=pair.labels[:, 6:], nuisances=OFF).flux
    assert np.allclose(pair.flux, (first + other) / 2, atol=2e-4)


def test_band_continuum_and_noise_are_those_of_one_spectrum():
    only = replace(OFF, noise=True)
    noisy, plain = (simulate_binaries(300, 7, nuisances=c, snr=(50, 50)) for c in (only, OFF))
    assert ((noisy.flux - plain.flux) / noisy.flux_error).var() == pytest.approx(1, abs=0.02)
    assert noisy.flux_error == pytest.approx(0.02) and plain.flux_error is None
    slope = simulate_binaries(50, 7, nuisances=replace(OFF, continuum=0.0105)).flux
    single = replace(OFF, continuum=0.0105)
    expected = simulate(50, 7, nuisances=single).flux / simulate(50, 7, nuisances=OFF).flux
    assert np.allclose(slope / plain.flux[:50], expected, atol=1e-5)
    band = simulate_binaries(50, 7, nuisances=replace(OFF, dib_depth=0.02)).flux / plain.flux[:50]
    depth = nuisance_values(simulate(50, 7))["dib_depth"]
    assert np.allclose(1 - band.min(1), depth, atol=1e-3)


def test_all_three_cores_of_an_active_star_are_filled():
    active = simulate_active(80, 7, pixels=2401, nuisances=CALM)
    usual = simulate(80, 7, pixels=2401, nuisances=CALM)
    filling = active.label("filling")
    assert filling.min() >= 0.15 and filling.max() <= 0.40
    added = active.flux - usual.flux
    for nm in CALCIUM_CORES_NM:
        centre = np.abs(active.wavelength_nm - nm).argmin()
        assert np.allclose(added[:, centre], filling, atol=0.01)
    distance = np.abs(active.wavelength_nm[:, None] - np.array(CALCIUM_CORES_NM)).min(1)
    assert np.abs(added[:, distance > 0.13]).max() < 1e-5
    assert active.label_names == (*LABELS, "filling")


def test_an_active_star_is_filled_beyond_the_average_one_whatever_was_drawn():
    config = replace(CALM, calcium=0.08)
    both = [simulate_active(80, 7, pixels=2401, nuisances=c).flux for c in (config, CALM)]
    assert np.array_equal(*both)


def test_the_emission_moves_with_the_star():
    moving = replace(CALM, shift_kms=5.0)
    active, usual = (f(20, 7, pixels=2401, nuisances=moving) for f in (simulate_active, simulate))
    added = active.flux - usual.flux
    near = np.abs(active.wavelength_nm - 854.444) < 0.4
    centre = (added[:, near] @ active.wavelength_nm[near]) / added[:, near].sum(1)
    kms = (centre / 854.444 - 1) * 299_792.458
    assert np.allclose(kms, nuisance_values(usual)["shift_kms"], atol=0.3)


@pytest.mark.parametrize("make", [simulate_binaries, simulate_active])
def test_a_star_is_the_same_in_samples_of_any_size_and_in_both_natures_alike(make):
    few, many = make(3, 7), make(300, 7)
    assert np.array_equal(few.flux, many.flux[:3]) and np.array_equal(few.labels, many.labels[:3])
    other = make(3, 7, nature="b")
    assert np.array_equal(other.labels, few.labels) and not np.allclose(other.flux, few.flux, atol=2e-3)
    assert not np.allclose(make(3, 8).flux, few.flux, atol=1e-3)


def test_they_survive_a_file(tmp_path, binaries):
    write_stars(tmp_path / "b.npz", binaries)
    again = read_stars(tmp_path / "b.npz")
    assert again.ids.tolist() == binaries.ids.tolist() and again.identity == binaries.identity


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"separation_kms": 400}, "at most 250 km/s"),
        ({"separation_kms": (90, 40)}, "the lower first"),
        ({"flux_ratio": 0}, "flux_ratio 0: give a positive number"),
        ({"nature": "c"}, "no nature 'c'"),
        ({"n": 0}, "0 stars"),
        ({"snr": (9, 3)}, "not a range"),
    ],
)
def test_impossible_arguments_are_refused(arguments, cause):
    with pytest.raises(SpectraError, match=cause):
        simulate_binaries(**({"n": 2} | arguments))
