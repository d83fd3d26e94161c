"""What a page needs; where it is missing, a sentence that says how to get it, and the end of the script."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.sayings import without_folders
from gandalf_core.models.trained import TrainedModel
from pages.ui import jobs, show, state
from pages.ui.cache.models import load_model
from pages.ui.cache.outputs import latents_of, stored_latents
from pages.ui.cache.stars import (
    AT_ONCE,
    TEST,
    NotSimulated,
    file_of_ids,
    first_by_ids,
    load_star,
    load_stars,
    star_labels,
    test_ids,
)

DRAWN_SECONDS = 0.5  # after which a page has been drawn

# --- messages ---


def stop(message: str, kind: Literal["info", "error"] = "info") -> NoReturn:
    """Show a message and end the page."""
    box = st.error if kind == "error" else st.info
    box(message, icon=f":material/{kind}:")
    st.stop()


def error_text(error: object) -> str:
    """An error's message as a page shows it: names are not read as markup, the server's folders hidden."""
    return show.escaped(without_folders(str(error), keep_parent=True))


@contextmanager
def showing_errors() -> Iterator[None]:
    """End the page with the message of an error of the package; wait for stars that are being simulated."""
    try:
        yield
    except GandalfError as error:
        stop(error_text(error), "error")
    except NotSimulated as missing:
        _show_simulation(jobs.prepare(missing.ids, missing.path))
        st.stop()


@st.fragment(run_every="1s")
def _show_simulation(name: str) -> None:
    """The progress of a simulation; the page is drawn again when it ends."""
    job = jobs.manager().job(name)
    if job.state == JobState.DONE:
        st.rerun()
    if not job.active:
        message = error_text(job.status.get("message"))
        st.error(f"The simulation of the stars failed: {message}. Choose other stars in the sidebar.")
        return
    show.job_progress(job, "Simulating the stars (only once)")
    st.caption(
        "Meanwhile, pages that need no spectra of the whole sample work: Maps, Decode and Latent. "
        "Or choose other stars in the sidebar."
    )


# --- what pages need ---


def need_model() -> TrainedModel:
    """The chosen model."""
    if not st.session_state.get(state.MODEL):
        stop("No trained model yet: run `python -m gandalf_core pretrain`, or use the **Train** page.")
    with showing_errors():
        return load_model(st.session_state[state.MODEL])


def need_labels() -> tuple[np.ndarray, np.ndarray]:
    """Ids (N,) and labels (N, P) of the chosen stars; those of a model's maps need no spectra."""
    model = need_model()
    with showing_errors():
        return star_labels(st.session_state[state.STARS], model)


def need_population() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Latents (N, Z), labels (N, P) and label names of the model's stored map, or else the chosen stars."""
    model = need_model()
    stored = stored_latents(model)
    if stored is None:
        latents = latents_of(model, need_stars())
        return latents.z, latents.labels, latents.label_names
    return stored.x, stored.labels, stored.label_names


def need_stars() -> SpectraSet:
    """The chosen stars on the chosen model's grid."""
    model = need_model()
    with showing_errors():
        return _chosen_stars(model)


def _chosen_stars(model: TrainedModel) -> SpectraSet:
    """The chosen stars on the model's grid; raises NotSimulated for those that a job must simulate first."""
    stars = load_stars(st.session_state[state.STARS], model)
    if not len(stars):
        stop("No stars: choose another sample in the sidebar, or upload spectra on the **Data** page.")
    return stars


def need_stars_at_once() -> SpectraSet:
    """The chosen stars; the first of them, and a word on the others, while these are being simulated."""
    model = need_model()
    with showing_errors():
        try:
            return _chosen_stars(model)
        except NotSimulated as missing:
            first = first_by_ids(missing.ids, model)
            _show_first(missing.ids, missing.path, len(first), time.monotonic())
            return first


@st.fragment(run_every="1s")
def _show_first(ids: np.ndarray, path: Path, count: int, begun: float) -> None:
    """How far the simulation of the other stars is; the page is drawn again when it ends.

    It is asked for when the page has been drawn: a process that starts takes time from it.
    """
    said = f"The first {count:,} of {len(ids):,} stars"
    if time.monotonic() - begun < DRAWN_SECONDS:
        st.progress(0.0, f"{said}; the others are being simulated (only once)")
        return
    if path.is_file():
        st.rerun()
    with showing_errors():
        if state.get(state.PREPARED)[0] != begun:  # once for each time the page is drawn
            state.put(state.PREPARED, (begun, jobs.prepare(ids, path)))
        job = jobs.manager().job(state.get(state.PREPARED)[1])
    if job.state == JobState.DONE:
        st.rerun()
    if job.active:
        show.job_progress(job, f"{said}; the others are being simulated (only once)")
    else:
        st.warning(f"{said}: the simulation of the others failed, {error_text(job.status.get('message'))}")


def need_star() -> SpectraSet:
    """The chosen star alone, on the chosen model's grid."""
    model, star = need_model(), st.session_state.get(state.STAR)
    if not star:
        stop("Choose a star in the sidebar, or upload one on the **Data** page.")
    with showing_errors():
        return load_star(star, st.session_state[state.STARS], model)


def simulate_ahead(model: TrainedModel) -> None:
    """Start to simulate the model's test stars, so that they are ready when a page needs their spectra."""
    ids = test_ids(model)
    if st.session_state[state.STARS] == TEST and len(ids) > AT_ONCE and not file_of_ids(ids).is_file():
        jobs.prepare(ids, file_of_ids(ids))
