"""Nearest neighbours, and how well they predict a value.

Shapes: N stars, M queries, D numbers per star, P values.
"""

import numpy as np

from ..data.scores import r_squared


def neighbour_r2(xy: np.ndarray, values: np.ndarray, k: int = 10) -> np.ndarray:
    """(P,) R² with which a star's k nearest neighbours in the map (N, 2) predict its values (N, P).

    Over the stars whose value is known; about −1/k for a label unrelated to the map; NaN where fewer than
    k + 2 stars have the label or it does not vary.
    """
    values = np.asarray(values, np.float64).reshape(len(xy), -1)
    return np.array([_neighbour_r2(np.asarray(xy), column, k) for column in values.T])


def _neighbour_r2(xy: np.ndarray, value: np.ndarray, k: int) -> float:
    finite = np.isfinite(value)
    value = value[finite]
    if len(value) < k + 2 or np.ptp(value) == 0:
        return float("nan")
    _, index = nearest(xy[finite], k)
    return r_squared(value, value[index].mean(1))


def nearest(
    reference: np.ndarray, k: int, queries: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Exact distances and rows, both (M, k), of the nearest reference stars (N, D) to the queries (M, D).

    Without queries those of the reference stars themselves, each without itself.
    """
    from sklearn.neighbors import NearestNeighbors

    # trees lose to a matrix product beyond a few dimensions
    algorithm = "brute" if reference.shape[1] > 8 else "kd_tree"
    return NearestNeighbors(n_neighbors=k, algorithm=algorithm).fit(reference).kneighbors(queries)
