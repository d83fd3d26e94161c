"""The upload box: each file is read by itself and gets a verdict; a bad one changes nothing that is there."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.models.trained import TrainedModel
from pages.ui import show, state
from pages.ui.cache.models import load_model
from pages.ui.cache.uploads import UPLOADED, load_upload, save_upload, upload_on_grid
from pages.ui.parts import tables

SUFFIXES = [
    *("csv", "ecsv", "fits", "fit", "gz", "xml", "vot", "votable", "npz", "parquet", "txt", "dat", "ascii")
]
MAX_MB = 64
BOX = "upload_box"
NAME = "upload"  # in the provenance of an uploaded set: the name of its file
MAX_NAMED = 3  # stars that a verdict names
CONTINUUM = (0.2, 5.0)  # the median of a normalised spectrum lies between them, whatever its lines


class Verdict(NamedTuple):
    """What became of an uploaded file, in a few sentences."""

    kind: Literal["ok", "partly", "refused"]
    text: str


# --- the box ---


def show_upload() -> None:
    """The box, and under it the verdict on each file."""
    st.file_uploader(
        "Drop spectra here",
        SUFFIXES,
        accept_multiple_files=True,
        key=BOX,
        on_change=take_files,
        max_upload_size=MAX_MB,
        help="Files as the Gaia archive delivers them, with one or many stars each, at most "
        f"{MAX_MB} MB. They stay on the machine that runs this app.",
    )
    boxes = {"ok": st.success, "partly": st.warning, "refused": st.error}
    for verdict in state.get(state.VERDICTS):
        boxes[verdict.kind](show.escaped(verdict.text))


def take_files() -> None:
    """Read the uploaded files and look at the first star that could be read."""
    files = [judge(file.name, file.getvalue()) for file in st.session_state[BOX] or []]
    sets = {save_upload(stars): stars for _, stars in files if stars is not None}
    earlier = list(state.get(state.UPLOADS))
    new = [key for key in sets if key not in earlier]
    state.put(state.UPLOADS, tuple(dict.fromkeys([*new, *earlier])))
    times = Counter(star for stars in _uploads(load_upload) for star in stars.ids)
    state.put(state.VERDICTS, tuple(_with_repeated_ids(*file, times) for file in files))
    if new:
        state.look_at(str(sets[new[0]].ids[0]))


def _uploads(read: Callable[[str], SpectraSet]) -> Iterator[SpectraSet]:
    """The uploads of the session as `read` returns them for their keys, newest first, where it can."""
    for key in state.get(state.UPLOADS):
        with suppress(GandalfError):
            yield read(key)


def uploads_first(frame: pd.DataFrame, model: TrainedModel) -> pd.DataFrame:
    """A table of stars with the uploaded ones above them, beside the names of their files."""
    parts = []
    for stars in _uploads(lambda key: upload_on_grid(UPLOADED + key, model)):
        rows = tables.table_of(stars, model.label_names)
        rows.insert(1, "file", stars.provenance.get(NAME, ""))
        parts.append(rows)
    return pd.concat([*parts, frame], ignore_index=True).fillna({"file": ""}) if parts else frame


# --- verdicts ---


def judge(name: str, content: bytes) -> tuple[Verdict, SpectraSet | None]:
    """A verdict on a file, and its stars (None when none of them can be used)."""
    try:
        stars = io.read_bytes(name, content)
    except GandalfError as error:
        return Verdict("refused", str(error)), None
    stars.provenance[NAME] = name
    refused, cause = refused_by_grid(stars)
    off_grid = f"{_count(refused)} cannot be used with this model: {cause}." if refused else ""
    problems = [sentence for sentence in (off_grid, _not_normalised(stars)) if sentence]
    text = " ".join([_summary(name, stars), *problems])
    if refused == len(stars):
        return Verdict("refused", text), None
    return Verdict("partly" if problems else "ok", text), stars


def _summary(name: str, stars: SpectraSet) -> str:
    masked = f"{stars.mask.mean():.1%} of the pixels masked"
    return f"{name}: {_count(len(stars))}, {len(stars.wavelength_nm)} pixels, {masked}: {_names(stars.ids)}."


def _count(stars: int) -> str:
    return f"{stars:,} star{'s' if stars != 1 else ''}"


def _names(ids: np.ndarray) -> str:
    more = f" and {len(ids) - MAX_NAMED:,} more" if len(ids) > MAX_NAMED else ""
    return ", ".join(map(str, ids[:MAX_NAMED])) + more


def _not_normalised(stars: SpectraSet) -> str:
    strange = stars.ids[~is_normalised(stars)]
    if not len(strange):
        return ""
    return (
        f"{_count(len(strange))} ({_names(strange)}) cannot be normalised, with a continuum near 1, so the "
        "results on the pages mean nothing: divide the flux by its continuum and upload the file again."
    )


def _with_repeated_ids(verdict: Verdict, stars: SpectraSet | None, times: Counter) -> Verdict:
    """The verdict, with a warning where another uploaded star has the same id. times: of each id."""
    if stars is None:
        return verdict
    repeated = stars.ids[[times[star] > 1 for star in stars.ids]]
    if not len(repeated):
        return verdict
    warning = (
        f"More than one uploaded star is called {_names(repeated)}, and the pages show only one: "
        "give each star its own id."
    )
    return Verdict("partly", f"{verdict.text} {warning}")


def is_normalised(stars: SpectraSet) -> np.ndarray:
    """(N,) false for a constant flux, or one whose median is far from a continuum of 1."""
    flux = np.where(stars.mask, np.nan, stars.flux)
    usable = ~stars.mask.all(1)  # the grid refuses the others
    normalised = np.ones(len(stars), bool)
    median = np.nanmedian(flux[usable], 1)
    varies = np.nanmax(flux[usable], 1) > np.nanmin(flux[usable], 1)
    normalised[usable] = varies & (median > CONTINUUM[0]) & (median < CONTINUUM[1])
    return normalised


def refused_by_grid(stars: SpectraSet) -> tuple[int, str]:
    """How many stars do not fit the chosen model's grid, and why the first of them does not."""
    try:
        wavelength_nm = load_model(st.session_state[state.MODEL]).wavelength_nm
    except (GandalfError, KeyError):
        return 0, ""
    try:
        causes = io.covering(stars, wavelength_nm)[1]
    except GandalfError as error:  # their whole grid does not fit
        return len(stars), str(error)
    return len(causes), next(iter(causes.values()), "")
