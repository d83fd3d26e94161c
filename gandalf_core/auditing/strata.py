"""What a latent tells of a label inside the tails of each kept label: the metal-poor stars, the coolest, …

A leak in few stars is small among all. Shapes: N stars, K kept labels, D directions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .excess import FLOOR_ALONE, partial_r2
from .features import tails
from .innocence import Innocence, orthonormal
from .leak_test import Directions, Reader, Scores, evidence
from .probes import Reading, best

MIN_STARS = 30  # of a stratum; fewer tell nothing
TARGETS = ("value", "clipped")


@dataclass(frozen=True)
class Stratum:
    """One tail of one kept label: what is read inside it, and how often chance finds as much there."""

    column: int  # of the kept labels
    side: str  # low or high
    limit: float  # the value of the kept label that bounds it
    stars: int
    partial: float
    p: float


def strata(
    whitened: np.ndarray,
    innocence: Innocence,
    columns: Mapping[str, np.ndarray],
    floor: Reading,
    readings: Mapping[str, np.ndarray],
    folds: np.ndarray,
) -> list[Stratum]:
    """The strata of every kept label for one removed label.

    whitened: (N, D) the latent; `columns` {target: (N, 1 + M)} the label as it is and dealt; `readings`
    {reader: (N,)} out of fold, among which the best on the other folds of the stratum counts.
    """
    found = []
    for (column, side), inside in tails(innocence.kept).items():
        if inside.sum() < MIN_STARS:
            continue
        here = {name: r[inside] for name, r in readings.items()}
        reading = best(here, floor.truth[inside], folds[inside])
        part = Reading(FLOOR_ALONE, floor.prediction[inside], floor.truth[inside], {})
        values = innocence.kept[inside, column]
        limit = float(values.max() if side == "low" else values.min())
        p = _p_inside(whitened * inside[:, None], innocence, columns)
        found.append(Stratum(column, side, limit, int(inside.sum()), partial_r2(reading, part), p))
    return found


def _p_inside(x: np.ndarray, innocence: Innocence, columns: Mapping[str, np.ndarray]) -> float:
    """p of the linear readers of x (N, D), which is 0 outside the stratum."""
    axes, scores = Directions(*orthonormal(innocence.beyond_kept(x))), Scores()
    if not len(axes.strength):
        return 1.0
    for target in TARGETS:
        power = np.square(axes.u.T @ columns[target])
        scores.add(Reader("tails", target, 0.0), power.sum(0), float(np.sqrt(8 / len(power))))
    return evidence(scores).p
