"""Maps: stored with a model or made by a job, how well they sort the stars, and where new stars lie.

Shapes: N stars of a map, M new stars, P labels.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.maps.neighbours import neighbour_r2
from gandalf_core.maps.projection import Projection
from gandalf_core.models.files import read_arrays
from gandalf_core.models.trained import TrainedModel
from pages.ui.cache.keys import subfolder
from pages.ui.cache.make_maps import representation
from pages.ui.cache.models import load_model, model_folders


def stored_map(model: TrainedModel, of: str, method: str) -> tuple[TrainedModel, Projection] | None:
    """A stored map of the model, and whose it is: a map of spectra may lie with another model.

    Spectra are placed in it as its own model scales them.
    """
    name = f"{of}-{method}"
    if name in model.projections:
        return model, model.projections[name]
    others = model_folders().items() if of == "spectra" else ()
    for other, folder in others:
        if (folder / "projections" / f"{name}.npz").is_file():
            owner = load_model(other)
            return owner, owner.projections[name]
    return None


def file_of_map(key: str) -> Path:
    """Where a job puts the map with this key; it holds all that the map depends on."""
    return subfolder("maps") / f"{key}.npz"


def made_map(key: str) -> Projection | None:
    """The map that a job has made under a key; None where there is none, or none that can be read."""
    path = file_of_map(key)
    if not path.is_file():
        return None
    with suppress(GandalfError):
        return _read_map(str(path))
    path.unlink(missing_ok=True)  # cut short by a full disk
    return None


@st.cache_resource(max_entries=16, show_spinner=False)
def _read_map(path: str) -> Projection:
    return Projection.from_arrays(read_arrays(Path(path)))


def map_r2(xy: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(P,) k-NN R² of values (N, P) among the stars that have a place in the map, xy (N, 2)."""
    placed = np.isfinite(xy).all(1)
    return _map_r2(identity(xy, values), xy[placed], values[placed])


@st.cache_resource(max_entries=32, show_spinner="Measuring the map …")
def _map_r2(content: str, _xy: np.ndarray, _values: np.ndarray) -> np.ndarray:
    return neighbour_r2(_xy, _values)


def places_of(stars: SpectraSet, owner: TrainedModel, of: str, projection: Projection) -> np.ndarray:
    """(M, 2) places of new stars, on the grid of the map's owner, in an existing map.

    Raises ModelError as `Projection.place`. of: what was mapped, `spectra` or `latent`.
    """
    return _places_of(stars.identity, owner.identity, of, projection.identity, stars, owner, projection)


@st.cache_resource(max_entries=64, show_spinner="Placing the stars in the map …")
def _places_of(
    content: str,
    model: str,
    of: str,
    map_content: str,
    _stars: SpectraSet,
    _owner: TrainedModel,
    _projection: Projection,
) -> np.ndarray:
    return _projection.place(representation(_owner, _stars, of))


@st.cache_resource(max_entries=16, show_spinner=False)
def packed_panels(key: str, _pack: Callable[[], tuple[bytes, np.ndarray]]) -> tuple[bytes, np.ndarray]:
    """The bytes of linked panels and the ids of their stars; `_pack()` is called only for a new key."""
    return _pack()
