"""The report: complete, JSON, honest about who trained what, about missing labels and plain models."""

import json
from copy import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from toy import toy_stars

from gandalf_core.auditing import audit, references
from gandalf_core.auditing.decisions import removal
from gandalf_core.data.latents import LatentSet
from gandalf_core.errors import AuditError

FAST = ("ridge",)
NAMES = ("teff", "logg", "mh", "alphafe")


class Fake:
    """A model whose latent is known: columns of standardised labels, times `strength`, in unit noise."""

    name, model_id, label_names, condition_on, projections = "fake", "fake@0", NAMES, (), {}
    key = None

    def __init__(self, strength, removed=("teff", "logg"), kept=("mh", "alphafe"), noise=1.0, train_ids=()):
        self.strength, self.train_ids = np.asarray(strength, float), train_ids
        self.removed, self.kept = removed, kept
        self.config = SimpleNamespace(model=SimpleNamespace(noise=noise))

    def on_grid(self, stars):
        return stars

    def held_out(self, stars):
        return ~np.isin(stars.ids, self.train_ids)

    def encode_mean(self, stars):
        truth = toy_stars(len(stars), 1).labels if np.isnan(stars.labels).any() else stars.labels
        middle, half = np.array([5500, 3.25, -0.75, 0.15]), np.array([870, 1.0, 0.72, 0.144])
        return (truth - middle) / half * self.strength

    def under(self, key):
        other = copy(self)
        other.key = key
        return other

    def encode(self, stars, *, key=None):
        mean, secret = self.encode_mean(stars), (key or self.key).secret
        noise = self.config.model.noise * np.random.default_rng(list(secret)).standard_normal(mean.shape)
        return LatentSet(mean + noise, stars.ids, stars.labels, stars.label_names)


HONEST, PLAIN = Fake([0, 0, 3, 3]), Fake([3, 3, 3, 3], removed=(), kept=(), noise=0.1)


@pytest.fixture(scope="module")
def many():
    return toy_stars(600, 1)


@pytest.fixture(scope="module")
def report(many):
    return audit(HONEST, many, plain=PLAIN, probes=FAST, workers=1)


def test_the_report_has_the_keys_of_the_contract_and_is_json(report):
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    for entry in report["removed"].values():
        assert {"r2", "probe", "floor", "excess", "partial", "p", "detectable", "upper"} <= set(entry)
        assert {"verdict", "bits", "strata", "removal_fraction", "given_removed", "even"} <= set(entry)
        assert entry["verdict"] == removal(entry) in ("removed", "readable", "cannot tell")
        assert entry["given_removed"]["verdict"] == removal(entry["given_removed"])
        assert {(s["label"], s["side"]) for s in entry["strata"]} <= {
            (n, side) for n in ("mh", "alphafe") for side in ("low", "high")
        }
    for entry in report["kept"].values():
        assert {"r2", "probe", "loss", "interval"} <= set(entry)
    assert set(report["references"]) == set(references.ROWS)
    assert list(report["removed"]) == ["teff", "logg"] and list(report["kept"]) == ["mh", "alphafe"]
    assert report["untouched"] == report["counterfactual"] == {} and len(report["verdict"]) == 4


def test_an_honest_latent_is_acquitted_and_keeps_what_it_says(report):
    for entry in report["removed"].values():
        assert entry["p"] > 0.025 and entry["partial"] < 0.01 and entry["upper"] < 0.06
        assert 0.01 < entry["detectable"] < 0.04 and entry["verdict"] != "readable"
        assert entry["removal_fraction"] > 0.95
    for name in ("mh", "alphafe"):
        kept = report["kept"][name]
        assert kept["r2"] == pytest.approx(0.9, abs=0.03)  # 3² / (1 + 3²)
        assert (
            kept["loss"] == pytest.approx(0.1, abs=0.03)
            and kept["interval"][0] < kept["loss"] < kept["interval"][1]
        )


def test_the_rows_say_what_they_should(report):
    rows = report["references"]
    assert rows["plain"]["teff"]["excess"] > 0.95 and rows["plain"]["teff"]["p"] < 0.01
    assert rows["plain"]["teff"]["partial"] == pytest.approx(rows["plain"]["teff"]["excess"], abs=0.05)
    assert rows["plain_erased"]["teff"]["r2"] < 0.03 < 0.9 < rows["plain_erased"]["mh"]["r2"]
    assert rows["reencoded_16"]["mh"]["r2"] > report["kept"]["mh"]["r2"] + 0.05  # sixteen noises average out
    assert rows["mean"]["mh"]["r2"] > rows["reencoded_16"]["mh"]["r2"]
    assert all(v["r2"] < 0.05 for v in rows["shuffled"].values())
    assert rows["spectrum"]["teff"]["r2"] > 0.9 and "excess" not in rows["spectrum"]["teff"]
    assert report["information"]["mh"]["order"][0] == 2
    assert report["information"]["teff"]["nats"][0] < 0.1


