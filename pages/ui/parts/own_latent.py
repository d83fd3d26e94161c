"""Audit a latent of your own: upload it, say what was removed from it, and read the verdict."""

import json
from typing import Any, NamedTuple

import streamlit as st

from gandalf_core.errors import GandalfError
from gandalf_core.io.latent_tables import LatentTable
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from gandalf_core.parameters import parameter
from pages.ui import guards, jobs, show, state
from pages.ui.cache.latents import file_for_job, key_of, keys_in_obsm, latent_table, own_audit
from pages.ui.parts.audit import show_numbers, show_verdict
from pages.ui.parts.progress import follow

SUFFIXES = ["npz", "parquet", "h5ad", "csv", "ecsv", "fits", "vot", "xml", "gz"]
MAX_MB = 64
AT_ONCE, DIMENSIONS_AT_ONCE = 5000, 256  # rows and dimensions of a latent; more are audited in the background
KIND = "latent-audit"  # of the job


class Choice(NamedTuple):
    """Which uploaded latent is audited for what: the file's key, the key in obsm, removed and kept labels."""

    file: str
    obsm: str | None
    removed: tuple[str, ...]
    kept: tuple[str, ...]


class Upload(NamedTuple):
    """An uploaded file and the latents in it."""

    name: str
    content: bytes
    table: LatentTable


def show_own_latent() -> None:
    """The uploader and the choices, folded; below them the audit when it was asked for."""
    try:
        with st.expander("Audit a latent of your own", icon=":material/upload_file:"):
            asked = _ask()
        if asked is not None:
            _show_audit(*asked)
    except GandalfError as error:
        st.error(guards.error_text(error))


def _ask() -> tuple[Choice, Upload, bool] | None:
    """What is to be audited and whether the button was just pressed; None until it was."""
    st.markdown(
        "Whatever made it: an npz with `z`, `labels` and `label_names`, a table with a column `z` of lists "
        "or with `z_0`, `z_1`, …, or AnnData (`.h5ad`). One row per star, and only stars that did not train "
        "what made the latent."
    )
    label = "A file of latents with labels"
    file = st.file_uploader(label, SUFFIXES, max_upload_size=MAX_MB, key="own_file")
    if file is None:
        return None
    content = file.getvalue()
    obsm = _choose_matrix(keys_in_obsm(file.name, content))
    upload = Upload(file.name, content, latent_table(file.name, content, obsm))
    choice = Choice(key_of(content), obsm, *_choose_labels(upload.table))
    pressed = st.button(
        "Audit this latent",
        icon=":material/play_arrow:",
        key="own_audit",
        disabled=not choice.removed,
        help="Choose at least one removed label.",
    )
    if pressed:
        state.put(state.OWN_LATENT, choice)
    return (choice, upload, pressed) if state.get(state.OWN_LATENT) == choice else None


def _choose_matrix(keys: tuple[str, ...]) -> str | None:
    if len(keys) < 2:
        return None
    usual = keys.index("X_latent") if "X_latent" in keys else 0
    return st.selectbox("The latent is in obsm under", keys, usual, key="own_obsm")


def _choose_labels(table: LatentTable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Removed and kept labels, as chosen among the columns."""
    names = table.declared or table.candidates
    stars = "1 star" if len(table.z) == 1 else f"{len(table.z):,} stars"
    st.caption(f"{stars}, {table.z.shape[1]} dimensions, {len(names)} columns that may be labels.")
    chosen = []
    for what, key in (
        ("Removed: what the latent must not tell", "own_removed"),
        ("Kept: what a reader may know anyway", "own_kept"),
    ):
        left = [name for name in names if not chosen or name not in chosen[0]]
        chosen.append(st.multiselect(what, left, key=key, format_func=lambda n: parameter(n).in_text))
    return tuple(chosen[0]), tuple(chosen[1])


def _show_audit(choice: Choice, upload: Upload, pressed: bool) -> None:
    """The audit of a latent: at once, or in the background for many rows."""
    if len(upload.table.z) < AT_ONCE and upload.table.z.shape[1] <= DIMENSIONS_AT_ONCE:
        signs = (choice.removed, choice.kept)
        _show_report(own_audit(choice.file, choice.obsm, signs, upload.table), upload.name)
        return
    job = _job(choice, upload, pressed)
    if job.active:
        follow([job.id])
    elif job.state == JobState.DONE:
        result = (job.folder / "result.json").read_text(encoding="utf-8")
        _show_report(json.loads(result), upload.name)
    else:
        st.error(f"The audit failed: {guards.error_text(job.status.get('message'))}")


def _job(choice: Choice, upload: Upload, pressed: bool) -> Job:
    """The latest job that audits this; a new one where there is none, or on demand where it failed."""
    arguments = ["audit", "--latent", str(file_for_job(choice.file, upload.name, upload.content))]
    arguments += ["--obsm", choice.obsm] if choice.obsm else []
    for flag, names in (("--removed", choice.removed), ("--kept", choice.kept)):
        arguments += [word for name in names for word in (flag, name)]
    job = next((j for j in jobs.manager().list(KIND) if list(j.arguments) == arguments), None)
    if job is None or (pressed and not job.active and job.state != JobState.DONE):
        name = jobs.manager().submit(KIND, f"Audit of {upload.name}", arguments, jobs.owner())
        return jobs.manager().job(name)
    return job


def _show_report(report: dict[str, Any], name: str) -> None:
    """Verdict, notes and numbers, as of a model."""
    show_verdict(report)
    for note in report["notes"]:
        st.caption(show.escaped(note))
    show_numbers(report | {"model": name}, name)
