"""The simulator: an accurate emulator, stars that repeat one by one, nuisances true to their names."""

from dataclasses import fields, replace

import numpy as np
import pytest

from gandalf_core.data.spectra import concatenate
from gandalf_core.errors import ConfigError, SpectraError
from gandalf_core.io import resample
from gandalf_core.parameters import CALCIUM_CORES_NM
from gandalf_core.simulator import (
    PIXELS_800,
    PIXELS_2401,
    NuisanceConfig,
    inside,
    is_simulated,
    jacobian,
    nuisance_values,
    simulate,
    simulate_by_id,
    simulate_kind,
    true_labels,
    truth,
)
from gandalf_core.simulator.emulator import EMULATOR_FILES, emulate
from gandalf_core.simulator.grids import grid_flux, grid_labels
from gandalf_core.simulator.nuisances import OFF
from gandalf_core.sources import check_source

SUN = [5772.0, 4.44, 0.0, 0.0]


@pytest.fixture(scope="module")
def stars():
    return simulate(600, 7)


def only(**amplitudes) -> NuisanceConfig:
    return replace(OFF, **amplitudes)


def test_emulator_error_on_the_held_out_tenth_of_the_grid():
    with np.load(EMULATOR_FILES["a"]) as stored:
        held_out = stored["held_out"]
    labels = grid_labels()[held_out]
    error = np.abs(emulate(labels[:, :4], labels[:, 4]) - grid_flux()[held_out])
    assert len(held_out) == 1661 // 10
    assert np.sqrt((error**2).mean()) <= 7e-4
    assert np.percentile(error, 99) <= 3e-3


def test_pixels_of_800_are_means_of_three_samples_the_last_left_out():
    fine, coarse = simulate(20, 3, pixels=2401), simulate(20, 3)
    assert np.allclose(coarse.wavelength_nm, PIXELS_800) and np.allclose(fine.wavelength_nm, PIXELS_2401)
    assert np.allclose(fine.flux[:, :2400].reshape(20, 800, 3).mean(2), coarse.flux, atol=1e-6)
    assert np.allclose(fine.flux_error[:, 0] * 0.8705, coarse.flux_error[:, 0], rtol=1e-4)
    assert np.allclose(resample(fine, PIXELS_800).flux_error, coarse.flux_error, rtol=1e-5)
    assert np.allclose(PIXELS_800[[0, -1]], [846.01, 869.98])


def test_a_star_is_the_same_in_samples_of_any_size(stars):
    few = simulate(100, 7)
    assert np.array_equal(few.ids, stars.ids[:100]) and np.array_equal(few.labels, stars.labels[:100])
    assert np.array_equal(few.flux, stars.flux[:100]) and np.array_equal(simulate(1, 7).flux, stars.flux[:1])
    assert not np.allclose(simulate(100, 8).flux, few.flux, atol=1e-3)


def test_stars_by_their_ids_are_those_of_their_samples(stars):
    ids = np.array(["sim7-599", "sim12-3", "sim7-256", "sim7-0"])
    some, other = simulate_by_id(ids), simulate(4, 12)
    assert some.ids.tolist() == ids.tolist() and some.label_names == stars.label_names
    for name in ("flux", "flux_error", "labels"):
        expected = getattr(stars, name)[[599, 0, 256, 0]]
        expected[1] = getattr(other, name)[3]
        assert np.array_equal(getattr(some, name), expected), name
    assert is_simulated(some)
    with pytest.raises(SpectraError, match="4295806720"):
        simulate_by_id(np.array(["sim7-0", "4295806720"]))
    with pytest.raises(SpectraError, match="seed 2147483648"):
        simulate_by_id(np.array([f"sim{2**31}-0"]))


def test_truth_plus_the_same_noise_is_the_star_for_any_rows_in_any_order(stars):
    some = stars[np.array([599, 3, 300, 257])]
    assert np.array_equal(truth(some, noise=True).flux, some.flux)
    clean = simulate(600, 7, nuisances=replace(NuisanceConfig(), noise=False))
    assert np.allclose(truth(some).flux, clean.flux[[599, 3, 300, 257]], atol=1e-6)
    assert np.array_equal(true_labels(some), some.labels)
    residual = (
        (some.flux - truth(some).flux) / some.flux_error / nuisance_values(some)["noise_scale"][:, None]
    )
    assert residual.std() == pytest.approx(1, abs=0.03)


