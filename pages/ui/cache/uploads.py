"""Uploaded stars: kept on disk under a key of their content, so that a link finds them again."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core import io
from gandalf_core.data.positions import position_words
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import SpectraError
from gandalf_core.models.rest_frame import moved_to_rest
from gandalf_core.models.trained import TrainedModel
from pages.ui import jobs, state
from pages.ui.cache.keys import grid_key, subfolder

UPLOADED = "uploaded:"  # begins the source of an uploaded set; its key follows
ALL = "all my stars"  # the source of all uploads of the session
UNKNOWN = np.full(2, np.nan)  # position
NAME = "upload"  # in the provenance of an uploaded set: the name of its file


def save_upload(stars: SpectraSet) -> str:
    """Store an uploaded set; returns the key that links carry, which identifies its whole content.

    It belongs to the visitor. Raises JobError where their quota has no room for it.
    """
    key, title = stars.identity, _name_of(stars)
    with jobs.keeping("upload", key, title, _path(key), bytes_of(stars)):
        if not _path(key).is_file():
            io.write_stars(_path(key), stars)
    return key


def bytes_of(stars: SpectraSet) -> int:
    """What a set will take on the disk, about."""
    arrays = (stars.flux, stars.flux_error, stars.mask, stars.labels)
    return sum(array.nbytes for array in arrays if array is not None)


def upload_file(source: str) -> Path:
    """The file of an uploaded set, for a job. Raises SpectraError when it is gone."""
    key = source.removeprefix(UPLOADED)
    load_upload(key)
    return _path(key)


def load_upload(key: str) -> SpectraSet:
    """An uploaded set on its own grid, its file called as this visitor called it, whoever else has the same.

    Raises SpectraError when this server does not have it (any more).
    """
    if not key.isalnum() or not _path(key).is_file():
        raise SpectraError(
            f"uploaded stars {key}: no longer on this server; upload the file again on the Data page"
        )
    stars, name = _load(str(_path(key))), jobs.title_of("upload", key)
    return stars if name in ("", _name_of(stars)) else _renamed(str(_path(key)), name)


@st.cache_resource(max_entries=32, show_spinner=False)
def _load(path: str) -> SpectraSet:
    return io.read_stars(path, keep_spikes=True)  # hits were masked when the file was read


@st.cache_resource(max_entries=32, show_spinner=False)
def _renamed(path: str, name: str) -> SpectraSet:
    stars = _load(path)
    return replace(stars, provenance=stars.provenance | {NAME: name})


def _name_of(stars: SpectraSet) -> str:
    """The file of an uploaded set, or its first star."""
    return str(stars.provenance.get(NAME) or stars.ids[0])


def upload_name(key: str) -> str:
    """The file of an uploaded set, and how many stars it has; its key where this server does not have it."""
    try:
        stars = load_upload(key)
    except SpectraError:
        return UPLOADED + key
    name = _name_of(stars)
    return name if len(stars) == 1 else f"{name} ({len(stars):,} stars)"


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


def notes_on(ids: Iterable[str]) -> tuple[str, ...]:
    """For each of these uploaded stars its file, where it is not called by that, and its position."""
    ids, files = list(map(str, ids)), dict[str, str]()
    for key in st.session_state[state.UPLOADS]:
        with suppress(SpectraError):
            stars = load_upload(key)
            files = dict.fromkeys(stars.ids.tolist(), str(stars.provenance.get(NAME, ""))) | files
    names = [files.get(star, "") for star in ids]
    names = ["" if name.startswith(f"{star}.") else name for star, name in zip(ids, names, strict=True)]
    places = map(position_words, positions_of(ids))
    return tuple(", ".join(filter(None, note)) for note in zip(names, places, strict=True))


def positions_of(ids: Iterable[str]) -> np.ndarray:
    """(N, 2) the positions [deg] of these stars as their uploaded files give them; NaN where unknown."""
    known: dict[str, np.ndarray] = {}
    for key in st.session_state[state.UPLOADS]:
        with suppress(SpectraError):
            stars = load_upload(key)
            if stars.positions is not None:
                known = dict(zip(stars.ids.tolist(), stars.positions, strict=True)) | known
    return np.array([known.get(str(star), UNKNOWN) for star in ids], np.float64).reshape(-1, 2)


def is_uploaded(star: str) -> bool:
    """Whether a star with this id is among the uploads of the session."""
    for key in st.session_state[state.UPLOADS]:
        with suppress(SpectraError):
            if star in load_upload(key).ids:
                return True
    return False


def uploads_on_grid(model: TrainedModel) -> SpectraSet | None:
    """All uploads of the session that fit the model's grid, as one set; None when there are none.

    Where some come without flux errors, theirs are NaN: see `outputs.parts_of`.
    """
    fitting = []
    for key in st.session_state[state.UPLOADS]:
        try:
            fitting.append(upload_on_grid(UPLOADED + key, model))
        except SpectraError:
            continue  # the Data page says which do not fit, and why
    return _joined(tuple(stars.identity for stars in fitting), fitting) if fitting else None


def uploads_beside(model: TrainedModel, ids: np.ndarray) -> SpectraSet | None:
    """The uploads that are not among the stars with these ids (N,); None when there are none."""
    uploads = uploads_on_grid(model)
    if uploads is None:
        return None
    others = ~np.isin(uploads.ids, ids)
    return uploads if others.all() else uploads[others] if others.any() else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _joined(content: tuple[str, ...], _sets: list[SpectraSet]) -> SpectraSet:
    if any(stars.flux_error is not None for stars in _sets):
        _sets = [
            replace(s, flux_error=np.full_like(s.flux, np.nan)) if s.flux_error is None else s for s in _sets
        ]
    return concatenate(_sets)


def _path(key: str) -> Path:
    return subfolder("uploads") / f"{key}.npz"
