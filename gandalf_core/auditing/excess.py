"""The conditional excess: what a latent adds, about a removed label, to what the kept labels tell anyway.

excess = R²(removed | z, true kept labels) − R²(removed | true kept labels), each side by its own best probe.
Shapes: N stars, Z latent, K kept labels, T removed labels.
"""

from dataclasses import dataclass

import numpy as np

from .bootstrap import difference_interval
from .probes import ALL_PROBES, Probing, Reading, best_of_each, fold_means, fold_numbers, inputs, out_of_fold
from .significance import FALSE_ALARMS, leak_test

ON_RESIDUAL = "on the rest"  # ends the name of a second-stage probe


@dataclass(frozen=True, eq=False)
class Excess:
    """The excess of one removed label, its bootstrap interval over stars, and the two readings it compares.

    `p_value` is that of `leak_test`. The interval says how much is read; the test says whether anything is,
    and needs fewer stars for it.
    """

    value: float
    interval: tuple[float, float]
    p_value: float
    joint: Reading
    floor: Reading

    @property
    def flagged(self) -> bool:
        """True when the test finds the label in the latent; an innocent one is flagged in 1 of 40 audits."""
        return bool(self.p_value < FALSE_ALARMS)


def floor_readings(kept: np.ndarray, y: np.ndarray, probing: Probing = ALL_PROBES) -> list[Reading]:
    """What the best probe reads of each column of y (N, T) from the true kept labels (N, K).

    Where nothing is kept, it is the mean over the other folds.
    """
    kept, y = np.asarray(kept, float), np.asarray(y, float)
    folds = fold_numbers(len(y), probing.seed)
    means = fold_means(y, folds)
    if not kept.shape[1]:
        return [Reading("mean", means[:, t], y[:, t], {}) for t in range(y.shape[1])]
    nothing = kept[:, :0]
    jobs = {p: (p, x, y) for p, x in inputs(nothing, kept, probing.probes).items()}
    first = {"mean": means} | out_of_fold(jobs, folds, probing)
    start = best_of_each(first, y, folds)
    return best_of_each(first | second_stage(nothing, kept, y, start, probing), y, folds)


def second_stage(
    x: np.ndarray, kept: np.ndarray, y: np.ndarray, start: list[Reading], probing: Probing
) -> dict[str, np.ndarray]:
    """{name: (N, T)}: the readings `start` plus probes of (x, kept labels) trained on their residuals.

    A probe of the residual begins from what is known, so that twenty-five inputs of noise cost it next to
    nothing; without it a small leak drowns in a probe's own overfitting. The floor gets its second stage too:
    otherwise the other side would win by having more candidates.
    """
    base = np.stack([s.prediction for s in start], 1)  # (N, T)
    folds = fold_numbers(len(y), probing.seed)
    seen = inputs(x, kept, tuple(p for p in probing.probes if p != "neighbours"))
    residuals = out_of_fold({f"{p} {ON_RESIDUAL}": (p, s, y - base) for p, s in seen.items()}, folds, probing)
    return {name: r + base for name, r in residuals.items()}


def conditional_excess(
    z: np.ndarray,
    kept: np.ndarray,
    y: np.ndarray,
    probing: Probing = ALL_PROBES,
    floors: list[Reading] | None = None,
) -> list[Excess]:
    """The excess of each column of y (N, T) from z (N, Z) given kept labels (N, K); no value may be missing.

    `floors`, from `floor_readings` with the same `probing`, saves computing that side again.
    """
    z, kept, y = (np.asarray(a, float) for a in (z, kept, y))
    folds = fold_numbers(len(y), probing.seed)
    floors = floors or floor_readings(kept, y, probing)
    jobs = {p: (p, x, y) for p, x in inputs(z, kept, probing.probes).items()}
    first, second = out_of_fold(jobs, folds, probing), second_stage(z, kept, y, floors, probing)
    p_values = leak_test(best_of_each(second, y, folds), floors, kept, probing)
    aside = {"floor": np.stack([f.prediction for f in floors], 1)}  # a reader may leave z aside
    joint = best_of_each(first | second | aside, y, folds)
    return [
        Excess(j.r2 - f.r2, difference_interval(j, f, probing.seed), p, j, f)
        for j, f, p in zip(joint, floors, p_values, strict=True)
    ]
