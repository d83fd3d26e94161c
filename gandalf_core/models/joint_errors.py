"""The joint errors of two labels of one star, as the outline of an ellipse."""

from collections.abc import Iterable

import numpy as np

from ..regression.conformal import LEVEL
from ..regression.correlation import ellipse
from .predictions import Predictions


def ellipses_of(
    predictions: Predictions, row: int, pairs: Iterable[tuple[str, str]], share: float = LEVEL
) -> dict[tuple[str, str], np.ndarray]:
    """Pair of labels → (E, 2) the ellipse that holds this share of a star's errors, if they are normal.

    row: of the star.  Without the pairs of which a label or the correlation is not known.
    """
    outlines = {}
    for pair in pairs:
        columns = [predictions.label_names.index(name) for name in pair]
        covariance = predictions.covariance[row][np.ix_(columns, columns)]
        outline = ellipse(predictions.values[row, columns], covariance, share)
        if np.isfinite(outline).all():
            outlines[pair] = outline
    return outlines
