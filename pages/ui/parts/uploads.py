"""The upload box: every file read by itself, with a verdict; a bad one changes nothing that is loaded."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pandas as pd
import streamlit as st

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.models.trained import TrainedModel
from pages.ui import show, state
from pages.ui.cache.models import load_model
from pages.ui.cache.stars import load_stars
from pages.ui.cache.uploads import load_upload, save_upload
from pages.ui.parts import tables

KINDS = ["csv", "ecsv", "fits", "fit", "gz", "xml", "vot", "votable", "npz", "parquet", "txt", "dat", "ascii"]
MAX_MB = 64
BOX = "upload_box"
NAME = "upload"  # under which an uploaded set carries its file's name
NAMED = 3  # stars that a verdict names
CONTINUUM = (0.2, 5.0)  # between which the median of a normalised spectrum lies, whatever its lines


def show_upload() -> None:
    """The box, and under it what became of each file."""
    st.file_uploader(
        "Drop spectra here",
        KINDS,
        accept_multiple_files=True,
        key=BOX,
        on_change=take_files,
        max_upload_size=MAX_MB,
        help=f"As the Gaia archive delivers them, one star or many a file, at most {MAX_MB} MB. They stay on this machine.",
    )
    for verdict in state.get(state.VERDICTS):
        {"ok": st.success, "partly": st.warning, "refused": st.error}[verdict["kind"]](
            show.escaped(verdict["text"])
        )


def take_files() -> None:
    """Read what was dropped; look at the first star that could be read."""
    judged = [judge(file.name, file.getvalue()) for file in st.session_state[BOX] or []]
    fresh = {save_upload(found): found for _, found in judged if found is not None}
    known = list(state.get(state.UPLOADS))
    new = [key for key in fresh if key not in known]
    state.put(state.UPLOADS, tuple(dict.fromkeys([*new, *known])))
    times = Counter(star for stars in _sets(load_upload) for star in stars.ids)
    state.put(state.VERDICTS, tuple(_with_twins(verdict, found, times) for verdict, found in judged))
    if new:
        state.look_at(str(fresh[new[0]].ids[0]))


def _sets(read: Callable[[str], SpectraSet]) -> Iterator[SpectraSet]:
    """The uploads of the session, newest first, as `read` gives them by their keys; without those it refuses."""
    for key in state.get(state.UPLOADS):
        with suppress(GandalfError):
            yield read(key)


def on_top(frame: pd.DataFrame, model: TrainedModel) -> pd.DataFrame:
    """A table of stars with the uploaded ones above them, beside the names of their files."""
    parts = []
    for stars in _sets(lambda key: load_stars(f"uploaded:{key}", model)):
        own = tables.table_of(stars, model.label_names)
        own.insert(1, "file", stars.provenance.get(NAME, ""))
        parts.append(own)
    return pd.concat([*parts, frame], ignore_index=True).fillna({"file": ""}) if parts else frame


def judge(name: str, content: bytes) -> tuple[dict, SpectraSet | None]:
    """A verdict in a few sentences, and the stars of the file (None when nothing of it can be used)."""
    try:
        found = io.read_bytes(name, content)
    except GandalfError as error:
        return {"kind": "refused", "text": str(error)}, None
    found.provenance[NAME] = name
    masked = f"{found.mask.mean():.1%} of the pixels masked"
    text = f"{name}: {_count(len(found))}, {len(found.wavelength_nm)} pixels, {masked}: {_named(found.ids)}."
    refused, cause = refused_by_grid(found)
    off_the_grid = f"{_count(refused)} cannot be used with this model: {cause}." if refused else ""
    problems = list(filter(None, (off_the_grid, _not_normalised(found))))
    text = " ".join([text, *problems])
    if refused == len(found):
        return {"kind": "refused", "text": text}, None
    return {"kind": "partly" if problems else "ok", "text": text}, found


def _count(stars: int) -> str:
    return f"{stars:,} star{'s' if stars != 1 else ''}"


def _named(ids: np.ndarray) -> str:
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return ", ".join(map(str, ids[:NAMED])) + more


def _not_normalised(found: SpectraSet) -> str:
    strange = found.ids[~is_normalised(found)]
    if not len(strange):
        return ""
    return (
        f"{_count(len(strange))} ({_named(strange)}) cannot be a normalised spectrum, whose continuum is near 1, so what the "
        "pages say of it means nothing: divide the flux by its continuum and upload it again."
    )


def _with_twins(verdict: dict, found: SpectraSet | None, times: Counter) -> dict:
    """The verdict, with a warning where a star's id is that of another uploaded star."""
    twins = [] if found is None else np.array([star for star in found.ids if times[star] > 1])
    if not len(twins):
        return verdict
    told = f" More than one uploaded star is called {_named(twins)}, and the pages show only one: give each an id of its own."
    return {"kind": "partly", "text": verdict["text"] + told}


def is_normalised(found: SpectraSet) -> np.ndarray:
    """(N,) false for spectra whose flux does not vary, or whose median is far from a continuum of 1."""
    flux = np.where(found.mask, np.nan, found.flux)
    usable = ~found.mask.all(1)  # the grid refuses the others
    good = np.ones(len(found), bool)
    middle = np.nanmedian(flux[usable], 1)
    varies = np.nanmax(flux[usable], 1) > np.nanmin(flux[usable], 1)
    good[usable] = varies & (middle > CONTINUUM[0]) & (middle < CONTINUUM[1])
    return good


def refused_by_grid(found: SpectraSet) -> tuple[int, str]:
    """How many stars the chosen model's grid refuses, and why the first of them."""
    try:
        wavelength_nm = load_model(st.session_state[state.MODEL]).wavelength_nm
    except (GandalfError, KeyError):
        return 0, ""
    try:
        causes = io.covering(found, wavelength_nm)[1]
    except GandalfError as error:  # the grid itself cannot serve
        return len(found), str(error)
    return len(causes), next(iter(causes.values()), "")
