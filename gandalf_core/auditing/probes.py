"""Fresh probes: what can a reader who starts from nothing read from some numbers of a star? Arrays only.

Every probe is trained on four fifths of the stars and read on the last fifth, five times (cross-fitting);
only these out-of-fold readings count. The stars must not have trained the encoder: the caller sees to that.
Why fresh: an adversary that fails during training proves nothing about a reader trained afterwards (Elazar &
Goldberg 2018, EMNLP). Shapes: N stars, D inputs, T targets, K kept labels.
"""

import os
import warnings
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from ..data.scores import r_squared
from ..errors import AuditError

PROBES = ("ridge", "mlp", "trees", "neighbours")
FOLDS = 5
MIN_LABELLED = 200
WIDE = 100  # of more inputs than this, all probes but ridge see that many principal components
Jobs = dict[str, tuple[str, np.ndarray, np.ndarray]]  # key -> probe, x (N, D), y (N, T)


@dataclass(frozen=True)
class Probing:
    """Which probes read, the seed of folds and training, and how many processes share the work."""

    probes: tuple[str, ...] = PROBES
    seed: int = 0
    workers: int = 1


ALL_PROBES = Probing()


@dataclass(frozen=True, eq=False)
class Reading:
    """The best probe's out-of-fold readings of one target on its N labelled stars."""

    probe: str
    prediction: np.ndarray  # (N,)
    truth: np.ndarray  # (N,)
    scores: dict[str, float]  # R² of every candidate

    @property
    def r2(self) -> float:
        return r_squared(self.truth, self.prediction)


def check_enough(labels: np.ndarray, what: str) -> np.ndarray:
    """(N,) true for the stars that have every label of (N, P). AuditError when they are too few."""
    rows = np.all(np.isfinite(np.asarray(labels, float).reshape(len(labels), -1)), axis=1)
    if rows.sum() < MIN_LABELLED:
        count = f"{int(rows.sum())} of {len(labels)} stars have the labels"
        raise AuditError(f"{what}: {count}; an audit needs at least {MIN_LABELLED}: give more labelled stars")
    return rows


