"""Sliders against the truth: a perfect decoder scores 0, one that ignores its labels 1; who is left out."""

import json

import numpy as np
import pytest

from gandalf_core.auditing.breakdown import STRATA
from gandalf_core.auditing.counterfactual import change_error, counterfactuals, pooled, restoration
from gandalf_core.auditing.independent import QUANTITIES, true_values
from gandalf_core.auditing.slider_verdict import on_slider
from gandalf_core.data.latents import LatentSet
from gandalf_core.errors import AuditError
from gandalf_core.io.plain import jsonable
from gandalf_core.parameters import LABELS, parameter
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


class StuckUpwards(Decoder):
    """Right where labels fall, and still where they rise."""

    def decode(self, latents, labels):
        own = self.stars[latents.z[:, 0].astype(int)].labels
        return super().decode(latents, np.minimum(labels, own))


def test_the_one_sided_step_goes_where_a_sample_ends_first(stars):
    found = counterfactuals(StuckUpwards(stars), stars, reader=reader)
    assert [found[n]["one_sided"]["step"] for n in LABELS] == [300, 0.5, -0.3, 0.15]
    for name, entry in found.items():
        part, how = entry["one_sided"], "down" if name == "mh" else "up"
        assert part["relative_error"] == pytest.approx(entry[how], rel=1e-6)
        assert part["relative_error"] == pytest.approx(float(how == "up"), abs=2e-3)
        assert part["difference"] == pytest.approx(1 if how == "up" else -1, abs=4e-3)
        assert part["interval"][0] <= part["relative_error"] <= part["interval"][1]


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
        0.008, abs=0.001
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


# --- what the error is due to ---


class Toy(Decoder):
    """`own + change` of its stars; `alter` makes the toy's change out of the true one (N, L)."""

    def decode(self, latents, labels):
        stars = self.stars[latents.z[:, 0].astype(int)]
        own, new = clean(stars), clean(stars, labels)
        return own + self.alter(np.nan_to_num(new - own), stars, labels)


class WithoutLatent(Decoder):
    """The true spectrum of the first star under any labels, whatever the latent."""

    def decode(self, latents, labels):
        return np.nan_to_num(clean(self.stars[np.zeros(len(labels), int)], labels))


class Fixed(Decoder):
    """The mean true change per unit of a label, times `gain`, for every star."""

    def __init__(self, stars, gain=1.0):
        super().__init__(stars, gain)
        self.slopes = np.stack([mean_change(stars, n) / parameter(n).step for n in LABELS])

    def decode(self, latents, labels):
        return (labels - self.stars.labels.mean(0)) @ (self.gain * self.slopes)


class GiantsWrong(Toy):
    def alter(self, change, stars, labels):
        return change * (stars.label("logg") >= 3.5)[:, None]


class CoresWrong(Toy):
    def alter(self, change, stars, labels):
        near = [np.abs(stars.wavelength_nm - nm) < 0.12 for nm in (850.036, 854.444, 866.452)]
        return np.where(np.any(near, 0), 0, change)


class Truth(Toy):
    def alter(self, change, stars, labels):
        return change


def clean(stars, labels=None):
    return truth(stars, labels, without=("model_error",)).flux


def true_changes(stars, name, sign):
    """Changes (N, L) of one step of a label; NaN for a star that leaves the simulator's region."""
    move = sign * parameter(name).step * np.eye(4)[LABELS.index(name)]
    return clean(stars, stars.labels + move) - clean(stars)


def mean_change(stars, name):
    """(L,) the mean change of a step up; a step down counts backwards."""
    return np.nanmean(np.concatenate([true_changes(stars, name, 1), -true_changes(stars, name, -1)]), 0)


def size(changes):
    return np.sqrt(np.nansum(np.square(changes)))


@pytest.fixture(scope="module")
def many():
    """Enough giants and dwarfs; few metal-poor stars."""
    return simulate(170, 46)


def text(found, name):
    return on_slider(name, found[name])


def test_a_decoder_that_ignores_the_latent_owes_it_nothing(stars):
    found = counterfactuals(WithoutLatent(stars), stars, reader=reader)
    for name, entry in found.items():
        part = entry["without_latent"]
        assert part["relative_error"] == entry["relative_error"] > 0.02
        assert part["difference"] == 0 and part["difference_interval"] == [0, 0]
        assert part["interval"] == entry["interval"]
        assert "The latent adds nothing: " in text(found, name).text
    # what the star's own broadening and depths do to the change is beyond a decoder without the latent
    assert text(found, "mh").grade == "partly"


def test_without_the_latent_every_star_changes_as_the_star_of_latent_zero(stars):
    found = counterfactuals(Truth(stars), stars, reader=reader)
    first = counterfactuals(WithoutLatent(stars), stars, reader=reader)
    for name, entry in found.items():
        assert entry["relative_error"] < 1e-3
        assert entry["without_latent"]["relative_error"] == pytest.approx(
            first[name]["relative_error"], rel=1e-4
        )
        low, high = entry["without_latent"]["difference_interval"]
        assert 0 < low < entry["without_latent"]["difference"] < high
    assert "Without the latent it would be 0." in text(found, "teff").text


