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
from gandalf_core.models.continuum import divided, fitted_continua
from gandalf_core.models.rest_frame import moved_to_rest
from gandalf_core.models.trained import TrainedModel
from gandalf_core.models.verdicts import is_physical
from pages.ui import jobs, state
from pages.ui.cache.keys import grid_key, subfolder

UPLOADED = "uploaded:"  # begins the source of an uploaded set; its key follows
ALL = "all my stars"  # the source of all uploads of the session
MAX_NOTED = 5000  # stars that have a line of their own under the pointer
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

    Those that the user moved to rest are at rest, and those that are divided by their continuum are divided.
    """
    stars = load_upload(source.removeprefix(UPLOADED))
    ids = stars.ids.tolist()
    moved = {star: by for star, by in state.get(state.AT_REST).items() if star in ids}
    flat = tuple(sorted(star for star in state.divided() if star in ids))
    return _on_grid(source, _name_of(stars), grid_key(model), tuple(sorted(moved.items())), flat, model)


@st.cache_resource(max_entries=32, show_spinner=False)
def _on_grid(
    source: str,
    name: str,  # of the file, which another visitor may have called otherwise
    grid: str,
    moved: tuple[tuple[str, float], ...],
    flat: tuple[str, ...],
    _model: TrainedModel,
) -> SpectraSet:
    stars, velocities = load_upload(source.removeprefix(UPLOADED)), dict(moved)
    if flat and is_physical(stars.wavelength_nm):
        stars = _divided(stars, np.isin(stars.ids, flat))
    if moved:
        stars = moved_to_rest(stars, np.array([velocities.get(star, 0.0) for star in stars.ids.tolist()]))
    fitting, causes = io.covering(stars, _model.wavelength_nm)
    if not len(fitting):
        star, cause = next(iter(causes.items()))
        raise SpectraError(f"uploaded star {star}: {cause}")
    return fitting


def _divided(stars: SpectraSet, which: np.ndarray) -> SpectraSet:
    """The stars, those that are chosen (N,) divided by the continua fitted to them."""
    continua = np.full(stars.flux.shape, np.nan)
    continua[which] = [_continuum(one.identity, one) for one in map(stars.__getitem__, np.flatnonzero(which))]
    return divided(stars, continua)


def continuum_of(star: str) -> np.ndarray | None:
    """(L,) the continuum fitted to an uploaded star as its file has it, on its own wavelengths.

    NaN where the fit has none; None for stars of other wavelengths, and for others than uploads.
    """
    one = _uploaded(star)
    return None if one is None or not is_physical(one.wavelength_nm) else _continuum(one.identity, one)


def before_and_after(star: str, model: TrainedModel) -> tuple[SpectraSet, SpectraSet]:
    """An uploaded star on the model's grid, as its file has it and divided; both at rest if it was moved.

    Raises SpectraError for a star that is none of the session's uploads.
    """
    one = _uploaded(star)
    if one is None:
        raise SpectraError(f"uploaded star {star}: no longer on this server; upload the file again")
    by = np.array([state.get(state.AT_REST).get(star, 0.0)])
    ways = (one, _divided(one, np.array([True])))
    before, after = (model.on_grid(moved_to_rest(way, by) if by.any() else way) for way in ways)
    return before, after


def _uploaded(star: str) -> SpectraSet | None:
    """The first uploaded star with this id, as its file has it; None when there is none."""
    for key in st.session_state[state.UPLOADS]:
        with suppress(SpectraError):
            stars = load_upload(key)
            rows = np.flatnonzero(stars.ids == star)
            if len(rows):
                return stars[rows[:1]]
    return None


@st.cache_resource(max_entries=64, show_spinner=False)
def _continuum(content: str, _star: SpectraSet) -> np.ndarray:
    return fitted_continua(_star)[0]


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


def notes_on_mine(ids: np.ndarray) -> tuple[str, ...]:
    """The same for the stars of the sidebar (N,) where they are uploads, and few enough for a line each."""
    mine = str(st.session_state[state.STARS]).startswith((UPLOADED, ALL))
    return notes_on(ids) if mine and len(ids) <= MAX_NOTED else ()


def positions_of(ids: Iterable[str]) -> np.ndarray:
    """(N, 2) the positions [deg] of these stars as their uploaded files give them; NaN where unknown."""
    known: dict[str, np.ndarray] = {}
    for key in st.session_state[state.UPLOADS]:
        with suppress(SpectraError):
            stars = load_upload(key)
            if stars.positions is not None:
                known = dict(zip(stars.ids.tolist(), stars.positions, strict=True)) | known
    if not known:
        return np.full((len(list(ids)), 2), np.nan)
    return np.array([known.get(str(star), UNKNOWN) for star in ids], np.float64).reshape(-1, 2)


def is_uploaded(star: str) -> bool:
    """Whether a star with this id is among the uploads of the session."""
    return _uploaded(star) is not None


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
    return (
        _joined(tuple((stars.identity, _name_of(stars)) for stars in fitting), fitting) if fitting else None
    )


def uploads_beside(model: TrainedModel, ids: np.ndarray) -> SpectraSet | None:
    """The uploads that are not among the stars with these ids (N,); None when there are none."""
    uploads = uploads_on_grid(model)
    if uploads is None:
        return None
    others = ~np.isin(uploads.ids, ids)
    return uploads if others.all() else uploads[others] if others.any() else None


@st.cache_resource(max_entries=8, show_spinner=False)
def _joined(content: tuple[tuple[str, str], ...], _sets: list[SpectraSet]) -> SpectraSet:
    if any(stars.flux_error is not None for stars in _sets):
        _sets = [
            replace(s, flux_error=np.full_like(s.flux, np.nan)) if s.flux_error is None else s for s in _sets
        ]
    return concatenate(_sets)


def _path(key: str) -> Path:
    return subfolder("uploads") / f"{key}.npz"
