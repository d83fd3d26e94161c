"""Intervals by resampling the stars: how much a number would change with another sample of the same kind.

Shapes: N stars.
"""

import numpy as np

from .probes import Reading

DRAWS, BLOCK = 1000, 100  # resamplings of the stars, and how many are drawn at a time
LEVEL = 0.95  # of every interval


def interval(draws: np.ndarray) -> tuple[float, float]:
    """The central 95 % of the draws (DRAWS,)."""
    low, high = np.percentile(draws, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def r2_interval(reading: Reading, seed: int = 0) -> tuple[float, float]:
    """95 % interval of R² over resampled stars; the probes are not trained again."""
    return interval(resampled_r2([reading.prediction], reading.truth, seed)[0])


def difference_interval(a: Reading, b: Reading, seed: int = 0) -> tuple[float, float]:
    """95 % interval of R²(a) − R²(b), both resampled alike; the probes are not trained again."""
    draws = resampled_r2([a.prediction, b.prediction], a.truth, seed)
    return interval(draws[0] - draws[1])


def resampled_r2(predictions: list[np.ndarray], truth: np.ndarray, seed: int = 0) -> np.ndarray:
    """(len(predictions), DRAWS) R² of each prediction (N,), all under the same resamplings of the stars.

    A paired bootstrap with Poisson(1) weights, from the weighted sums alone.
    """
    rng = np.random.default_rng([seed, len(truth)])
    spread = max(truth.std(), 1e-12)
    y = (truth - truth.mean()) / spread
    errors = [np.square((p - truth) / spread) for p in predictions]
    columns = np.stack([*errors, y, y * y, np.ones_like(y)], 1)  # (N, len(predictions) + 3)
    sums = resampled_sums(columns, rng).T
    residual, (total, square, weight) = sums[:-3], sums[-3:]
    return 1 - residual / np.maximum(square - total**2 / weight, 1e-12)


def resampled_sums(columns: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(DRAWS, C) sums over resampled stars of every column (N, C), all under the same resamplings.

    Each star counts as often as a Poisson(1) number says.
    """
    blocks = range(0, DRAWS, BLOCK)
    return np.concatenate([rng.poisson(1.0, (BLOCK, len(columns))) @ columns for _ in blocks])
