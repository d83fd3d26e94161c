"""What a latent tells of a label in bits, so that its magnitude, its sign and its spread count as well.

What the kept labels leave open of the label, in units of its local spread, is sorted into five classes of
equal size; a classifier of the latent says how likely each class is. Bits: its log-loss below that of a
classifier that knows the kept labels alone. Shapes: N stars, K kept labels, T targets.
"""

import warnings
from collections.abc import Mapping

import numpy as np

from .floor import exclusions
from .probes import FOLDS, standardised
from .ridge import FoldedRidge

CLASSES = 5


def bits(
    ridges: Mapping[str, FoldedRidge], targets: Mapping[str, np.ndarray], unit: np.ndarray, kept: np.ndarray
) -> float:
    """Bits per star that the sets of functions tell of `unit` (N,), the residual in units of its spread.

    `targets`: {name: (N,)} its value, magnitude and tails, which ridge reads first; a logistic fit of these
    readings then gives the classes. Readings that train it know nothing of the stars on which it is tried.
    """
    classes = np.searchsorted(np.quantile(unit, np.arange(1, CLASSES) / CLASSES), unit)
    aside = _aside(kept)
    if not ridges:
        return 0.0
    columns = np.column_stack(list(targets.values()))
    folds = next(iter(ridges.values())).folds
    read = {out: np.hstack([r.read(columns, out) for r in ridges.values()]) for out in exclusions()}
    gain = 0.0
    for f in range(FOLDS):
        test = folds == f
        features = read[(f,)].copy()
        for g in set(range(FOLDS)) - {f}:
            features[folds == g] = read[(min(f, g), max(f, g))][folds == g]
        joint = _log_loss(np.hstack([features, aside]), classes, test)
        gain += _log_loss(aside, classes, test) - joint
    return max(0.0, float(gain / len(unit) / np.log(2)))


def _aside(kept: np.ndarray) -> np.ndarray:
    """(N, 1 + 2K) the kept labels and their squares, with a constant."""
    unit = np.clip(standardised(kept), -4, 4)
    return np.hstack([np.ones((len(kept), 1)), unit, unit**2])


def _log_loss(x: np.ndarray, classes: np.ndarray, test: np.ndarray) -> float:
    """Summed log-loss, in nats, on the stars in `test` (N,) of a logistic fit to the others."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    spread = np.maximum(x[~test].std(0), 1e-12)
    scaled = np.clip((x - x[~test].mean(0)) / spread, -6, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # scored as it stands
        model = LogisticRegression(C=0.02, max_iter=100).fit(scaled[~test], classes[~test])
    chance = model.predict_proba(scaled[test])
    found = chance[np.arange(len(chance)), np.searchsorted(model.classes_, classes[test])]
    return float(-np.log(np.maximum(found, 1e-12)).sum())
