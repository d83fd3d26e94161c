"""Every session key of the app, and the few functions that change more than one of them.

The first three are widget keys bound to the link (`?model=…&stars=…&star=…`), so that a choice follows the
user through all pages, survives a reload and can be sent. Arrays live in caches; the session holds names and
small things.
"""

from typing import Any

import numpy as np
import streamlit as st

MODEL = "model"  # name of the model in the side bar's picker
STARS = "stars"  # which stars the diagrams show: see cache.stars
STAR = "star"  # id of the star that is looked at
SIMULATED = "simulated"  # sources of simulated stars that were asked for in this session
UPLOADS = "uploads"  # keys of uploaded sets in cache.uploaded, newest first
VERDICTS = "verdicts"  # what became of each uploaded file
SELECTION = "selection"  # {"ids": (K,) ids of the stars lit in every diagram, "token": what they came with}
# what was last set in the live decoder: {"token", "star", "labels" that were moved, "z", "model" of z}
SETTINGS = "settings"
JOB = "job"  # id of the training that is looked at; mirrored in the link
SWEEP = "sweep"  # id of the sweep that is looked at; mirrored in the link
NOTES = "notes"  # {picker's key: (what was asked for in vain, what is shown instead)}
OWNER = "owner"  # who started a job, for the limit per person
DEFAULTS: dict[str, Any] = {
    SIMULATED: (),
    UPLOADS: (),
    VERDICTS: (),
    SETTINGS: None,
    NOTES: {},
    JOB: "",
    SWEEP: "",
    OWNER: "",
}


def start() -> None:
    """Fill what is missing; take from the link what no widget carries (uploads, job and sweep)."""
    for key, value in DEFAULTS.items():
        st.session_state.setdefault(key, value)
    st.session_state.setdefault(SELECTION, {"ids": np.empty(0, str), "token": ""})
    for key, many in ((UPLOADS, True), (JOB, False), (SWEEP, False)):
        given = st.query_params.get(key, "")
        if given and not st.session_state[key]:
            st.session_state[key] = tuple(given.split(",")) if many else given


def mirror() -> None:
    """Put uploads, job and sweep back into the link: a page switch drops hand-set parameters."""
    for key in (UPLOADS, JOB, SWEEP):
        value = st.session_state[key]
        text = value if isinstance(value, str) else ",".join(value)
        if text and st.query_params.get(key) != text:
            st.query_params[key] = text
        elif not text and key in st.query_params:
            del st.query_params[key]


def get(key: str) -> Any:
    return st.session_state[key]


def put(key: str, value: Any) -> None:
    st.session_state[key] = value


def select(ids, token: str = "python") -> None:
    """Light these stars in every diagram."""
    st.session_state[SELECTION] = {"ids": np.asarray(ids, str), "token": token}


def look_at(star: str) -> None:
    """Choose a star from anywhere: the side bar's picker follows. For callbacks only (a widget owns the key)."""
    st.session_state[STAR] = star


def use_model(name: str) -> None:
    """Choose a model from anywhere: the side bar's picker follows. For callbacks only."""
    st.session_state[MODEL] = name


def add_simulated(source: str) -> None:
    """Offer a sample of simulated stars in the side bar and choose it. For callbacks only."""
    st.session_state[SIMULATED] = tuple(dict.fromkeys((*st.session_state[SIMULATED], source)))
    st.session_state[STARS] = source
