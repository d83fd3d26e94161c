"""Linked diagrams on canvas: a components-v2 component over `figures.panels.LinkedPanels`.

One silent mount brings the columns once (the browser keeps them by key), the visible one draws, lassoes and
picks.
"""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core.figures.panels import LinkedPanels
from gandalf_core.parameters import parameter
from pages.ui.components.packing import pack

HERE = Path(__file__).parent
PARTS = (HERE.parent / "canvas.js", HERE / "painting.js", HERE / "component.js")
SCRIPT = "\n".join(part.read_text() for part in PARTS)
_component = st.components.v2.component(
    "gandalf_linked_panels",
    html=(HERE / "component.html").read_text(),
    css=(HERE / "component.css").read_text(),
    js=SCRIPT,
)
_columns = st.components.v2.component("gandalf_columns", html="<span hidden></span>", js=SCRIPT)


def packed(linked: LinkedPanels, names: tuple[str, ...], key: str) -> bytes:
    """The columns and panels as bytes for the browser; `names` are the labels that a star's tool tip lists."""
    described = {
        n: {"plain": parameter(n).plain, "unit": parameter(n).unit, "decimals": parameter(n).decimals}
        for n in names
    }
    header = {
        "key": key,
        "ids": linked.ids.tolist(),
        "overlay_ids": linked.overlay_ids.tolist(),
        "names": described,
        "panels": [panel._asdict() for panel in linked.panels],
    }
    arrays = {f"c:{n}": v for n, v in linked.columns.items()} | {
        f"o:{n}": v for n, v in linked.overlay.items()
    }
    return pack(header, arrays)


def mount(
    columns: bytes,
    key: str,
    table: str,
    *,
    columns_wide: int,
    star: str,
    selected: np.ndarray,
    token: str,
    on_selection: Callable[[], None],
    on_picked: Callable[[], None],
) -> None:
    """Draw the panels. selected: (N,) bool, which stars are lit; token: what came with the selection the page
    knows.
    """
    _columns(key=f"{key} columns", data=columns, height="content")
    bits = (
        base64.b64encode(np.packbits(selected, bitorder="little").tobytes()).decode()
        if selected.any()
        else ""
    )
    data = {"table": table, "columns": columns_wide, "star": star, "selected": bits, "token": token}
    _component(
        key=key, data=data, height="content", on_selection_change=on_selection, on_picked_change=on_picked
    )


def selected_rows(value: dict | None, count: int) -> np.ndarray:
    """(N,) bool from what the component sent."""
    if not value or not value.get("bits"):
        return np.zeros(count, bool)
    bits = np.frombuffer(base64.b64decode(value["bits"]), np.uint8)
    return np.unpackbits(bits, bitorder="little", count=count).astype(bool)