def test_a_leak_is_told_by_name(many):
    found = audit(Fake([1, 0, 3, 3]), many, probes=FAST, workers=1, rows=())
    teff, logg = (found["removed"][n] for n in ("teff", "logg"))
    assert teff["verdict"] == "readable" and logg["verdict"] == "cannot tell"
    assert teff["p"] < 0.01 and logg["p"] > 0.025
    assert teff["excess"] == pytest.approx(0.5, abs=0.07)
    assert teff["partial"] == pytest.approx(0.5, abs=0.07) and teff["bits"] > 0.2 > 0.02 > logg["bits"]
    assert "Teff is still readable" in found["verdict"][0]
    assert "cannot tell whether log g is removed" in found["verdict"][1]
    # no plain reference
    assert found["removed"]["teff"]["removal_fraction"] is None and found["kept"]["mh"]["loss"] is None
    assert "plain" not in found["references"]


def test_what_hides_in_the_noise_shows_in_the_mean(many):
    found = audit(Fake([0.15, 0, 3, 3]), many, probes=FAST, workers=1, rows=("mean",))
    assert found["removed"]["teff"]["r2"] < 0.1 < 0.9 < found["references"]["mean"]["teff"]["r2"]


def test_stars_that_trained_a_model_are_left_out_and_counted(many):
    model, plain = (
        Fake([0, 0, 3, 3], train_ids=many.ids[:100]),
        Fake([3] * 4, (), (), train_ids=many.ids[50:200]),
    )
    found = audit(model, many, plain=plain, probes=FAST, workers=1, rows=("plain",))
    assert found["stars"] == 400 and found["left_out"] == 200
    with pytest.raises(AuditError, match="all 600 stars trained"):
        audit(Fake([0] * 4, train_ids=many.ids), many, probes=FAST, workers=1)


def test_one_reference_row_may_be_asked_for_and_an_unknown_one_is_named(many, report):
    alone = audit(HONEST, many, plain=PLAIN, probes=FAST, workers=1, rows=("plain",))
    assert set(alone["references"]) == {"plain", "labels_only"} and alone["removed"] == report["removed"]
    with pytest.raises(AuditError, match="no reference row 'plane'"):
        audit(HONEST, many, rows=("plane",))


def test_a_label_missing_for_half_of_the_stars_is_handled(many):
    labels = many.labels.copy()
    labels[::2, NAMES.index("teff")] = np.nan
    labels[:100, NAMES.index("mh")] = np.nan
    stars = replace(many, labels=labels)
    found = audit(Fake([1, 0, 3, 3]), stars, plain=PLAIN, probes=FAST, workers=1, rows=("plain",))
    assert found["removed"]["teff"]["stars"] == 250 and found["removed"]["logg"]["stars"] == 500
    assert found["removed"]["teff"]["verdict"] == "readable" and found["removed"]["logg"]["p"] > 0.025
    assert found["kept"]["alphafe"]["stars"] == 600 and found["kept"]["mh"]["stars"] == 500


def test_too_few_labelled_stars_are_refused_with_a_reason(many):
    with pytest.raises(AuditError, match="at least 200"):
        audit(HONEST, many[:199], probes=FAST, workers=1)
    labels = many.labels.copy()
    labels[150:, 1] = np.nan
    with pytest.raises(AuditError, match="logg with the kept labels: 150 of 600"):
        audit(HONEST, many.with_labels(labels), probes=FAST, workers=1)


def test_the_nearest_neighbours_alone_cannot_test_for_a_leak(many):
    with pytest.raises(AuditError, match="choose one more probe"):
        audit(HONEST, many, probes=("neighbours",), workers=1)
    assert audit(PLAIN, many, probes=("neighbours",), workers=1, rows=())["removed"] == {}


def test_a_plain_model_is_read_and_accused_of_nothing(many):
    found = audit(PLAIN, many, plain=PLAIN, probes=FAST, workers=1)
    assert found["removed"] == found["kept"] == {} and set(found["untouched"]) == set(NAMES)
    assert all(v["loss"] == 0 for v in found["untouched"].values())


def test_the_same_seed_gives_the_same_report(many, report):
    again = audit(HONEST, many, plain=PLAIN, probes=FAST, workers=1, rows=("plain",))
    for part in ("removed", "kept", "information", "verdict"):
        assert again[part] == report[part]
    assert again["references"]["plain"] == report["references"]["plain"]


def test_progress_goes_up_and_names_the_rows(many):
    said = []
    audit(
        HONEST,
        many,
        probes=FAST,
        workers=1,
        rows=("spectrum", "shuffled"),
        progress=lambda fraction, message: said.append((fraction, message)),
    )
    assert [f for f, _ in said] == sorted(f for f, _ in said) and said[-1][0] <= 1
    assert any("spectrum" in message for _, message in said)


def test_a_real_model_is_audited(model):
    """End to end on the toy world; what a two-epoch model removes is nobody's business here."""
    found = audit(model, toy_stars(260, 1), plain=model, probes=FAST, workers=1)
    assert set(found["removed"]) == {"teff", "logg"} and set(found["references"]) == set(references.ROWS)
    assert all(v["loss"] == 0 for v in found["kept"].values())
    assert set(found["maps"]) == {"latent-pca"} and set(found["maps"]["latent-pca"]) == set(NAMES)
