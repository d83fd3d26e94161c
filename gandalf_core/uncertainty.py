"""How wide an error bar must be: the 68 % half-width of |residual| as a function of what is known about a star.

log half-width is an additive, piecewise linear function of every feature plus their products (so that a floor at high S/N
may depend on Teff), fitted by quantile regression (Koenker & Bassett 1978) with the majorise-minimise iteration of Hunter &
Lange (2000), then shifted so that held-out stars are covered exactly as often as promised (split conformal prediction).
Shapes: N stars, F features, K knots, C basis functions, P labels.
"""

from dataclasses import dataclass, fields

import numpy as np

LEVEL = 0.6827  # two-sided probability of one standard deviation
MIN_RESIDUALS = 20
_RIDGE, _ROUNDS, _EPSILON = 1.0, 60, 1e-3
_PER_KNOT, _MAX_KNOTS = 100, 6  # held-out stars a knot needs (the products come with the first); more only follow noise


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """low, high: (F,) range of the features, beyond which the width stays constant.  knots: (F, K).
    coefficients: (C, P) of the logarithm of the half-width in the unit of the residuals.
    """

    low: np.ndarray
    high: np.ndarray
    knots: np.ndarray
    coefficients: np.ndarray

    def half_width(self, features: np.ndarray) -> np.ndarray:
        """(N, P) half-widths that hold 68 % of the residuals of stars with these features (N, F)."""
        return np.exp(self._basis(features) @ self.coefficients)

    def _basis(self, features: np.ndarray) -> np.ndarray:
        """(N, C) constant, each feature scaled to 0-1, its hinges, and the products of pairs."""
        unit = (np.clip(features, self.low, self.high) - self.low) / (self.high - self.low)
        hinges = np.maximum(unit[:, :, None] - self.knots, 0).reshape(len(unit), self.knots.size)
        first, second = np.triu_indices(unit.shape[1] if self.knots.size else 0, 1)
        return np.hstack([np.ones((len(unit), 1)), unit, hinges, unit[:, first] * unit[:, second]])

    def arrays(self) -> dict[str, np.ndarray]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


def fit_error_model(features: np.ndarray, residuals: np.ndarray) -> ErrorModel:
    """From the features (N, F) and residuals (N, P; NaN = unknown) of stars that trained nothing.

    A label with fewer than `MIN_RESIDUALS` residuals gets NaN as its width.
    """
    low, high = np.percentile(features, [1, 99], axis=0)
    high = np.where(high - low < 1e-9, low + 1.0, high)
    count = int(np.clip(len(features) // _PER_KNOT - 1, 0, _MAX_KNOTS))
    inner = np.quantile(np.clip(features, low, high), np.arange(1, count + 1) / (count + 1), axis=0).T
    model = ErrorModel(low, high, (inner - low[:, None]) / (high - low)[:, None], np.empty((0, 0)))
    basis = model._basis(features)
    coefficients = np.stack([_fit_label(basis, column) for column in residuals.T], 1)
    return ErrorModel(low, high, model.knots, coefficients)


def _fit_label(basis: np.ndarray, residual: np.ndarray) -> np.ndarray:
    known = np.isfinite(residual)
    if known.sum() < MIN_RESIDUALS:
        return np.full(basis.shape[1], np.nan)
    basis, target = basis[known], np.log(np.maximum(np.abs(residual[known]), 1e-9))
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
