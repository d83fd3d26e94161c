"""The regressors of models: they find what matters, see fresh noise, and stop in time."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import toeplitz
from toy import toy_config, toy_stars

from gandalf_core.errors import ModelError
from gandalf_core.models.fit import Extras, train
from gandalf_core.regression.inputs import SNR_REACH, InputNoise, network_inputs
from gandalf_core.regression.label_weights import label_weights
from gandalf_core.regression.settings import FOR_LATENTS, RegressorSettings
from gandalf_core.training.fitting_regressors import fit_labelled, fit_regressor
from gandalf_core.training.labelled_stars import LabelledStars
from gandalf_core.training.reader_networks import Round, fit_networks
from gandalf_core.training.reading_task import ReadingTask

SMALL = RegressorSettings(hidden=(32, 32), alpha=0.1, max_iter=30, scikit_learn=False)
pytestmark = pytest.mark.usefixtures("whole_regressors")
NAMES = ("teff", "logg")


def hidden_labels(n: int, inputs: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(n, inputs) numbers of which two combinations make the labels (n, 2), bent; the rest says nothing."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, inputs))
    turn = np.linalg.qr(np.random.default_rng(7).standard_normal((inputs, inputs)))[0]
    a, b = (x @ turn[:, :2]).T
    return x.astype(np.float32), np.column_stack([5500 + 900 * np.tanh(a), 3 + np.abs(b) + 0.3 * a])


def task_of(x: np.ndarray, y: np.ndarray) -> ReadingTask:
    """The first nine tenths train."""
    check = np.arange(len(x)) >= 0.9 * len(x)
    standard = ((y - y.mean(0)) / y.std(0)).astype(np.float32)
    inputs = network_inputs(x, check)
    return ReadingTask(inputs, standard, np.flatnonzero(~check), np.flatnonzero(check))


def quietly(fraction: float, text: str) -> None:
    pass


def test_the_two_combinations_that_matter_are_found_among_forty_inputs():
    """So few stars that the paper's network learns the others by heart."""
    (x, y), (X, Y) = hidden_labels(1500, 40), hidden_labels(2000, 40, 1)
    left = {}
    for papers in (True, False):
        fitted = fit_regressor(x, y, NAMES, replace(SMALL, scikit_learn=papers))
        left[papers] = ((fitted.predict(X)[0] - Y) ** 2).mean(0) / Y.var(0)
    assert (left[False] < 0.03).all(), left
    assert (left[False] < 0.35 * left[True]).all(), left


def test_a_known_function_is_read_where_nothing_blurs_it():
    (x, y), (X, Y) = hidden_labels(6000, 5), hidden_labels(1000, 5, 1)
    fitted = fit_regressor(x, y, NAMES, replace(FOR_LATENTS, use_snr=False, max_iter=40))
    assert (((fitted.predict(X)[0] - Y) ** 2).mean(0) / Y.var(0) < 2e-3).all()


def test_a_label_with_a_large_error_counts_less():
    """Four fifths of the labels are wrong by their spread, and say so; the others are exact."""
    (x, y), (X, Y) = hidden_labels(1500, 8), hidden_labels(2000, 8, 1)
    rng = np.random.default_rng(3)
    errors = np.where(rng.random(len(y))[:, None] < 0.8, y.std(0), np.nan)
    given = y + np.nan_to_num(errors) * rng.standard_normal(y.shape)
    left = {}
    for known in (None, errors):
        fitted = fit_labelled(LabelledStars(x, given, NAMES, label_errors=known), SMALL)
        left[known is None] = ((fitted.predict(X)[0] - Y) ** 2).mean(0) / Y.var(0)
    assert (left[False] < 0.6 * left[True]).all(), left


def test_labels_of_equal_errors_are_read_as_labels_without():
    x, y = hidden_labels(600, 5)
    equal = np.broadcast_to(0.3 * y.std(0), y.shape)
    plain, weighed = (fit_labelled(LabelledStars(x, y, NAMES, label_errors=e), SMALL) for e in (None, equal))
    np.testing.assert_allclose(weighed.predict(x)[0], plain.predict(x)[0], rtol=1e-3)


def test_weights_are_of_the_errors_beside_the_spread():
    weights = label_weights(np.array([[0.0], [0.21], [np.nan], [2.1]]), np.array([1.0]))
    np.testing.assert_allclose(weights[:, 0], [1, 0.5, 1, 1 / 101])


def test_fresh_draws_of_the_noise_read_new_stars_better():
    """As the noise of an exported latent, which the regressor would otherwise learn star by star."""
    (x, y), (X, Y) = hidden_labels(1000, 12), hidden_labels(3000, 12, 1)
    rng = np.random.default_rng(3)
    seen = x + 0.5 * rng.standard_normal(x.shape).astype(np.float32)
    new = X + 0.5 * rng.standard_normal(X.shape).astype(np.float32)
    settings = replace(SMALL, alpha=0.0, early_stopping=False)  # which help against it, too
    fits = (fit_regressor(seen, y, NAMES, settings, noise=n) for n in (None, InputNoise.white(0.5, x)))
    one_draw, fresh = (((fit.predict(new)[0] - Y) ** 2).mean(0) for fit in fits)
    assert (fresh < 0.98 * one_draw).all(), fresh / one_draw


def test_the_covariance_of_noise_is_that_of_its_bands():
    matrix = np.random.default_rng(0).standard_normal((9, 4))
    noise = InputNoise(np.array([np.full(9, 2.0), np.full(9, 0.7), np.full(9, -0.2)]))
    dense = toeplitz([2.0, 0.7, -0.2, *[0.0] * 6])
    assert np.allclose(noise.covariance_of(matrix), matrix.T @ dense @ matrix)


