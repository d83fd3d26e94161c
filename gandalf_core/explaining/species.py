"""Which species make the lines of a spectrum: shares of the absorption at each pixel, from synthetic spectra.

Shapes: L pixels, K stars that were computed, G groups of species, P labels of `parameters.LABELS`.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..errors import ModelError
from ..parameters import LABELS
from ..places import data_folder
from ..simulator.grids import PIXELS_800

SHARES_FILE = data_folder() / "line_shares.npz"  # made by scripts/line_shares.py
CONTINUUM = "continuum"
LEAST_DEPTH = 0.03  # of all lines together, below which a pixel counts as continuum
UNITS = np.array([700.0, 1.0, 0.7])  # of teff, logg and mh: stars this far apart look alike


@dataclass(frozen=True, eq=False)
class Shares:
    """Of the light missing at each pixel, the part that each group of species took.

    groups: G names, the last one CONTINUUM.  parts: (G, L), 1 in sum at each pixel.  labels: (4,) of the
    computed star, that most like the one asked for.
    """

    groups: tuple[str, ...]
    parts: np.ndarray
    labels: np.ndarray

    def of(self, weight: np.ndarray) -> dict[str, float]:
        """Group → its part of a weight (L,) that is nowhere negative, as a number from 0 to 1; 0 for none."""
        total = float(weight.sum())
        parts = (self.parts @ weight) / total if total > 0 else np.zeros(len(self.groups))
        return dict(zip(self.groups, parts.tolist(), strict=True))


def shares(labels: np.ndarray, wavelength_nm: np.ndarray) -> Shares:
    """The shares in a star of labels (4,), on wavelengths (L,) in vacuum nm.

    Beyond the computed range, 846 to 870 nm, everything counts as continuum. Raises ModelError when the file
    of shares is missing.
    """
    stored, groups, absorbed = _stored()
    star = int(np.square((stored[:, :3] - np.nan_to_num(labels[:3])) / UNITS).sum(1).argmin())
    on_grid = np.stack([np.interp(wavelength_nm, PIXELS_800, row, left=0, right=0) for row in absorbed[star]])
    depth = on_grid.sum(0)
    lines = np.where(depth >= LEAST_DEPTH, on_grid / np.maximum(depth, LEAST_DEPTH), 0)
    return Shares((*groups, CONTINUUM), np.vstack([lines, np.maximum(1 - lines.sum(0), 0)]), stored[star, :4])


def physical(names: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    """(4,) the values of `parameters.LABELS` among P named ones; NaN for one that is not there."""
    known = dict(zip(names, values.tolist(), strict=True))
    return np.array([known.get(name, np.nan) for name in LABELS])


@cache
def _stored() -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """(K, 5) labels, names of the groups, and what each absorbed (K, G, 800)."""
    if not SHARES_FILE.exists():
        raise ModelError(f"{SHARES_FILE} is missing: restore it from the repository")
    with np.load(SHARES_FILE) as stored:
        return stored["labels"], tuple(stored["groups"].tolist()), stored["absorbed"].astype(np.float64)
