"""scripts/real_residuals.py: what it finds in stars whose errors are known, and its word without any."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gandalf_core.simulator import NuisanceConfig, nuisance_values, simulate
from scripts import real_residuals as script

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="module")
def dwarfs():
    """Sun-like stars with the simulator's own model errors, and little noise."""
    return simulate(60, 5, labels=np.tile([5700.0, 4.4, 0.0, 0.05], (60, 1)), snr=(300, 300))


@pytest.fixture(scope="module")
def found(dwarfs):
    return script.residuals(dwarfs, script.fitted(dwarfs))


def test_residuals_of_simulated_stars_are_what_the_configuration_says(found):
    """Fits absorb a little of them."""
    for low, high in ((0.03, 0.15), (0.15, 0.4)):
        number, rms, noise, left, depth = script.rest(found, low, high)
        assert number > 2000 and noise == pytest.approx(1 / 300, rel=0.1) and rms > left
        assert 0.75 < left / (0.07 * depth) < 1.05, low
    assert script.rest(found, -0.1, 0.01)[3] == pytest.approx(0.002, abs=0.0004)
    assert np.isnan(script.rest(found, 5, 6)[1:]).all()


def test_each_core_has_the_depth_that_it_was_given():
    config = replace(NuisanceConfig(), model_error=0, noise_scale=0)
    stars = simulate(
        60, 5, labels=np.tile([5700.0, 4.4, 0.0, 0.05], (60, 1)), snr=(300, 300), nuisances=config
    )
    deeper = script.cores(script.residuals(stars, script.fitted(stars)))[1]
    values = nuisance_values(stars)
    for line, name in enumerate(("calcium_850", "calcium_854", "calcium_866")):
        error = deeper[:, line] - values["calcium_depth"] - values[name]
        assert abs(np.median(error)) < 0.02 and error.std() < 0.03, name


def test_autocorrelations_leave_gaps_out():
    rng = np.random.default_rng(0)
    white = rng.standard_normal(40_000)
    smooth = white[1:] + white[:-1]
    good = rng.random(len(smooth)) > 0.1
    assert script.correlations(np.where(good, smooth, 1e6), good, 2) == pytest.approx([0.5, 0], abs=0.03)


def test_without_real_stars_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["real_residuals.py", "--shared", str(tmp_path)])
    script.main()
    assert capsys.readouterr().out.startswith(f"skipped: {tmp_path}/data/real/labels.csv is not here")


@pytest.mark.skipif(not SHARED.is_dir(), reason="the project's shared folder is not here")
def test_real_stars_are_as_the_simulator_has_them():
    """chi² near that of simulated stars; noise of the archive; cores between deep and filled."""
    stars = {star.name: star for star in script.real_stars(SHARED)}
    assert len(stars) >= 4
    for star in stars.values():
        usual = script.fitted(script.companions(star, 40)).chi2
        assert star.fit.chi2[0] < 2.2 * np.median(usual), star.name
        deeper = script.cores(script.residuals(star.pixels, star.fit))[1][0]
        values = nuisance_values(simulate(2000, 5))
        for depth, name in zip(deeper, ("calcium_850", "calcium_854", "calcium_866"), strict=True):
            both = values["calcium_depth"] + values[name]
            assert 0.02 < (both < depth).mean() < 0.98, (star.name, name)
    scaled, good = script.sample_residuals(stars["Kepler-93"])
    assert script.correlations(scaled, good, 3) == pytest.approx([0.78, 0.35, 0], abs=0.08)
    assert scaled[good].std() == pytest.approx(1, abs=0.12)
