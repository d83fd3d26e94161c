"""Which stars train and which test: by star, fixed by a seed, whatever the order of the rows."""

import numpy as np

TEST_FRACTION = 0.2  # the paper's 80/20: 51,444 and 12,861 of 64,305


def split(
    ids: np.ndarray, test_fraction: float = TEST_FRACTION, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that train and rows that test, each in increasing order.

    ids: (N,) strings; stars with the same id land on the same side. The choice depends only on the set of ids
    and the seed.
    """
    unique, inverse = np.unique(np.asarray(ids, dtype=str), return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(unique))
    is_test = np.zeros(len(unique), bool)
    is_test[order[: round(test_fraction * len(unique))]] = True
    return np.flatnonzero(~is_test[inverse]), np.flatnonzero(is_test[inverse])
