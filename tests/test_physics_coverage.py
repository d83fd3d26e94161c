"""What `reports coverage` measures and prints of error bars under right and under wrong physics."""

import numpy as np
import pytest
from test_error_calibration import FAST, NAMES, stars

from gandalf_core.io.plain import to_json
from gandalf_core.regression.calibration import calibrated, mixed
from gandalf_core.training.fitting_regressors import fit_regressor
from reports import physics_coverage as report


@pytest.fixture(scope="module")
def found():
    train = stars(4000, 0)
    regressor = fit_regressor(train.x, train.y, NAMES, FAST, snr=train.snr)
    parts = [mixed(stars(n, n), stars(n, n + 1, wrong=True))[0] for n in (4000, 1800, 1801)]
    judged = {"right": stars(15_000, 91), "wrong": stars(15_000, 92, wrong=True)}
    return report.source_coverage(calibrated(regressor, *parts), judged, stars(8000, 93), NAMES)


def test_shares_and_widths_are_those_of_the_error_bars(found):
    held = found["all"]
    assert list(held["right 0.6827"].values()) == pytest.approx([0.69, 0.69], abs=0.06)
    assert list(held["wrong 0.95"].values()) == pytest.approx([0.95, 0.95], abs=0.03)
    rows = found["held"]["right 0.95"]["snr"]
    assert all(row["stars"] >= report.LEAST for row in rows)
    assert 1 < np.mean(list(found["width_ratio"]["right"].values())) < 1.3
    assert np.mean(list(found["width_ratio"]["wrong"].values())) > 1.1
    assert set(found["ellipse"]["right"]) == {"teff, logg"}
    assert found["ellipse"]["right"]["teff, logg"] == pytest.approx(0.68, abs=0.08)


def test_the_table_shows_the_worst_bins_beside_the_goals(found):
    stored = {"seed": 7, "stars": 6000, "models": {"autoencoder": {"latent": found}, "crossed": {}}}
    text = report.physics_table(stored)
    shares = [row[n] for rows in found["held"]["wrong 0.6827"].values() for row in rows for n in NAMES]
    assert f"| {min(shares):.2f} to {max(shares):.2f} |" in text and "`simulated:6000:7`" in text
    assert "| goal |  | .62-.74 | .93-.97 | .58-.80 | - | ≤ 1.5 | ≤ 1.5 | - | - |" in text
    assert (
        "The bins of `autoencoder`, from the latent:" in text and "| S/N" in text and "`crossed`" not in text
    )
    assert report.physics_table({}) == ""


def test_judged_stars_are_the_same_in_both_natures(monkeypatch):
    monkeypatch.setattr(report, "JUDGED", 40)
    judged = report.judged_stars(5)
    right, wrong = judged["right"], judged["wrong"]
    rows = np.isin(right.ids, np.char.replace(wrong.ids, "sim5b-", "sim5-"))
    assert rows.sum() == len(wrong) > 30
    np.testing.assert_array_equal(right.labels[rows], wrong.labels)
    difference = np.std(right.flux[rows] - wrong.flux)
    assert 0.003 < difference < 0.03


def test_a_model_that_was_measured_is_not_measured_again(monkeypatch, tmp_path):
    path, made = tmp_path / "coverage.json", []
    monkeypatch.setattr(report, "judged_stars", lambda seed: {})
    monkeypatch.setattr(report, "simulate", lambda n, seed: None)
    monkeypatch.setattr(report, "load_model", lambda name: name)
    monkeypatch.setattr(report, "store", lambda path, stored: path.write_text(to_json(stored)))
    monkeypatch.setattr(report, "model_coverage", lambda model, *_: made.append(model) or {})
    report.measure_physics(["generator"], 7, path)
    report.measure_physics(["generator", "autoencoder"], 7, path)
    assert made == ["generator", "autoencoder"]
    report.measure_physics(["generator"], 8, path)
    assert made[2:] == ["generator"], "other stars judge"
