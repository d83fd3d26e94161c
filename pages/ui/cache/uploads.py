"""Uploaded stars: kept on disk under a key of their content, so that a link finds them again."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import SpectraError
from gandalf_core.models.rest_frame import moved_to_rest
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
    """The stars of an uploaded set that fit the model's grid, on it. SpectraError when none does.

    Those that the user moved to rest are at rest.
    """
    ids = load_upload(source.removeprefix(UPLOADED)).ids.tolist()
    moved = {star: by for star, by in state.get(state.AT_REST).items() if star in ids}
    return _on_grid(source, grid_key(model), tuple(sorted(moved.items())), model)


@st.cache_resource(max_entries=32, show_spinner=False)
def _on_grid(
    source: str, grid: str, moved: tuple[tuple[str, float], ...], _model: TrainedModel
) -> SpectraSet:
    stars, velocities = load_upload(source.removeprefix(UPLOADED)), dict(moved)
    if moved:
        stars = moved_to_rest(stars, np.array([velocities.get(star, 0.0) for star in stars.ids.tolist()]))
    fitting, causes = io.covering(stars, _model.wavelength_nm)
    if not len(fitting):
        star, cause = next(iter(causes.items()))
        raise SpectraError(f"uploaded star {star}: {cause}")
    return fitting


def is_uploaded(star: str) -> bool:
    """Whether a star with this id is among the uploads of the session."""
    for key in st.session_state[state.UPLOADS]:
        with suppress(SpectraError):
            if star in load_upload(key).ids:
                return True
    return False


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