def test_one_fixed_change_is_the_mean_true_change_and_does_not_follow(stars):
    found = counterfactuals(Fixed(stars), stars, reader=reader)
    for name, entry in found.items():
        mean = mean_change(stars, name)
        up, down = (true_changes(stars, name, sign) for sign in (1, -1))
        error = np.hypot(size(up - mean), size(down + mean)) / np.hypot(size(up), size(down))
        assert entry["fixed_change"]["relative_error"] == pytest.approx(error, rel=1e-4)
        assert entry["relative_error"] == pytest.approx(error, rel=1e-4)
        assert np.abs(entry["fixed_change"]["difference_interval"]).max() < 1e-4
        grade, words = text(found, name)
        assert grade == "bad" and "does not follow" in words and "no better than one fixed" in words


def test_no_other_fixed_change_does_better(stars):
    for gain in (0.9, 1.1):
        for entry in counterfactuals(Fixed(stars, gain), stars, reader=reader).values():
            assert entry["fixed_change"]["difference"] < 0


def test_the_truth_follows_and_a_fixed_change_would_not(stars):
    found = counterfactuals(Truth(stars), stars, reader=reader)
    for name, entry in found.items():
        assert entry["fixed_change"]["difference_interval"][0] > 0.3
        grade, words = text(found, name)
        assert grade == "good" and "follows the simulator: relative error 0.00. " in words
        assert "much larger" not in words


def test_a_slider_that_is_wrong_for_giants_alone_is_named_for_giants(many):
    found = counterfactuals(GiantsWrong(many), many, reader=reader)
    for name, entry in found.items():
        giants, dwarfs = entry["strata"]["giants"], entry["strata"]["dwarfs"]
        assert giants["relative_error"] == pytest.approx(1) and dwarfs["relative_error"] < 1e-3
        assert giants["difference"] == pytest.approx(1, abs=1e-3) == -dwarfs["difference"]
        assert 0 < giants["stars"] <= (many.label("logg") < 3.5).sum()
        words = text(found, name).text
        assert "giants (log g < 3.5: 1.00 against 0.00)" in words and "dwarfs" not in words


def test_a_stratum_with_few_stars_has_a_number_of_stars_and_no_error(many):
    strata = counterfactuals(Truth(many), many, reader=reader)["mh"]["strata"]
    assert set(strata) == {"metal_poor", "cool", "hot", "giants", "dwarfs"}
    poor = strata["metal_poor"]
    assert poor["stars"] == (many.label("mh") < -1).sum() < 50 and poor["limits"] == "[M/H] < −1"
    assert [poor[k] for k in ("relative_error", "interval", "difference", "difference_interval")] == [
        None
    ] * 4
    assert strata["giants"]["relative_error"] < 1e-3


def test_the_strata_of_a_star_follow_from_its_labels():
    labels = np.array([[4799.0, 3.49, -1.01, 0], [4800, 3.5, -1, 0], [6000, 4, 0, 0]])
    held = {s.key: s.holds(labels).tolist() for s in STRATA}
    assert held == {
        "metal_poor": [True, False, False],
        "cool": [True, False, False],
        "hot": [False, False, True],
        "giants": [True, False, False],
        "dwarfs": [False, True, True],
    }
    assert [s.limits for s in STRATA] == [
        "[M/H] < −1",
        "Teff < 4800 K",
        "Teff ≥ 6000 K",
        "log g < 3.5",
        "log g ≥ 3.5",
    ]


def test_an_error_in_the_calcium_cores_shows_there_and_nowhere_else(stars):
    found = counterfactuals(CoresWrong(stars), stars, reader=reader)
    for name, entry in found.items():
        cores, outside = entry["in_ca_windows"], entry["outside_ca_windows"]
        assert cores["relative_error"] == pytest.approx(1, abs=1e-3) and outside["relative_error"] < 1e-3
        assert cores["difference"] == -outside["difference"] > 0.99
        assert 0.1 < entry["relative_error"] < 0.8, "the cores are a few pixels with much of the change"
        words = text(found, name).text
        assert "in the cores of the Ca II lines (1.00 against 0.00)" in words


def test_three_stars_have_intervals_though_some_resamplings_hold_none_of_them():
    few = simulate(3, 43)
    entry = counterfactuals(Decoder(few, 0.5), few, reader=reader)["mh"]
    for part in (entry, entry["without_latent"], entry["fixed_change"]):
        low, high = part["interval"]
        assert low - 1e-3 <= part["relative_error"] <= high + 1e-3


def test_all_of_it_is_json_and_the_sentence_comes_back(stars):
    found = counterfactuals(Fixed(stars, 0.5), stars, reader=reader)
    read = json.loads(json.dumps(jsonable(found), allow_nan=False))
    assert [on_slider(n, read[n]) for n in LABELS] == [text(found, n) for n in LABELS]


def test_the_error_of_one_change_is_relative_and_undefined_without_a_change():
    true = np.array([0.1, -0.2, np.nan])
    assert change_error(true * 0, true) == pytest.approx(1.0)
    assert change_error(true, true) == 0
    assert np.isnan(change_error(true, np.zeros(3)))
