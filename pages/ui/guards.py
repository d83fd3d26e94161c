"""What a page needs, or a sentence that says how to get it and the end of the script. Nothing already loaded
is lost.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.models.trained import TrainedModel
from pages.ui import jobs, show, state
from pages.ui.cache.models import load_model
from pages.ui.cache.outputs import latents_of, stored_latents
from pages.ui.cache.stars import (
    AT_ONCE,
    TEST,
    NotSimulated,
    file_of_ids,
    load_star,
    load_stars,
    star_labels,
    test_ids,
)

# an absolute path up to its last two names
AWAY = re.compile(r"(?<![\w./:])/(?:[^\s/:]+/)+(?=[^\s/:]+/[^\s/:]+)")


def stop(message: str, kind: str = "info") -> None:
    """A sentence, then nothing more of this page."""
    getattr(st, kind)(message, icon={"info": ":material/info:", "error": ":material/error:"}.get(kind))
    st.stop()


def said(error: object) -> str:
    """An error's sentence as a page shows it: the server's folders are nobody's business, and a file's name
    brings no markup.
    """
    return show.escaped(AWAY.sub("", str(error)))


@contextmanager
def told() -> Iterator[None]:
    """Errors of the package end the page with their own sentence instead of a traceback."""
    try:
        yield
    except GandalfError as error:
        stop(said(error), "error")
    except NotSimulated as wait:
        _wait(jobs.prepare(wait.ids, wait.path))
        st.stop()


@st.fragment(run_every="1s")
def _wait(name: str) -> None:
    """The bar of a preparation; the page is drawn again when it ends."""
    job = jobs.manager().job(name)
    if job.state == "done":
        st.rerun()
    if not job.active:
        st.error(
            f"Simulating the stars failed: {said(job.status.get('message'))}. Choose other stars in the side bar."
        )
        return
    st.progress(
        min(1.0, job.status.get("fraction") or 0.0),
        f"Simulating the test stars, once: {job.status.get('message', '')}",
    )
    st.caption(
        "What needs no spectra of the whole sample works meanwhile: Maps, Decode, Latent, or other stars in the side bar."
    )


def need_model() -> TrainedModel:
    """The chosen model."""
    if not st.session_state.get(state.MODEL):
        stop(
            "No trained model yet: run `python -m gandalf_core pretrain`, or train one on the **Train** page."
        )
    with told():
        return load_model(st.session_state[state.MODEL])


def need_labels() -> tuple[np.ndarray, np.ndarray]:
    """(N,) ids and (N, P) labels of the chosen stars; the stars of a model's maps need no spectra for that."""
    model = need_model()
    with told():
        return star_labels(st.session_state[state.STARS], model)


def need_population() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Latents (N, Z), labels (N, P) and their names for statistics over a sample: the model's stored map, or
    the chosen stars.
    """
    model = need_model()
    stored = stored_latents(model)
    if stored is None:
        found = latents_of(model, need_stars())
        return found.z, found.labels, found.label_names
    return stored.x, stored.labels, stored.label_names


def prepare_ahead(model: TrainedModel) -> None:
    """Begin to simulate the model's test stars, so that they are there when a page needs their spectra."""
    ids = test_ids(model)
    if st.session_state[state.STARS] == TEST and len(ids) > AT_ONCE and not file_of_ids(ids).is_file():
        jobs.prepare(ids, file_of_ids(ids))


def need_stars() -> SpectraSet:
    """The chosen stars on the chosen model's grid."""
    model = need_model()
    with told():
        stars = load_stars(st.session_state[state.STARS], model)
    if not len(stars):
        stop("No stars here: choose another sample in the side bar, or upload spectra on the **Data** page.")
    return stars


def need_star() -> SpectraSet:
    """The chosen star alone, on the chosen model's grid."""
    model, chosen = need_model(), st.session_state.get(state.STAR)
    if not chosen:
        stop("Choose a star in the side bar, or upload one on the **Data** page.")
    with told():
        return load_star(chosen, st.session_state[state.STARS], model)
