"""Ridge regression without some of the folds, in closed form: sums over each fold are made once.

Shapes: N stars, D functions, T targets.
"""

import numpy as np

from .probes import FOLDS

PENALTIES = np.geomspace(1e-8, 1e2, 16)  # per unit variance and star


class FoldedRidge:
    """Functions x (N, D) of the stars, ready for fits without any of the folds (N,)."""

    def __init__(self, x: np.ndarray, folds: np.ndarray):
        self.x = np.asarray(x, np.float64) - np.mean(x, 0) if x.shape[1] else np.asarray(x, np.float64)
        self.folds = folds
        self.rows = [np.flatnonzero(folds == f) for f in range(FOLDS)]
        self._grams = [self.x[r].T @ self.x[r] for r in self.rows]
        self._sums = [self.x[r].sum(0) for r in self.rows]
        self._solved: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def _eigen(self, out: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Eigenvalues and eigenvectors of the covariance without the folds `out`, and the mean there."""
        if out not in self._solved:
            used = [f for f in range(FOLDS) if f not in out]
            n = sum(len(self.rows[f]) for f in used)
            mean = np.sum([self._sums[f] for f in used], 0) / n
            gram = np.sum([self._grams[f] for f in used], 0) - n * np.outer(mean, mean)
            values, vectors = np.linalg.eigh(gram)
            self._solved[out] = np.maximum(values, 0.0), vectors, mean
        return self._solved[out]

    def read(self, y: np.ndarray, out: tuple[int, ...]) -> np.ndarray:
        """(N, T) readings of all stars by a fit of y (N, T) to the stars outside the folds `out`.

        The penalty of each target minimises the generalised cross-validation score of the training stars
        (Golub, Heath & Wahba 1979, Technometrics 21, 215).
        """
        rows = np.concatenate([self.rows[f] for f in range(FOLDS) if f not in out])
        centre, n = y[rows].mean(0), len(rows)
        if not self.x.shape[1]:
            return np.broadcast_to(centre, y.shape).copy()
        rest = y[rows] - centre
        values, vectors, mean = self._eigen(out)
        power = vectors.T @ (self.x[rows].T @ rest)  # (D, T); the mean drops out, rest has none
        shrink = 1 / (values[:, None] + n * PENALTIES * max(values.mean() / n, 1e-300))  # (D, penalties)
        chosen = _best_penalties(values, power, shrink, np.square(rest).sum(0), n)
        weights = vectors @ (power * shrink[:, chosen])
        return (self.x - mean) @ weights + centre


def _best_penalties(
    values: np.ndarray, power: np.ndarray, shrink: np.ndarray, total: np.ndarray, n: int
) -> np.ndarray:
    """(T,) index of the penalty with the smallest generalised cross-validation score."""
    freedom = np.minimum((values[:, None] * shrink).sum(0), 0.95 * n)  # (penalties,)
    square = np.square(power).T  # (T, D)
    error = total[:, None] - 2 * square @ shrink + square @ (values[:, None] * shrink**2)
    return (np.maximum(error, 0) / np.square(1 - freedom / n)).argmin(1)
