"""What is ordinary: how far ordinary stars stray in each measure, at every S/N, and how rare a star is.

Up to 95 % a probability is read from stored quantiles; beyond, it falls exponentially with the measure (peaks
over a threshold with an exponential tail; Coles 2001, An Introduction to Statistical Modeling of Extreme
Values, chapter 4), so that a score never is 1. Where several worlds are known (the physics of the grid and
another nature) a star is as rare as in the world that it suits best.
Shapes: N stars, M measures, W worlds, C classes, S places in log S/N, K quantiles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

LEVELS = np.linspace(0, 0.95, 96)  # of the stored quantiles
TAIL = 1 - LEVELS[-1]
SPREAD = 1.0  # places on each side whose stars count, too: quantiles change slowly with S/N
PER_PLACE = 150  # reference stars for which one more place is made
MOST_PLACES = 12
RAREST = 1e-9  # a probability below this is not told from it
HALF = 0.5  # the level up to which the score is that of the first world alone


class Sample(NamedTuple):
    """Reference stars of one world: measures by name (N,), S/N (N,) and share of each class (N, C)."""

    measures: Mapping[str, np.ndarray]
    snr: np.ndarray
    classes: np.ndarray


@dataclass(frozen=True, eq=False)
class Ordinary:
    """Quantiles of each measure of ordinary stars, and of the rarest of them.

    names: M measures; a larger value is more unusual.  weights: (M,) how readily each of them alone makes a
    star unusual: its probability is divided by this, as in a weighted Bonferroni test; 0: it does not.
    places: (S,) log10 of the S/N.  quantiles: (W, M, C, S, K) at LEVELS.  tails: (W, M, C, S) e-folding
    length beyond.  joint, joint_tails: the same, without M, of −log10 of the smallest of a star's weighted
    probabilities.
    """

    names: np.ndarray
    weights: np.ndarray
    places: np.ndarray
    quantiles: np.ndarray
    tails: np.ndarray
    joint: np.ndarray
    joint_tails: np.ndarray

    def rareness(
        self, measures: Mapping[str, np.ndarray], snr: np.ndarray, classes: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Of each measure (N,) the probability that an ordinary star has a larger one; NaN where unknown."""
        where = self._where(snr, classes)
        return {
            str(name): np.max(
                [
                    _beyond(measures[str(name)], where, self.quantiles[w, m], self.tails[w, m])
                    for w in range(len(self.quantiles))
                ],
                axis=0,
            )
            for m, name in enumerate(self.names)
        }

    def score(self, rareness: Mapping[str, np.ndarray], snr: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """(N,) share of ordinary stars whose rarest measure is less rare; NaN where none is known.

        The lower half is that of the first world. Above, the world with the longer tail decides more and
        more: at 95 % it does so alone.
        """
        where, smallest = self._where(snr, classes), self.smallest(rareness)
        leave = np.clip((LEVELS - HALF) / (LEVELS[-1] - HALF), 0, 1)
        worst = self.joint.max(0)
        joint = (1 - leave) * self.joint[0] + leave * worst
        return 1 - np.maximum(_beyond(smallest, where, joint, self.joint_tails.max(0)), RAREST)

    def quantile(self, name: str, snr: np.ndarray, classes: np.ndarray, level: float) -> np.ndarray:
        """(N,) quantile of a measure among ordinary stars like these, in the world where it is largest."""
        m, where = self.names.tolist().index(name), self._where(snr, classes)
        k = int(np.abs(LEVELS - min(level, LEVELS[-1])).argmin())
        here = self.quantiles[:, m, :, :, k]  # (W, C, S)
        if level > LEVELS[-1]:
            here = here + self.tails[:, m] * np.log(TAIL / (1 - level))
        return np.einsum("ncs,cs->n", where, here.max(0))

    def smallest(self, rareness: Mapping[str, np.ndarray]) -> np.ndarray:
        """(N,) −log10 of the smallest known probability, each over its measure's weight."""
        pairs = [pair for pair in zip(self.names, self.weights, strict=True) if pair[1] > 0]
        with np.errstate(divide="ignore"):
            logs = np.stack([np.log10(rareness[str(name)] / weight) for name, weight in pairs])
        known = np.isfinite(logs) | np.isneginf(logs)
        least = np.where(known, logs, np.inf).min(0)
        return np.where(known.any(0), -least, np.nan)

    def _where(self, snr: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """(N, C, S) how much each class and place counts for each star; the weights of a star sum to 1."""
        place = np.interp(np.log10(snr), self.places, np.arange(len(self.places)))
        near = np.maximum(1 - np.abs(place[:, None] - np.arange(len(self.places))), 0)
        return classes[:, :, None] * near[:, None, :]

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def fit_ordinary(worlds: Sequence[Sample], weights: Mapping[str, float]) -> Ordinary:
    """What is ordinary in measures with these weights, from reference stars of one or several worlds."""
    count = min(len(world.snr) for world in worlds)
    ends = np.quantile(np.log10(np.concatenate([world.snr for world in worlds])), [0.02, 0.98])
    places = np.linspace(ends[0], ends[1], int(np.clip(count // PER_PLACE, 1, MOST_PLACES)))
    pairs = [[_quantiles(w.measures[n], w, places) for n in weights] for w in worlds]
    quantiles, tails = (np.array([[pair[i] for pair in row] for row in pairs]) for i in (0, 1))
    unknown = np.zeros_like(quantiles[:, 0])
    known = (np.array(list(weights)), np.array(list(weights.values())), places, quantiles, tails)
    draft = Ordinary(*known, unknown, unknown[..., 0])
    joint = [
        _quantiles(draft.smallest(draft.rareness(w.measures, w.snr, w.classes)), w, places) for w in worlds
    ]
    return Ordinary(*known, *(np.array([pair[i] for pair in joint]) for i in (0, 1)))


def _quantiles(values: np.ndarray, world: Sample, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(C, S, K) quantiles of values (N,) near each place, and (C, S) the lengths of their tails.

    NaN where no star's value is known. A class of too few stars at a place has the quantiles of all.
    """
    known, (count, classes) = np.isfinite(values), world.classes.shape
    step = places[1] - places[0] if len(places) > 1 else np.inf
    away = np.abs(np.log10(world.snr)[:, None] - places) / step if len(places) > 1 else np.zeros((count, 1))
    near = np.maximum(1 - away / (1 + SPREAD), 0) if len(places) > 1 else np.ones((count, 1))
    out, tails = np.full((classes, len(places), len(LEVELS)), np.nan), np.full((classes, len(places)), np.nan)
    for c in range(classes):
        for s in range(len(places)):
            weights = near[known, s] * world.classes[known, c]
            if weights.sum() < PER_PLACE / 5:
                weights = near[known, s] if near[known, s].sum() > PER_PLACE / 5 else np.ones(known.sum())
            if len(weights):
                out[c, s], tails[c, s] = _weighted(values[known], weights)
    return out, tails


def _weighted(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Quantiles at LEVELS of weighted values (n,), and the mean excess over the last of them."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    quantiles = np.interp(LEVELS, middle, values)
    above = values > quantiles[-1]
    spread = max(quantiles[-1] - quantiles[len(LEVELS) // 2], 1e-6)
    if weights[above].sum() <= 0:
        return quantiles, spread / 2
    excess = float(np.average(values[above] - quantiles[-1], weights=weights[above]))
    return quantiles, float(np.clip(excess, spread / 6, None))


def _beyond(values: np.ndarray, where: np.ndarray, quantiles: np.ndarray, tails: np.ndarray) -> np.ndarray:
    """(N,) probability of a larger value, by quantiles (C, S, K) and tails (C, S) with weights (N, C, S)."""
    own = np.einsum("ncs,csk->nk", where, quantiles)
    tail = np.einsum("ncs,cs->n", where, tails)
    last, row = len(LEVELS) - 1, np.arange(len(values))
    left = np.clip((own <= values[:, None]).sum(1) - 1, 0, last - 1)
    low, high = own[row, left], own[row, left + 1]
    share = np.clip((values - low) / np.maximum(high - low, 1e-12), 0, 1)
    below = LEVELS[left] + share * (LEVELS[left + 1] - LEVELS[left])
    far = TAIL * np.exp(-np.maximum(values - own[:, last], 0) / tail)
    return np.where(np.isnan(values), np.nan, np.where(values > own[:, last], far, 1 - below))
