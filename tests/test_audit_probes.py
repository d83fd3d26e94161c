"""Fresh probes and what they read beyond the floor: a leak, nothing in noise, and how sure that is."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from gandalf_core.auditing.bootstrap import difference_interval, r2_interval
from gandalf_core.auditing.floor import fit_floor
from gandalf_core.auditing.innocence import deals, kept_basis, leaves, local_spread, powers
from gandalf_core.auditing.leak import Examination, Leak, conditional_leaks
from gandalf_core.auditing.leak_test import p_value, surprise
from gandalf_core.auditing.probes import (
    FOLDS,
    PROBES,
    Probing,
    best,
    check_enough,
    fold_numbers,
    read,
)
from gandalf_core.data.scores import r_squared
from gandalf_core.errors import AuditError
from reports import plants

PAIR = ("ridge", "trees")
FAST = Probing(PAIR)


def test_a_linear_leak_is_read_with_the_r2_that_is_attainable():
    rng = np.random.default_rng(0)
    value = rng.standard_normal(3000)
    z = plants.mixed(value, rng.standard_normal(3000), 0.5)[:, None] @ rng.standard_normal((1, 5))
    z = np.hstack([z, rng.standard_normal((3000, 5))])
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


def leak_of(z, kept, removed, probing=FAST) -> Leak:
    """What the probes read of the one removed label, and what the test finds."""
    (leak,) = conditional_leaks(Examination(z, kept, removed, probing), thorough=False)
    return leak


# --- the floor ---


def test_the_floor_follows_a_curved_relation_between_labels():
    rng = np.random.default_rng(5)
    kept = rng.standard_normal((800, 2))
    removed = np.sin(2 * kept[:, :1]) + 0.1 * rng.standard_normal((800, 1))
    (floor,) = fit_floor(kept, removed, FAST).readings()
    assert floor.r2 > 0.95
    assert powers(kept).shape == (800, 14)  # every product up to the fourth degree


def test_without_kept_labels_the_floor_is_the_mean():
    y = np.random.default_rng(6).standard_normal((300, 1))
    (floor,) = fit_floor(np.empty((300, 0)), y, FAST).readings()
    assert floor.probe == "mean" and -0.05 < floor.r2 <= 0


def test_what_a_reader_learns_from_knows_nothing_of_the_stars_it_is_tried_on():
    rng = np.random.default_rng(11)
    kept, y = rng.standard_normal((300, 2)), rng.standard_normal((300, 1))
    floor = fit_floor(kept, y, FAST, trees=False)
    for fold in range(FOLDS):
        test = floor.folds == fold
        other = np.where(test[:, None], 100 + y, y)  # other labels of the stars that are tried
        changed = fit_floor(kept, other, FAST, trees=False)
        assert np.allclose(changed.left_open(fold)[~test], floor.left_open(fold)[~test])
        assert np.allclose(changed.outer[test], floor.outer[test])
        assert not np.allclose(changed.outer[~test], floor.outer[~test])


def test_residuals_are_dealt_among_stars_of_like_kept_labels():
    rng = np.random.default_rng(12)
    kept = rng.standard_normal((1000, 2))
    leaf = leaves(kept)
    assert np.bincount(leaf).min() >= 12 and len(set(leaf)) > 15
    inside = np.mean([kept[leaf == k].var(0).mean() for k in set(leaf)])
    assert inside < 0.2 * kept.var(0).mean()
    for order in deals(leaf, 5, rng):
        assert np.array_equal(np.sort(order), np.arange(1000)) and np.array_equal(leaf[order], leaf)
        assert (order != np.arange(1000)).mean() > 0.9


# --- leaks ---


def test_a_latent_that_repeats_the_kept_labels_is_acquitted_though_it_reads_the_removed_one():
    rng = np.random.default_rng(7)
    kept = rng.standard_normal((1000, 2))
    removed = kept[:, :1] * kept[:, 1:] + kept[:, :1] + 0.5 * rng.standard_normal((1000, 1))
    z = np.tanh(kept @ rng.standard_normal((2, 10))) + 0.05 * rng.standard_normal((1000, 10))
    (unconditional,) = read(z, removed, FAST)
    leak = leak_of(z, kept, removed)
    assert unconditional.r2 > 0.6 and leak.floor.r2 > 0.8
    assert abs(leak.excess) < 0.02 and leak.partial < 0.02 and not leak.flagged


def test_a_leak_below_the_floor_is_found_all_the_same():
    rng = np.random.default_rng(8)
    kept = rng.standard_normal((1000, 1))
    secret = rng.standard_normal((1000, 1))
    removed = kept + 0.5 * secret
    z = np.hstack([secret + 0.5 * rng.standard_normal((1000, 1)), rng.standard_normal((1000, 5))])
    (unconditional,) = read(z, removed, FAST)
    leak = leak_of(z, kept, removed)
    assert unconditional.r2 < 0.25 < leak.floor.r2  # R²(z) minus floor would acquit
    assert leak.flagged and leak.partial == pytest.approx(0.8, abs=0.04)  # 1 / (1 + 0.5²) of what is open
    assert leak.excess == pytest.approx(leak.partial * (1 - leak.floor.r2), abs=1e-9)


@pytest.mark.parametrize("size", [0.1, 0.0])
def test_the_audit_detects_a_weak_leak_and_acquits_noise(size):
    drawn = [leak_of(*plants.linear(1200, seed, size), Probing(("ridge",))) for seed in range(5)]
    flagged = sum(leak.flagged for leak in drawn)
    assert flagged == 5 if size else flagged <= 1
    assert np.mean([leak.partial for leak in drawn]) == pytest.approx(size * 0.8, abs=0.03)


@pytest.mark.slow
def test_false_alarms_over_two_hundred_draws():
    p = np.array([leak_of(*plants.smooth(500, seed), Probing(("ridge",))).p for seed in range(200)])
    assert (p <= 0.025).mean() <= 0.06 and 0.42 < np.median(p) < 0.58


def test_paired_intervals_are_narrower_than_their_parts():
    rng = np.random.default_rng(9)
    x = rng.standard_normal((1000, 5))
    y = x.sum(1, keepdims=True) + rng.standard_normal((1000, 1))
    (whole,), (part,) = read(x, y, Probing(("ridge",))), read(x[:, :4], y, Probing(("ridge",)))
    low, high = difference_interval(whole, part)
    assert low < whole.r2 - part.r2 < high
    assert high - low < sum(b - a for a, b in (r2_interval(whole), r2_interval(part)))


def test_the_tail_of_a_score_is_that_of_a_sum_of_squares():
    """A score of D directions of noise is a χ² law of D degrees, whose skewness is √(8/D)."""
    scores = np.array([[5.0, 12.0, 25.0, 40.0]])
    for freedom in (3, 12):
        moments = (np.array([[m]]) for m in (freedom, np.sqrt(2 * freedom), np.sqrt(8 / freedom)))
        assert np.allclose(-surprise(scores, *moments), chi2.logsf(scores, freedom), rtol=1e-3)


def test_p_counts_the_observed_labels_among_the_dealt_ones():
    dealt = np.arange(300.0)
    assert p_value(1000, dealt) == 1 / 301 and p_value(-1, dealt) == 1
    assert p_value(150, dealt) == pytest.approx(0.5, abs=0.01)


def test_one_innocent_label_in_forty_may_be_flagged():
    """Whoever changes the level by a factor ten or more fails here."""
    rng = np.random.default_rng(11)
    leak = leak_of(*(rng.standard_normal((300, k)) for k in (3, 1, 1)))
    flagged = [replace(leak, p=p).flagged for p in (1e-6, 0.024, 0.026, 0.05, 0.5)]
    assert flagged == [True, True, False, False, False]
    levels = (np.arange(1000) + 0.5) / 1000
    assert np.mean([replace(leak, p=p).flagged for p in levels]) == 0.025


@pytest.mark.parametrize("kind", ["trend", "jump", "even"])
def test_the_scatter_at_the_kept_labels_is_known_whether_it_drifts_or_jumps(kind):
    """Else magnitudes look told by any function of the kept labels: in two of five innocent latents."""
    rng = np.random.default_rng(4)
    kept = rng.standard_normal((3000, 2))
    high = kept[:, 1]
    jump = np.where(high > 1, 6.0, 1.0)
    true = {"trend": np.exp(high), "jump": jump, "even": np.ones(3000)}[kind]
    found = local_spread((true * rng.standard_normal(3000))[:, None], kept_basis(kept), kept)[:, 0]
    left = np.log(found / true)
    assert (left - np.median(left)).std() < 0.35
    outside = np.abs(high) > 2.3
    assert abs(np.median(left[outside]) - np.median(left)) < 0.3


def test_without_kept_labels_all_scatter_alike():
    assert (local_spread(np.ones((5, 2)), np.ones((5, 1)), np.empty((5, 0))) == 1).all()
