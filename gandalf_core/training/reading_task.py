"""What the networks of a regressor are to learn, whoever fits them. Shapes: N stars, Q labels."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..regression.inputs import NetworkInputs
from ..regression.network import ArrayNetwork


@dataclass(frozen=True, eq=False)
class ReadingTask:
    """Inputs of all stars, labels (N, Q) that networks share, and the rows that train and that check them.

    weight: (N, Q) how much each label counts, 1 on average; None: all count the same. The paper's network
    takes every label as it is.
    """

    inputs: NetworkInputs
    labels: np.ndarray
    train: np.ndarray
    check: np.ndarray
    weight: np.ndarray | None = None

    @property
    def target(self) -> np.ndarray:
        """The labels of the training rows as scikit-learn takes them: (N,) for one label, (N, Q) for more."""
        labels = self.labels[self.train]
        return labels[:, 0] if labels.shape[1] == 1 else labels

    def held_out_loss(self, network: ArrayNetwork) -> float:
        """Mean squared error of the rows that check, in units of the labels' variance."""
        return self.loss_of(network(self.inputs.values[self.check]))

    def loss_of(self, guess: np.ndarray) -> float:
        """That of a guess of the rows that check (M, Q)."""
        squares = np.square(guess - self.labels[self.check])
        return float(np.mean(squares if self.weight is None else squares * self.weight[self.check]))


class Fitted(NamedTuple):
    """The networks of a task, whose outputs are averaged, and {epochs, held_out_loss} of each fit."""

    networks: list[ArrayNetwork]
    records: list[dict[str, Any]]
