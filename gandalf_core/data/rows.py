"""Which rows of aligned arrays are meant: a single number keeps the axis of stars, as a slice does."""

from collections.abc import Sequence

import numpy as np

Rows = int | np.integer | slice | Sequence[int] | np.ndarray


def as_index(rows: Rows) -> slice | np.ndarray:
    """An index for the first axis of an array that leaves the number of axes as it is."""
    if isinstance(rows, slice):
        return rows
    if isinstance(rows, int | np.integer):
        return np.array([rows])
    return np.asarray(rows) if len(rows) else np.empty(0, np.intp)