def test_stars_shown_noisier_have_the_noise_of_the_snr_that_they_are_shown_with():
    rng = np.random.default_rng(1)
    snr = 10 ** rng.uniform(1, 2, 40000)
    bands = np.array([np.ones(6), np.full(6, 0.4)])
    flux = 1 + rng.multivariate_normal(np.zeros(6), toeplitz([1, 0.4, 0, 0, 0, 0]), len(snr)) / snr[:, None]
    held_out = np.zeros(len(snr), bool)
    inputs = network_inputs(flux, held_out, snr=snr, noise=InputNoise(bands), reads_snr=True)
    shown = inputs.one_pass(np.arange(len(snr)), rng)
    level = 10 ** -(shown[:, -1] * inputs.x_scale[-1] + inputs.x_mean[-1])
    pixels = (shown[:, :-1] * inputs.x_scale[:-1] + inputs.x_mean[:-1] - 1) / level[:, None]
    assert np.allclose(np.cov(pixels.T), toeplitz([1, 0.4, 0, 0, 0, 0]), atol=0.03)
    noisier = level > 1.0001 / snr
    assert 0.3 < noisier.mean() < 0.5, "four in five draw another star's S/N, which is lower for half of them"
    assert (level > 0.9999 / snr).all(), "no star is shown better than it is"


def test_no_star_teaches_what_lies_beyond_the_snr_of_the_sample():
    x, y = hidden_labels(2000, 5)
    snr = 10 ** np.random.default_rng(0).uniform(1, 2, 2000)
    fitted = fit_regressor(x, y, NAMES, replace(SMALL, use_snr=True, max_iter=5), snr=snr)
    edge = 10 ** (fitted.x_mean[-1] + SNR_REACH * fitted.x_scale[-1])
    values = [fitted.predict(x[:50], np.full(50, s))[0] for s in (0.8 * edge, 1.01 * edge, 1e5)]
    assert np.array_equal(values[1], values[2]) and not np.array_equal(values[0], values[1])


def test_a_fit_that_learns_nothing_stops_early_and_keeps_its_best_pass():
    x = np.random.default_rng(0).standard_normal((2000, 10)).astype(np.float32)
    y = np.random.default_rng(1).standard_normal((2000, 2))
    task = task_of(x, y)
    settings, losses = replace(SMALL, max_iter=200, alpha=0.0, ensemble=2), []
    note = lambda _, text: losses.append(float(text.split()[-1]))  # noqa: E731
    ((networks, (record,)),) = fit_networks([task], settings, note)
    planned = Round.of(len(task.train), settings).passes
    assert record["epochs"] == len(losses) < planned
    guess = sum(network(task.inputs.values[task.check]) for network in networks) / 2
    loss = np.mean((guess - task.labels[task.check]) ** 2)
    assert loss == pytest.approx(record["held_out_loss"], rel=1e-4)
    assert loss == pytest.approx(min(losses), abs=1e-4)


def test_labels_that_are_not_finite_are_refused():
    x, y = hidden_labels(500, 4)
    task = task_of(x, y)
    task.labels[:, 1] = np.inf
    with pytest.raises(ModelError, match="not finite"):
        fit_networks([task], replace(SMALL, max_iter=2), quietly)


@pytest.mark.parametrize("stars", [30, 400, 9000, 60000])
def test_a_round_has_steps_enough_and_never_more_passes_than_asked_for(stars):
    plan = Round.of(stars, FOR_LATENTS)
    assert 1 <= plan.batch <= stars and 1 <= plan.patience <= plan.passes <= FOR_LATENTS.max_iter
    assert plan.passes * (stars // plan.batch) >= 1300 or plan.passes == FOR_LATENTS.max_iter
    assert Round.of(stars, replace(FOR_LATENTS, max_iter=7)).passes == 7
    fixed = Round.of(stars, replace(FOR_LATENTS, max_iter=90, early_stopping=False))
    assert fixed.passes == fixed.patience == 90


def test_an_input_that_never_varies_does_no_harm():
    x, y = hidden_labels(1500, 4)
    x[:, 0] = 3.0
    values, errors = fit_regressor(x, y, NAMES, replace(SMALL, max_iter=10)).predict(x)
    assert np.isfinite(values).all() and np.isfinite(errors).all()


def test_a_training_weighs_labels_by_their_errors():
    """Of stars whose labels say that they are wrong, the regressors of a model learn little."""
    clean, rng = toy_stars(1500, names=NAMES), np.random.default_rng(0)
    bad = rng.random(len(clean)) < 0.7
    wrong = np.where(bad[:, None], clean.labels + 2 * clean.labels.std(0), clean.labels)
    errors = np.where(bad[:, None], 2 * clean.labels.std(0), np.nan)
    config = toy_config("autoencoder", NAMES, training__epochs=1)
    missed = {}
    for known in (False, True):
        names = (*NAMES, *(f"{name}_error" for name in NAMES)) if known else NAMES
        labels = np.hstack([wrong, errors]) if known else wrong
        given = clean.with_labels(labels, names)
        model = train(given, config, extras=Extras(regressor_epochs=30))
        missed[known] = np.abs(model.predict_from_spectrum(clean)[0] - clean.labels).mean(0)
    assert (missed[True] < 0.3 * missed[False]).all(), missed
