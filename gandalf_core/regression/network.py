"""A fully connected network as plain arrays: fitted by scikit-learn, evaluated by numpy alone.

Shapes: N stars, I inputs, O outputs of a layer, D numbers per star.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import block_diag

if TYPE_CHECKING:
    from sklearn.neural_network import MLPRegressor


@dataclass(frozen=True, eq=False)
class ArrayNetwork:
    """ReLU between layers, none at the end: weights (I, O) and biases (O,) of each layer, float32."""

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:  # (N, I) -> (N, O)
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = x @ weight
            x += bias
            np.maximum(x, 0, out=x)
        return x @ self.weights[-1] + self.biases[-1]

    @classmethod
    def of(cls, network: "MLPRegressor") -> "ArrayNetwork":
        """A copy of what a scikit-learn network with ReLU has learnt so far."""
        return cls(
            weights=tuple(np.array(w, np.float32) for w in network.coefs_),
            biases=tuple(np.array(b, np.float32) for b in network.intercepts_),
        )

    def after(self, matrix: np.ndarray) -> "ArrayNetwork":
        """The network that reads x (N, D) as this one reads x @ matrix (D, I).

        A linear step before the first layer is part of that layer.
        """
        return ArrayNetwork((matrix @ self.weights[0], *self.weights[1:]), self.biases)

    def plus(self, other: "ArrayNetwork") -> "ArrayNetwork":
        """The network that gives the sum of both, which read the same and have equally many layers."""
        first = np.hstack([self.weights[0], other.weights[0]])
        middle = [
            np.asarray(block_diag(a, b)) for a, b in zip(self.weights[1:-1], other.weights[1:-1], strict=True)
        ]
        last = np.vstack([self.weights[-1], other.weights[-1]])
        inner = [np.concatenate(pair) for pair in zip(self.biases[:-1], other.biases[:-1], strict=True)]
        return ArrayNetwork((first, *middle, last), (*inner, self.biases[-1] + other.biases[-1]))

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        stored = {f"{prefix}weight{i}": w for i, w in enumerate(self.weights)}
        return stored | {f"{prefix}bias{i}": b for i, b in enumerate(self.biases)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> "ArrayNetwork":
        """The inverse of `arrays`; without any layer where none is stored under this prefix."""
        layers = list(indices(arrays, f"{prefix}weight{{}}"))
        return cls(
            weights=tuple(np.asarray(arrays[f"{prefix}weight{i}"]) for i in layers),
            biases=tuple(np.asarray(arrays[f"{prefix}bias{i}"]) for i in layers),
        )


def indices(arrays: Mapping[str, np.ndarray], key: str) -> Iterator[int]:
    """0, 1, 2 … as long as there is an array under the key with that number, e.g. `group{}_columns`."""
    number = 0
    while key.format(number) in arrays:
        yield number
        number += 1
