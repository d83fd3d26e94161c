"""Predictions as covariances, draws, tables and rows, and what stars outside the sample are told."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gandalf_core.models.joint_errors import ellipses_of
from gandalf_core.models.predictions import Predictions, join_predictions, widened

NAMES = ("teff", "logg", "mh")
CORRELATION = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.2], [0.5, 0.2, 1.0]])


def predictions(n: int = 2, **fields) -> Predictions:
    return Predictions(
        ids=np.array([f"star {i}" for i in range(n)]),
        label_names=NAMES,
        values=np.tile([5000.0, 4.0, -0.5], (n, 1)),
        errors=np.tile([100.0, 0.2, 0.1], (n, 1)),
        chi2=np.ones(n),
        outlier_score=np.full(n, 0.5),
        percentiles={},
        **fields,
    )


KNOWN = predictions(correlations=np.tile(CORRELATION, (2, 1, 1)))


def test_covariance_is_correlation_times_both_errors():
    expected = [[10_000, 16, 5], [16, 0.04, 0.004], [5, 0.004, 0.01]]
    np.testing.assert_allclose(KNOWN.covariance, [expected, expected])
    unknown = predictions().covariance[0]
    np.testing.assert_allclose(np.diag(unknown), [10_000, 0.04, 0.01])
    assert np.isnan(unknown[~np.eye(3, dtype=bool)]).all(), "not known is not uncorrelated"


def test_draws_have_the_covariance_and_follow_star_and_seed_alone():
    draws = KNOWN.draws(40_000, 1)
    assert draws.shape == (2, 40_000, 3)
    for star in draws:
        np.testing.assert_allclose((star.mean(0) - KNOWN.values[0]) / KNOWN.errors[0], 0, atol=0.02)
        np.testing.assert_allclose(np.corrcoef(star.T), CORRELATION, atol=0.02)
        np.testing.assert_allclose(star.std(0), KNOWN.errors[0], rtol=0.02)
    assert not np.allclose(draws[0], draws[1])
    turned = replace(KNOWN, ids=KNOWN.ids[::-1])
    np.testing.assert_array_equal(turned.draws(5, 1), KNOWN.draws(5, 1)[::-1])
    np.testing.assert_array_equal(KNOWN.draws(5, 1), draws[:, :5], "more draws begin with the same")
    assert not np.allclose(KNOWN.draws(5, 2), KNOWN.draws(5, 1))


def test_draws_of_what_is_not_known():
    independent = np.corrcoef(predictions(1).draws(20_000, 0)[0].T)
    np.testing.assert_allclose(independent, np.eye(3), atol=0.03)
    one_unread = replace(KNOWN, values=KNOWN.values * [1, np.nan, 1], errors=KNOWN.errors * [1, np.nan, 1])
    draws = one_unread.draws(10, 0)
    assert np.isnan(draws[..., 1]).all() and np.isfinite(draws[..., [0, 2]]).all()
    assert KNOWN.draws(0, 0).shape == (2, 0, 3)


def test_tables_have_correlations_on_request_and_rows_the_covariance():
    assert not any(name.endswith("_corr") for name in KNOWN.columns())
    columns = KNOWN.columns(correlations=True)
    pairs = {"teff_logg_corr": 0.8, "teff_mh_corr": 0.5, "logg_mh_corr": 0.2}
    assert [n for n in columns if n.endswith("_corr")] == list(pairs)
    assert all((columns[name] == value).all() for name, value in pairs.items())
    row = replace(KNOWN, outside=np.array([False, True])).rows()[1]
    assert row["outside"] is row["error_is_lower_limit"] is True
    np.testing.assert_allclose(row["covariance"], KNOWN.covariance[1])


def test_what_is_not_stated_is_unknown():
    bare = predictions()
    assert bare.verdict.tolist() == bare.reason.tolist() == ["", ""]
    assert bare.outside.tolist() == [False, False] and np.isnan(bare.velocity_kms).all()
    joined = join_predictions([bare, replace(KNOWN, outside=np.array([True, False]))])
    assert joined.outside.tolist() == [False, False, True, False] and len(joined) == 4
    np.testing.assert_array_equal(joined.correlations[2:], KNOWN.correlations)
    nobody = predictions(0)
    assert len(nobody.correlations) == 0 and nobody.columns(correlations=True)["teff_logg_corr"].shape == (0,)


@pytest.mark.parametrize(
    ("value", "outside", "error"),
    [
        (8000.0, True, 1000.0),  # the way back to 7000
        (3000.0, True, 1100.0),  # and to 4100
        (7050.0, True, 98.0),  # already wider than that
        (5000.0, True, 98.0),
        (8000.0, False, 98.0),
    ],
)
def test_errors_outside_reach_back_to_the_sample(value, outside, error):
    wide = widened(np.array([[98.0]]), np.array([[value]]), np.array([[4100.0, 7000.0]]), np.array([outside]))
    assert wide.item() == error
    unread = widened(np.array([[np.nan]]), np.array([[np.nan]]), np.array([[0.0, 1.0]]), np.array([True]))
    assert np.isnan(unread).all()


def test_an_ellipse_holds_its_share_of_the_draws_and_touches_the_errors():
    (outline,) = ellipses_of(KNOWN, 0, [("teff", "logg")], 0.6827).values()
    half = np.ptp(outline, axis=0) / 2
    np.testing.assert_allclose(half, np.sqrt(2.2957) * KNOWN.errors[0, :2], rtol=2e-3)
    draws = KNOWN.draws(40_000, 5)[0, :, :2]
    scaled = [(points - KNOWN.values[0, :2]) / KNOWN.errors[0, :2] for points in (draws, outline)]
    angles = [np.arctan2(*points.T) for points in scaled]
    reach = np.interp(angles[0], *_by_angle(angles[1], scaled[1]), period=2 * np.pi)
    assert (np.linalg.norm(scaled[0], axis=1) < reach).mean() == pytest.approx(0.6827, abs=0.01)
    tilt = np.corrcoef(outline[:-1].T)[0, 1]
    assert tilt == pytest.approx(0.8, abs=0.01), "hotter goes with a higher log g"


def _by_angle(angle: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(angle[:-1])
    return angle[:-1][order], np.linalg.norm(points[:-1], axis=1)[order]


def test_there_is_no_ellipse_of_what_is_not_known():
    unread = replace(KNOWN, values=KNOWN.values * [1, 1, np.nan])
    assert list(ellipses_of(unread, 1, [("teff", "logg"), ("logg", "mh")])) == [("teff", "logg")]
    assert ellipses_of(predictions(), 0, [("teff", "logg")]) == {}


def test_the_document_lists_the_columns():
    text = (Path(__file__).parents[1] / "docs" / "files.md").read_text(encoding="utf-8")
    section = text.partition("## Tables of predictions\n")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = [name for cell in first for name in re.findall(r"`([^`]+)`", cell)]
    columns = replace(KNOWN, calibration="mine").columns(correlations=True)
    expected = [n for n in columns if not n.startswith(("logg", "mh", "teff_mh"))]
    assert documented == expected
    for key in KNOWN.rows()[0]:
        assert f"`{key}`" in section or key.partition("_")[0] in NAMES, key
