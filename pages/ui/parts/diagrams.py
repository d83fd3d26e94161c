"""Linked diagrams on a page: the selection and the picked star travel through the session to every other
diagram.
"""

from collections.abc import Callable

import streamlit as st

from gandalf_core.figures.panels import LinkedPanels
from pages.ui import pickers, state
from pages.ui.cache.maps import packed_panels
from pages.ui.components import linked_panels


def show_linked(
    key: str, table: str, make: Callable[[], LinkedPanels], names: tuple[str, ...], *, columns: int
) -> None:
    """Draw panels; `table` identifies their content, `make` builds it when the browser needs it anew."""

    def build() -> tuple[bytes, object]:
        linked = make()
        return linked_panels.packed(linked, names, table), linked.ids

    packed, ids = packed_panels(table, build)
    linked_panels.mount(
        packed,
        key,
        table,
        columns_wide=columns,
        star=st.session_state.get(state.STAR) or "",
        selected=pickers.selected_rows(ids),
        token=state.get(state.SELECTION)["token"],
        on_selection=lambda: _take_selection(key, table, ids),
        on_picked=lambda: _take_star(key),
    )


def _take_selection(key: str, table: str, ids) -> None:
    value = st.session_state[key].get("selection")
    if value and value.get("table") == table:
        state.select(ids[linked_panels.selected_rows(value, len(ids))], value["token"])


def _take_star(key: str) -> None:
    picked = st.session_state[key].get("picked")
    if picked:
        state.look_at(str(picked))
        st.rerun()
