"""The shared pickers of the side bar. Their keys are bound to the link, so a choice survives pages, reloads
and sending.
"""

import numpy as np
import streamlit as st

from gandalf_core.errors import GandalfError
from pages.ui import guards, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import latents_of
from pages.ui.cache.stars import READY_MADE, load_star, star_ids
from pages.ui.cache.uploads import load_upload

DEFAULT = "generator"  # it has sliders
LISTED = 200  # stars offered in the picker; any other id can be typed, picked in a diagram or in a table


def show_model() -> str | None:
    """The model all pages use, with what it removed and kept."""
    # the default first, the others as they are
    names = sorted(model_folders(), key=lambda name: name != DEFAULT)
    if not names:
        st.session_state.pop(state.MODEL, None)
        st.caption("No trained model yet.")
        return None
    _note_missing(state.MODEL, names, names[0])
    chosen = st.selectbox(
        "Model", names, key=state.MODEL, bind="query-params", help="Which trained auto-encoder all pages use."
    )
    _show_note(state.MODEL, chosen)
    try:
        model = load_model(chosen)
    except GandalfError:  # the page says it
        return None
    show.chips(model.card)
    return chosen


def show_stars() -> str:
    """Which stars the diagrams show."""
    linked = st.query_params.get(state.STARS, "")
    asked = (
        *st.session_state[state.SIMULATED],
        *(f"uploaded:{key}" for key in st.session_state[state.UPLOADS]),
    )
    extra = (linked,) if linked.startswith(("simulated:", "uploaded:")) else ()
    options = list(dict.fromkeys((*READY_MADE, *asked, *extra)))
    _note_missing(state.STARS, options, options[0])
    told = "`test stars`: the stars of the model's own maps, none of which trained it. `simulated:N:SEED`: fresh ones."
    chosen = st.selectbox("Stars", options, key=state.STARS, bind="query-params", help=told)
    _show_note(state.STARS, chosen)
    return chosen


def show_star(name: str | None, source: str) -> str:
    """The star that is looked at: uploaded ones first; any other id of these stars can be typed. One that is
    not among them gives way to the first that is."""
    mine, here = uploaded_ids(), _ids(name, source)
    options = list(dict.fromkeys([*mine, *here[:LISTED].tolist()]))
    wanted = st.session_state.get(state.STAR) or st.query_params.get(state.STAR)
    if wanted and wanted not in options and options:
        if wanted in here:
            options.append(wanted)
        else:
            st.session_state[state.STAR] = options[0]
            _note(state.STAR, wanted, options[0])
    told = "Uploaded stars come first. Type any other id, click a point in a diagram, or a row of the table on the Data page."
    chosen = st.selectbox(
        "Star",
        options,
        key=state.STAR,
        bind="query-params",
        accept_new_options=True,
        help=told,
        placeholder="No star yet",
    )
    if options and chosen not in options:
        # on the first run a link wins over the session: what was put there counts from the second one on
        st.rerun()
    _show_note(state.STAR, chosen)
    return chosen


def _note_missing(key: str, options: list[str], first: str) -> None:
    """Note it where a link asks for what is not here: the picker then shows its first choice."""
    asked = st.query_params.get(key)
    if asked and asked not in options and key not in st.session_state:
        _note(key, asked, first)


def _note(key: str, asked: str, instead: str) -> None:
    st.session_state[state.NOTES] = {**st.session_state[state.NOTES], key: (asked, instead)}


def _show_note(key: str, chosen: str | None) -> None:
    """What was asked for in vain, until something else is chosen."""
    asked, instead = st.session_state[state.NOTES].get(key, ("", None))
    if asked and chosen == instead:
        st.caption(f":orange[{show.escaped(asked)} is not here: this is {show.escaped(instead)}.]")


def _ids(name: str | None, source: str) -> np.ndarray:
    """(N,) ids of the chosen stars; none where they cannot be had, which the page says."""
    try:
        return np.empty(0, str) if name is None else star_ids(source, load_model(name))
    except GandalfError:
        return np.empty(0, str)


def uploaded_ids() -> list[str]:
    found = []
    for key in st.session_state[state.UPLOADS]:
        try:
            found += load_upload(key).ids[:LISTED].tolist()
        except GandalfError as error:
            st.warning(guards.said(error))
    return found


def choose(label: str, options: list, key: str, default=None, **more):
    """A segmented control that always has a value and keeps it over page switches."""
    st.session_state.setdefault(key, default if default is not None else options[0])
    if st.session_state[key] not in options:
        st.session_state[key] = options[0]
    chosen = st.segmented_control(label, options, key=key, persist_state="session", required=True, **more)
    return chosen if chosen in options else options[0]


def selected_rows(ids: np.ndarray) -> np.ndarray:
    """(N,) bool: which of these stars are lit."""
    return np.isin(ids, st.session_state[state.SELECTION]["ids"])


def show_other(model) -> object | None:
    """A second star to take latent numbers from; returns its latent."""
    options = [
        "none",
        *uploaded_ids(),
        *_ids(st.session_state[state.MODEL], st.session_state[state.STARS])[:LISTED].tolist(),
    ]
    chosen = st.selectbox(
        "Take latent numbers from another star",
        options,
        key="other_star",
        persist_state="session",
        accept_new_options=True,
    )
    if not chosen or chosen == "none":
        return None
    try:
        return latents_of(model, load_star(chosen, st.session_state[state.STARS], model))
    except GandalfError as error:
        st.error(guards.said(error))
        return None


def show_simulate() -> None:
    """Ask for another sample of simulated stars; it joins the side bar's list and is chosen."""
    with st.popover("Simulate stars", icon=":material/casino:"):
        count = st.number_input(
            "How many", 10, 64_305, 2000, 500, key="simulate_count", persist_state="session"
        )
        seed = st.number_input("Seed", 0, 10_000, 1, key="simulate_seed", persist_state="session")
        st.caption("About a second for a thousand; kept on disk afterwards.")
        st.button(
            "Simulate", type="primary", on_click=state.add_simulated, args=(f"simulated:{count}:{seed}",)
        )
