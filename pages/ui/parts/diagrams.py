"""Linked diagrams on a page: the selection and the chosen star go through the session to every diagram."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from gandalf_core.figures.panels import LinkedPanels
from pages.ui import pickers, state
from pages.ui.cache.maps import packed_panels
from pages.ui.components import linked_panels


def show_linked(
    key: str, table: str, build: Callable[[], LinkedPanels], names: tuple[str, ...], *, columns: int
) -> None:
    """Draw panels; `table` identifies their content, which `build` makes when the browser needs it anew."""

    def pack() -> tuple[bytes, np.ndarray]:
        panels = build()
        every = np.concatenate([panels.ids, panels.overlay_ids.astype(str)])
        return linked_panels.packed(panels, names, table), every

    content, ids = packed_panels(table, pack)
    view = linked_panels.View(
        columns=columns,
        star=st.session_state.get(state.STAR) or "",
        selected=pickers.selected_rows(ids),
        token=state.get(state.SELECTION)["token"],
    )
    linked_panels.mount(
        content,
        key,
        table,
        view,
        on_selection=lambda: _take_selection(key, table, ids),
        on_picked=lambda: _take_star(key),
    )


def _take_selection(key: str, table: str, ids: np.ndarray) -> None:
    selection = st.session_state[key].get("selection")
    if selection and selection.get("table") == table:
        state.select(ids[linked_panels.selected_rows(selection, len(ids))], selection["token"])


def _take_star(key: str) -> None:
    star = st.session_state[key].get("picked")
    if star:
        state.look_at(str(star))
        st.rerun()