def test_truth_of_joined_and_resampled_sets():
    a, b = simulate(4, 1, snr=(50, 60)), simulate(4, 2)
    joined = concatenate([a, b])[np.array([6, 1, 4])]
    assert is_simulated(joined)
    assert np.allclose(truth(joined, noise=True).flux, joined.flux, atol=1e-6)
    coarse = resample(a, PIXELS_800.reshape(400, 2).mean(1))
    assert np.allclose(truth(coarse, noise=True).flux, coarse.flux, atol=1e-5)


def test_truth_of_strangers_is_refused(stars):
    stranger = replace(stars[:2], ids=["4295806720", "sim7-1"])
    assert not is_simulated(stranger) and not is_simulated(replace(stars[:2], provenance={}))
    with pytest.raises(SpectraError, match="4295806720"):
        truth(stranger)


def test_stars_of_an_earlier_simulator_have_no_truth_any_more(stars):
    settings = {name: v for name, v in stars.provenance["simulated"].items() if name != "edition"}
    old = replace(stars, provenance={"simulated": settings})
    assert not is_simulated(old)
    with pytest.raises(SpectraError, match="simulate them again"):
        truth(old)


def test_other_labels_leave_every_nuisance_and_the_noise_alone(stars):
    labels = np.tile(SUN, (600, 1))
    other = simulate(600, 7, labels=labels)
    for name, value in nuisance_values(stars).items():
        assert np.array_equal(value, nuisance_values(other)[name]), name
    assert np.allclose(truth(stars[:50], labels[:50], noise=True).flux, other.flux[:50], atol=1e-6)


@pytest.mark.parametrize(
    "name", [f.name for f in fields(NuisanceConfig) if f.name not in ("noise", "model_error_length_nm")]
)
def test_a_switch_changes_its_own_nuisance_only(stars, name):
    switched = simulate(
        40, 7, nuisances=replace(NuisanceConfig(), **{name: 0.5 if "correlation" in name else 0})
    )
    own = {
        "calcium": "calcium_depth",
        "calcium_mean": "calcium_depth",
        "calcium_nlte": "calcium_8",
        "calcium_lines": "calcium_8",
        "broadening_teff_correlation": "broadening_kms",
    }.get(name, name)
    for key, value in nuisance_values(stars[:40]).items():
        same = np.array_equal(value, nuisance_values(switched)[key])
        unmoved = not key.startswith(own) or (name, key) in (
            ("calcium_mean", "calcium_depth"),  # it is 0 anyway
            ("calcium_nlte", "calcium_850"),  # a line that NLTE leaves alone
        )
        assert same == (unmoved and (name, key) != ("dib_depth", "dib_velocity_kms")), key
    noise = [
        (s.flux - truth(s).flux) / nuisance_values(s)["noise_scale"][:, None] for s in (switched, stars[:40])
    ]
    assert np.allclose(*noise, atol=1e-6)  # the noise is the same, but for its scale


def test_labels_and_nuisances_are_independent():
    many = simulate(4000, 11, clean=True)
    nuisances = nuisance_values(replace(many, provenance=simulate(1, 11).provenance))
    columns = [v for name, v in nuisances.items() if v.ndim == 1 and name != "cn"]
    columns += list(nuisances["continuum"].T)
    correlation = np.corrcoef(np.concatenate([many.labels.T, columns]))
    np.fill_diagonal(correlation, 0)
    assert np.abs(correlation[4:]).max() < 4.5 / np.sqrt(4000)


def test_the_correlation_switch_ties_broadening_to_teff():
    tied = simulate(1000, 5, nuisances=replace(NuisanceConfig(), broadening_teff_correlation=0.8))
    assert np.corrcoef(tied.label("teff"), nuisance_values(tied)["broadening_kms"])[0, 1] > 0.6