def refuse_unknown(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """AuditError for the first of the names that is not known."""
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise AuditError(f"no {what} '{unknown}'; there are: {', '.join(known)}")


def default_workers() -> int:
    """Two processes, or one on a single core."""
    return max(1, min(2, os.cpu_count() or 1))


# --- what a probe sees ---


def standardised(x: np.ndarray) -> np.ndarray:
    """Columns of x (N, D) at zero mean and unit spread; a constant column becomes zero."""
    spread = x.std(0)
    return (x - x.mean(0)) / np.where(spread > 0, spread, 1)


def narrowed(x: np.ndarray, seed: int = 0) -> np.ndarray:
    """x (N, D) itself, or its first WIDE principal components in units of the strongest.

    In these units noise stays small among them. Labels play no part in it, so stars to be read may take part.
    """
    if x.shape[1] <= WIDE or len(x) <= WIDE:
        return x
    from sklearn.decomposition import PCA

    parts = PCA(WIDE, random_state=seed).fit_transform(x)
    return parts / max(parts[:, 0].std(), 1e-12)


def inputs(x: np.ndarray, kept: np.ndarray, probes: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What each probe sees of x (N, D) and of kept labels (N, K).

    Ridge sees x alone, the others at most WIDE principal components of it and the labels.
    """
    x, kept = standardised(np.asarray(x, float)), standardised(np.asarray(kept, float))
    narrow = np.hstack([narrowed(x), kept])
    return {p: x if p == "ridge" else narrow for p in probes}


# --- training and reading ---


def fold_numbers(n: int, seed: int = 0) -> np.ndarray:
    """(N,) the fold, 0 to FOLDS − 1, of each star: a permutation by seed."""
    return np.random.default_rng([seed, n]).permutation(n) % FOLDS


def make_probe(name: str, n: int, seed: int) -> Any:
    """An untrained scikit-learn regressor, sized for n training stars. AuditError for an unknown name."""
    refuse_unknown("probe", [name], PROBES)
    if name == "ridge":
        from sklearn.linear_model import RidgeCV

        return RidgeCV(np.logspace(-2, 6, 17), alpha_per_target=True)
    if name == "mlp":
        from sklearn.neural_network import MLPRegressor

        return MLPRegressor(
            hidden_layer_sizes=(128, 64),
            alpha=1e-3,
            batch_size=min(256, max(32, n // 20)),  # pyright: ignore[reportArgumentType] - its stub
            learning_rate_init=2e-3,
            max_iter=120,
            early_stopping=True,
            n_iter_no_change=8,
            random_state=seed,
        )
    if name == "trees":
        from sklearn.ensemble import HistGradientBoostingRegressor

        return HistGradientBoostingRegressor(
            learning_rate=0.08,
            max_iter=250,
            max_leaf_nodes=15,
            l2_regularization=1.0,
            early_stopping=True,  # pyright: ignore[reportArgumentType] - its stub
            random_state=seed,
        )
    from sklearn.neighbors import KNeighborsRegressor

    return KNeighborsRegressor(n_neighbors=int(np.clip(n // 100, 10, 30)))


def read_fold(name: str, x: np.ndarray, y: np.ndarray, test: np.ndarray, seed: int) -> np.ndarray:
    """(M, T) readings of the M stars marked in `test` (N,), by a probe trained on the others.

    x (N, D), y (N, T).
    """
    from sklearn.exceptions import ConvergenceWarning

    centre, spread = y[~test].mean(0), np.maximum(y[~test].std(0), 1e-12)
    target = (y[~test] - centre) / spread
    # trees take one target at a time
    columns = list(target.T) if name == "trees" else [target[:, 0] if target.shape[1] == 1 else target]
    with warnings.catch_warnings():
        # a probe that is still improving at max_iter is scored as it stands
        warnings.simplefilter("ignore", ConvergenceWarning)
        parts = [make_probe(name, len(target), seed).fit(x[~test], t).predict(x[test]) for t in columns]
    readings = np.column_stack(parts)
    return readings * spread + centre


def out_of_fold(jobs: Jobs, folds: np.ndarray, probing: Probing) -> dict[str, np.ndarray]:
    """{key: (N, T) out-of-fold readings} of the jobs, shared by the processes of `probing`."""
    tasks = [(key, fold) for key in jobs for fold in range(FOLDS)]
    with one_thread_each():
        parts: Any = Parallel(n_jobs=probing.workers)(
            delayed(read_fold)(*jobs[key], folds == fold, probing.seed + fold) for key, fold in tasks
        )
    readings = {key: np.empty(jobs[key][2].shape) for key in jobs}
    for (key, fold), part in zip(tasks, parts, strict=True):
        readings[key][folds == fold] = part
    return readings


def one_thread_each() -> AbstractContextManager[Any]:
    """A context in which each process computes on one thread: probes are small and share the cores."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


# --- the best of several ---


def best(readings: dict[str, np.ndarray], truth: np.ndarray, folds: np.ndarray) -> Reading:
    """The best of several readings {name: (N,)}; for each fold the one that does best on the *other* folds.

    Choosing by the very stars that are scored would add the luck of the draw to R², and flag pure noise.
    """
    names = list(readings)
    error = np.stack([np.square(readings[n] - truth) for n in names])  # (candidates, N)
    choice = np.array([error[:, folds != f].sum(1).argmin() for f in range(FOLDS)])
    prediction = np.stack([readings[n] for n in names])[choice[folds], np.arange(len(truth))]
    name = Counter(names[c] for c in choice).most_common(1)[0][0]
    return Reading(name, prediction, truth, {n: r_squared(truth, readings[n]) for n in names})


def best_of_each(readings: dict[str, np.ndarray], truth: np.ndarray, folds: np.ndarray) -> list[Reading]:
    """`best` for each target of readings {name: (N, T)} and truth (N, T)."""
    return [
        best({n: r[:, t] for n, r in readings.items()}, truth[:, t], folds) for t in range(truth.shape[1])
    ]


def read(x: np.ndarray, y: np.ndarray, probing: Probing = ALL_PROBES) -> list[Reading]:
    """What the best probe reads of each column of y (N, T) from x (N, D); no value may be missing."""
    folds = fold_numbers(len(y), probing.seed)
    seen = inputs(x, np.empty((len(y), 0)), probing.probes)
    jobs = {p: (p, seen[p], y) for p in probing.probes}
    return best_of_each(out_of_fold(jobs, folds, probing), y, folds)
