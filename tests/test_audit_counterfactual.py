"""Sliders against the truth: a perfect decoder scores 0, one that ignores its labels 1; who is left out."""

import numpy as np
import pytest

from gandalf_core.auditing.counterfactual import change_error, counterfactuals, pooled, restoration
from gandalf_core.auditing.independent import QUANTITIES, true_values
from gandalf_core.data.latents import LatentSet
from gandalf_core.errors import AuditError
from gandalf_core.parameters import LABELS
from gandalf_core.simulator import inside, simulate, truth


class Decoder:
    """Decodes to the truth of its stars; `gain` scales the change that a label makes, `blur` replaces every
    star by the mean.
    """

    label_names = condition_on = LABELS

    def __init__(self, stars, gain=1.0, mean_spectrum=False, blind_beyond=False):
        self.by_id = {i: k for k, i in enumerate(stars.ids)}
        self.stars, self.gain, self.mean_spectrum, self.blind_beyond = (
            stars,
            gain,
            mean_spectrum,
            blind_beyond,
        )
        self.label_ranges = np.percentile(stars.labels, [10, 90], 0).T

    def encode(self, stars, *, seed=None):
        z = np.array([[self.by_id[i]] for i in stars.ids], float)
        return LatentSet(z, stars.ids, stars.labels, stars.label_names)

    def decode(self, latents, labels):
        stars = self.stars[latents.z[:, 0].astype(int)]
        own = truth(stars, without=("model_error",)).flux
        if self.mean_spectrum:
            return np.repeat(own.mean(0, keepdims=True), len(own), 0)
        known = ((labels >= self.label_ranges[:, 0]) & (labels <= self.label_ranges[:, 1])) | (
            labels == stars.labels
        )
        if self.blind_beyond:
            labels = np.where(known, labels, stars.labels)
        new = truth(stars, labels, without=("model_error",)).flux
        return own + self.gain * np.nan_to_num(new - own)


def reader(flux):
    """A linear instrument, quick to make: enough to see which way a label moves."""
    return np.nan_to_num(flux[:, ::20]) @ np.random.default_rng(0).standard_normal((40, len(QUANTITIES)))


@pytest.fixture(scope="module")
def stars():
    return simulate(80, 43)


@pytest.mark.parametrize(("gain", "error"), [(1.0, 0.0), (0.0, 1.0), (0.5, 0.5), (-1.0, 2.0)])
def test_relative_error_of_known_decoders(stars, gain, error):
    found = counterfactuals(Decoder(stars, gain), stars, reader=reader)
    assert set(found) == set(LABELS)
    for entry in found.values():
        for key in ("relative_error", "up", "down", "swap"):
            assert entry[key] == pytest.approx(error, abs=2e-3)
        assert entry["interval"][0] - 2e-3 <= error <= entry["interval"][1] + 2e-3


def test_a_slider_that_sticks_at_the_end_of_the_sample_is_right_within_it(stars):
    for entry in counterfactuals(Decoder(stars, blind_beyond=True), stars, reader=reader).values():
        assert entry["within"] < 2e-3 < 0.2 < entry["relative_error"]


def test_steps_are_those_of_the_vocabulary_and_stars_outside_are_left_out_and_counted(stars):
    found = counterfactuals(Decoder(stars), stars, reader=reader)
    assert [found[n]["step"] for n in LABELS] == [300, 0.5, 0.3, 0.15]
    for i, name in enumerate(LABELS):
        for how, sign in (("up", 1), ("down", -1)):
            moved = stars.labels + sign * found[name]["step"] * np.eye(4)[i]
            assert found[name]["left_out"][how] == (~inside(moved)).sum()
    assert found["teff"]["left_out"]["up"] > 0 and all(v["stars"] == 80 for v in found.values())


def test_the_drift_of_a_perfect_decoder_is_that_of_the_truth_and_never_of_the_label_itself(stars):
    found = counterfactuals(Decoder(stars), stars, reader=reader)
    for name, entry in found.items():
        assert name not in entry["drift"] and len(entry["drift"]) == 3
        for other, value in entry["drift"].items():
            assert value == pytest.approx(entry["drift_of_truth"][other], rel=1e-3)
    still = counterfactuals(Decoder(stars, 0.0), stars, reader=reader)
    assert all(v == 0 for entry in still.values() for v in entry["drift"].values())


def test_pooling_weighs_stars_by_the_size_of_their_true_change():
    assert pooled(np.array([[1.0, 4.0], [0.0, 12.0]])) == pytest.approx(0.25)
    assert np.isnan(pooled(np.zeros((3, 2))))


def test_real_stars_have_no_truth_and_a_decoder_without_labels_no_sliders(stars):
    from dataclasses import replace

    foreign = replace(stars, ids=np.char.add("gaia", stars.ids))
    with pytest.raises(AuditError, match="simulated:N"):
        counterfactuals(Decoder(stars), foreign, reader=reader)
    plain = Decoder(stars)
    plain.condition_on = ()
    assert counterfactuals(plain, stars, reader=reader) == {}


def test_a_star_without_its_label_is_moved_from_its_true_one(stars):
    unlabelled = stars.with_labels(np.where(np.arange(80)[:, None] % 2, stars.labels, np.nan))
    whole, half = (counterfactuals(Decoder(stars, 0.5), s, reader=reader)["mh"] for s in (stars, unlabelled))
    assert (
        half["relative_error"] == pytest.approx(whole["relative_error"])
        and half["left_out"] == whole["left_out"]
    )


def test_restoration_reads_nuisances_back_and_a_mean_spectrum_does_not_pass():
    stars = simulate(300, 44, snr=(45, 90))
    perfect, mean = (
        restoration(Decoder(stars, mean_spectrum=m), stars, reader=near_truth(stars)) for m in (False, True)
    )
    assert perfect["rms"] == pytest.approx(0, abs=1e-6) and perfect["rms_all"] == pytest.approx(
        0.006, abs=0.001
    )
    assert mean["rms"] > 0.01 and perfect["stars_bright"] + perfect["stars_middle"] <= 300
    assert all(v > 0.8 for v in perfect["nuisances"].values()) and all(
        v <= 0 for v in mean["nuisances"].values()
    )


def near_truth(stars):
    """A reader that gives the values of the star whose true spectrum is nearest."""
    clean, values = truth(stars, without=("model_error",)).flux, true_values(stars)

    def read(flux):
        distance = np.square(flux).sum(1)[:, None] - 2 * flux @ clean.T + np.square(clean).sum(1)
        return values[distance.argmin(1)] * (distance.min(1) < 0.01)[:, None]

    return read


def test_the_instrument_reads_what_it_should():
    """A small one, quick to train; the full one is trained on fifteen times as many stars."""
    from gandalf_core.auditing.independent import instrument

    stars = simulate(150, 45)
    values = true_values(stars)
    read = instrument(800, 800)(truth(stars, without=("model_error",)).flux)
    r2 = 1 - np.square(read - values).sum(0) / np.square(values - values.mean(0)).sum(0)
    assert (r2 > 0.75).all(), dict(zip(QUANTITIES, r2.round(2), strict=True))


def test_the_error_of_one_change_is_relative_and_undefined_without_a_change():
    true = np.array([0.1, -0.2, np.nan])
    assert change_error(true * 0, true) == pytest.approx(1.0)
    assert change_error(true, true) == 0
    assert np.isnan(change_error(true, np.zeros(3)))
