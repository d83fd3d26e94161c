"""Fresh probes and the conditional excess: they find a leak, none in noise, and say how sure they are."""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.auditing import calibration
from gandalf_core.auditing.bootstrap import difference_interval, r2_interval
from gandalf_core.auditing.excess import conditional_excess, floor_readings
from gandalf_core.auditing.probes import (
    FOLDS,
    PROBES,
    Probing,
    best,
    check_enough,
    fold_numbers,
    label_basis,
    read,
)
from gandalf_core.auditing.significance import upper_tail
from gandalf_core.data.scores import r_squared
from gandalf_core.errors import AuditError

PAIR = ("ridge", "trees")
FAST = Probing(PAIR)


def test_a_linear_leak_is_read_with_the_r2_that_is_attainable():
    rng = np.random.default_rng(0)
    value = rng.standard_normal(3000)
    z = calibration.mixed_latent(value, 0.5, rng)
    (reading,) = read(z, value[:, None], Probing(("ridge",)))
    assert reading.r2 == pytest.approx(0.5, abs=0.03)
    low, high = r2_interval(reading)
    assert low < 0.5 < high and high - low < 0.1


def test_each_probe_reads_what_it_is_made_for():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1500, 3))
    line, bump = x @ [1, 2, 0.5], np.exp(-np.square(x).sum(1))  # the second has no linear part at all
    for probe in PROBES:
        straight, curved = (r.r2 for r in read(x, np.stack([line, bump], 1), Probing((probe,))))
        assert straight > 0.8
        assert curved > 0.7 if probe != "ridge" else curved < 0.05


def test_a_probe_never_sees_the_star_it_is_scored_on():
    rng = np.random.default_rng(2)
    # trees and neighbours could learn this by heart
    x, y = rng.standard_normal((300, 200)), rng.standard_normal((300, 1))
    for probe in PROBES:
        assert read(x, y, Probing((probe,)))[0].r2 < 0.05


def test_the_choice_of_the_best_probe_adds_no_luck():
    rng = np.random.default_rng(3)
    gained = []
    for _ in range(200):
        truth, folds = rng.standard_normal(300), fold_numbers(300)
        guesses = {str(i): 0.3 * rng.standard_normal(300) for i in range(8)}
        gained.append([best(guesses, truth, folds).r2, max(r_squared(truth, g) for g in guesses.values())])
    chosen, luckiest = np.mean(gained, 0)
    expected = -(0.3**2)
    assert abs(chosen - expected) < 0.006 < 0.03 < luckiest - expected


