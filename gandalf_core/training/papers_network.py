"""Fitting one network of a regressor: scikit-learn's Adam, slower when the held-out loss stops falling.

Shapes: N stars, R inputs, Q labels of the network.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ModelError
from ..jobs.progress import Progress
from ..regression.inputs import NetworkInputs
from ..regression.network import ArrayNetwork
from ..regression.settings import RegressorSettings

if TYPE_CHECKING:
    from sklearn.neural_network import MLPRegressor

LEARNING_RATE, BATCH = 1e-3, 200
SLOWER = (1.0, 0.3, 0.1)  # learning rates, relative; the next one when the held-out loss no longer falls
PATIENCE = 8  # passes without a lower held-out loss


@dataclass(frozen=True, eq=False)
class Task:
    """Inputs of all stars, labels (N, Q) of one network, and the rows that train it and that check it."""

    inputs: NetworkInputs
    labels: np.ndarray
    train: np.ndarray
    check: np.ndarray

    @property
    def target(self) -> np.ndarray:
        """The labels of the training rows as scikit-learn takes them: (N,) for one label, (N, Q) for more."""
        labels = self.labels[self.train]
        return labels[:, 0] if labels.shape[1] == 1 else labels

    def held_out_loss(self, network: ArrayNetwork) -> float:
        """Mean squared error of the rows that check, in units of the labels' variance."""
        return float(np.mean((network(self.inputs.values[self.check]) - self.labels[self.check]) ** 2))


def fit_network(
    task: Task, settings: RegressorSettings, seed: int, progress: Progress
) -> tuple[ArrayNetwork, dict[str, Any]]:
    """The network of the pass that predicts the checking rows best, and its record {epochs, held_out_loss}.

    Without early stopping, that of the last pass. progress: called with the fraction of `max_iter` passes and
    the held-out loss. Raises ModelError when no pass ends with a finite loss.
    """
    network, target = _unfitted(settings, seed, len(task.train)), task.target
    rng = np.random.default_rng([seed, len(task.train)])
    best, best_loss, speed, waited, epoch = None, np.inf, 0, 0, 0
    for epoch in range(1, settings.max_iter + 1):
        network.partial_fit(task.inputs.one_pass(task.train, rng), target)
        state = ArrayNetwork.of(network)
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
            _resume(network, best, LEARNING_RATE * SLOWER[speed])
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
    )


def _resume(network: "MLPRegressor", state: ArrayNetwork, learning_rate: float) -> None:
    """Go on from an earlier state, at another learning rate and with the moments that Adam has gathered.

    scikit-learn has no public way to change the rate of a running Adam: `learning_rate_init` is read only
    when the optimiser is made, and a new one starts without moments. Only here is a private member used.
    """
    network.coefs_ = [weight.copy() for weight in state.weights]
    network.intercepts_ = [bias.copy() for bias in state.biases]
    network._optimizer.learning_rate_init = learning_rate  # pyright: ignore[reportAttributeAccessIssue]
