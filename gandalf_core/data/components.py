"""Principal components of wide arrays. Shapes: N stars, D columns, R components."""

import numpy as np

# Up to so many columns, or stars, all components are computed and the strongest taken, at a cost that grows
# with the third power (5,000 took a minute, 20,000 would take an hour). Beyond, projections find these alone.
EXACT_UP_TO = 3000
OVERSAMPLING, PASSES = 20, 4  # further directions that are projected on, and products that sharpen them


def principal(x: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and the `count` (at most D) leading principal axes (R, D) of x (N, D), float32.

    The axes are orthonormal, the strongest first. Each is signed so that its largest weight is positive: the
    same data give the same axes on every machine.
    """
    mean = x.mean(0, dtype=np.float64).astype(np.float32)
    centred = x - mean
    count = min(count, x.shape[1])
    if x.shape[1] <= EXACT_UP_TO:
        axes = _leading(centred.T @ centred, count)
    elif len(x) <= max(EXACT_UP_TO, count + OVERSAMPLING):
        axes = _of_few_stars(centred, count)
    else:
        axes = _by_projections(centred, count)
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1)[:, None], 1)
    return mean, np.ascontiguousarray(axes * np.sign(largest), np.float32)


def _leading(products: np.ndarray, count: int) -> np.ndarray:
    """(R, D) the leading eigenvectors of a symmetric matrix (D, D), the strongest first."""
    from scipy.linalg import eigh

    width = len(products)
    return eigh(products.astype(np.float64), subset_by_index=(max(width - count, 0), width - 1))[1].T[::-1]


def _of_few_stars(centred: np.ndarray, count: int) -> np.ndarray:
    """(R, D) axes of centred x (N, D) with N < D, from the products of its rows.

    Behind the N − 1 that the stars have, axes are any that are orthonormal to these.
    """
    stars = _leading(centred @ centred.T, min(count, len(centred)))
    found = (stars @ centred.astype(np.float64)).T  # (D, ·)
    return np.linalg.qr(np.pad(found, ((0, 0), (0, count - found.shape[1]))))[0].T


def _by_projections(centred: np.ndarray, count: int) -> np.ndarray:
    """(R, D) axes of centred x (N, D) by random projections (Halko, Martinsson & Tropp 2011)."""
    from sklearn.utils.extmath import randomized_svd

    return randomized_svd(
        centred,
        count,
        n_oversamples=OVERSAMPLING,
        n_iter=PASSES,  # pyright: ignore[reportArgumentType] - inferred from "auto"
        random_state=0,
    )[2]
