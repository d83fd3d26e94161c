"""What is random in simulated spectra: the archive's noise, its uncertain scale, and errors of the physics.

And the nuisances that follow real stars: Ca II line by line, nitrogen, the slope of the continuum.
"""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.data.instruments import instrument, instrument_of
from gandalf_core.io import rebin
from gandalf_core.parameters import LABELS
from gandalf_core.simulator import (
    PIXELS_800,
    PIXELS_2401,
    ErrorModel,
    NuisanceConfig,
    nuisance_priors,
    nuisance_values,
    simulate,
    simulate_by_id,
    simulate_kind,
    truth,
)
from gandalf_core.simulator.noise import unit_noise
from gandalf_core.simulator.nuisances import OFF, nitrogen

SUN, GIANT = [5772.0, 4.44, 0.0, 0.0], [4600.0, 2.4, 0.0, 0.05]


def only(**amplitudes) -> NuisanceConfig:
    return replace(OFF, **amplitudes)


# --- noise ---


@pytest.fixture(scope="module")
def noise():
    """(N, 2401) noise in units of flux_error."""
    noisy = simulate(1200, 4, pixels=2401, nuisances=only(noise=True))
    return (noisy.flux - truth(noisy).flux) / noisy.flux_error


def test_neighbouring_samples_correlate_as_those_of_the_archive(noise):
    assert noise.var() == pytest.approx(1, abs=0.01)
    correlation = [(noise[:, lag:] * noise[:, :-lag]).mean() for lag in range(1, 6)]
    assert correlation[:3] == pytest.approx([0.78, 0.35, 0], abs=0.025)
    assert correlation[3:] == pytest.approx([-0.12, -0.11], abs=0.06)  # slow parts removed there, not here
    assert abs((noise[:, 20:] * noise[:, :-20]).mean()) < 0.005


def test_the_noise_has_the_power_spectrum_of_the_archive(noise):
    window = np.hanning(2401)
    power = (np.abs(np.fft.rfft(noise * window)) ** 2).mean(0) / (window**2).sum()
    frequency = np.fft.rfftfreq(2401, 0.01)
    measured = {(1, 4): 3.8, (4, 8): 3.6, (8, 12): 3.0, (12, 16): 1.9, (16, 20): 1.2, (20, 25): 0.41}
    for (low, high), value in measured.items():
        found = power[(frequency >= low) & (frequency < high)].mean()
        assert found == pytest.approx(value / 1.08**2, rel=0.25), low
    assert power[(frequency > 25) & (frequency < 40)].mean() == pytest.approx(0.05 / 1.08**2, abs=0.02)
    assert power == pytest.approx(instrument("gaia-rvs").noise_power(frequency), rel=0.2)


def test_the_mean_of_the_noise_has_the_power_at_frequency_zero():
    """√2 too much or too little in its amplitude would be a factor 2 here."""
    mean = unit_noise(4, np.arange(20 * 256)).mean(1)
    assert mean.var() * 2401 == pytest.approx(instrument("gaia-rvs").noise_power(np.zeros(1))[0], rel=0.1)


@pytest.mark.parametrize("pixels", [800, 2401])
def test_chi2_of_the_noise_alone_is_one_on_both_grids(pixels):
    for config in (only(noise=True), only(noise=True, noise_scale=0.2)):
        noisy = simulate(1500, 4, pixels=pixels, nuisances=config)
        chi2 = (((noisy.flux - truth(noisy).flux) / noisy.flux_error) ** 2).mean(1)
        assert chi2.mean() == pytest.approx(1, abs=0.03)


def test_errors_of_both_grids_and_of_resampled_stars_are_those_of_their_noise(noise):
    fine, coarse = (simulate(600, 3, pixels=p, nuisances=only(noise=True)) for p in (2401, 800))
    assert fine.flux_error[:, 0] * 0.8705 == pytest.approx(coarse.flux_error[:, 0], rel=1e-4)
    assert np.median(1 / coarse.flux_error) == pytest.approx(np.median(nuisance_values(coarse)["snr"]))
    for stars, target in (
        (fine, PIXELS_800),
        (fine, PIXELS_2401[:-1] + 0.004),
        (coarse, PIXELS_800[::2][:-1]),
    ):
        target = target if len(target) > 500 else PIXELS_800.reshape(400, 2).mean(1)
        resampled, clean = rebin(stars, target), rebin(truth(stars), target)
        pull = (resampled.flux - clean.flux)[:, 3:-3] / resampled.flux_error[:, 3:-3]
        assert pull.var() == pytest.approx(1, abs=0.02), len(target)


def test_simulated_stars_name_their_instrument():
    stars = simulate(3, 1)
    assert instrument_of(stars).name == "gaia-rvs" == instrument_of(simulate_by_id(stars.ids)).name


# --- its scale ---