def test_amplitudes_are_those_stated():
    values = nuisance_values(simulate(4000, 2))
    assert np.median(values["snr"]) == pytest.approx(45, rel=0.05)
    assert values["snr"].min() >= 15 and values["snr"].max() <= 400
    assert values["shift_kms"].std() == pytest.approx(1.5, rel=0.05)
    assert values["calcium_depth"].mean() == pytest.approx(0, abs=0.006)
    assert values["calcium_depth"].std() == pytest.approx(0.08, rel=0.05)
    assert values["broadening_kms"].min() >= 0 and 19 < values["broadening_kms"].max() <= 20
    slow = simulate(1000, 2, nuisances=only(continuum=0.004)).flux / simulate(1000, 2, clean=True).flux
    assert (slow - 1).std() == pytest.approx(0.004, rel=0.05)


def test_the_level_rises_with_the_lines_near_the_continuum():
    raised = simulate(300, 2, nuisances=only(pseudo_continuum=1.2), pixels=2401)
    bare = truth(raised, without=("pseudo_continuum",)).flux
    level = (raised.flux / bare).mean(1) - 1
    tops = 1 - np.quantile(bare, 0.85, axis=1)
    share = nuisance_values(raised)["pseudo_continuum"]
    assert np.allclose(level, share * tops, atol=2e-4)
    assert 0 <= share.min() < 0.05 and 1.15 < share.max() <= 1.2
    # as in real stars (scripts/real_residuals.py): .005 in the Sun, .02 in a giant of 4,700 K
    giant = (raised.label("logg") < 3) & (raised.label("mh") > -0.3)
    dwarf = (raised.label("logg") > 4.2) & (np.abs(raised.label("teff") - 5800) < 200)
    assert np.median(level[giant]) > 2 * np.median(level[dwarf]) > 0.004


def test_snr_stays_within_the_limits_of_the_call():
    error = simulate(500, 2, snr=(30, 60)).flux_error
    assert 30 <= (1 / error).min() < 33 and 55 < (1 / error).max() <= 60.001
    assert np.ptp(error, axis=1).max() == 0


def test_shift_moves_lines_by_the_stated_velocity():
    shifted = simulate(200, 6, labels=np.tile(SUN, (200, 1)), pixels=2401, nuisances=only(shift_kms=1.5))
    rest = simulate(1, 6, labels=[SUN], pixels=2401, clean=True).flux[0]
    near = np.abs(PIXELS_2401 - 854.444) < 0.5
    derivative = np.gradient(rest.astype(float), PIXELS_2401)[near]
    moved_nm = -((shifted.flux[:, near] - rest[near]) @ derivative) / (derivative @ derivative)
    kms = moved_nm / 854.444 * 299_792.458
    assert np.allclose(kms, nuisance_values(shifted)["shift_kms"], atol=0.1)


def test_broadening_keeps_equivalent_widths_and_makes_lines_shallower():
    labels = np.tile(SUN, (100, 1))
    broad = simulate(100, 6, labels=labels, pixels=2401, nuisances=only(broadening_kms=20))
    rest = simulate(1, 6, labels=[SUN], pixels=2401, clean=True).flux[0]
    assert np.allclose((1 - broad.flux).sum(1), (1 - rest).sum(), rtol=2e-3)
    iron = np.abs(PIXELS_2401 - 869.101) < 0.1
    depth, v = (1 - broad.flux[:, iron]).max(1), nuisance_values(broad)["broadening_kms"]
    assert np.corrcoef(depth, v)[0, 1] < -0.9 and np.all(depth <= (1 - rest[iron]).max() + 1e-4)


