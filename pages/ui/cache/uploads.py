"""Uploaded stars: kept on disk under a key of their content, so that a link finds them again."""

from pathlib import Path

import streamlit as st

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import SpectraError
from gandalf_core.models.trained import TrainedModel
from pages.ui import state
from pages.ui.cache.keys import grid_key, subfolder

UPLOADED = "uploaded:"  # begins the source of an uploaded set; its key follows


def save_upload(stars: SpectraSet) -> str:
    """Store an uploaded set; returns the key that links carry, which identifies its whole content."""
    key = stars.identity
    if not _path(key).is_file():
        io.write_stars(_path(key), stars)
    return key


def upload_file(source: str) -> Path:
    """The file of an uploaded set, for a job. Raises SpectraError when it is gone."""
    key = source.removeprefix(UPLOADED)
    load_upload(key)
    return _path(key)


@st.cache_resource(max_entries=32, show_spinner=False)
def load_upload(key: str) -> SpectraSet:
    """An uploaded set on its own grid. Raises SpectraError when this server does not have it (any more)."""
    if not key.isalnum() or not _path(key).is_file():
        raise SpectraError(
            f"uploaded stars {key}: no longer on this server; upload the file again on the Data page"
        )
    return io.read_stars(_path(key), keep_spikes=True)  # they were masked when the file was read


def upload_on_grid(source: str, model: TrainedModel) -> SpectraSet:
    """The stars of an uploaded set that fit the model's grid, on it. SpectraError when none does."""
    return _on_grid(source, grid_key(model), model)


@st.cache_resource(max_entries=32, show_spinner=False)
def _on_grid(source: str, grid: str, _model: TrainedModel) -> SpectraSet:
    fitting, causes = io.covering(load_upload(source.removeprefix(UPLOADED)), _model.wavelength_nm)
    if not len(fitting):
        star, cause = next(iter(causes.items()))
        raise SpectraError(f"uploaded star {star}: {cause}")
    return fitting


def uploads_on_grid(model: TrainedModel) -> SpectraSet | None:
    """All uploads of the session that fit the model's grid, as one set; None when there are none."""
    fitting = []
    for key in st.session_state[state.UPLOADS]:
        try:
            fitting.append(upload_on_grid(UPLOADED + key, model))
        except SpectraError:
            continue  # the Data page says which do not fit, and why
    return concatenate(fitting) if fitting else None


def _path(key: str) -> Path:
    return subfolder("uploads") / f"{key}.npz"