def test_the_scale_of_the_noise_is_uncertain_for_few_transits_and_less_so_for_bright_stars():
    for snr, spread in ((20, 0.20), (127, 0.089), (400, 0.05)):
        scale = nuisance_values(simulate(3000, 6, snr=(snr, snr)))["noise_scale"]
        assert scale.std() == pytest.approx(spread, rel=0.06), snr
        assert (scale**2).mean() == pytest.approx(1, abs=0.02)


def test_the_noise_has_its_scale_and_flux_error_does_not():
    stars = simulate(200, 6, snr=(20, 25), nuisances=only(noise=True, noise_scale=0.2))
    plain = simulate(200, 6, snr=(20, 25), nuisances=only(noise=True))
    assert np.array_equal(stars.flux_error, plain.flux_error)
    rms = ((stars.flux - truth(stars).flux) / stars.flux_error).std(1)
    of_plain = ((plain.flux - truth(plain).flux) / plain.flux_error).std(1)
    assert rms / of_plain == pytest.approx(nuisance_values(stars)["noise_scale"], rel=1e-3)
    assert (nuisance_values(plain)["noise_scale"] == 1).all()


# --- errors of the physics ---


@pytest.mark.parametrize("pixels", [800, 2401])
def test_model_errors_go_with_the_depth_of_lines(pixels):
    config = only(model_error=0.07, model_error_continuum=0.002)
    stars = simulate(1500, 9, labels=np.tile(GIANT, (1500, 1)), pixels=pixels, nuisances=config)
    smooth = truth(stars[:1], without=("model_error",)).flux[0].astype(float)
    errors, depth = stars.flux - smooth, 1 - smooth
    rms = errors.std(0)
    expected = np.sqrt((0.07 * depth) ** 2 + 0.002**2) * (1 if pixels == 2401 else 0.97)
    assert rms == pytest.approx(expected, rel=0.12)
    for low, high in ((0.05, 0.15), (0.15, 0.3), (0.3, 0.9)):
        lines = (depth > low) & (depth < high)
        assert (rms[lines] / depth[lines]).mean() == pytest.approx(0.07, rel=0.08), low
    assert abs(errors.mean()) < 1e-4


@pytest.mark.parametrize("pixels", [800, 2401])
def test_model_errors_have_the_stated_covariance(pixels):
    config = only(model_error=0.07, model_error_continuum=0.002)
    stars = simulate(3000, 9, labels=np.tile(GIANT, (3000, 1)), pixels=pixels, nuisances=config)
    flux = truth(stars[:1], without=("model_error",)).flux[0]
    bands = ErrorModel.on(stars.wavelength_nm, config).covariance(flux, 0.0)
    errors = (stars.flux - flux).astype(float)
    for lag in (0, 1, 2, 5):
        found = (errors[:, lag:] * errors[:, : errors.shape[1] - lag]).mean(0)
        stated = bands[lag, : len(found)]
        assert np.abs(found - stated).max() < 0.1 * bands[0].max()
        assert found.sum() == pytest.approx(stated.sum(), rel=0.06, abs=0.01 * bands[0].sum()), lag


def test_model_errors_switched_off_leave_nothing():
    config = only(model_error_continuum=0.002)
    assert np.array_equal(simulate(3, 9, nuisances=config).flux, simulate(3, 9, clean=True).flux)


# --- nuisances as measured ---


def test_each_calcium_line_has_its_own_mean_and_all_share_one_scatter():
    values = nuisance_values(simulate(4000, 8))
    lines = np.stack([values[n] for n in ("calcium_850", "calcium_854", "calcium_866")], 1)
    assert lines.mean(0) == pytest.approx([0, 0.10, 0.10], abs=0.003)
    assert lines.std(0) == pytest.approx([0.03] * 3, rel=0.06)
    assert np.abs(np.corrcoef(np.c_[lines, values["calcium_depth"]].T) - np.eye(4)).max() < 0.06
    common = values["calcium_depth"]
    assert abs(common.mean()) < 0.005
    skewness = ((common - common.mean()) ** 3).mean() / common.std() ** 3
    assert -1.6 < skewness < -0.7  # activity fills; nothing deepens as much
    # the Sun is a quiet star, the field dwarfs and the giant of real-stars.md are ordinary ones
    for depth in ((0.03, 0.11, 0.10), (-0.03, 0.04, 0.04), (-0.08, 0.0, 0.0), (0.07, 0.13, 0.11)):
        shared = np.mean(np.array(depth) - [0, 0.10, 0.10])
        rest = np.array(depth) - [0, 0.10, 0.10] - shared
        assert (common < shared).mean() > 0.05 and (common > shared).mean() > 0.05
        assert np.abs(rest).max() < 2 * 0.03


