"""The floor: what the kept labels alone tell of a removed one, cross-fitted twice.

A reader of what the floor leaves open must be trained on residuals that know nothing of the stars it is
tried on. So there are two readings: `outer`, of each star by a fit without its fold, and `inner`, of the
training stars of each fold by fits without that fold *and* their own.
Shapes: N stars, K kept labels, T removed labels.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from joblib import Parallel, delayed

from ..data.scores import r_squared
from .innocence import kept_basis
from .probes import FOLDS, Probing, Reading, fold_numbers, one_thread_each
from .ridge import FoldedRidge

BUMPS, STARS_PER_BUMP = 300, 10  # more than the test takes off: ridge shrinks what does not help
TREE_SHARES = (0.0, 0.5, 1.0)  # of what trees see in the rest of the smooth fit
SMOOTH, TREES = "smooth functions", "smooth functions and trees"


@dataclass(frozen=True, eq=False)
class Floor:
    """Readings of T removed labels from the kept ones, for N stars in FOLDS folds."""

    y: np.ndarray  # (N, T)
    folds: np.ndarray  # (N,)
    outer: np.ndarray  # (N, T)
    inner: np.ndarray  # (FOLDS, N, T); of fold f for its training stars, 0 for its own
    probes: tuple[str, ...]  # (T,) what each reading is

    @property
    def residual(self) -> np.ndarray:
        """(N, T) what the kept labels leave open."""
        return self.y - self.outer

    def left_open(self, fold: int) -> np.ndarray:
        """(N, T) residuals for a reader that is tried on `fold`; only those of other folds may be used."""
        return self.y - self.inner[fold]

    def readings(self) -> list[Reading]:
        """One `Reading` for each removed label."""
        return [
            Reading(p, o, t, {p: r_squared(t, o)})
            for p, o, t in zip(self.probes, self.outer.T, self.y.T, strict=True)
        ]


def exclusions() -> list[tuple[int, ...]]:
    """The folds that the fits leave out: each fold, and each pair."""
    return [(f,) for f in range(FOLDS)] + list(combinations(range(FOLDS), 2))


def fit_floor(
    kept: np.ndarray, y: np.ndarray, probing: Probing, *, trees: bool = True, nested: bool = True
) -> Floor:
    """The floor of y (N, T) given kept labels (N, K): smooth functions of them, and trees where these help.

    Without kept labels it is the mean of the other stars. How much of the trees is used is decided for each
    label on all folds: one choice among three. Without `nested` there are no inner readings: they cost twice
    as much again, and the test alone needs none.
    """
    folds = fold_numbers(len(y), probing.seed)
    bumps = min(BUMPS, len(y) // STARS_PER_BUMP)
    smooth = FoldedRidge(kept_basis(kept, probing.seed, bumps)[:, 1:], folds)
    tasks = exclusions() if nested else exclusions()[:FOLDS]
    with one_thread_each():
        # smooth fits take a few milliseconds each, less than a process costs
        parts: list[np.ndarray] = Parallel(n_jobs=probing.workers if trees else 1)(
            delayed(_fit)(smooth, kept, y, out, trees and kept.shape[1] > 0) for out in tasks
        )  # pyright: ignore[reportAssignmentType] - joblib's stub
    by_folds = dict(zip(tasks, parts, strict=True))
    choices = np.array(TREE_SHARES)[_best_shares(by_folds, y, folds)]  # (T,)

    def mixed(out: tuple[int, ...]) -> np.ndarray:
        smooth_part, tree_part = by_folds[out]
        return smooth_part + choices * tree_part

    outer, inner = np.empty_like(y), np.zeros((FOLDS, *y.shape))
    for f in range(FOLDS):
        outer[folds == f] = mixed((f,))[folds == f]
    for pair in tasks[FOLDS:]:
        for f, g in (pair, pair[::-1]):
            inner[f][folds == g] = mixed(pair)[folds == g]
    probes = tuple("mean" if not kept.shape[1] else TREES if c else SMOOTH for c in choices)
    return Floor(y, folds, outer, inner, probes)


def _fit(
    smooth: FoldedRidge, kept: np.ndarray, y: np.ndarray, out: tuple[int, ...], trees: bool
) -> np.ndarray:
    """(2, N, T) the smooth reading of all stars by a fit without the folds `out`, and the trees' addition.

    No reading lies beyond the labels that the fit has seen: polynomials run away from the last stars.
    """
    train = ~np.isin(smooth.folds, out)
    reading = np.clip(smooth.read(y, out), y[train].min(0), y[train].max(0))
    added = np.zeros_like(reading)
    if trees:
        rest = y - reading
        for t in range(y.shape[1]):
            added[:, t] = _trees().fit(kept[train], rest[train, t]).predict(kept)
    return np.stack([reading, added])


def _trees():
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        learning_rate=0.18,
        max_iter=20,
        max_leaf_nodes=8,
        l2_regularization=5.0,
        early_stopping=False,  # pyright: ignore[reportArgumentType] - its stub
    )  # pyright: ignore[reportCallIssue, reportArgumentType] - its stub


def _best_shares(by_folds: dict[tuple[int, ...], np.ndarray], y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(T,) index of the share of the trees with the smallest error out of fold."""
    error = np.zeros((len(TREE_SHARES), y.shape[1]))
    for f in range(FOLDS):
        test, (smooth, added) = folds == f, by_folds[(f,)]
        for i, share in enumerate(TREE_SHARES):
            error[i] += np.square(y - smooth - share * added)[test].sum(0)
    return error.argmin(0)
