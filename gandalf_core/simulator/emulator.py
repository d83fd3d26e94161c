"""From four labels to a spectrum at R = 11,500 in a few microseconds, and where that may be trusted.

A small network (made by scripts/train_emulator.py, measured in data/emulator.json) gives the coefficients of
principal components. Shapes: N stars, L = 2421 samples of FINE_NM; labels are (N, 4): teff [K], logg, mh,
alphafe [dex].
"""

from collections.abc import Mapping
from functools import cache

import numpy as np
from scipy.spatial import Delaunay

from ..errors import ModelError
from ..places import data_folder
from .grids import grid_labels

EMULATOR_FILE = data_folder() / "emulator.npz"
BOX = np.array([[3954.0, 1.5, -2.5, -0.2], [7025.0, 5.0, 0.5, 0.6]])  # the range of the grid's nodes
EDGE = 0.03  # of the box: the nodes keep about this distance from its faces
LONGEST_EDGE = 0.30  # of the box: longer triangles bridge regions where no photosphere exists


def features(labels: np.ndarray, emulator: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N, D) float32 inputs of the network, standardised: labels, and one hinge for each photosphere node.

    A hinge is max(0, label - node). The grid interpolates linearly between photospheres, so its derivatives
    jump at the nodes; hinges let the network follow.
    """
    hinges = np.maximum(labels[:, emulator["hinge_label"]] - emulator["hinge_at"], 0)
    inputs = np.concatenate([labels, hinges], 1)
    return ((inputs - emulator["input_mean"]) / emulator["input_scale"]).astype(np.float32)


@cache
def _emulator() -> dict[str, np.ndarray]:
    if not EMULATOR_FILE.exists():
        raise ModelError(
            f"{EMULATOR_FILE} is missing: restore it from the repository or run scripts/train_emulator.py"
        )
    with np.load(EMULATOR_FILE) as stored:
        return {name: stored[name] for name in stored.files}


def emulate(labels: np.ndarray) -> np.ndarray:
    """(N, L) float32 normalised flux for labels (N, 4). Check `inside` first: nothing is checked here."""
    emulator = _emulator()
    last = int(emulator["layers"]) - 1
    x = features(np.asarray(labels, np.float64), emulator)
    for i in range(last):
        x = x @ emulator[f"weight{i}"] + emulator[f"bias{i}"]
        x = x / (1 + np.exp(-x))  # SiLU
    coefficients = x @ emulator[f"weight{last}"] + emulator[f"bias{last}"]
    return coefficients @ emulator["components"] + emulator["mean"]


@cache
def _region() -> tuple[Delaunay, np.ndarray]:
    """The grid's nodes in scaled (teff, logg, mh) as tetrahedra, and which of them are small enough."""
    nodes = (grid_labels()[:, :3] - BOX[0, :3]) / (BOX[1, :3] - BOX[0, :3])
    hull = Delaunay(nodes)
    corners = nodes[hull.simplices]  # (tetrahedra, 4, 3)
    edges = np.linalg.norm(corners[:, :, None] - corners[:, None], axis=-1).max((1, 2))
    return hull, edges < LONGEST_EDGE


def inside(labels: np.ndarray) -> np.ndarray:
    """(N,) bool: true where grid nodes support the emulator; a label that is not finite is outside.

    Inside means: within the box of the grid's nodes, and within a tetrahedron of neighbouring nodes in (teff,
    logg, mh). Elongated tetrahedra do not count: they bridge combinations for which no photosphere exists.
    alphafe fills its range everywhere. Labels within 3 % of a face of the box are tested 3 % inside it, since
    the nodes do not reach the faces themselves.
    """
    labels = np.atleast_2d(np.asarray(labels, np.float64))
    ok = np.all(np.isfinite(labels), axis=1)
    ok[ok] = ((labels[ok] >= BOX[0]) & (labels[ok] <= BOX[1])).all(1)
    scaled = (labels[ok, :3] - BOX[0, :3]) / (BOX[1, :3] - BOX[0, :3])
    scaled[:, 1:] = np.clip(scaled[:, 1:], EDGE, 1 - EDGE)
    hull, small = _region()
    simplex = hull.find_simplex(scaled)
    ok[ok] = (simplex >= 0) & small[simplex]
    return ok
