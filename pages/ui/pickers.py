"""The shared pickers of the side bar. Their keys are bound to the link, so a choice survives pages, reloads and sending."""

import numpy as np
import streamlit as st

from gandalf_core.errors import GandalfError
from pages.ui import cache, show, state

LISTED = 200  # stars offered in the picker; any other id can be typed, picked in a diagram or in a table


def show_model() -> str | None:
    """The model all pages use, with what it removed and kept."""
    names = list(cache.model_folders())
    if not names:
        st.session_state.pop(state.MODEL, None)
        st.caption("No trained model yet.")
        return None
    first = names.index("generator") if "generator" in names else 0
    chosen = st.selectbox(
        "Model", names, index=first, key=state.MODEL, bind="query-params", help="Which trained auto-encoder all pages use."
    )
    try:
        model = cache.load(chosen)
    except GandalfError as error:
        st.error(str(error))
        return None
    show.chips(model.card)
    return chosen


def show_stars() -> str:
    """Which stars the diagrams show."""
    linked = st.query_params.get(state.STARS, "")
    asked = (*st.session_state[state.SIMULATED], *(f"uploaded:{key}" for key in st.session_state[state.UPLOADS]))
    extra = (linked,) if linked.startswith(("simulated:", "uploaded:")) else ()
    options = list(dict.fromkeys((*cache.READY_MADE, *asked, *extra)))
    told = "`test stars`: the stars of the model's own maps, none of which trained it. `simulated:N:SEED`: fresh ones."
    return st.selectbox("Stars", options, key=state.STARS, bind="query-params", help=told)


def show_star(name: str | None, source: str) -> str:
    """The star that is looked at: uploaded ones first; any other id can be typed."""
    options = list(dict.fromkeys([*uploaded_ids(), *_listed(name, source), *_current()]))
    told = "Uploaded stars come first. Type any other id, click a point in a diagram, or a row of the table on the Data page."
    return st.selectbox(
        "Star", options, key=state.STAR, bind="query-params", accept_new_options=True, help=told, placeholder="No star yet"
    )


def _listed(name: str | None, source: str) -> list[str]:
    if name is None:
        return []
    try:
        return cache.star_ids(source, cache.load(name))[:LISTED].tolist()
    except GandalfError as error:
        st.error(str(error))
        return []


def _current() -> list[str]:
    chosen = st.session_state.get(state.STAR) or st.query_params.get(state.STAR)
    return [chosen] if chosen else []


def uploaded_ids() -> list[str]:
    found = []
    for key in st.session_state[state.UPLOADS]:
        try:
            found += cache.uploaded(key).ids[:LISTED].tolist()
        except GandalfError as error:
            st.warning(str(error))
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
    options = ["none", *uploaded_ids(), *_listed(st.session_state[state.MODEL], st.session_state[state.STARS])]
    chosen = st.selectbox(
        "Take latent numbers from another star", options, key="other_star", persist_state="session", accept_new_options=True
    )
    if not chosen or chosen == "none":
        return None
    try:
        return cache.latents(model, cache.star(chosen, st.session_state[state.STARS], model))
    except GandalfError as error:
        st.error(str(error))
        return None


def show_simulate() -> None:
    """Ask for another sample of simulated stars; it joins the side bar's list and is chosen."""
    with st.popover("Simulate stars", icon=":material/casino:"):
        count = st.number_input("How many", 10, 64_305, 2000, 500, key="simulate_count", persist_state="session")
        seed = st.number_input("Seed", 0, 10_000, 1, key="simulate_seed", persist_state="session")
        st.caption("About a second for a thousand; kept on disk afterwards.")
        st.button("Simulate", type="primary", on_click=state.add_simulated, args=(f"simulated:{count}:{seed}",))
