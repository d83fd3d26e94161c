"""How far nodes reach: half-spaces around them, label by label and pair by pair.

The convex hull of points in four dimensions has thousands of faces; the hulls of their projections onto every
pair of labels have a hundred, and exclude the same corners (a hot giant, a cool metal-poor dwarf).
Shapes: M points, Q labels, W walls.
"""

from itertools import combinations

import numpy as np


def walls(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre (Q,) and walls (W, Q) of points (M, Q): x is within where wall · (x − centre) ≤ 1 for all.

    Every label must vary.
    """
    from scipy.spatial import ConvexHull, QhullError

    centre = points.mean(0)
    around = points - centre
    size = around.shape[1]
    faces = [*np.diag(1 / around.max(0)), *np.diag(1 / around.min(0))]
    for pair in combinations(range(size), 2):
        try:
            hull = ConvexHull(around[:, pair])
        except QhullError:  # one of the two follows from the other: their pair has no area
            continue
        for normal in hull.equations[:, :2] / -hull.equations[:, 2:]:
            faces.append(np.zeros(size))
            faces[-1][list(pair)] = normal
    return centre, np.unique(np.array(faces), axis=0)
