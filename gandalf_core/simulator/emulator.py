"""From labels to a spectrum at R = 11,500, and where that may be trusted.

A Gaussian process (Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, chapter 2) through the
nodes of a grid of synthetic spectra gives the coefficients of principal components; scripts/train_emulator.py
makes it and data/emulator.json says how well. Shapes: N stars, M nodes, L = 2421 samples of FINE_NM, F terms
of a polynomial, K components; labels are (N, 4): teff [K], logg, mh, alphafe [dex], and cn (N,) [dex] is the
change of the nitrogen abundance.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.spatial import Delaunay

from ..errors import ModelError
from ..places import data_folder

NATURES = ("a", "b")  # a is what models are trained on; b, other physics, is what they are tried on
EMULATOR_FILES = {"a": data_folder() / "emulator.npz", "b": data_folder() / "emulator_b.npz"}
# the axes of the grid; in (teff, logg, mh) the photospheres end earlier
BOX = np.array([[3950.0, 1.3, -2.5, -0.2], [7100.0, 5.1, 0.5, 0.6]])
CN_RANGE = (-0.5, 1.0)
CENTRE, UNITS = np.array([5500.0, 3.2, -1.0, 0.2, 0.25]), np.array([1000.0, 1.0, 1.0, 1.0, 1.0])
CHUNK = 256  # stars at once: their kernels stay in the processor's cache


def coordinates(labels: np.ndarray, cn: np.ndarray) -> np.ndarray:
    """(N, 5) what the emulator sees of labels (N, 4) and cn (N,): numbers of order one."""
    return (np.column_stack([labels, cn]) - CENTRE) / UNITS


def polynomial(x: np.ndarray) -> np.ndarray:
    """(N, F) the monomials of coordinates (N, 5) up to second order."""
    pairs = [x[:, i] * x[:, j] for i in range(x.shape[1]) for j in range(i, x.shape[1])]
    return np.column_stack([np.ones(len(x)), x, *pairs])


def kernel(x: np.ndarray, nodes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """(N, M) rational-quadratic kernel (1 + d²/4)⁻² of distances d between x (N, 5) and nodes (M, 5).

    lengths: (5,) the unit of d along each coordinate. Smoother than photospheres interpolated linearly, and
    rougher than a Gaussian, which follows a spectrum worse (rms 9.3e-4 for 6.7e-4).
    """
    x, nodes = x / lengths, nodes / lengths
    squares = (x**2).sum(1)[:, None] + (nodes**2).sum(1) - 2 * x @ nodes.T
    return np.reciprocal(np.square(1 + np.maximum(squares, 0) / 4))


@cache
def stored(nature: str) -> Mapping[str, np.ndarray]:
    """The arrays of an emulator. ModelError where its file is missing."""
    path = EMULATOR_FILES[nature]
    if not path.exists():
        raise ModelError(
            f"{path} is missing: restore it from the repository or run scripts/train_emulator.py"
        )
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def emulate(labels: np.ndarray, cn: np.ndarray, nature: str = "a") -> np.ndarray:
    """(N, L) float32 normalised flux for labels (N, 4) and cn (N,). Check `inside` first: nothing is here.

    Nature b is stored as its difference from a, which is smoother than its spectra.
    """
    x = coordinates(np.asarray(labels, np.float64), np.asarray(cn, np.float64))
    flux = np.concatenate([_evaluate(stored("a"), x[i : i + CHUNK]) for i in range(0, max(len(x), 1), CHUNK)])
    if nature != "a":
        flux += np.concatenate(
            [_evaluate(stored(nature), x[i : i + CHUNK]) for i in range(0, max(len(x), 1), CHUNK)]
        )
    return flux


def _evaluate(emulator: Mapping[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """(N, L) spectra at coordinates (N, 5); the groups of components differ in the kernel's lengths."""
    nodes, powers = emulator["nodes"], polynomial(x)
    parts = [
        kernel(x, nodes, emulator[f"lengths{g}"]) @ emulator[f"weights{g}"]
        + powers @ emulator[f"polynomial{g}"]
        for g in range(int(emulator["groups"]))
    ]
    return np.hstack(parts).astype(np.float32) @ emulator["components"] + emulator["mean"]


@cache
def _region() -> Delaunay:
    """The convex hull of the model photospheres, in (teff, logg, mh) as `coordinates` scales them."""
    return Delaunay((stored("a")["photospheres"] - CENTRE[:3]) / UNITS[:3])


def inside(labels: np.ndarray, cn: np.ndarray | float = 0.0) -> np.ndarray:
    """(N,) bool: true where the grid supports the emulator; a label that is not finite is outside.

    Inside means: within the axes of the grid, and within the convex hull of its model photospheres in (teff,
    logg, mh), from which its nodes were drawn. Where photospheres are missing (hot giants) the grid ends.
    """
    labels = np.atleast_2d(np.asarray(labels, np.float64))
    cn = np.broadcast_to(np.asarray(cn, np.float64), len(labels))
    ok = np.isfinite(labels).all(1) & np.isfinite(cn)
    ok[ok] = ((labels[ok] >= BOX[0]) & (labels[ok] <= BOX[1])).all(1)
    ok &= (cn >= CN_RANGE[0]) & (cn <= CN_RANGE[1])
    ok[ok] = _region().find_simplex((labels[ok, :3] - CENTRE[:3]) / UNITS[:3]) >= 0
    return ok
