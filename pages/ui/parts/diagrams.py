"""Linked diagrams on a page: the selection and the chosen star go through the session to every diagram."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st

from gandalf_core.figures.panels import LinkedPanels
from gandalf_core.publishing import paper, paper_panels
from gandalf_core.publishing.map_page import map_page
from gandalf_core.publishing.panels_view import View, packed
from pages.ui import pickers, saving, show, state
from pages.ui.cache.audits import card_of
from pages.ui.cache.maps import packed_panels
from pages.ui.cache.models import load_model
from pages.ui.components import linked_panels
from pages.ui.parts import selections


@dataclass(frozen=True)
class About:
    """What linked panels show. title, sentence: in words.  models: names of those whose latents they show."""

    title: str
    sentence: str
    models: tuple[str, ...] = ()


def show_linked(
    key: str,
    table: str,
    build: Callable[[], LinkedPanels],
    names: tuple[str, ...],
    *,
    columns: int,
    about: About,
) -> None:
    """Draw panels; `table` identifies their content, which `build` makes when the browser needs it anew.

    about: what a saved figure or page says of them.
    """

    def pack() -> tuple[bytes, np.ndarray]:
        panels = build()
        every = np.concatenate([panels.ids, panels.overlay_ids.astype(str)])
        return packed(panels, names, table), every

    content, ids = packed_panels(table, pack)
    view = View(
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
    selections.show_tools(ids, key)
    _show_files(key, build, names, view, about)


def _show_files(
    key: str, build: Callable[[], LinkedPanels], names: tuple[str, ...], view: View, about: About
) -> None:
    """The sentence on the panels, and menus that save them: as a figure, and as a page of one file."""
    told, sentence = saving.origin(), saving.plain(about.sentence)
    note = paper.Note.of(sentence, told)
    source = "; ".join(f"{name}: {value}" for name, value in told.items())

    def figure(kind: str) -> bytes:
        wide, lit = view.columns, view.selected
        return paper_panels.panels_bytes(build(), kind, about.title, note, columns=wide, selected=lit)

    def page() -> bytes:
        cards = {name: card_of(load_model(name)) for name in about.models}
        return map_page(build(), names, about.title, (sentence, source), cards).encode()

    with st.container(horizontal=True, vertical_alignment="top"):
        st.caption(about.sentence, width="stretch")
        saving.show_files(
            "Save figure", figure, paper.KINDS, show.file_name(f"gandalf-{key}"), f"{key} panels"
        )
        st.download_button(
            "Save as a page",
            page,
            show.file_name(f"gandalf-{key}") + ".html",
            "text/html",
            key=f"{key} page",
            on_click="ignore",
            icon=":material/html:",
            help="One file that opens anywhere, without a server: every star can be hovered and selected.",
        )


def _take_selection(key: str, table: str, ids: np.ndarray) -> None:
    selection = st.session_state[key].get("selection")
    if selection and selection.get("table") == table:
        enclosed = ids[linked_panels.selected_rows(selection, len(ids))]
        chosen, known = selections.combined(enclosed) if len(enclosed) else (enclosed, True)
        state.select(chosen, selection["token"] if known else selections.token())


def _take_star(key: str) -> None:
    star = st.session_state[key].get("picked")
    if star:
        state.look_at(str(star))
        st.rerun()
