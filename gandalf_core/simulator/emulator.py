"""From four labels to a spectrum at R = 11,500 in a few microseconds, and where that may be trusted.

A small network (scripts/train_emulator.py; figures in data/emulator.json) gives the coefficients of principal
components.
Shapes: N stars, L = 2421 samples of FINE_NM; labels are (N, 4) teff [K], logg, mh, alphafe [dex].
"""

from functools import cache

import numpy as np
from scipy.spatial import Delaunay

from ..errors import ModelError
from .grids import DATA, grid_labels

EMULATOR_FILE = DATA / "emulator.npz"
BOX = np.array([[3954.0, 1.5, -2.5, -0.2], [7025.0, 5.0, 0.5, 0.6]])  # what the grid's points were drawn in
EDGE = 0.03  # of the box: the nodes keep about this distance from its faces
LONGEST_EDGE = 0.30  # of the box: longer triangles bridge parts where no photosphere exists


def features(labels: np.ndarray, emulator) -> np.ndarray:
    """(N, D) float32 network inputs: the labels and one hinge max(0, label - node) for each photosphere node,
    standardised.

    The grid interpolates linearly between photospheres: its derivatives jump at the nodes, and hinges let the
    network follow.
    """
    hinges = np.maximum(labels[:, emulator["hinge_label"]] - emulator["hinge_at"], 0)
    return ((np.concatenate([labels, hinges], 1) - emulator["input_mean"]) / emulator["input_scale"]).astype(
        np.float32
    )


@cache
def _emulator() -> dict[str, np.ndarray]:
    if not EMULATOR_FILE.exists():
        raise ModelError(
            f"{EMULATOR_FILE} is missing: restore it from the repository or run scripts/train_emulator.py"
        )
    with np.load(EMULATOR_FILE) as stored:
        return {name: stored[name] for name in stored.files}


def emulate(labels: np.ndarray) -> np.ndarray:
    """(N, L) float32 normalised flux for labels (N, 4); the caller checks `inside` first."""
    emulator = _emulator()
    x = features(np.asarray(labels, np.float64), emulator)
    for i in range(int(emulator["layers"]) - 1):
        x = x @ emulator[f"weight{i}"] + emulator[f"bias{i}"]
        x = x / (1 + np.exp(-x))  # SiLU
    last = int(emulator["layers"]) - 1
    return (x @ emulator[f"weight{last}"] + emulator[f"bias{last}"]) @ emulator["components"] + emulator[
        "mean"
    ]


@cache
def _region() -> tuple[Delaunay, np.ndarray]:
    """The grid's nodes in scaled (teff, logg, mh) as tetrahedra, and which of these are small enough to count
    as covered.
    """
    nodes = (grid_labels()[:, :3] - BOX[0, :3]) / (BOX[1, :3] - BOX[0, :3])
    hull = Delaunay(nodes)
    corners = nodes[hull.simplices]  # (tetrahedra, 4, 3)
    edges = np.linalg.norm(corners[:, :, None] - corners[:, None], axis=-1).max((1, 2))
    return hull, edges < LONGEST_EDGE


def inside(labels: np.ndarray) -> np.ndarray:
    """(N,) bool: where the emulator stands on grid nodes; a label that is not finite is outside.

    Inside means: in the box the grid was drawn in, and in a tetrahedron of neighbouring nodes in (teff, logg,
    mh), of which too elongated ones do not count (they bridge combinations for which no photosphere exists).
    alphafe fills its range everywhere. Labels within 3 % of a face of the box are tested 3 % inside it, since
    the nodes do not reach the faces themselves.
    """
    labels = np.atleast_2d(np.asarray(labels, np.float64))
    ok = np.isfinite(labels).all(1)
    ok[ok] = ((labels[ok] >= BOX[0]) & (labels[ok] <= BOX[1])).all(1)
    scaled = (labels[ok, :3] - BOX[0, :3]) / (BOX[1, :3] - BOX[0, :3])
    scaled[:, 1:] = np.clip(scaled[:, 1:], EDGE, 1 - EDGE)
    hull, small = _region()
    simplex = hull.find_simplex(scaled)
    ok[ok] = (simplex >= 0) & small[simplex]
    return ok
