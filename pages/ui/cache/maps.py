"""Maps: stored with a model or computed by a job, how well they sort the stars, and where new stars lie."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core.maps.neighbours import neighbour_r2
from gandalf_core.maps.projection import Projection
from gandalf_core.models.files import read_arrays
from gandalf_core.models.trained import TrainedModel
from pages.ui.cache.models import load_model, model_folders


def stored_map(model: TrainedModel, of: str, method: str) -> Projection | None:
    """A stored map of the model; a map of spectra may be stored with any model on the same stars."""
    name = f"{of}-{method}"
    if name in model.projections or of == "latent":
        return model.projections.get(name)
    for other, folder in model_folders().items():
        if (folder / "projections" / f"{name}.npz").is_file():
            return load_model(other).projections[name]
    return None


@st.cache_resource(max_entries=16, show_spinner=False)
def map_of_job(folder: str) -> Projection | None:
    """The map that a finished job left in its folder."""
    for path in sorted(Path(folder).glob("maps/*.npz")):
        return Projection.from_arrays(read_arrays(path))
    return None


@st.cache_resource(max_entries=32, show_spinner="Measuring the map …")
def map_r2(map_key: str, _xy: np.ndarray, _labels: np.ndarray) -> np.ndarray:
    """(P,) k-NN R² of each label inside a map."""
    return neighbour_r2(_xy, _labels)


@st.cache_resource(max_entries=32, show_spinner="Placing the new stars …")
def new_places(map_key: str, stars_key: str, _projection: Projection, _x: np.ndarray) -> np.ndarray:
    """(M, 2) places of new stars in an existing map."""
    return _projection.place(_x)


@st.cache_resource(max_entries=16, show_spinner=False)
def packed_panels(key: str, _pack: Callable[[], tuple[bytes, np.ndarray]]) -> tuple[bytes, np.ndarray]:
    """The bytes of linked panels and the ids of their stars; `_pack()` is called only for a new key."""
    return _pack()
