"""Maps: stored with a model or computed by a job, how well they sort the stars, and where new stars lie."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.maps.neighbours import neighbour_r2
from gandalf_core.maps.projection import Projection
from gandalf_core.models.files import read_arrays
from gandalf_core.models.trained import TrainedModel
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


@st.cache_resource(max_entries=16, show_spinner=False)
def map_of_job(folder: str) -> Projection | None:
    """The map that a finished job left in its folder."""
    for path in sorted(Path(folder).glob("maps/*.npz")):
        return Projection.from_arrays(read_arrays(path))
    return None


def map_r2(projection: Projection) -> np.ndarray:
    """(P,) k-NN R² of each label inside a map."""
    return _map_r2(identity(projection.xy, projection.labels), projection)


@st.cache_resource(max_entries=32, show_spinner="Measuring the map …")
def _map_r2(content: str, _projection: Projection) -> np.ndarray:
    return neighbour_r2(_projection.xy, _projection.labels)


def new_places(projection: Projection, x: np.ndarray) -> np.ndarray:
    """(M, 2) places of new stars, x (M, D), in an existing map."""
    return _new_places(projection.identity, identity(x), projection, x)


@st.cache_resource(max_entries=32, show_spinner="Placing the new stars …")
def _new_places(map_content: str, content: str, _projection: Projection, _x: np.ndarray) -> np.ndarray:
    return _projection.place(_x)


@st.cache_resource(max_entries=16, show_spinner=False)
def packed_panels(key: str, _pack: Callable[[], tuple[bytes, np.ndarray]]) -> tuple[bytes, np.ndarray]:
    """The bytes of linked panels and the ids of their stars; `_pack()` is called only for a new key."""
    return _pack()
