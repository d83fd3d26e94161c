"""Kept labels with errors: what would the latent add if they were exact? By simulation and extrapolation.

A noisy kept label lets an honest latent look guilty: one that holds the true kept labels tells more of the
removed one than the noisy ones do. So noise is added to the kept labels, in steps, and what the latent adds
is extrapolated back to no noise at all (SIMEX; Cook & Stefanski 1994, JASA 89, 1314; a quadratic).
Shapes: N stars, K kept labels, T removed labels, S steps.
"""

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np

from .excess import read_set
from .features import feature_sets
from .floor import fit_floor
from .probes import Probing, fold_numbers
from .ridge import FoldedRidge

STEPS = np.array([0.0, 0.5, 1.0, 1.5, 2.0])  # added variance, in units of the labels' own error variance
REPEATS = 4  # of each step with noise
TYPICAL_ERROR = 0.1  # of a label without a known catalogue error, in units of its spread
FROM_Z_ALONE = ("linear", "quadratic", "axes", "waves")  # sets that the kept labels do not enter
UPPER = 1.645  # standard errors to the one-sided 95 % limit


@dataclass(frozen=True)
class NoiseFree:
    """Partial R² at exact kept labels with its standard error, p of "none", and the 95 % upper limit."""

    partial: float
    error: float
    p: float
    upper: float


def noise_free(
    z: np.ndarray, kept: np.ndarray, y: np.ndarray, errors: np.ndarray, probing: Probing
) -> list[NoiseFree]:
    """For each column of y (N, T): what z (N, Z) would add if kept labels (N, K) had no errors (N, K).

    Of several sets of functions of z the one counts whose reading is the least likely by chance; p allows for
    the choice. The error holds the scatter between stars and the doubt about the extrapolation.
    """
    sets = {n: x for n, x in feature_sets(z, kept[:, :0], probing.seed).items() if n in FROM_Z_ALONE}
    sets = {n: x if n == "linear" else np.hstack([sets["linear"], x]) for n, x in sets.items()}
    gained, left = _contributions(sets, kept, y, errors, probing)
    return [
        _strongest([_extrapolated(gain[:, :, t], left[:, :, t]) for gain in gained.values()])
        for t in range(y.shape[1])
    ]


def _strongest(readings: list[tuple[float, float]]) -> NoiseFree:
    """Of (partial, error) by each set, the one that stands out most; the limit is the widest of all."""
    partial, error = max(readings, key=lambda r: r[0] / r[1])
    p = min(1.0, len(readings) * 0.5 * erfc(partial / error / sqrt(2)))
    return NoiseFree(partial, error, p, max(max(0.0, value) + UPPER * spread for value, spread in readings))


def floor_loss(kept: np.ndarray, y: np.ndarray, errors: np.ndarray, probing: Probing) -> np.ndarray:
    """(T,) the partial R² that errors (N, K) of the kept labels alone can make: what exact ones would add."""
    left = _contributions({}, kept, y, errors, probing)[1].sum(1)  # (S, T)
    return np.clip(1 - _weights(2) @ left / left[0], 0, 1)


def _contributions(
    sets: dict[str, np.ndarray], kept: np.ndarray, y: np.ndarray, errors: np.ndarray, probing: Probing
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """What each star adds to the sums: {set: squared error saved}, and the floor's squared error, by step."""
    rng = np.random.default_rng([probing.seed, 15])
    folds = fold_numbers(len(y), probing.seed)
    ridges = {name: FoldedRidge(x, folds) for name, x in sets.items()}
    gained = {name: np.zeros((len(STEPS), *y.shape)) for name in sets}
    left = np.zeros((len(STEPS), *y.shape))
    for s, step in enumerate(STEPS):
        repeats = REPEATS if step else 1
        for _ in range(repeats):
            noisy = kept + np.sqrt(step) * errors * rng.standard_normal(kept.shape)
            floor = fit_floor(noisy, y, probing, trees=False, nested=bool(ridges))
            left[s] += np.square(floor.residual) / repeats
            for name, ridge in ridges.items():
                saved = np.square(floor.residual) - np.square(y - read_set(ridge, floor))
                gained[name][s] += saved / repeats
    return gained, left


def _weights(degree: int) -> np.ndarray:
    """(S,) weights of the steps whose sum is a polynomial of this degree at −1, i.e. without any noise."""
    return np.vander([-1.0], degree + 1)[0] @ np.linalg.pinv(np.vander(STEPS, degree + 1))


def _extrapolated(gain: np.ndarray, left: np.ndarray) -> tuple[float, float]:
    """Partial R² and its error from the contributions (S, N) of the stars."""
    values = {}
    for degree in (1, 2):
        a, b = _weights(degree) @ gain, _weights(degree) @ left
        values[degree] = a.sum() / b.sum()
    scatter = (a - values[2] * b).std() * np.sqrt(len(a)) / b.sum()
    model = 0.5 * abs(values[2] - values[1])
    return float(values[2]), max(float(np.hypot(scatter, model)), 1e-12)
