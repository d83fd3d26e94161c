"""How much a label with a known error counts in a fit. Shapes: N stars, P labels."""

import numpy as np

HALF_WEIGHT = 0.21  # of a label's spread: an error of this size halves the weight of a label


def label_weights(errors: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(N, P) weights from 0 to 1 of labels with standard deviations (N, P).

    NaN = unknown: such a label counts fully. A fit misses a label by its own error and by that of the label;
    the weight is the inverse of the sum of both variances, in units of the first, which is taken as
    `HALF_WEIGHT` of the spread (P,) of the label.
    """
    own = np.maximum(HALF_WEIGHT * np.nan_to_num(spread, nan=1.0), 1e-9)
    return 1 / (1 + np.square(np.nan_to_num(errors) / own))
