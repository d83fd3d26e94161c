"""The upload box: every file read by itself, with a verdict; a bad one changes nothing that is loaded."""

import streamlit as st

from gandalf_core import io
from gandalf_core.errors import GandalfError
from gandalf_core.spectra import SpectraSet
from pages.ui import cache, state

KINDS = ["csv", "ecsv", "fits", "fit", "gz", "xml", "vot", "votable", "npz", "parquet", "txt", "dat", "ascii"]
MAX_MB = 64
BOX = "upload_box"


def show_upload() -> None:
    """The box, and under it what became of each file."""
    st.file_uploader(
        "Drop spectra here", KINDS, accept_multiple_files=True, key=BOX, on_change=take_files, max_upload_size=MAX_MB,
        help=f"As the Gaia archive delivers them, one star or many a file, at most {MAX_MB} MB. They stay on this machine.",
    )  # fmt: skip
    for verdict in state.get(state.VERDICTS):
        {"ok": st.success, "partly": st.warning, "refused": st.error}[verdict["kind"]](verdict["text"])


def take_files() -> None:
    """Read what was dropped; look at the first star that could be read."""
    verdicts, known = [], list(state.get(state.UPLOADS))
    fresh = []
    for file in st.session_state[BOX] or []:
        verdict, found = judge(file.name, file.getvalue())
        verdicts.append(verdict)
        if found is not None:
            fresh.append((cache.upload(found), found))
    state.put(state.VERDICTS, tuple(verdicts))
    new = [key for key, _ in fresh if key not in known]
    state.put(state.UPLOADS, tuple(dict.fromkeys([*new, *known])))
    if new:
        state.look_at(str(next(found for key, found in fresh if key in new).ids[0]))


def judge(name: str, content: bytes) -> tuple[dict, SpectraSet | None]:
    """A verdict in one sentence, and the stars of the file (None when nothing of it can be used)."""
    try:
        found = io.read_bytes(name, content)
    except GandalfError as error:
        return {"kind": "refused", "text": str(error)}, None
    refused = grid_refusals(found)
    usable = len(found) - len(refused)
    masked = f"{found.mask.mean():.1%} of the pixels masked"
    text = f"{name}: {len(found):,} star{'s' if len(found) > 1 else ''}, {len(found.wavelength_nm)} pixels, {masked}."
    if not refused:
        return {"kind": "ok", "text": text}, found
    cause = next(iter(refused.values()))
    kind = "partly" if usable else "refused"
    return {"kind": kind, "text": f"{text} {len(refused)} cannot be used with this model: {cause}"}, found if usable else None


def grid_refusals(found: SpectraSet) -> dict[str, str]:
    """Id → cause for the stars that the chosen model's grid refuses."""
    try:
        model = cache.load(st.session_state[state.MODEL])
    except (GandalfError, KeyError):
        return {}
    causes = {}
    for k, star in enumerate(found.ids[:50]):
        try:
            model.on_grid(found[k])
        except GandalfError as error:
            causes[str(star)] = str(error)
    return causes
