"""Error bars that know how well a model fits: correlations, calibration on two kinds of stars, own stars."""

from dataclasses import replace

import numpy as np
import pytest

from gandalf_core.errors import ModelError
from gandalf_core.regression.calibration import Evidence, calibrated, mixed, recalibrated
from gandalf_core.regression.conformal import LEVEL
from gandalf_core.regression.correlation import fit_correlation
from gandalf_core.regression.crossed import CrossedRegressor
from gandalf_core.regression.network import ArrayNetwork
from gandalf_core.regression.quality import Quality
from gandalf_core.regression.regressor import Regressor
from gandalf_core.regression.settings import RegressorSettings
from gandalf_core.training.fitting_regressors import fit_regressor

NAMES = ("teff", "logg")
FAST = RegressorSettings(hidden=(32,), max_iter=30)


def stars(n: int, seed: int, wrong: bool = False) -> Evidence:
    """Stars whose 12 numbers show two labels; wrong physics adds the same pattern to each, and to chi²."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, (n, 2))
    snr = 10 ** rng.uniform(1, 2.5, n)
    response, pattern = np.random.default_rng(7).standard_normal((2, 2, 12))
    x = np.tanh(t @ response) + rng.standard_normal((n, 12)) * 1.5 / snr[:, None]
    x += wrong * 0.05 * pattern[0] * (1 + t[:, :1])
    chi2 = rng.gamma(200, 1 / 200, n) + wrong * (snr * 0.02) ** 2
    return Evidence(x, np.array([5500, 3.0]) + t * [900, 1.2], snr, {"chi2": chi2})


@pytest.fixture(scope="module")
def plain() -> Regressor:
    train = stars(6000, 0)
    return fit_regressor(train.x, train.y, NAMES, FAST, snr=train.snr)


@pytest.fixture(scope="module")
def knowing(plain) -> Regressor:
    """Calibrated on both kinds."""
    parts = [mixed(stars(n, seed), stars(n, seed + 1, wrong=True))[0] for n, seed in ((6000, 10), (8000, 20))]
    return calibrated(plain, parts[0], parts[1][:6000], parts[1][6000:])


def held(regressor: Regressor, judged: Evidence, level: float = LEVEL) -> np.ndarray:
    """(N, P) whether the interval holds the truth."""
    values, errors = regressor.predict(judged.x, judged.snr, level, judged.quality)
    return np.abs(values - judged.y) <= errors


def test_error_bars_hold_under_right_and_under_wrong_physics_at_every_snr(plain, knowing):
    right, wrong = stars(8000, 30), stars(8000, 31, wrong=True)
    assert held(plain, wrong).mean(0).max() < 0.5, "else there would be nothing to do"
    for low, high in ((10, 30), (30, 100), (100, 320)):
        for judged, least, most in ((right, 0.62, 0.74), (wrong, 0.58, 0.80)):
            rows = (judged.snr >= low) & (judged.snr < high)
            share = held(knowing, judged)[rows].mean(0)
            assert (share > least).all() and (share < most).all(), (low, least, share)
    narrow, wide = (r.predict(right.x, right.snr, LEVEL, right.quality)[1].mean(0) for r in (plain, knowing))
    assert (wide < 1.5 * narrow).all()


def test_a_mixture_is_held_as_often_as_promised(knowing):
    judged = mixed(stars(9000, 40), stars(9000, 41, wrong=True), seed=3)[0]
    for level in (LEVEL, 0.95):
        assert held(knowing, judged, level).mean(0) == pytest.approx([level, level], abs=0.025)


def test_error_bars_grow_with_chi2_and_an_unknown_one_is_typical(knowing):
    judged = stars(400, 50)
    bright = replace(judged, snr=np.full(400, 200.0))
    errors = [
        knowing.predict(bright.x, bright.snr, LEVEL, {"chi2": np.full(400, chi2)})[1].mean(0)
        for chi2 in (1.0, 3.0, 10.0)
    ]
    assert (errors[2] > 1.7 * errors[0]).all() and (errors[1] > errors[0]).all()
    typical = {"chi2": np.full(400, np.exp(knowing.quality.typical[0]))}
    for unknown in (None, {}, {"chi2": np.full(400, np.nan)}, {"other": np.ones(400)}):
        for a, b in zip(
            knowing.predict(bright.x, bright.snr, LEVEL, unknown),
            knowing.predict(bright.x, bright.snr, LEVEL, typical),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_a_regressor_without_quality_ignores_it_and_loads_from_older_files(plain):
    judged = stars(50, 51)
    with_it, without = (plain.predict(judged.x, judged.snr, LEVEL, q) for q in (judged.quality, None))
    np.testing.assert_array_equal(with_it, without)
    new = plain.arrays()
    old = {n: a for n, a in new.items() if not n.startswith(("quality_", "errors_correlation_"))}
    assert len(old) == len(new) - 5
    older = Regressor.from_arrays(old)
    np.testing.assert_array_equal(older.predict(judged.x, judged.snr), without)
    unknown = older.read(judged.x, judged.snr).correlations
    assert np.isnan(unknown[:, 0, 1]).all() and (unknown[:, [0, 1], [0, 1]] == 1).all()


def test_what_is_stored_is_what_was_calibrated(knowing, tmp_path):
    judged = stars(60, 52)
    np.savez(tmp_path / "r.npz", **knowing.arrays())
    with np.load(tmp_path / "r.npz", allow_pickle=False) as stored:
        again = Regressor.from_arrays(dict(stored))
    before, after = (r.read(judged.x, judged.snr, LEVEL, judged.quality) for r in (knowing, again))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)
    assert again.quality.names == ("chi2",)


def test_two_networks_added_are_one():
    rng = np.random.default_rng(0)
    sizes = [(3, 8), (8, 5), (5, 2)]
    first, other = (
        ArrayNetwork(
            tuple(rng.standard_normal(s, np.float32) for s in sizes),
            tuple(rng.standard_normal(s[1], np.float32) for s in sizes),
        )
        for _ in range(2)
    )
    x = rng.standard_normal((40, 3), np.float32)
    np.testing.assert_allclose(first.plus(other)(x), first(x) + other(x), rtol=1e-5, atol=1e-5)


def test_correlations_follow_the_kind_of_star():
    """Correlated by +.8 at one end of a feature, by −.5 at the other; heavy tails and gaps do not matter."""
    rng = np.random.default_rng(0)
    n = 6000
    feature = rng.uniform(0, 1, (n, 1))
    true = np.where(feature[:, 0] < 0.5, 0.8, -0.5)
    first, other = rng.standard_normal((2, n))
    residuals = np.column_stack([first, true * first + np.sqrt(1 - true**2) * other, rng.standard_normal(n)])
    residuals *= rng.choice([1.0, 30.0], (n, 1), p=[0.99, 0.01])
    residuals[rng.random((n, 3)) < 0.1] = np.nan
    fitted = fit_correlation(feature, residuals)
    low, high = fitted.at(np.array([[0.1], [0.9]]))
    assert low[0, 1] == pytest.approx(0.8, abs=0.06) and high[0, 1] == pytest.approx(-0.5, abs=0.06)
    for matrix in (low, high, *fitted.at(np.array([[-50.0], [50.0]]))):
        assert np.allclose(np.diag(matrix), 1) and np.allclose(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix).min() > 0 and np.abs(matrix[2, :2]).max() < 0.13
    between = fitted.at(np.array([[0.5]]))[0, 0, 1]
    assert high[0, 1] < between < low[0, 1]


def test_what_is_biased_together_goes_together():
    residuals = np.random.default_rng(0).standard_normal((500, 2)) * 0.3 + [1, 1]
    assert fit_correlation(np.zeros((500, 1)), residuals).at(np.zeros((1, 1)))[0, 0, 1] > 0.85


def test_a_label_without_residuals_is_uncorrelated_and_too_few_stars_give_nothing():
    residuals = np.column_stack([np.random.default_rng(0).standard_normal((300, 2)), np.full(300, np.nan)])
    matrix = fit_correlation(np.zeros((300, 1)), residuals).at(np.zeros((1, 1)))[0]
    np.testing.assert_allclose(matrix[2], [0, 0, 1], atol=1e-12)
    assert fit_correlation(np.zeros((1, 1)), np.ones((1, 2))) is None


def test_a_mixture_draws_each_star_by_a_coin():
    first, second = stars(2000, 1), stars(500, 2, wrong=True)
    both, of_second = mixed(first, second)
    assert len(both) == 881, "500 of either kind are enough with four standard deviations to spare"
    assert abs(of_second / len(both) - 0.5) < 0.07
    count = len(mixed(first, second, 0.2)[0])
    assert 0.2 * count + 4 * np.sqrt(0.16 * count) == pytest.approx(500, abs=1)
    np.testing.assert_array_equal(both.x[-of_second:], second.x[:of_second])
    np.testing.assert_array_equal(both.quality["chi2"][:-of_second], first.quality["chi2"][: 881 - of_second])
    counts = [mixed(first, second, seed=seed)[1] for seed in range(40)]
    assert len(set(counts)) > 15 and np.mean(counts) == pytest.approx(440.5, abs=10)


def test_own_stars_tell_level_and_scores_but_not_the_shape(knowing):
    """Real stars that err twice as much: bars get twice as wide, and grow with chi² as before."""
    own, judged = stars(1200, 60), stars(4000, 61)
    noisier = np.random.default_rng(5).standard_normal
    twice = [replace(s, x=s.x + noisier(s.x.shape) * 3 / s.snr[:, None]) for s in (own, judged)]
    again = recalibrated(knowing, twice[0])
    assert held(knowing, twice[1]).mean() < 0.55
    assert held(again, twice[1]).mean(0) == pytest.approx([LEVEL, LEVEL], abs=0.04)
    assert again.errors.shape is knowing.errors.shape and again.groups is knowing.groups
    assert again.summary["calibration"] == {"method": "split", "stars": 600, "folds": 0, "seen": False}
    few = recalibrated(knowing, twice[0][:60])
    np.testing.assert_array_equal(few.errors.coefficients, knowing.errors.coefficients)
    assert few.summary["calibration"]["stars"] == 60 and held(few, twice[1]).mean() > 0.55
    with pytest.raises(ModelError, match="19 stars with labels: at least 20"):
        recalibrated(knowing, twice[0][:19])


def test_a_crossed_regressor_joins_and_takes_own_stars():
    train = stars(700, 70)
    crossed = fit_regressor(train.x, train.y, NAMES, FAST, snr=train.snr)
    assert isinstance(crossed, CrossedRegressor)
    judged = stars(2000, 71)
    np.testing.assert_allclose(
        crossed.joined().values(judged.x, judged.snr), crossed.values(judged.x, judged.snr), rtol=1e-5
    )
    again = recalibrated(crossed, stars(800, 72))
    assert held(again, judged).mean(0) == pytest.approx([LEVEL, LEVEL], abs=0.05)
    correlations = crossed.read(judged.x, judged.snr).correlations
    assert correlations.shape == (2000, 2, 2) and np.allclose(correlations[:, 0, 0], 1)


def test_measures_that_no_star_has_are_not_known():
    quality = Quality.of({"chi2": np.array([1.0, np.nan, 4.0]), "other": np.full(3, np.nan)})
    assert quality.names == ("chi2",) and quality.typical == pytest.approx([np.log(2.5)], abs=0.25)
    rows = quality.features(3, {"chi2": np.array([np.e, np.nan, -1.0])})
    np.testing.assert_allclose(rows[:, 0], [1, quality.typical[0], quality.typical[0]])
