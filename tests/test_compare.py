"""The comparison of representations: a better representation wins, and every column says what it promises."""

import json
from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.auditing.compare import ComparisonOptions, Representation, Truth, compare
from gandalf_core.errors import AuditError
from gandalf_core.regression.classes import class_scores, population, stage
from gandalf_core.regression.residuals import interval_coverage, residual_statistics
from gandalf_core.regression.settings import RegressorSettings

NAMES = ("teff", "logg", "mh", "alphafe")
FAST = ComparisonOptions(max_iter=20)


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
        {"clear": Representation(a, a2), "blurred": Representation(b, b2)},
        Truth(y, snr),
        Truth(y2, snr2, bounds),
        NAMES,
        replace(FAST, per_parameter=True),
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
    bounds = np.array([[0.5], [1.0], [np.nan], [1.0]])
    row = residual_statistics(values, truth, ["mh"], np.full((4, 1), 2.0), bounds)["mh"]
    assert (row["mean"], row["mean_absolute"], row["stars"]) == (2.0, 2.0, 3)
    assert row["std"] == pytest.approx(np.sqrt(2)) and row["rmse"] == pytest.approx(np.sqrt(6))
    assert row["coverage"] == pytest.approx(2 / 3)
    assert row["rmse_over_bound"] == pytest.approx(1 / np.sqrt(0.625))
    assert row["rmse_over_median_bound"] == pytest.approx(1 / 0.75)
    assert residual_statistics(values, truth * np.nan, ["mh"])["mh"] == {"stars": 0}


def test_statistics_without_errors_and_bounds_say_nothing_of_them():
    predicted = np.array([[1.0], [-1], [3], [np.nan]])
    row = residual_statistics(predicted, np.zeros((4, 1)), ("teff",))["teff"]
    assert (row["mean"], row["stars"]) == (1.0, 3)
    assert row["mean_absolute"] == pytest.approx(5 / 3) and row["std"] == pytest.approx(np.std([1, -1, 3]))
    assert row["coverage"] is row["rmse_over_bound"] is row["rmse_over_median_bound"] is None


def test_coverage_leaves_out_small_bins_and_missing_labels():
    teff = np.r_[np.full(400, 5100.0), np.full(200, 6100.0)]
    logg = np.where(np.arange(600) % 2, np.nan, 4.0)
    truth = np.column_stack([teff, logg])
    errors = np.full((600, 2), [60.0, 0.05])
    bins = interval_coverage(truth + np.array([50.0, 0.1]), truth, ["teff", "logg"], errors)
    assert "snr" not in bins
    assert bins["teff"] == [{"low": 5000.0, "high": 5500.0, "stars": 400, "teff": 1.0, "logg": 0.0}]


def test_classes_are_the_documented_cuts():
    assert stage({"logg": np.array([3.4, 3.6])}).tolist() == ["giant", "dwarf"]
    labels = {"mh": np.array([-0.5, -0.5, -1.2, 0.2]), "alphafe": np.array([0.25, 0.08, 0.05, 0.0])}
    assert population(labels).tolist() == ["thick disc", "thin disc", "halo", "thin disc"]


def test_completeness_and_purity():
    true = np.array([[2.0], [2.0], [4.0], [4.0], [np.nan]])
    predicted = np.array([[2.0], [4.0], [4.0], [4.0], [2.0]])
    scores = class_scores(predicted, true, ("logg",))
    assert set(scores) == {"dwarf_giant"}
    assert scores["dwarf_giant"]["classes"]["giant"] == {"completeness": 0.5, "purity": 1.0, "stars": 2}
    assert scores["dwarf_giant"]["classes"]["dwarf"]["purity"] == pytest.approx(2 / 3)
    assert class_scores(predicted, true, ("vsini",)) == {}


def test_an_encoder_that_knows_its_training_stars_by_heart_gets_error_bars_from_those_it_never_saw():
    _, _, y, snr = sample(4000)
    rng = np.random.default_rng(3)
    unseen = np.arange(3000) % 5 == 0
    error = np.where(np.r_[unseen, np.ones(1000, bool)], 0.3, 0.05)[:, None]
    scale = y.std(0)
    z = (y - y.mean(0)) / scale + error * rng.standard_normal(y.shape)
    train, test = Truth(y[:3000], snr[:3000]), Truth(y[3000:], snr[3000:])
    reports = [
        compare({"z": Representation(z[:3000], z[3000:], rows)}, train, test, NAMES, FAST)
        for rows in (None, unseen)
    ]
    shares = [np.mean([v["coverage"] for v in r["representations"]["z"].values()]) for r in reports]
    assert shares[0] < 0.45 and 0.62 < shares[1] < 0.74


def test_the_penalty_is_chosen_by_held_out_stars():
    a, _, y, _ = sample(600)
    inputs, options = Representation(a[:400], a[400:]), replace(FAST, alphas=(1e4, 1e-4))
    report = compare({"clear": inputs}, Truth(y[:400]), Truth(y[400:]), NAMES, options)
    assert report["network"]["clear"]["alpha"] == 1e-4


def test_a_representation_may_bring_the_settings_of_its_regressor():
    """Penalty included: it is then not chosen. Passes and seed are those of the comparison."""
    a, _, y, _ = sample(2600)
    inputs = Representation(
        a[:2400], a[2400:], settings=RegressorSettings(hidden=(4,), alpha=0.5, max_iter=1)
    )
    report = compare({"x": inputs}, Truth(y[:2400]), Truth(y[2400:]), NAMES, replace(FAST, max_iter=3))
    assert report["network"]["x"]["alpha"] == 0.5
    assert [network["epochs"] for network in report["network"]["x"]["networks"]] == [3]


def test_other_labels_work_the_same_way():
    a, _, y, _ = sample(600)
    inputs = Representation(a[:400], a[400:])
    report = compare({"x": inputs}, Truth(y[:400, :2]), Truth(y[400:, :2]), ("vsini", "age"), FAST)
    assert set(report["representations"]["x"]) == {"vsini", "age"}
    assert report["classes"]["x"] == report["coverage"]["x"] == {}


def test_too_few_stars_are_refused():
    with pytest.raises(AuditError, match="needs 100"):
        inputs = Representation(np.zeros((50, 3)), np.zeros((20, 3)))
        compare({"x": inputs}, Truth(np.zeros((50, 1))), Truth(np.zeros((20, 1))), ("mh",))
