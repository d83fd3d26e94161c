"""Where labels are known: the region of the synthetic spectra, and the labels of a model's training stars.

Shapes: N stars, S training stars, P labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import KDTree

from ..simulator import inside

MOST_STARS = 2000  # whose labels are kept
ERRORS = 4.0  # of a star's own errors, by which labels must lie beyond all known ones
MARGIN = np.array([150.0, 0.4, 0.2, 0.1])  # and beyond the grid: what other physics moves labels by
HALVINGS = 12


def beyond_grid(labels: np.ndarray, errors: np.ndarray, within: np.ndarray) -> np.ndarray:
    """(N,) true for labels (N, 4) with these errors that lie clearly outside the synthetic spectra.

    within: (S, 4) labels inside, towards the nearest of which the edge is looked for.
    """
    beyond = ~inside(labels)
    for row in np.flatnonzero(beyond):
        nearest = within[np.linalg.norm((within - labels[row]) / MARGIN, axis=1).argmin()]
        low, high = 0.0, 1.0  # share of the way to the nearest
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            there = inside(labels[row] + middle * (nearest - labels[row]))[0]
            low, high = (low, middle) if there else (middle, high)
        away = high * (nearest - labels[row])
        beyond[row] = np.linalg.norm(away / np.hypot(ERRORS * errors[row], 2 * MARGIN)) > 1
    return beyond


@dataclass(frozen=True, eq=False)
class KnownLabels:
    """The labels of training stars: values (S, P), their scatter (P,), and the largest gap ()."""

    values: np.ndarray
    scatter: np.ndarray
    apart: np.ndarray

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.values / self.scatter)

    def beyond(self, labels: np.ndarray, errors: np.ndarray) -> np.ndarray:
        """(N,) true for labels (N, P) with these errors that are far from those of every training star.

        Far is more than the most isolated training star is from its neighbour, and more than ERRORS of the
        star's own errors. Labels that are not known are not far.
        """
        known = np.isfinite(labels).all(1)
        away = np.zeros(len(labels))
        away[known] = self._tree.query(labels[known] / self.scatter)[0]
        own = np.linalg.norm(np.nan_to_num(errors) / self.scatter, axis=1)
        return away > np.hypot(self.apart, ERRORS * own)

    def nearest(self, labels: np.ndarray) -> np.ndarray:
        """(P,) labels of the training star that is most like a star with these labels (P,)."""
        return self.values[self._tree.query(labels / self.scatter)[1]]

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        return {"values": self.values, "scatter": self.scatter, "apart": self.apart}


def known_labels(labels: np.ndarray) -> KnownLabels | None:
    """What is known from the labels (S, P) of training stars; None where hardly any star has all of them."""
    complete = labels[np.isfinite(labels).all(1)]
    if len(complete) < 20:
        return None
    kept = complete[np.linspace(0, len(complete) - 1, min(len(complete), MOST_STARS)).astype(int)]
    scatter = np.maximum(complete.std(0), 1e-9)
    draft = KnownLabels(kept, scatter, np.array(0.0))
    neighbour = draft._tree.query(kept / scatter, k=2)[0][:, 1]
    return KnownLabels(kept, scatter, np.array(neighbour.max()))


def stored_labels(arrays: Mapping[str, np.ndarray]) -> KnownLabels | None:
    """The inverse of `KnownLabels.arrays`; None for none."""
    return KnownLabels(**arrays) if arrays else None
