"""How much readers read: what a latent adds, about a removed label, to what the kept labels tell anyway.

excess = R²(removed | z, true kept labels) − R²(removed | true kept labels), where the second term is the
floor; partial = excess / (1 − floor), the share of what the kept labels leave open. Both are lower bounds: a
better reader may read more. Readers begin at the floor and learn what it leaves open, so that twenty-five
inputs of noise cost next to nothing.
Shapes: N stars, Z latent, K kept labels, T removed labels, D functions.
"""

from collections.abc import Mapping

import numpy as np
from joblib import Parallel, delayed

from .floor import Floor
from .probes import FOLDS, Probing, Reading, best_of_each, inputs, one_thread_each, read_fold
from .ridge import FoldedRidge

FLOOR_ALONE = "floor"  # a reader may leave the latent aside
SET_PREFIX = "ridge on "  # before the name of a set of functions


def joint_readings(
    ridges: Mapping[str, FoldedRidge], z: np.ndarray, kept: np.ndarray, floor: Floor, probing: Probing
) -> tuple[list[Reading], dict[str, np.ndarray]]:
    """The best reading of each removed label from z (N, Z) and the kept labels (N, K), and all readings.

    `ridges`: the sets of functions of `features.feature_sets`, which are the probe `ridge`. For each fold the
    reader counts that does best on the other folds.
    """
    readings = {FLOOR_ALONE: floor.outer}
    if "ridge" in probing.probes:
        readings |= {f"{SET_PREFIX}{name}": read_set(ridge, floor) for name, ridge in ridges.items()}
    readings |= _by_other_probes(z, kept, floor, probing)
    return best_of_each(readings, floor.y, floor.folds), readings


def read_set(ridge: FoldedRidge, floor: Floor) -> np.ndarray:
    """(N, T) readings out of fold: the floor, and ridge on one set trained on what the floor leaves open."""
    reading = floor.outer.copy()
    for f in range(FOLDS):
        test = ridge.rows[f]
        reading[test] += ridge.read(floor.left_open(f), (f,))[test]
    return reading


def _by_other_probes(
    z: np.ndarray, kept: np.ndarray, floor: Floor, probing: Probing
) -> dict[str, np.ndarray]:
    """{probe: (N, T)} the same by trees, a network and neighbours, from the latent and the kept labels."""
    names = tuple(p for p in probing.probes if p != "ridge")
    seen = inputs(z, kept, names)
    tasks = [(name, f) for name in names for f in range(FOLDS)]
    with one_thread_each():
        parts = Parallel(n_jobs=probing.workers)(
            delayed(read_fold)(name, seen[name], floor.left_open(f), floor.folds == f, probing.seed + f)
            for name, f in tasks
        )
    readings = {name: floor.outer.copy() for name in names}
    for (name, f), part in zip(tasks, parts, strict=True):
        readings[name][floor.folds == f] += part
    return readings


def partial_r2(reading: Reading, floor: Reading) -> float:
    """The share of what the floor leaves open that a reading tells, from 0 to 1."""
    left = np.square(floor.truth - floor.prediction).sum()
    if left <= 0:
        return 0.0
    return float(np.clip(1 - np.square(reading.truth - reading.prediction).sum() / left, 0, 1))
