"""How wide an error bar must be: the 68 % half-width of |residual| as a function of what is known about a
star.

Two steps, because the many stars that trained a regressor tell best where it errs more, and only stars that
did not train it tell by how much. `shape`: a small network for the mean of log |residual|, from the training
stars. `level`: what must be added to it, additive and piecewise linear in every feature, from held-out stars,
by quantile regression (Koenker & Bassett 1978; the majorise-minimise iteration of Hunter & Lange 2000), then
shifted so that held-out stars are covered exactly as often as promised (split conformal prediction).  Shapes:
N stars, F features, K knots, C basis functions, P labels.
"""

import warnings
from dataclasses import dataclass, fields, replace

import numpy as np

from .network import Mlp

LEVEL = 0.6827  # two-sided probability of one standard deviation
MIN_RESIDUALS = 20
SMALLEST = 1e-4  # |residual| in units of a label's spread, below which its logarithm says nothing
_HIDDEN, _EPOCHS, _BATCH, _FEWEST = (48, 24), 150, 256, 2000
_RIDGE, _ROUNDS, _EPSILON = 3.0, 60, 1e-3
_PER_KNOT, _MAX_KNOTS = 100, 2  # held-out stars a knot needs; more only follow noise


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """low, high: (F,) range of the features, beyond which the width stays constant.  shape: (N, F) scaled
    features → (N, P).
    knots: (F, K).  coefficients: (C, P) of what is added to the shape; together, the logarithm of the
    half-width.
    """

    low: np.ndarray
    high: np.ndarray
    knots: np.ndarray
    coefficients: np.ndarray
    shape: Mlp | None = None

    def half_width(self, features: np.ndarray) -> np.ndarray:
        """(N, P) half-widths that hold 68 % of the residuals of stars with these features (N, F)."""
        unit = self._unit(features)
        return np.exp(self._shape(unit) + _basis(unit, self.knots) @ self.coefficients)

    def levelled(self, features: np.ndarray, residuals: np.ndarray) -> "ErrorModel":
        """The same shape at the level of the residuals (N, P; NaN = unknown) of stars that trained nothing.

        A label with fewer than `MIN_RESIDUALS` residuals gets NaN as its width.
        """
        unit = self._unit(features)
        count = int(np.clip(len(unit) // _PER_KNOT - 1, 0, _MAX_KNOTS))
        knots = np.quantile(unit, np.arange(1, count + 1) / (count + 1), axis=0).T
        basis, target = _basis(unit, knots), _log(residuals) - self._shape(unit)
        return replace(
            self, knots=knots, coefficients=np.stack([_fit_level(basis, column) for column in target.T], 1)
        )

    def _unit(self, features: np.ndarray) -> np.ndarray:
        return (np.clip(features, self.low, self.high) - self.low) / (self.high - self.low)

    def _shape(self, unit: np.ndarray) -> np.ndarray | float:
        return 0.0 if self.shape is None else self.shape(unit.astype(np.float32)).astype(np.float64)

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        stored = {f"{prefix}{f.name}": getattr(self, f.name) for f in fields(self) if f.name != "shape"}
        return stored | ({} if self.shape is None else self.shape.arrays(f"{prefix}shape_"))

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], prefix: str) -> "ErrorModel":
        shape = Mlp.from_arrays(arrays, f"{prefix}shape_")
        plain = (np.asarray(arrays[f"{prefix}{f.name}"]) for f in fields(cls) if f.name != "shape")
        return cls(*plain, shape if shape.weights else None)


def fit_shape(features: np.ndarray, residuals: np.ndarray, seed: int = 0) -> ErrorModel:
    """Where residuals (N, P) of the training stars are larger, from features (N, F); without a level yet.

    With fewer than `_FEWEST` stars that have every label, the shape is flat.
    """
    low, high = np.percentile(features, [1, 99], axis=0)
    high = np.where(high - low < 1e-9, low + 1.0, high)
    model = ErrorModel(low, high, np.empty((len(low), 0)), np.zeros((1 + len(low), residuals.shape[1])))
    usable = np.isfinite(residuals).any(0)
    known = np.isfinite(residuals[:, usable]).all(1)
    if known.sum() < _FEWEST:
        return model
    return replace(
        model, shape=_fit_network(model._unit(features[known]), _log(residuals[known]), usable, seed)
    )


def _fit_network(unit: np.ndarray, target: np.ndarray, usable: np.ndarray, seed: int) -> Mlp:
    """Mean of log |residual| of every label; 0 for one that no star has."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    target = np.where(usable, target, 0.0).astype(np.float32)
    centre = target.mean(0)
    network = MLPRegressor(
        hidden_layer_sizes=_HIDDEN,
        alpha=1e-2,
        batch_size=_BATCH,
        learning_rate_init=2e-3,
        max_iter=_EPOCHS,
        early_stopping=True,
        n_iter_no_change=8,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the level is set afterwards, whatever the shape
        network.fit(unit.astype(np.float32), np.squeeze(target - centre))
    found = Mlp.of(network)
    return replace(found, biases=(*found.biases[:-1], found.biases[-1] + centre))


def _log(residuals: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.abs(residuals), SMALLEST))


def _basis(unit: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(N, C): a constant, each feature, and its hinges."""
    hinges = np.maximum(unit[:, :, None] - knots, 0).reshape(len(unit), knots.size)
    return np.hstack([np.ones((len(unit), 1)), unit, hinges])


def _fit_level(basis: np.ndarray, target: np.ndarray) -> np.ndarray:
    known = np.isfinite(target)
    if known.sum() < MIN_RESIDUALS:
        return np.full(basis.shape[1], np.nan)
    basis, target = basis[known], target[known]
    coefficients = _quantile_regression(basis, target)
    over = np.sort(target - basis @ coefficients)
    coefficients[0] += over[min(int(np.ceil(LEVEL * (len(over) + 1))), len(over)) - 1]
    return coefficients


def _quantile_regression(basis: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(C,) minimiser of the pinball loss at `LEVEL`, with a small ridge on all but the constant."""
    ridge = _RIDGE * np.eye(basis.shape[1])
    ridge[0, 0] = 1e-9
    coefficients = np.zeros(basis.shape[1])
    coefficients[0] = np.quantile(target, LEVEL)
    for _ in range(_ROUNDS):
        weights = 1 / (_EPSILON + np.abs(target - basis @ coefficients))
        right = basis.T @ (weights * target) + (2 * LEVEL - 1) * basis.sum(0)
        coefficients = np.linalg.solve((basis.T * weights) @ basis + ridge, right)
    return coefficients
