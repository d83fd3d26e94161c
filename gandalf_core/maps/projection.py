"""A map in two dimensions (PCA, t-SNE, UMAP) that can place new stars, without pickles.

A map illustrates; it is no evidence of removal: `neighbour_r2` says how much of a label the map itself shows.
Shapes: N stars of the map, M new stars, D numbers per star (latent dimensions or pixels), R numbers in which
neighbours are found, P labels.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..data.identity import identity
from ..errors import ModelError
from . import placing
from .neighbours import nearest, neighbour_r2

METHODS = ("tsne", "umap", "pca")
ARRAYS = ("xy", "x", "mean", "components", "ids", "labels", "label_names")


@dataclass(frozen=True, eq=False)
class Projection:
    """A map of N stars.

    Attributes
    ----------
    xy: (N, 2) float32 map coordinates.
    x: (N, R) float32, in which neighbours are found: the input itself, or its principal components.
    method: tsne, umap or pca.
    settings: all that the map depends on; JSON-serialisable.
    mean, components: (D,) and (R, D), from the input to x; components has no rows where x is the input.
    ids: (N,) strings.
    labels: (N, P) in physical units, NaN = missing.
    label_names: P names.
    """

    xy: np.ndarray
    x: np.ndarray
    method: str
    settings: dict[str, Any]
    mean: np.ndarray
    components: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.xy)

    @cached_property
    def identity(self) -> str:
        """Identifies the whole map: its stars, its coordinates and what places others in it."""
        return identity(self.arrays())

    def place(self, x_new: np.ndarray) -> np.ndarray:
        """(M, 2) places of new stars, x_new (M, D), in the map as it stands; each star by itself.

        pca: by the stored components; tsne, umap: among the nearest neighbours, see `placing`. A star that is
        in the map already gets its own place. One far from all stars of the map (`placing.within_reach`) gets
        NaN: it has no neighbours, and openTSNE would fail there.

        Raises ModelError when x_new has another width than the map's input or is not finite.
        """
        x_new = np.asarray(x_new, np.float32)
        if x_new.ndim != 2 or x_new.shape[1] != len(self.mean):
            width = len(self.mean)
            raise ModelError(
                f"this map was made from {width} numbers per star, not from an array of shape {x_new.shape}"
            )
        check_finite(x_new, ModelError)
        if not len(x_new):
            return np.empty((0, 2), np.float32)
        x_new = reduced(x_new, self.mean, self.components)
        if self.method == "pca":
            return x_new
        xy = np.full((len(x_new), 2), np.nan, np.float32)
        near = placing.within_reach(self.x, x_new)
        if near.any():
            xy[near] = self._among_neighbours(x_new[near])
        return xy

    def _among_neighbours(self, x_new: np.ndarray) -> np.ndarray:
        distance, index = nearest(self.x, min(placing.NEIGHBOURS, len(self)), x_new)
        if self.method == "tsne":
            xy = placing.place_tsne(self._tsne, distance, index)
        else:
            xy = placing.place_umap(self.xy, distance, index)
        same = distance[:, 0] < 1e-4 * distance[:, -1]
        xy[same] = self.xy[index[same, 0]]
        return xy

    @cached_property
    def _tsne(self) -> placing.TsneMap:
        """Prepared once for all placements."""
        return placing.TsneMap.of(self.xy)

    def neighbour_r2(self, k: int = 10) -> dict[str, float]:
        """`neighbour_r2` of the map's own labels, by name."""
        return dict(zip(self.label_names, neighbour_r2(self.xy, self.labels, k).tolist(), strict=True))

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays for `np.savez`; method and settings as one JSON string."""
        stored = {name: np.asarray(getattr(self, name)) for name in ARRAYS}
        settings = json.dumps({"method": self.method, **self.settings}, sort_keys=True)
        return stored | {
            "label_names": np.asarray(self.label_names, dtype=str),
            "settings": np.array(settings),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Projection":
        """The inverse of `arrays`. Raises ModelError naming what is missing."""
        missing = {*ARRAYS, "settings"} - set(arrays)
        if missing:
            raise ModelError(f"a stored map lacks {', '.join(sorted(missing))}: make it again")
        settings = json.loads(str(arrays["settings"]))
        stored = {name: np.asarray(arrays[name]) for name in ARRAYS}
        label_names = tuple(stored.pop("label_names").tolist())
        return cls(method=settings.pop("method"), settings=settings, label_names=label_names, **stored)


def reduced(x: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    """(N, R) principal components of x (N, D), or x itself where `components` has no rows."""
    return (x - mean) @ components.T if len(components) else x


def check_finite(x: np.ndarray, error: type[Exception]) -> None:
    """Raises `error` when stars have values that are not finite."""
    bad = int((~np.isfinite(x)).any(1).sum())
    if bad:
        raise error(f"{bad} of {len(x)} stars have values that are not finite: fill masked pixels first")