def test_results_depend_on_the_seed_alone_and_not_on_the_number_of_workers():
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal((250, 4)), rng.standard_normal((250, 1))
    one, two = (read(x, y, Probing(PAIR, 5, w))[0].prediction for w in (1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, read(x, y, Probing(PAIR, 6))[0].prediction)
    assert np.bincount(fold_numbers(250, 5)).tolist() == [50] * FOLDS


def test_fewer_than_200_labelled_stars_are_refused_with_the_numbers():
    labels = np.full(1000, np.nan)
    labels[:199] = 1.0
    with pytest.raises(AuditError, match=r"teff: 199 of 1000 stars .* at least 200"):
        check_enough(labels, "teff")
    labels[199] = 1.0
    assert check_enough(labels, "teff").sum() == 200


def test_the_floor_follows_a_curved_relation_between_labels():
    rng = np.random.default_rng(5)
    kept = rng.standard_normal((800, 2))
    removed = np.sin(2 * kept[:, :1]) + 0.1 * rng.standard_normal((800, 1))
    (floor,) = floor_readings(kept, removed, FAST)
    assert floor.r2 > 0.95
    assert label_basis(kept).shape == (800, 14)  # every product up to the fourth degree


def test_without_kept_labels_the_floor_is_the_mean():
    y = np.random.default_rng(6).standard_normal((300, 1))
    (floor,) = floor_readings(np.empty((300, 0)), y)
    assert floor.probe == "mean" and -0.05 < floor.r2 <= 0


def test_a_latent_that_repeats_the_kept_labels_is_acquitted_though_it_reads_the_removed_one():
    rng = np.random.default_rng(7)
    kept = rng.standard_normal((1000, 2))
    removed = kept[:, :1] * kept[:, 1:] + kept[:, :1] + 0.5 * rng.standard_normal((1000, 1))
    z = np.tanh(kept @ rng.standard_normal((2, 10))) + 0.05 * rng.standard_normal((1000, 10))
    (unconditional,) = read(z, removed, FAST)
    (leak,) = conditional_excess(z, kept, removed, FAST)
    assert unconditional.r2 > 0.6 and leak.floor.r2 > 0.8
    assert abs(leak.value) < 0.02 and not leak.flagged


def test_a_leak_below_the_floor_is_found_all_the_same():
    rng = np.random.default_rng(8)
    kept = rng.standard_normal((1000, 1))
    secret = rng.standard_normal((1000, 1))
    removed = kept + 0.5 * secret
    z = np.hstack([secret + 0.5 * rng.standard_normal((1000, 1)), rng.standard_normal((1000, 5))])
    (unconditional,) = read(z, removed, FAST)
    (leak,) = conditional_excess(z, kept, removed, FAST)
    assert unconditional.r2 < 0.25 < leak.floor.r2  # R²(z) minus floor would acquit
    assert leak.flagged and leak.interval[0] > 0.08


@pytest.mark.parametrize("attainable", [0.1, 0.0])
def test_the_audit_detects_a_weak_leak_and_acquits_noise(attainable):
    drawn = [calibration.one_draw(seed, 1200, attainable, PAIR) for seed in range(5)]
    flagged = sum(d["flagged"] for d in drawn)
    assert flagged >= 4 if attainable else flagged <= 1
    assert np.mean([d["excess"] for d in drawn]) == pytest.approx(attainable * 0.8, abs=0.04)


@pytest.mark.slow
def test_detection_and_acquittal_rates_over_a_hundred_draws(tmp_path):
    noise, leak = calibration.run(tmp_path / "rates.json", draws=100, n=2000)
    assert noise["flagged"] <= 0.05 and leak["flagged"] >= 0.95


def test_rates_resume_from_stored_draws(tmp_path, monkeypatch):
    calls = []

    def fake(seed, n, r2, workers=1):
        calls.append((seed, r2))
        return {"draw": seed, "stars": n, "attainable_r2": r2, "flagged": r2 > 0, "excess": r2}

    monkeypatch.setattr(calibration, "one_draw", fake)
    calibration.run(tmp_path / "rates.json", 2, 500)
    table = calibration.run(tmp_path / "rates.json", 3, 500)
    assert len(calls) == len(set(calls)) == 6
    assert [row["flagged"] for row in table] == [0.0, 1.0] and table[0]["draws"] == 3


def test_paired_intervals_are_narrower_than_their_parts():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((1000, 5))
    y = x.sum(1, keepdims=True) + rng.standard_normal((1000, 1))
    (whole,), (part,) = read(x, y, Probing(("ridge",))), read(x[:, :4], y, Probing(("ridge",)))
    low, high = difference_interval(whole, part)
    assert low < whole.r2 - part.r2 < high
    assert high - low < sum(b - a for a, b in (r2_interval(whole), r2_interval(part)))


def test_the_tail_of_products_is_that_of_a_normal_mean():
    rng = np.random.default_rng(10)
    p = [upper_tail(rng.standard_normal(400)) for _ in range(2000)]
    assert np.mean(np.array(p) < 0.025) == pytest.approx(0.025, abs=0.012)
    assert upper_tail(np.zeros(5)) == 1.0


def test_one_innocent_label_in_forty_may_be_flagged():
    """The level of the test: a tenfold looser one would call chance a leak."""
    rng = np.random.default_rng(11)
    (leak,) = conditional_excess(*(rng.standard_normal((300, k)) for k in (3, 1, 1)), Probing(("ridge",)))
    flagged = [replace(leak, p_value=p).flagged for p in (1e-6, 0.024, 0.026, 0.05, 0.5)]
    assert flagged == [True, True, False, False, False]
    levels = np.linspace(0.0005, 0.9995, 1000)  # the p values of innocent labels are uniform
    assert np.mean([replace(leak, p_value=p).flagged for p in levels]) == 0.025
