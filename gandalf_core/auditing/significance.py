"""Does a latent tell anything at all about a label, beyond the kept labels? A test, not an amount.

The projected covariance measure of Lundborg, Kim, Shah & Samworth (2024, Annals of Statistics 52, 2851).
Shapes: N stars, K kept labels, T removed labels.
"""

from math import erfc, sqrt

import numpy as np

from .probes import Probing, Reading, best_of_each, fold_means, fold_numbers, inputs, out_of_fold

FALSE_ALARMS = 0.025  # the share of innocent labels that the test may flag: one in forty


def leak_test(joint: list[Reading], floors: list[Reading], kept: np.ndarray, probing: Probing) -> np.ndarray:
    """(T,) one-sided p values of "z tells nothing about the label beyond the kept labels (N, K)".

    The change that z makes to the reading, minus what the kept labels predict of that change, must not
    correlate with the residual of the floor. An imperfect floor harms little: both factors are residuals, so
    their errors enter as a product. `joint` must be readings of the residual: a direct reading minus the
    floor's would carry the floor's own errors into both factors.
    """
    change = np.stack([j.prediction - f.prediction for j, f in zip(joint, floors, strict=True)], 1)  # (N, T)
    folds = fold_numbers(len(change), probing.seed)
    probes = ("ridge", "trees") if kept.shape[1] else ()
    jobs = {p: (p, x, change) for p, x in inputs(kept[:, :0], kept, probes).items()}
    readings = {"mean": fold_means(change, folds)} | out_of_fold(jobs, folds, probing)
    expected = best_of_each(readings, change, folds)
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
