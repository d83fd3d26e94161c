"""How wide an error bar must be: half-widths of |residual| for any level, from what is known about a star.

Three steps, each on stars of its own. The many stars that trained a regressor tell best *where* it errs more:
`shape`, small networks for the logarithm of the mean |residual|, is fitted to them. Stars that were held out
correct it: `level`, what must be added to the shape, is additive and piecewise linear in every feature and
fitted by quantile regression (Koenker & Bassett 1978; the majorise-minimise iteration of Hunter & Lange
2000). Others, which neither of the two has seen, tell *by how much*: their scores, log |residual| − shape −
level, put in order, are limits with a promise (`conformal`). They also tell how the errors of the labels go
together.
Shapes: N stars, F features, K knots, C basis functions, S scores, P labels.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..errors import ModelError
from .conformal import LEVEL, in_order, limits
from .correlation import ErrorCorrelation, fit_correlation, unknown_correlations
from .network import ArrayNetwork

MIN_RESIDUALS = 20  # of a label; with fewer its level is flat
MIN_FOR_SHAPE = 2000  # stars with every label; with fewer the shape is flat
SMALLEST = 1e-4  # |residual| in units of a label's spread, below which its logarithm says nothing
MOST_PERCENT = 99.5  # of |residual|: what is larger counts as this large for the shape, whatever the tail
HIDDEN, EPOCHS, BATCH = (48, 24), 150, 1024  # of the network for the shape
LEARNING_RATE, PATIENCE = 1e-2, 12
RIDGE, RIDGE_BESIDE_SHAPE = 3.0, 30.0  # of the quantile regression; beside a shape it only corrects
ROUNDS, EPSILON = 60, 1e-3
STARS_PER_KNOT, MAX_KNOTS = 100, 2  # of held-out stars; more knots only follow noise


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The width of error bars: the logarithm of the half-width is shape plus level plus a limit.

    Attributes
    ----------
    low, high: (F,) range of the features, beyond which the width stays constant.
    knots: (F, K) of the level, in units of that range.
    coefficients: (C, P) of the level.
    shape: scaled features (N, F) → (N, P); None where it is flat.
    scores: (S, P) of calibrating stars, in order, NaN at the end; None in a model of an earlier version,
        whose level holds the limit of 68 % and whose promise is not exact.
    correlation: of the errors of different labels; None in a model of an earlier version.
    """

    low: np.ndarray
    high: np.ndarray
    knots: np.ndarray
    coefficients: np.ndarray
    shape: ArrayNetwork | None = None
    scores: np.ndarray | None = None
    correlation: ErrorCorrelation | None = None

    @classmethod
    def unfitted(cls) -> "ErrorModel":
        """A model without features or labels: the place of one that is fitted later."""
        return cls(np.empty(0), np.empty(0), np.empty((0, 0)), np.empty((1, 0)))

    def half_width(self, features: np.ndarray, level: float = LEVEL) -> np.ndarray:
        """(N, P) half-widths of intervals of this level for stars with these features (N, F).

        NaN for a label with too few scores, inf for a level that so few cannot promise. Raises ModelError for
        a level other than 68 % where no scores are known.
        """
        return np.exp(self.log_width(features) + self._limits(level))

    def log_width(self, features: np.ndarray) -> np.ndarray:
        """(N, P) logarithm of the width that belongs to a score of 0."""
        scaled = self.scaled(features)
        return self._shape(scaled) + _basis(scaled, self.knots) @ self.coefficients

    def _limits(self, level: float) -> np.ndarray | float:
        if self.scores is not None:
            return limits(self.scores, level)
        if level != LEVEL:
            raise ModelError("these error bars come from an earlier version, which knew 68 % intervals only")
        return 0.0

    def correlations(self, features: np.ndarray) -> np.ndarray:
        """(N, P, P) correlation of the errors of stars with these features (N, F); NaN where not known."""
        if self.correlation is not None:
            return self.correlation.at(self.scaled(features))
        return unknown_correlations(len(features), self.coefficients.shape[1])

    def levelled(self, features: np.ndarray, residuals: np.ndarray) -> "ErrorModel":
        """The same shape at the level of the residuals (N, P; NaN = unknown) of stars that trained nothing.

        It promises nothing yet. The level is flat for a label with fewer than `MIN_RESIDUALS` residuals.
        """
        scaled = self.scaled(features)
        count = int(np.clip(len(scaled) // STARS_PER_KNOT - 1, 0, MAX_KNOTS))
        places = np.arange(1, count + 1) / (count + 1)
        knots = np.quantile(scaled, places, axis=0).T if count else np.empty((scaled.shape[1], 0))
        basis, target = _basis(scaled, knots), _log(residuals) - self._shape(scaled)
        ridge = RIDGE if self.shape is None else RIDGE_BESIDE_SHAPE
        coefficients = np.stack([_fit_level(basis, column, ridge) for column in target.T], 1)
        return replace(self, knots=knots, coefficients=coefficients, scores=np.empty((0, target.shape[1])))

    def conformed(self, features: np.ndarray, residuals: np.ndarray) -> "ErrorModel":
        """The same shape and level with the scores of stars that told neither: what widths promise is exact.

        features (N, F), residuals (N, P; NaN = unknown).
        """
        log_width = self.log_width(features)
        scores = in_order(_log(residuals) - log_width)
        in_widths = residuals / np.exp(log_width + np.nan_to_num(limits(scores), posinf=0.0))
        correlation = fit_correlation(self.scaled(features), in_widths)
        return replace(self, scores=scores, correlation=correlation)

    def scaled(self, features: np.ndarray) -> np.ndarray:
        """(N, F) features in 0-1, clipped to the range of the fit."""
        return (np.clip(features, self.low, self.high) - self.low) / (self.high - self.low)

    def _shape(self, scaled: np.ndarray) -> np.ndarray | float:
        return 0.0 if self.shape is None else self.shape(scaled.astype(np.float32)).astype(np.float64)

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        stored = {f"{prefix}{n}": getattr(self, n) for n in ("low", "high", "knots", "coefficients")}
        stored |= {} if self.scores is None else {f"{prefix}scores": self.scores}
        stored |= {} if self.correlation is None else self.correlation.arrays(f"{prefix}correlation_")
        return stored | ({} if self.shape is None else self.shape.arrays(f"{prefix}shape_"))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> "ErrorModel":
        """The inverse of `arrays`. KeyError for one that is missing."""
        shape = ArrayNetwork.from_arrays(arrays, f"{prefix}shape_")
        return cls(
            low=np.asarray(arrays[f"{prefix}low"]),
            high=np.asarray(arrays[f"{prefix}high"]),
            knots=np.asarray(arrays[f"{prefix}knots"]),
            coefficients=np.asarray(arrays[f"{prefix}coefficients"]),
            shape=shape if shape.weights else None,
            scores=np.asarray(arrays[f"{prefix}scores"]) if f"{prefix}scores" in arrays else None,
            correlation=ErrorCorrelation.from_arrays(arrays, f"{prefix}correlation_"),
        )


def fit_shape(features: np.ndarray, residuals: np.ndarray, seed: int = 0) -> ErrorModel:
    """Where residuals (N, P) of the training stars are larger, from features (N, F); without a level yet.

    With fewer than `MIN_FOR_SHAPE` stars that have every label, the shape is flat.
    """
    low, high = np.percentile(features, [1, 99], axis=0)
    high = np.where(high - low < 1e-9, low + 1.0, high)
    model = ErrorModel(low, high, np.empty((len(low), 0)), np.zeros((1 + len(low), residuals.shape[1])))
    usable = np.asarray(np.isfinite(residuals).any(0))
    finite = np.isfinite(residuals[:, usable]).all(1)
    if finite.sum() < MIN_FOR_SHAPE:
        return model
    shape = _fit_network(model.scaled(features[finite]), residuals[finite], usable, seed)
    return replace(model, shape=shape)


def _fit_network(scaled: np.ndarray, residuals: np.ndarray, usable: np.ndarray, seed: int) -> ArrayNetwork:
    """Scaled features (N, F) → log of the mean |residual| of every label (N, P); 0 for one that no star has.

    Of noise and of a bias the 68 % width is nearly the same multiple of the mean |residual|, not so of its
    mean logarithm, which small residuals decide. But only the logarithm is learnt as well where residuals are
    small: a first network learns its mean, a second one the mean of what is left.
    """
    scaled = scaled.astype(np.float32)
    target = np.where(usable, _log(residuals), 0.0)
    first = _fitted(scaled, target, "squared_error", seed)
    left = np.exp(target - first(scaled))
    left = np.minimum(left, np.percentile(left, MOST_PERCENT, axis=0))
    return first.plus(_fitted(scaled, left, "poisson", seed + 1))


def _fitted(scaled: np.ndarray, target: np.ndarray, loss: str, seed: int) -> ArrayNetwork:
    """The mean of the target (N, P), or with the loss of Poisson the logarithm of its mean."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    centre, logarithm = target.mean(0), loss == "poisson"
    network = MLPRegressor(
        loss=loss,
        hidden_layer_sizes=HIDDEN,
        alpha=1e-2,
        batch_size=BATCH,  # pyright: ignore[reportArgumentType] - inferred from the default "auto"
        learning_rate_init=LEARNING_RATE,
        max_iter=EPOCHS,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the level is set afterwards, whatever the shape
        own = target / centre if logarithm else target - centre
        network.fit(scaled, np.squeeze(own.astype(np.float32)))
    centred, offset = ArrayNetwork.of(network), np.log(centre) if logarithm else centre
    return replace(centred, biases=(*centred.biases[:-1], (centred.biases[-1] + offset).astype(np.float32)))


def _log(residuals: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(np.abs(residuals), SMALLEST))


def _basis(scaled: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """(N, C) a constant, each feature, and its hinges at the knots (F, K)."""
    hinges = np.maximum(scaled[:, :, None] - knots, 0).reshape(len(scaled), knots.size)
    return np.hstack([np.ones((len(scaled), 1)), scaled, hinges])


def _fit_level(basis: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """(C,) coefficients for one label, from basis (N, C) and target (N,), NaN = unknown; flat for too few."""
    finite = np.isfinite(target)
    if finite.sum() < MIN_RESIDUALS:
        return np.zeros(basis.shape[1])
    return _quantile_regression(basis[finite], target[finite], ridge)


def _quantile_regression(basis: np.ndarray, target: np.ndarray, ridge: float) -> np.ndarray:
    """(C,) minimiser of the pinball loss at `LEVEL`, with a ridge on all but the constant."""
    penalty = ridge * np.eye(basis.shape[1])
    penalty[0, 0] = 1e-9
    coefficients = np.zeros(basis.shape[1])
    coefficients[0] = np.quantile(target, LEVEL)
    for _ in range(ROUNDS):
        weights = 1 / (EPSILON + np.abs(target - basis @ coefficients))
        right = basis.T @ (weights * target) + (2 * LEVEL - 1) * basis.sum(0)
        coefficients = np.linalg.solve((basis.T * weights) @ basis + penalty, right)
    return coefficients