def test_calcium_and_band_act_where_they_should():
    labels = np.tile(SUN, (50, 1))
    rest = simulate(1, 6, labels=[SUN], pixels=2401, clean=True).flux[0]
    cores = simulate(50, 6, labels=labels, pixels=2401, nuisances=only(calcium=0.1, calcium_lines=0.05))
    distance = np.abs(PIXELS_2401[:, None] - np.array(CALCIUM_CORES_NM)).min(1)
    assert np.allclose(cores.flux[:, distance > 0.121], rest[distance > 0.121], atol=1e-6)
    values = nuisance_values(cores)
    for line, nm in zip(("calcium_850", "calcium_854", "calcium_866"), CALCIUM_CORES_NM, strict=True):
        middle = np.abs(PIXELS_2401 - nm).argmin()
        deeper = (1 - cores.flux[:, middle]) / (1 - rest[middle]) - 1
        assert np.allclose(deeper, values["calcium_depth"] + values[line], atol=3e-3), line
    band = simulate(50, 6, labels=labels, pixels=2401, nuisances=only(dib_depth=0.02))
    ratio = band.flux / rest
    assert np.allclose(1 - ratio.min(1), nuisance_values(band)["dib_depth"], atol=1e-4)
    assert np.allclose(ratio[:, np.abs(PIXELS_2401 - 862.32) > 1.2], 1, atol=1e-5)


def test_without_leaves_one_nuisance_out(stars):
    smooth = truth(stars[:100], without=("model_error",)).flux
    rms = np.sqrt((0.07 * (1 - smooth)) ** 2 + 0.002**2)
    errors = (truth(stars[:100]).flux - smooth) / rms
    assert errors.std() == pytest.approx(1, rel=0.06)  # of means over 0.03 nm: a little below 1


def test_labels_outside_give_masked_nans_not_clipped_ones():
    labels = np.array(
        [
            SUN,
            [9000, 4.4, 0, 0],
            [6500, 2.0, 0, 0],
            [5772, 4.44, 0.7, 0],
            [np.nan, 4, 0, 0],
        ]
    )
    assert inside(labels).tolist() == [True] + 4 * [False]
    some = simulate(5, 0, labels=labels)
    assert some.mask.all(1).tolist() == [False] + 4 * [True] and np.isnan(some.flux[1:]).all()
    assert np.array_equal(some.labels, labels, equal_nan=True)


def test_the_grid_itself_is_inside():
    nodes = grid_labels()
    assert inside(nodes[:, :4], nodes[:, 4]).all()
    assert not inside([SUN], 1.2).any() and not inside([SUN], np.nan).any()


def test_another_nature_has_other_spectra_at_the_same_labels():
    a, b = simulate(300, 7, clean=True), simulate_kind("b", 300, 7, clean=True)
    assert np.array_equal(a.labels, b.labels) and b.ids[7] == "sim7b-7"
    difference = np.sqrt(((a.flux - b.flux) ** 2).mean(1))
    dwarf = a.label("logg") > 4
    assert 0.005 < np.median(difference[dwarf]) < 0.012  # real stars differ as much (real-stars.md, §3)
    assert 0.008 < np.median(difference[~dwarf]) < 0.016
    assert np.array_equal(truth(b).flux, b.flux)


def test_the_emulator_of_another_nature_knows_it_better_than_the_first_does():
    with np.load(EMULATOR_FILES["b"]) as stored:
        held_out = stored["held_out"]
    nodes, flux = grid_labels("b")[held_out], grid_flux("b")[held_out]
    own, other = (emulate(nodes[:, :4], nodes[:, 4], nature) - flux for nature in ("b", "a"))
    assert np.sqrt((own**2).mean()) < 0.25 * np.sqrt((other**2).mean())


def test_a_twelfth_of_a_wide_sample_is_dealt_uniformly():
    wide, mock, everywhere = simulate_kind("wide", 240, 7), simulate(240, 7), simulate_kind("uniform", 240, 7)
    uniform = np.arange(240) % 12 == 11
    assert np.array_equal(np.char.find(wide.ids, "u-") > 0, uniform)
    assert np.array_equal(wide.labels[~uniform], mock.labels[~uniform])
    assert np.array_equal(wide.labels[uniform], everywhere.labels[uniform])
    some = simulate_by_id(wide.ids[[11, 3, 23]])
    assert np.array_equal(some.flux, wide.flux[[11, 3, 23]])
    assert np.array_equal(truth(wide, noise=True).flux, wide.flux)


