"""Fitting the paper's network: scikit-learn's Adam, slower when the held-out loss stops falling.

Shapes: N stars, R inputs, Q labels of the network.
"""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..jobs.progress import Progress, part_of
from ..regression.network import ArrayNetwork
from ..regression.settings import RegressorSettings
from .reading_task import Fitted, ReadingTask

if TYPE_CHECKING:
    from sklearn.neural_network import MLPRegressor

LEARNING_RATE, BATCH = 1e-3, 200
SLOWER = (1.0, 0.3, 0.1)  # learning rates, relative; the next one when the held-out loss no longer falls
PATIENCE = 8  # passes without a lower held-out loss

OnePass = Callable[[np.ndarray, np.ndarray], object]  # over inputs (N, R) and labels


def fit_networks(
    tasks: Sequence[ReadingTask], settings: RegressorSettings, progress: Progress
) -> list[Fitted]:
    """`settings.ensemble` networks for each task, each of the pass that predicts the checking rows best.

    Without early stopping, those of the last pass. progress: called with the fraction of all passes and the
    held-out loss. Raises ModelError when no pass ends with a finite loss.
    """
    count, fitted = settings.ensemble, []
    for number, task in enumerate(tasks):
        own = [part_of(progress, number * count + k, len(tasks) * count) for k in range(count)]
        fits = [_fit(task, settings, settings.seed + k, own[k]) for k in range(count)]
        fitted.append(Fitted([network for network, _ in fits], [record for _, record in fits]))
    return fitted


def _fit(
    task: ReadingTask, settings: RegressorSettings, seed: int, progress: Progress
) -> tuple[ArrayNetwork, dict[str, Any]]:
    network, rng = _unfitted(settings, seed, len(task.train)), np.random.default_rng([seed, len(task.train)])
    best, best_loss, speed, waited, epoch = None, np.inf, 0, 0, 0
    one_pass = network.partial_fit
    for epoch in range(1, settings.max_iter + 1):
        one_pass(task.inputs.one_pass(task.train, rng), task.target)
        one_pass, state = network.partial_fit, ArrayNetwork.of(network)
        loss = task.held_out_loss(state) if len(task.check) else network.loss_
        progress(epoch / settings.max_iter, f"pass {epoch}, held-out loss {loss:.4f}")
        improved = loss < best_loss
        waited = 0 if improved else waited + 1
        if improved or not settings.early_stopping:
            best, best_loss = state, loss
        if settings.early_stopping and waited >= PATIENCE:
            speed, waited = speed + 1, 0
            if speed == len(SLOWER) or best is None:
                break
            one_pass = _slower(network, best, LEARNING_RATE * SLOWER[speed])
    if best is None:
        raise ModelError("the loss of a regressor is not finite in any pass: are its inputs?")
    return best, {"epochs": epoch, "held_out_loss": best_loss}


def _unfitted(settings: RegressorSettings, seed: int, n_stars: int) -> "MLPRegressor":
    from sklearn.neural_network import MLPRegressor

    return MLPRegressor(
        hidden_layer_sizes=settings.hidden,
        alpha=settings.alpha,
        learning_rate_init=LEARNING_RATE,
        batch_size=min(BATCH, n_stars),  # pyright: ignore[reportArgumentType] - inferred from "auto"
        random_state=seed,
        max_iter=1,
        warm_start=True,
    )


def _slower(network: "MLPRegressor", state: ArrayNetwork, learning_rate: float) -> OnePass:
    """The next pass, which goes on from an earlier state at another learning rate.

    A fit, unlike a partial one, takes the rate as it now is; Adam begins to gather its moments anew.
    """
    network.coefs_ = [weight.copy() for weight in state.weights]
    network.intercepts_ = [bias.copy() for bias in state.biases]
    network.set_params(learning_rate_init=learning_rate)
    return partial(_fit_quietly, network)


def _fit_quietly(network: "MLPRegressor", x: np.ndarray, target: np.ndarray) -> None:
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # one pass does not converge, nor should it
        network.fit(x, target)
