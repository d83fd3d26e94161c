"""How the errors of a star's labels go together: correlation matrices that change smoothly from star to star.

Where a spectrum makes a star hotter than it is, it usually makes log g and [M/H] greater, too. How much
depends on what kind of star it is, so the residuals of the calibrating stars, in units of their own error
bars, tell it near each of a few centres, and a star gets the mean of the centres' matrices, by distance.
Shapes: N stars, F features, K centres, P labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

STARS_PER_CENTRE, MAX_CENTRES = 150, 12
FARTHEST = 3.0  # in error bars: residuals beyond count as this large, so that a few cannot say it all
SHRINK = 50.0  # stars by which the matrix of all calibrating stars counts at every centre


@dataclass(frozen=True, eq=False)
class ErrorCorrelation:
    """Correlation matrices of the errors at K places among the calibrating stars.

    Attributes
    ----------
    centres: (K, F) scaled features.
    matrices: (K, P, P) with a diagonal of 1; a label that no star had is uncorrelated.
    reach: the standard deviation, in scaled features, of the weight that a centre has around itself.
    """

    centres: np.ndarray
    matrices: np.ndarray
    reach: float

    def at(self, scaled: np.ndarray) -> np.ndarray:
        """(N, P, P) correlation matrices of stars with these scaled features (N, F)."""
        return np.einsum("nk,kpq->npq", _weights(scaled, self.centres, self.reach), self.matrices)

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        reach = np.array(self.reach)
        return {f"{prefix}centres": self.centres, f"{prefix}matrices": self.matrices, f"{prefix}reach": reach}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> "ErrorCorrelation | None":
        """The inverse of `arrays`; None where none is stored under this prefix."""
        if f"{prefix}centres" not in arrays:
            return None
        centres, matrices = (np.asarray(arrays[f"{prefix}{name}"]) for name in ("centres", "matrices"))
        return cls(centres, matrices, float(arrays[f"{prefix}reach"]))


def unknown_correlations(stars: int, labels: int) -> np.ndarray:
    """(N, P, P) 1 on the diagonal and NaN beside it."""
    return np.tile(np.where(np.eye(labels) > 0, 1.0, np.nan), (stars, 1, 1))


def fit_correlation(scaled: np.ndarray, residuals: np.ndarray, seed: int = 0) -> ErrorCorrelation | None:
    """The correlations of residuals (N, P; NaN = unknown), each in units of its error bar.

    scaled: (N, F) features in 0-1. None where fewer than two stars have a residual.
    """
    known = np.isfinite(residuals).any(1)
    scaled, own = scaled[known], np.clip(residuals[known], -FARTHEST, FARTHEST)
    if len(own) < 2:
        return None
    centres, reach = _centres(scaled, seed)
    weights = np.exp(-_squared(scaled, centres) / (2 * reach**2))
    weights += SHRINK / len(own)
    return ErrorCorrelation(centres, np.stack([_matrix(own, w) for w in weights.T]), reach)


def _centres(scaled: np.ndarray, seed: int) -> tuple[np.ndarray, float]:
    """(K, F) places among the stars, and how far it usually is from one to the next."""
    from sklearn.cluster import KMeans

    count = int(np.clip(len(scaled) // STARS_PER_CENTRE, 1, MAX_CENTRES))
    count = min(count, len(np.unique(scaled, axis=0)))
    centres = KMeans(count, random_state=seed).fit(scaled).cluster_centers_
    if count == 1:
        return centres, 1.0
    apart = np.sqrt(_squared(centres, centres) + np.diag(np.full(count, np.inf)))
    return centres, max(float(np.median(apart.min(1))), 1e-3)


def _matrix(residuals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(P, P) weighted correlation about 0, so that what is biased together counts as going together."""
    known = np.isfinite(residuals)
    own = np.where(known, residuals, 0.0)
    products = (own.T * weights) @ own
    squares = (own.T**2 * weights) @ known  # of the stars that have the other label, too
    scale = np.sqrt(squares * squares.T)
    matrix = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)
    return _possible(matrix)


def _possible(matrix: np.ndarray) -> np.ndarray:
    """The matrix (P, P) without negative eigenvalues, which labels known for different stars can give."""
    np.fill_diagonal(matrix, 1.0)
    values, vectors = np.linalg.eigh(matrix)
    matrix = (vectors * np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(matrix))
    return matrix / np.outer(scale, scale)


def _weights(scaled: np.ndarray, centres: np.ndarray, reach: float) -> np.ndarray:
    """(N, K) the share that each centre has in a star; they sum to 1, however far away the star is."""
    exponent = -_squared(scaled, centres) / (2 * reach**2)
    weights = np.exp(exponent - exponent.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, K) squared distances between the rows of a (N, F) and of b (K, F)."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T, 0.0)


# --- ellipses ---


def squared_radius(share: float) -> float:
    """Squared Mahalanobis distance that holds this share of a normal distribution in two dimensions."""
    return float(-2 * np.log1p(-share))


def ellipse(middle: np.ndarray, covariance: np.ndarray, share: float, points: int = 97) -> np.ndarray:
    """(points, 2) the outline that holds this share around `middle` (2,); NaN where something is unknown.

    covariance: (2, 2). The last point is the first one again.
    """
    if not (np.isfinite(covariance).all() and np.isfinite(middle).all()):
        return np.full((points, 2), np.nan)
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    angle = np.linspace(0, 2 * np.pi, points)
    circle = np.column_stack([np.cos(angle), np.sin(angle)]) * np.sqrt(squared_radius(share))
    return middle + circle @ (vectors * np.sqrt(np.maximum(values, 0))).T * scale
