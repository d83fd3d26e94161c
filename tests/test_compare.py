"""The comparison of representations: a better representation wins, and every column says what it promises."""

import json

import numpy as np
import pytest

from gandalf_core.errors import AuditError
from gandalf_core.regression.classes import class_scores, population, stage
from gandalf_core.regression.compare import compare, coverage, statistics

NAMES = ("teff", "logg", "mh", "alphafe")
FAST = {"max_iter": 20}


def sample(n=2000, seed=0):
    """(clear, noisy, labels, snr): two representations of the same stars, one hardly showing logg."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, (n, 4))
    snr = 10 ** rng.uniform(1, 2, n)
    mixing = np.random.default_rng(5).standard_normal((4, 10))
    clear = t @ mixing + rng.standard_normal((n, 10)) * 3 / snr[:, None]
    blurred = (t * [1, 0.02, 1, 1]) @ mixing + rng.standard_normal((n, 10)) * 3 / snr[:, None]
    return clear, blurred, np.array([5500, 3.2, -0.6, 0.15]) + t * [900, 1.5, 0.8, 0.2], snr


@pytest.fixture(scope="module")
def report():
    (a, b, y, snr), (a2, b2, y2, snr2) = sample(1200), sample(1500, 1)
    bounds = np.full(y2.shape, [20.0, 0.05, 0.02, 0.01])
    return compare(
        {"clear": (a, a2), "blurred": (b, b2)},
        y,
        y2,
        NAMES,
        snr_train=snr,
        snr_test=snr2,
        bounds=bounds,
        per_parameter=True,
        **FAST,
    )


def test_the_representation_that_shows_a_label_reads_it_better(report):
    clear, blurred = (report["representations"][n] for n in ("clear", "blurred"))
    assert clear["logg"]["r2"] > 0.8 and blurred["logg"]["r2"] < 0.4
    assert clear["logg"]["mean_absolute"] < blurred["logg"]["mean_absolute"] / 2
    assert report["per_parameter"]["clear"]["teff"]["r2"] > 0.8


def test_giants_are_told_from_dwarfs_only_where_logg_shows(report):
    clear, blurred = (report["classes"][n]["dwarf_giant"]["classes"]["giant"] for n in ("clear", "blurred"))
    assert clear["completeness"] > 0.85 and clear["purity"] > 0.85
    assert blurred["completeness"] < 0.75 or blurred["purity"] < 0.75


def test_the_report_is_plain_json(report):
    again = json.loads(json.dumps(report, allow_nan=False))
    assert again["stars"] == {"train": 1200, "test": 1500}
    assert all(
        again["seconds"][n][k] > 0
        for n in ("clear", "blurred")
        for k in ("training", "inference", "training_per_parameter")
    )
    assert {"mean", "mean_absolute", "std", "rmse_over_bound"} <= set(again["representations"]["clear"]["mh"])


def test_error_bars_are_checked_per_bin(report):
    for rows in report["coverage"]["clear"].values():
        assert rows and all(r["stars"] > 300 and 0.58 < r["teff"] < 0.78 for r in rows)


def test_statistics_are_of_predicted_minus_true():
    truth = np.array([[0.0], [0.0], [0.0], [np.nan]])
    values = np.array([[1.0], [1.0], [4.0], [9.0]])
    found = statistics(
        values, np.full((4, 1), 2.0), truth, ["mh"], np.array([[0.5], [1.0], [np.nan], [1.0]])
    )["mh"]
    assert (found["mean"], found["mean_absolute"], found["stars"]) == (2.0, 2.0, 3)
    assert found["std"] == pytest.approx(np.sqrt(2)) and found["rmse"] == pytest.approx(np.sqrt(6))
    assert found["coverage"] == pytest.approx(2 / 3)
    assert found["rmse_over_bound"] == pytest.approx(1 / np.sqrt(0.625)) and found[
        "rmse_over_median_bound"
    ] == pytest.approx(1 / 0.75)
    assert statistics(values, values, truth * np.nan, ["mh"])["mh"] == {"stars": 0}


def test_coverage_leaves_out_small_bins_and_missing_labels():
    teff = np.r_[np.full(400, 5100.0), np.full(200, 6100.0)]
    logg = np.where(np.arange(600) % 2, np.nan, 4.0)
    truth = np.column_stack([teff, logg])
    found = coverage(truth + np.array([50.0, 0.1]), np.full((600, 2), [60.0, 0.05]), truth, ["teff", "logg"])
    assert "snr" not in found
    assert found["teff"] == [{"low": 5000.0, "high": 5500.0, "stars": 400, "teff": 1.0, "logg": 0.0}]


def test_classes_are_the_documented_cuts():
    assert stage({"logg": np.array([3.4, 3.6])}).tolist() == ["giant", "dwarf"]
    labels = {"mh": np.array([-0.5, -0.5, -1.2, 0.2]), "alphafe": np.array([0.25, 0.08, 0.05, 0.0])}
    assert population(labels).tolist() == ["thick disc", "thin disc", "halo", "thin disc"]


def test_completeness_and_purity():
    true = np.array([[2.0], [2.0], [4.0], [4.0], [np.nan]])
    predicted = np.array([[2.0], [4.0], [4.0], [4.0], [2.0]])
    found = class_scores(predicted, true, ("logg",))
    assert set(found) == {"dwarf_giant"}
    assert found["dwarf_giant"]["classes"]["giant"] == {"completeness": 0.5, "purity": 1.0, "stars": 2}
    assert found["dwarf_giant"]["classes"]["dwarf"]["purity"] == pytest.approx(2 / 3)
    assert class_scores(predicted, true, ("vsini",)) == {}


def test_an_encoder_that_knows_its_training_stars_by_heart_gets_error_bars_from_those_it_never_saw():
    _, _, y, snr = sample(4000)
    rng = np.random.default_rng(3)
    unseen = np.arange(3000) % 5 == 0
    error = np.where(np.r_[unseen, np.ones(1000, bool)], 0.3, 0.05)[:, None]
    scale = y.std(0)
    z = (y - y.mean(0)) / scale + error * rng.standard_normal(y.shape)
    pair, settings = (z[:3000], z[3000:]), {"snr_train": snr[:3000], "snr_test": snr[3000:], **FAST}
    found = [
        compare({"z": inputs}, y[:3000], y[3000:], NAMES, **settings) for inputs in (pair, (*pair, unseen))
    ]
    shares = [np.mean([v["coverage"] for v in f["representations"]["z"].values()]) for f in found]
    assert shares[0] < 0.45 and 0.62 < shares[1] < 0.74


def test_the_penalty_is_chosen_by_held_out_stars():
    a, _, y, _ = sample(600)
    report = compare({"clear": (a[:400], a[400:])}, y[:400], y[400:], NAMES, alphas=(1e-4, 1e4), **FAST)
    assert report["network"]["clear"]["alpha"] == 1e-4


def test_other_labels_work_the_same_way():
    a, _, y, _ = sample(600)
    report = compare({"x": (a[:400], a[400:])}, y[:400, :2], y[400:, :2], ("vsini", "age"), **FAST)
    assert (
        set(report["representations"]["x"]) == {"vsini", "age"}
        and report["classes"]["x"] == {}
        and report["coverage"]["x"] == {}
    )


def test_too_few_stars_are_refused():
    with pytest.raises(AuditError, match="needs 100"):
        compare({"x": (np.zeros((50, 3)), np.zeros((20, 3)))}, np.zeros((50, 1)), np.zeros((20, 1)), ("mh",))