def test_no_core_falls_below_zero():
    stars = simulate(2000, 8, nuisances=only(calcium=0.08, calcium_nlte=0.10, calcium_lines=0.03))
    assert stars.flux.min() > 0


def test_nitrogen_is_usual_in_dwarfs_and_dredged_up_in_giants():
    dwarfs, giants, poor = (np.tile(labels, (5000, 1)) for labels in (SUN, GIANT, [4900.0, 2.0, -2.0, 0.3]))
    config = NuisanceConfig()
    for labels, mean, spread in ((dwarfs, 0, 0.1), (giants, 0.15, 0.2), (poor, 0.15, 0.4)):
        m, s = nitrogen(labels[:1], config)
        assert m[0] == pytest.approx(mean, abs=0.003) and s[0] == pytest.approx(spread, rel=0.02)
    between = nitrogen(np.array([[5000, 3.3, 0, 0]]), config)
    assert between[0][0] == pytest.approx(0.075) and between[1][0] == pytest.approx(0.15)
    stars = simulate(6000, 8)
    cn, logg, mh = nuisance_values(stars)["cn"], stars.label("logg"), stars.label("mh")
    for kind, mean, spread in (((logg > 3.9), 0, 0.1), ((logg < 2.7) & (mh > -1), 0.15, 0.2)):
        assert cn[kind].mean() == pytest.approx(mean, abs=0.012)
        assert cn[kind].std() == pytest.approx(spread, rel=0.06)
    assert cn.min() >= -0.5 and cn.max() <= 1
    assert (nuisance_values(simulate(50, 8, nuisances=replace(config, cn=0)))["cn"] == 0).all()


def test_stars_dealt_over_the_whole_grid_have_any_nitrogen():
    """As far as the grid reaches on both sides of what is usual: to -.5 in dwarfs, where 0 is usual."""
    stars = simulate_kind("uniform", 2000, 8)
    cn, usual = nuisance_values(stars)["cn"], nitrogen(stars.labels, NuisanceConfig())[0]
    counts = np.histogram((cn - usual) / (usual + 0.5), bins=5, range=(-1, 1))[0]
    assert counts.sum() == 2000 and counts.min() > 340


def test_nitrogen_is_a_star_s_own_whatever_labels_it_is_given():
    stars, other = simulate(300, 8), simulate(300, 8, labels=np.tile(SUN, (300, 1)))
    assert np.array_equal(nuisance_values(stars)["cn"], nuisance_values(other)["cn"])


def test_nitrogen_deepens_cn_bands_of_giants():
    giants = simulate(40, 8, labels=np.tile(GIANT, (40, 1)), nuisances=only(cn=0.1))
    more = nuisance_values(giants)["cn"]
    assert np.corrcoef(more, giants.flux.mean(1))[0, 1] < -0.95


def test_the_continuum_slopes_more_than_it_bends():
    terms = nuisance_values(simulate(4000, 8))["continuum"]
    assert terms.std(0) == pytest.approx([0.0018, 0.0095, 0.0032, 0.0018, 0.0018], rel=0.06)
    slope = simulate(500, 8, nuisances=only(continuum=0.0105)).flux / simulate(500, 8, clean=True).flux
    from_edge_to_edge = slope[:, -20:].mean(1) - slope[:, :20].mean(1)
    assert from_edge_to_edge.std() == pytest.approx(2 * 0.0095 * np.sqrt(3), rel=0.12)


def test_priors_are_the_spread_of_the_population():
    stars = simulate(6000, 8)
    values, priors = nuisance_values(stars), nuisance_priors(stars)
    values |= {f"continuum{i}": v for i, v in enumerate(values.pop("continuum").T)}
    assert set(priors) == set(values) - {"snr", "noise_scale"}
    for name, (mean, spread) in priors.items():
        standard = (values[name] - mean) / spread
        assert abs(standard.mean()) < 0.07 and standard.std() == pytest.approx(1, abs=0.07), name


def test_priors_of_stars_dealt_uniformly_and_of_given_labels():
    everywhere = simulate_kind("uniform", 3000, 8)
    mean, spread = nuisance_priors(everywhere)["cn"]
    standard = (nuisance_values(everywhere)["cn"] - mean) / spread
    giant = everywhere.labels[:, 1] < 3
    for rows in (giant, ~giant):
        assert abs(standard[rows].mean()) < 0.1 and standard[rows].std() == pytest.approx(1, abs=0.05)
    usual = nitrogen(everywhere.labels, NuisanceConfig())[0]
    np.testing.assert_allclose(mean, usual, err_msg="at the same labels, cn is the same on average")
    given = simulate(5, 8, labels=np.tile(SUN, (5, 1)))
    own = simulate(5, 8)
    assert np.array_equal(nuisance_priors(given)["cn"].spread, nuisance_priors(own)["cn"].spread)
    assert own.label_names == LABELS
