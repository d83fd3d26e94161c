"""Limits by injection and recovery: how large a leak would have been found, or missed.

Labels are dealt anew, so that the latent is innocent of them, and a leak of known partial R² is planted in
one more dimension of fresh noise. *Detection limit*: the size that the test finds in 80 % of deals. *Upper
limit*: the size that is more surprising than what was seen in 95 % of deals.
Shapes: N stars, S sizes, M deals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .innocence import Innocence
from .leak_test import DEALS, VALUE, Directions, Evidence

SIZES = np.geomspace(2e-4, 0.8, 34)  # partial R² of planted leaks
FOUND, EXCEEDED = 0.8, 0.95
TARGETS = (VALUE, "clipped")  # that a planted leak of the value changes


@dataclass(frozen=True)
class Limits:
    """Partial R² of the smallest leak that would be found, and of the largest that may be there."""

    detectable: float  # infinite: beyond all SIZES
    upper: float


class Trial(NamedTuple):
    """One removed label as it was tested: what a leak is planted into."""

    innocence: Innocence
    directions: Mapping[str, Directions]
    columns: Mapping[str, np.ndarray]  # target -> (N, 1 + M)
    evidence: Evidence


def limits(features: str, trial: Trial) -> Limits:
    """The limits for a leak that the set `features` sees: `linear`, or `quadratic` for one of random sign."""
    reached = planted(features, trial)
    detected = (reached > trial.evidence.threshold).mean(1)
    larger = (reached > trial.evidence.strongest[0]).mean(1)
    return Limits(size_at(detected, FOUND), size_at(larger, EXCEEDED))


def planted(features: str, trial: Trial) -> np.ndarray:
    """(S, DEALS) the strongest surprise when a leak of each of SIZES is planted in each deal.

    The planted dimension is √(s/(1 − s))·(dealt residual) + noise of unit variance; ridge sees of it what
    the functions of the kept labels and the set's own directions leave. For `quadratic` it is the square of a
    dimension of random sign that does so; its products with the others are as good as noise and left out.
    """
    innocence, directions, columns, evidence = trial
    rng = np.random.default_rng([innocence.seed, 14])
    axes, n = directions[features], len(innocence.residual)
    deals = columns[VALUE][:, 1 : 1 + DEALS]  # unit length, off the kept labels
    noise = innocence.beyond_kept(rng.standard_normal((n, DEALS))).astype(np.float32)
    inner = {"signal": axes.u.T @ deals, "noise": axes.u.T @ noise}  # each (D, DEALS)
    amplitude = np.sqrt(SIZES / (1 - SIZES) * n)[:, None]  # of deals at unit length: (S, 1)
    length = _squares(amplitude, _grams(deals, noise, inner))  # (S, DEALS) of what the plant adds
    strongest = np.broadcast_to(evidence.strongest[1:], length.shape).copy()
    for i, reader in enumerate(evidence.readers):
        if reader.features != features or reader.target not in TARGETS:
            continue
        column = columns[reader.target][:, 1 : 1 + DEALS]
        told = axes.u.T @ column
        along = amplitude * _dot(deals, column, inner["signal"], told) + _dot(
            noise, column, inner["noise"], told
        )
        fit = np.square(along) / length / (1 + reader.penalty)
        base = axes.shrinkage(reader.penalty) @ np.square(told) if len(told) else 0.0
        strongest = np.maximum(strongest, evidence.of_reader(i, base + fit))
    return strongest


def _dot(a: np.ndarray, b: np.ndarray, a_inner: np.ndarray, b_inner: np.ndarray) -> np.ndarray:
    """(M,) products of columns, less what the directions already explain."""
    return (a * b).sum(0) - (a_inner * b_inner).sum(0)


def _grams(deals: np.ndarray, noise: np.ndarray, inner: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
    signal, own = inner["signal"], inner["noise"]
    return (
        _dot(deals, deals, signal, signal),
        _dot(deals, noise, signal, own),
        _dot(noise, noise, own, own),
    )


def _squares(amplitude: np.ndarray, grams: tuple[np.ndarray, ...]) -> np.ndarray:
    """(S, M) squared length of amplitude·deal + noise."""
    deal, cross, noise = grams
    return np.maximum(amplitude**2 * deal + 2 * amplitude * cross + noise, 1e-300)


def size_at(share: np.ndarray, level: float) -> float:
    """The size at which a share (S,) that grows with size reaches the level, on a logarithmic scale."""
    from sklearn.isotonic import IsotonicRegression

    smooth = IsotonicRegression().fit_transform(np.log(SIZES), share)
    if smooth[-1] < level:
        return float("inf")
    after = int(np.argmax(smooth >= level))
    if after == 0:
        return float(SIZES[0])
    (a, b), (low, high) = np.log(SIZES[after - 1 : after + 1]), smooth[after - 1 : after + 1]
    return float(np.exp(a + (b - a) * (level - low) / (high - low)))
