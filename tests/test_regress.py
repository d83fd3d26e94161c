"""Regression: stored is what was fitted, error bars mean what they say, missing labels stay missing."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.neural_network import MLPRegressor

from gandalf_core.errors import ModelError
from gandalf_core.regression.inputs import InputNoise
from gandalf_core.regression.network import ArrayNetwork
from gandalf_core.regression.regressor import Regressor
from gandalf_core.regression.settings import RegressorSettings
from gandalf_core.regression.uncertainty import LEVEL, fit_shape
from gandalf_core.training.fitting_regressors import fit_regressor

pytestmark = pytest.mark.usefixtures("whole_regressors")
NAMES = ("teff", "logg")
PAPERS = RegressorSettings(hidden=(32,), max_iter=30)
BEST = RegressorSettings(hidden=(32, 32), max_iter=30, alpha=0.1, scikit_learn=False)
both_recipes = pytest.mark.parametrize("fast", [PAPERS, BEST], ids=["paper", "best"])


def toy(n=1500, seed=0):
    """Stars whose 12 'pixels' show two labels, with noise of one over S/N: (x, y, snr)."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, (n, 2))
    snr = 10 ** rng.uniform(0.5, 2, n)
    response = np.random.default_rng(7).standard_normal((2, 12))
    x = np.tanh(t @ response) + rng.standard_normal((n, 12)) * 1.5 / snr[:, None]
    return x, np.array([5500, 3.0]) + t * [900, 1.2], snr


@pytest.fixture(scope="module", params=[PAPERS, BEST], ids=["paper", "best"])
def fitted(request):
    x, y, snr = toy(12000)
    return fit_regressor(x, y, NAMES, request.param, snr=snr)


def test_reads_labels_in_physical_units(fitted):
    x, y, snr = toy(1000, 1)
    values, errors = fitted.predict(x, snr)
    assert values.shape == errors.shape == (1000, 2) and (errors > 0).all()
    assert (1 - ((values - y) ** 2).mean(0) / y.var(0) > 0.85).all()


def test_error_bars_cover_68_percent_at_every_snr_and_teff(fitted):
    x, y, snr = toy(12000, 2)
    values, errors = fitted.predict(x, snr)
    inside = np.abs(values - y) <= errors
    for quantity, edges in ((np.log10(snr), np.linspace(0.5, 2, 6)), (y[:, 0], np.linspace(4600, 6400, 6))):
        bins = np.digitize(quantity, edges[1:-1])
        for b in range(5):
            assert (np.abs(inside[bins == b].mean(0) - LEVEL) < 0.06).all(), (b, inside[bins == b].mean(0))
    assert errors[snr < 5].mean() > 3 * errors[snr > 60].mean()


def test_unknown_snr_is_the_median(fitted):
    x, _, snr = toy(50, 3)
    unknown = fitted.predict(x)[1]
    assert np.array_equal(unknown, fitted.predict(x, np.full(50, np.nan))[1])
    assert np.array_equal(unknown, fitted.predict(x, np.full(50, fitted.snr))[1])
    assert not np.allclose(unknown, fitted.predict(x, snr)[1])


def test_stored_arrays_give_the_same_numbers_to_the_bit(fitted, tmp_path):
    x, _, snr = toy(200, 4)
    np.savez(tmp_path / "r.npz", **fitted.arrays())
    with np.load(tmp_path / "r.npz", allow_pickle=False) as stored:
        again = Regressor.from_arrays(dict(stored))
    for before, after in zip(fitted.predict(x, snr), again.predict(x, snr), strict=True):
        assert np.array_equal(before, after)
    assert again.names == NAMES and again.summary == fitted.summary
    incomplete = {k: v for k, v in fitted.arrays().items() if k != "y_mean"}
    with pytest.raises(ModelError, match="y_mean"):
        Regressor.from_arrays(incomplete)


def test_numpy_network_is_scikit_learns():
    x, y, _ = toy(500)
    x, y = x.astype(np.float32), ((y - y.mean(0)) / y.std(0)).astype(np.float32)
    net = MLPRegressor(hidden_layer_sizes=(20, 10), random_state=0).partial_fit(x, y)
    ours = ArrayNetwork.of(net)(x)
    assert np.allclose(ours, net.predict(x), atol=1e-6)


@both_recipes
def test_a_missing_label_does_not_leak_into_the_fit(fast):
    """60 % of the stars lack it: it is fitted to the others alone; zeros would drag its mean down."""
    x, y, snr = toy(3000)
    y[:, 0] += 2000
    whole = y.copy()
    y[np.random.default_rng(0).random(3000) < 0.6, 0] = np.nan
    regressor = fit_regressor(x, y, NAMES, fast, snr=snr)
    values, errors = regressor.predict(x, snr)
    assert len(regressor.groups) == 2
    assert abs(values[:, 0].mean() - whole[:, 0].mean()) < 60
    assert (1 - ((values - whole) ** 2).mean(0) / whole.var(0) > 0.8).all()
    assert np.isfinite(errors).all()


