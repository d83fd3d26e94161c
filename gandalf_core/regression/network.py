"""A fully connected network as plain arrays: what scikit-learn trained, evaluated by numpy alone. (N, in) →
(N, out).
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Mlp:
    """ReLU between layers, none at the end: weights (in, out) and biases (out,), float32."""

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]

    def __call__(self, x: np.ndarray) -> np.ndarray:
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = x @ weight
            x += bias
            np.maximum(x, 0, out=x)
        return x @ self.weights[-1] + self.biases[-1]

    @classmethod
    def of(cls, network) -> "Mlp":
        """A copy of what a scikit-learn `MLPRegressor` with ReLU has learnt so far."""
        return cls(
            *(
                tuple(np.array(p, np.float32) for p in params)
                for params in (network.coefs_, network.intercepts_)
            )
        )

    def after(self, turn: np.ndarray) -> "Mlp":
        """The network that reads x as this one reads x @ turn, turn (D, in): a linear step melts into the
        first layer.
        """
        return Mlp((turn @ self.weights[0], *self.weights[1:]), self.biases)

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        stored = {f"{prefix}weight{i}": w for i, w in enumerate(self.weights)}
        return stored | {f"{prefix}bias{i}": b for i, b in enumerate(self.biases)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], prefix: str) -> "Mlp":
        """The inverse of `arrays`; layers are counted by their names."""
        numbered = lambda kind: (
            np.asarray(arrays[f"{prefix}{kind}{i}"]) for i in counted(arrays, f"{prefix}{kind}{{}}")
        )
        return cls(tuple(numbered("weight")), tuple(numbered("bias")))


def counted(arrays: dict[str, np.ndarray], key: str):
    """0, 1, 2 … as long as the key with that number is there."""
    number = 0
    while key.format(number) in arrays:
        yield number
        number += 1
