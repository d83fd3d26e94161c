"""Principal components of wide arrays. Shapes: N stars, D numbers a star, R components."""

import numpy as np


def principal(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and the leading `count` (at most D) principal axes (R, D) of x (N, D), float32, orthonormal.

    An axis is signed so that its largest weight is positive: the same data give the same axes on every
    machine.
    """
    from scipy.linalg import eigh

    width = x.shape[1]
    mean = x.mean(0, dtype=np.float64).astype(np.float32)
    centred = x - mean
    axes = eigh((centred.T @ centred).astype(np.float64), subset_by_index=(max(width - count, 0), width - 1))[
        1
    ].T[::-1]
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1))
    return mean, np.ascontiguousarray(axes * signs, np.float32)