@both_recipes
def test_a_rare_label_has_error_bars_too(fast):
    """45 of 3,000 stars have it, hardly any of them among a quarter that calibrates: the fit is crossed."""
    x, y, snr = toy(3000)
    y[:, 0] = np.where(np.arange(3000) % 66 == 0, y[:, 0], np.nan)
    regressor = fit_regressor(x, y, NAMES, fast, snr=snr)
    assert regressor.summary["calibration"]["method"] == "cross"
    values, errors = regressor.predict(x, snr)
    assert np.isfinite(values).all() and np.isfinite(errors).all() and (errors > 0).all()


@both_recipes
def test_labels_missing_together_share_a_network_and_an_unknown_one_stays_nan(fast):
    x, y, _ = toy(2400)
    y = np.column_stack([y, np.full(2400, np.nan)])
    y[:200, :2] = np.nan
    regressor = fit_regressor(x, y, (*NAMES, "mh"), fast)
    values, errors = regressor.predict(x)
    assert [g.columns.tolist() for g in regressor.groups] == [[0, 1]]
    assert np.isnan(values[:, 2]).all() and np.isnan(errors[:, 2]).all() and np.isfinite(values[:, :2]).all()
    assert regressor.labels_read == NAMES
    with pytest.raises(ModelError, match="no label"):
        fit_regressor(x, np.full((2400, 1), np.nan), ("mh",), fast)


@both_recipes
def test_separate_networks_and_ensembles(fast):
    x, y, _ = toy(2400)
    separate = fit_regressor(x, y, NAMES, replace(fast, joint=False))
    assert [g.columns.tolist() for g in separate.groups] == [[0], [1]]
    pair = fit_regressor(x, y, NAMES, replace(fast, ensemble=2))
    one, two = (Regressor.from_arrays(_only_member(pair, m)).predict(x)[0] for m in (0, 1))
    assert np.allclose(pair.predict(x)[0], (one + two) / 2, rtol=1e-5) and not np.allclose(one, two)


def _only_member(regressor, number):
    arrays = regressor.arrays()
    others = {k: v for k, v in arrays.items() if "_member" not in k}
    return others | {
        k.replace(f"_member{number}_", "_member0_"): v for k, v in arrays.items() if f"_member{number}_" in k
    }


def test_components_keep_a_wide_noisy_input_from_being_learnt_by_heart():
    """12 numbers that matter, spread over 200 noisy pixels of 700 stars: 4 components read others better."""
    x, y, _ = toy(1700)
    rng = np.random.default_rng(1)
    wide = x @ rng.standard_normal((12, 200)) + 6 * rng.standard_normal((1700, 200)) + 5
    train, test = slice(700), slice(700, None)
    fits = (fit_regressor(wide[train], y[train], NAMES, replace(PAPERS, components=c)) for c in (None, 4))
    plain, narrow = (fit.predict(wide[test])[0] - y[test] for fit in fits)
    assert ((narrow**2).mean(0) < 0.85 * (plain**2).mean(0)).all()


@pytest.mark.parametrize("papers", [True, False])
def test_snr_as_an_input_helps_where_it_varies_and_defaults_to_the_median(papers):
    """At low S/N the best guess shrinks towards the mean: only a reader who knows the S/N can tell when."""
    x, y, snr = toy(4000)
    x, (X, Y, S) = 1 + x / 1.5, toy(4000, 1)  # as flux: a level of 1 and noise of 1/snr
    X = 1 + X / 1.5
    settings = RegressorSettings(hidden=(64,), alpha=0.05, max_iter=100)
    settings = settings if papers else replace(settings, hidden=(64, 64), scikit_learn=False)
    white = InputNoise(np.ones((1, 12)))  # 1.5/S/N in x
    plain = fit_regressor(x, y, NAMES, settings, snr=snr)
    knowing = fit_regressor(x, y, NAMES, replace(settings, use_snr=True), snr=snr, noise=white)
    error = {k: ((r.predict(X, S)[0] - Y) ** 2).mean(0) for k, r in (("plain", plain), ("knowing", knowing))}
    assert (error["knowing"] / error["plain"]).mean() < 0.99
    again = Regressor.from_arrays(knowing.arrays())
    assert np.array_equal(again.predict(X, S)[0], knowing.predict(X, S)[0])
    assert np.array_equal(again.predict(X)[0], again.predict(X, np.full(4000, again.snr))[0])
    with pytest.raises(ModelError, match="S/N"):
        fit_regressor(x, y, NAMES, replace(settings, use_snr=True))