def test_uniform_stars_reach_where_the_mock_sample_does_not():
    everywhere = simulate_kind("uniform", 600, 7).labels
    assert np.histogram(everywhere[:, 3], np.linspace(-0.2, 0.6, 5))[0].min() > 100
    assert (everywhere[:, 2] < -1.5).mean() > 0.2 and inside(everywhere).all()


def test_an_unknown_kind_is_refused():
    with pytest.raises(SpectraError, match="'c'"):
        simulate_kind("c", 3)


def test_clean_stars_have_neither_noise_nor_nuisances():
    clean = simulate(3, 0, labels=np.tile(SUN, (3, 1)), clean=True)
    assert clean.flux_error is None and np.array_equal(clean.flux[0], clean.flux[2])


def test_labels_by_name_in_any_order_and_a_nuisance_as_label():
    names = ("alphafe", "vsini", "mh", "logg", "teff")
    some = simulate(1, 0, labels=[[0.0, 9.0, 0.0, 4.44, 5772.0]], label_names=names)
    assert some.label_names == names and np.array_equal(some.flux, simulate(1, 0, labels=[SUN]).flux)
    tagged = simulate(5, 0, label_names=("teff", "broadening_kms"))
    assert np.array_equal(tagged.label("broadening_kms"), nuisance_values(tagged)["broadening_kms"])
    assert np.allclose(truth(tagged, noise=True).flux, tagged.flux, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"n": 0}, "0 stars"),
        ({"n": 2, "seed": -1}, "seed -1"),
        ({"n": 2, "seed": 2**31}, "seed 2147483648"),
        ({"n": 10.5}, "10.5 stars"),
        ({"n": 2, "snr": (5,)}, "not a range"),
        ({"n": 2, "snr": (50, 20)}, "not a range"),
        ({"n": 2, "pixels": 100}, "100"),
        ({"n": 2, "labels": np.zeros((3, 4))}, "shape"),
        ({"n": 1, "labels": [[5000, 4]], "label_names": ("teff", "logg")}, "mh, alphafe"),
        ({"n": 1, "label_names": ("teff", "mass")}, "mass"),
    ],
)
def test_impossible_arguments_are_refused(arguments, cause):
    with pytest.raises(SpectraError, match=cause):
        simulate(**arguments)


def test_impossible_nuisances_are_refused():
    with pytest.raises(ConfigError, match="shift_kms"):
        NuisanceConfig(shift_kms=-1)


def test_jacobian_predicts_small_changes(stars):
    some = stars[:20]
    derivatives, names = jacobian(some)
    assert derivatives.shape == (20, 19, 800) and names[:4] == ["teff", "logg", "mh", "alphafe"]
    step = np.array([40, 0.04, 0.04, 0.04])
    change = truth(some, true_labels(some) + step).flux - truth(some).flux
    keep = ~np.isnan(change).any(1) & ~np.isnan(derivatives).any((1, 2))
    predicted = np.einsum("p,npl->nl", step, derivatives[:, :4])
    assert keep.sum() >= 15
    assert np.linalg.norm((predicted - change)[keep]) < 0.15 * np.linalg.norm(change[keep])


# --- addresses ---


NO_ADDRESSES = (
    "",
    "0",
    "-3",
    "2.5",
    "1e2",
    "2:",
    "2:-1",
    "2:0:B",
    " 2",
    "2 ",
    "٢",
    "2:0:b:1",
    "2:2147483648",
)


@pytest.mark.parametrize("tail", NO_ADDRESSES)
def test_what_is_nearly_an_address_of_simulated_stars_is_refused_with_the_cure(tail):
    with pytest.raises(SpectraError, match=rf"^simulated:{tail}: write simulated:N, simulated:N:SEED or"):
        check_source(f"simulated:{tail}")


def test_addresses_of_simulated_stars():
    assert check_source("simulated:02:007:b") == (2, 7, "b") and check_source("simulated:5") == (5, 0, "")
    assert check_source("stars.csv") == (0, 0, "")
