"""The conditional excess: what a latent adds, about a removed label, to what the kept labels tell anyway.

excess = R²(removed | z and true kept labels) − R²(removed | true kept labels), each side by its own best
probe.
Shapes: N stars, Z latent numbers, K kept labels, T removed labels.
"""

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np

from .probes import FOLDS, PROBES, Reading, best_of_each, fold_numbers, inputs, out_of_fold

DRAWS, BLOCK = 1000, 100  # resamplings of the stars, and how many at a time
LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Excess:
    """The excess of one removed label, its bootstrap interval over stars, and the two readings it is the
    difference of.

    `p_value` is that of `leak_test`; the interval says how much is read, the test whether anything is (in
    fewer stars).
    """

    value: float
    interval: tuple[float, float]
    p_value: float
    joint: Reading
    floor: Reading

    @property
    def flagged(self) -> bool:
        """True when the latent demonstrably tells something about the label: one innocent label in forty is
        flagged by chance.
        """
        return bool(self.p_value < (1 - LEVEL) / 2)


def floor_readings(kept, y, *, probes=PROBES, seed: int = 0, workers: int = 1) -> list[Reading]:
    """What the best probe reads of each column of y (N, T) from true kept labels (N, K); the mean where
    nothing is kept.
    """
    kept, y = np.asarray(kept, float), np.asarray(y, float)
    folds = fold_numbers(len(y), seed)
    means = fold_means(y, folds)
    if not kept.shape[1]:
        return [Reading("mean", means[:, t], y[:, t], {}) for t in range(y.shape[1])]
    first = out_of_fold(
        {p: (p, x, y) for p, x in inputs(kept[:, :0], kept, probes).items()}, folds, seed, workers
    )
    start = best_of_each({"mean": means} | first, y, folds)
    readings = two_stages(kept[:, :0], kept, y, start, {"mean": means} | first, probes, folds, seed, workers)
    return best_of_each(readings, y, folds)


def fold_means(y: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(N, T) for each star the mean of y (N, T) over the other folds: the reading of a probe without inputs."""
    return np.stack([y[folds != f].mean(0) for f in range(FOLDS)])[folds]


def two_stages(x, kept, y, start, first, probes, folds, seed, workers) -> dict[str, np.ndarray]:
    """The candidates `first` and probes of (x, kept labels) trained on what the readings `start` leave over:
    {name: (N, T)}.

    A probe of the rest begins from what is known, so that twenty-five inputs of noise cost it next to
    nothing; without it a small leak drowns in a probe's own overfitting. The floor gets its second stage too:
    a side with more chances would win by them alone.
    """
    base = np.stack([s.prediction for s in start], 1)  # (N, T)
    seen = inputs(x, kept, tuple(p for p in probes if p != "neighbours"))
    rest = out_of_fold({f"{p} on the rest": (p, s, y - base) for p, s in seen.items()}, folds, seed, workers)
    return first | {k: r + base for k, r in rest.items()}


def conditional_excess(
    z, kept, y, *, probes=PROBES, seed: int = 0, workers: int = 1, floors=None
) -> list[Excess]:
    """The excess of each column of y (N, T) from z (N, Z) given kept labels (N, K); no value may be missing.

    `floors`, from `floor_readings` with the same seed, saves doing that side again.
    """
    z, kept, y = (np.asarray(a, float) for a in (z, kept, y))
    folds = fold_numbers(len(y), seed)
    floors = floors or floor_readings(kept, y, probes=probes, seed=seed, workers=workers)
    first = out_of_fold({p: (p, x, y) for p, x in inputs(z, kept, probes).items()}, folds, seed, workers)
    readings = two_stages(z, kept, y, floors, first, probes, folds, seed, workers)
    changes = best_of_each({k: r for k, r in readings.items() if k.endswith("on the rest")}, y, folds)
    p_values = leak_test(changes, floors, kept, seed=seed, workers=workers)
    readings["floor"] = np.stack([f.prediction for f in floors], 1)  # a reader may leave z aside
    joint = best_of_each(readings, y, folds)
    return [
        Excess(j.r2 - f.r2, difference_interval(j, f, seed), p, j, f)
        for j, f, p in zip(joint, floors, p_values, strict=True)
    ]


def leak_test(
    joint: list[Reading], floors: list[Reading], kept: np.ndarray, *, seed: int = 0, workers: int = 1
) -> np.ndarray:
    """(T,) one-sided p values of "z tells nothing about the label beyond the kept labels".

    The projected covariance measure (Lundborg, Kim, Shah & Samworth 2024, Annals of Statistics 52, 2851): the
    change that z makes to the reading, freed of what the kept labels (N, K) say of that change, must not
    correlate with what the floor leaves over. An imperfect floor harms little: both factors are residuals, so
    their errors enter as a product. `joint` must be readings of the rest: a direct reading minus the floor's
    would carry the floor's own errors into both factors.
    """
    change = np.stack([j.prediction - f.prediction for j, f in zip(joint, floors, strict=True)], 1)  # (N, T)
    folds = fold_numbers(len(change), seed)
    probes = ("ridge", "trees") if kept.shape[1] else ()
    readings = out_of_fold(
        {p: (p, x, change) for p, x in inputs(kept[:, :0], kept, probes).items()}, folds, seed, workers
    )
    expected = best_of_each({"mean": fold_means(change, folds)} | readings, change, folds)
    return np.array(
        [
            upper_tail((f.truth - f.prediction) * (c - e.prediction))
            for f, c, e in zip(floors, change.T, expected, strict=True)
        ]
    )


def upper_tail(products: np.ndarray) -> float:
    """The chance of a mean of N products this far above 0 when it should be 0 (normal approximation)."""
    spread = products.std()
    return 0.5 * erfc(products.mean() / spread * sqrt(len(products) / 2)) if spread > 0 else 1.0


def difference_interval(a: Reading, b: Reading, seed: int = 0) -> tuple[float, float]:
    """95 % interval of R²(a) − R²(b) of the same stars, by resampling the stars; the readings stay as they
    are.
    """
    draws = resampled_r2([a.prediction, b.prediction], a.truth, seed)
    return interval(draws[0] - draws[1])


def r2_interval(reading: Reading, seed: int = 0) -> tuple[float, float]:
    """95 % interval of R² over resampled stars."""
    return interval(resampled_r2([reading.prediction], reading.truth, seed)[0])


def interval(draws: np.ndarray) -> tuple[float, float]:
    low, high = np.percentile(draws, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def resampled_r2(predictions: list[np.ndarray], truth: np.ndarray, seed: int = 0) -> np.ndarray:
    """(predictions, DRAWS) R² of each under the same resamplings of the stars: a paired bootstrap with
    Poisson(1) weights.
    """
    rng = np.random.default_rng([seed, len(truth)])
    spread = max(truth.std(), 1e-12)
    y = (truth - truth.mean()) / spread
    errors = [np.square((p - truth) / spread) for p in predictions]
    columns = np.stack([*errors, y, y * y, np.ones_like(y)], 1)  # (N, ·)
    blocks = range(0, DRAWS, BLOCK)
    sums = np.concatenate([rng.poisson(1.0, (BLOCK, len(y))) @ columns for _ in blocks]).T
    missed, (total, square, weight) = sums[:-3], sums[-3:]
    return 1 - missed / np.maximum(square - total**2 / weight, 1e-12)
