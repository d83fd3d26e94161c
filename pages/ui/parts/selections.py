"""Selections as sets: what a lasso does to the one before, its complement, and selections with a name."""

import secrets

import numpy as np
import streamlit as st

from gandalf_core.errors import GandalfError
from pages.ui import guards, pickers, show, state
from pages.ui.cache import selections

REPLACES, ADDS, SUBTRACTS, INTERSECTS = "replaces", "adds", "subtracts", "intersects"
WAYS = {  # what a lasso, or a named selection, does to the selection
    REPLACES: lambda old, new: new,
    ADDS: np.union1d,
    SUBTRACTS: np.setdiff1d,
    INTERSECTS: np.intersect1d,
}
HELP = (
    "What a lasso, a box or a named selection does to the stars that are selected: it takes their place, "
    "joins them, is taken away from them, or keeps those that are in both."
)
WAY = "lasso_mode"  # session key


def combined(new: np.ndarray) -> tuple[np.ndarray, bool]:
    """(K,) ids of the selection after new ones were enclosed, and whether they are all that is selected."""
    way = st.session_state.get(WAY, REPLACES)
    old = state.get(state.SELECTION)["ids"]
    if way == REPLACES or not len(old):
        return (new if way in (REPLACES, ADDS) else old[:0]), way in (REPLACES, ADDS)
    return WAYS[way](old, new), False


def show_tools(ids: np.ndarray, key: str) -> None:
    """What can be done with the selection among the stars (N,) of the diagrams above."""
    lost = state.get(state.LOST_SELECTION)
    if lost:
        st.warning(guards.error_text(lost), icon=":material/link_off:")
        state.put(state.LOST_SELECTION, "")
    selected = state.get(state.SELECTION)["ids"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pickers.choose("A lasso", list(WAYS), WAY, help=HELP)
        st.button(
            "Invert",
            key=f"{key} invert",
            icon=":material/flip:",
            on_click=lambda: state.select(np.setdiff1d(ids, state.get(state.SELECTION)["ids"]), token()),
            help="Selects the other stars of these diagrams.",
        )
        with st.popover("Named selections", icon=":material/bookmarks:", key=f"{key} named"):
            _show_named(selected, key)


def _show_named(selected: np.ndarray, key: str) -> None:
    with st.form(f"{key} keep", border=False):  # name and press arrive together
        st.text_input(
            "Name of the selection",
            key=f"{key} name",
            max_chars=selections.MOST_NAME,
            placeholder="thick disc",
        )
        st.form_submit_button(
            f"Keep these {len(selected):,} stars",
            disabled=not len(selected),
            on_click=_keep,
            args=(f"{key} name",),
            type="primary",
        )
    if not len(selected):
        st.caption("Select stars with a lasso first.")
    try:
        kept = selections.named()
    except GandalfError as error:
        st.warning(guards.error_text(error))
        return
    for title, selection in kept.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                show.escaped(title),
                key=f"{key} use {selection}",
                on_click=_use,
                args=(selection,),
                help=f"{st.session_state[WAY].capitalize()} the selection.",
            )
            st.button(
                "Remove",
                key=f"{key} remove {selection}",
                icon=":material/delete:",
                on_click=selections.forget,
                args=(selection,),
            )


def _keep(key: str) -> None:
    name = str(st.session_state.get(key, "")).strip()
    if not name:
        st.toast("Give the selection a name first.")
        return
    try:
        selections.keep(state.get(state.SELECTION)["ids"], name)
    except GandalfError as error:
        st.toast(guards.error_text(error))


def _use(key: str) -> None:
    try:
        ids, _ = combined(selections.load(key))
    except GandalfError as error:
        st.toast(guards.error_text(error))
        return
    state.select(ids, token())


def token() -> str:
    """Comes with a selection that no browser knows yet."""
    return f"tools-{secrets.token_hex(4)}"