@both_recipes
def test_same_seed_same_regressor(fast):
    x, y, snr = toy(400)
    first, second = (fit_regressor(x, y, NAMES, fast, snr=snr).predict(x, snr)[0] for _ in range(2))
    assert np.array_equal(first, second)


@both_recipes
def test_fixed_iterations_run_exactly_as_many(fast):
    x, y, _ = toy(400)
    settings = replace(fast, max_iter=4, early_stopping=False)
    regressor = fit_regressor(x, y, NAMES, settings)
    assert regressor.summary["networks"][0]["epochs"] == 4


def test_wrong_inputs_are_refused(fitted):
    with pytest.raises(ModelError, match="12 numbers"):
        fitted.predict(np.zeros((3, 5)))
    with pytest.raises(ModelError, match="not finite"):
        fitted.predict(np.full((3, 12), np.nan))
    with pytest.raises(ModelError, match="belong together"):
        fit_regressor(np.zeros((50, 3)), np.zeros((49, 2)), NAMES)


def test_recalibration_follows_the_new_residuals(fitted):
    x, y, snr = toy(3000, 5)
    noisy = x + np.random.default_rng(1).standard_normal(x.shape) * 0.5
    again = fitted.conformed(noisy, y, snr)
    values, errors = again.predict(noisy, snr)
    assert abs((np.abs(values - y) <= errors).mean() - LEVEL) < 0.03
    assert errors.mean() > 1.5 * fitted.predict(noisy, snr)[1].mean()


def test_error_model_follows_width_and_ignores_shape():
    """Heavy-tailed residuals: their standard deviation does not exist, their 68 % half-width does."""
    rng = np.random.default_rng(0)
    feature = rng.uniform(-1, 1, (14000, 1))
    residual = rng.standard_cauchy((14000, 1)) * np.exp(feature)
    model = fit_shape(feature[:4000], residual[:4000]).levelled(feature[4000:6000], residual[4000:6000])
    model = model.conformed(feature[6000:8000], residual[6000:8000])
    inside = np.abs(residual[8000:]) <= model.half_width(feature[8000:])
    low, high = (inside[feature[8000:, 0] * s > 0.5].mean() for s in (-1, 1))
    assert abs(low - LEVEL) < 0.05 and abs(high - LEVEL) < 0.05


@pytest.mark.parametrize("level", [LEVEL, 0.9, 0.95])
@pytest.mark.parametrize("count", [25, 40, 150, 900])
def test_the_calibrating_stars_are_covered_exactly_as_often_as_promised(count, level):
    """⌈p(n + 1)⌉ of them, as split conformal prediction asks, whatever the level fitted to other stars."""
    rng = np.random.default_rng(count)
    feature, residual = rng.uniform(-1, 1, (2 * count, 3)), rng.standard_normal((2 * count, 2))
    residual *= np.exp(feature[:, :1])
    first, second = slice(count), slice(count, None)
    model = fit_shape(feature, residual).levelled(feature[first], residual[first])
    model = model.conformed(feature[second], residual[second])
    widths = model.half_width(feature[second], level) * (
        1 + 1e-9
    )  # one star lies on the edge, up to rounding
    inside = np.abs(residual[second]) <= widths
    assert inside.sum(0).tolist() == [int(np.ceil(level * (count + 1)))] * 2


def test_what_cannot_be_promised_is_not_given():
    rng = np.random.default_rng(0)
    feature, residual = rng.uniform(-1, 1, (30, 1)), rng.standard_normal((30, 2))
    residual[:15, 1] = np.nan
    model = fit_shape(feature, residual).levelled(feature, residual).conformed(feature, residual)
    assert np.isnan(model.half_width(feature)[:, 1]).all(), "15 residuals are too few for any width"
    assert np.isinf(model.half_width(feature, 0.99)[:, 0]).all(), "30 residuals cannot promise 99 %"
    assert np.isfinite(model.half_width(feature, 0.95)[:, 0]).all()


@both_recipes
def test_progress_tells_how_many_passes_are_done_and_can_cancel(fast):
    x, y, _ = toy(2000)
    fractions = []
    settings = replace(fast, joint=False, max_iter=4, early_stopping=False)
    fit_regressor(x, y, NAMES, settings, progress=lambda fraction, text: fractions.append(fraction))
    assert fractions == pytest.approx(np.arange(1, 9) / 8)

    def cancel(fraction: float, text: str) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        fit_regressor(x, y, NAMES, settings, progress=cancel)
