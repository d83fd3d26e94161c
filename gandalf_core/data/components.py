"""Principal components of wide arrays. Shapes: N stars, D columns, R components."""

import numpy as np


def principal(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and the `count` (at most D) leading principal axes (R, D) of x (N, D), float32.

    The axes are orthonormal, the strongest first. Each is signed so that its largest weight is positive: the
    same data give the same axes on every machine.
    """
    from scipy.linalg import eigh

    width = x.shape[1]
    mean = x.mean(0, dtype=np.float64).astype(np.float32)
    centred = x - mean
    scatter = (centred.T @ centred).astype(np.float64)
    vectors = eigh(scatter, subset_by_index=(max(width - count, 0), width - 1))[1]  # (D, R), weakest first
    axes = vectors.T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    return mean, np.ascontiguousarray(axes * np.sign(largest), np.float32)
