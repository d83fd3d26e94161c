"""Linked diagrams on canvas: a components-v2 component over `figures.panels.LinkedPanels`.

A silent component brings the columns once (the browser keeps them by key), the visible one draws, selects and
chooses stars.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gandalf_core.figures.panels import LinkedPanels
from gandalf_core.parameters import parameter
from pages.ui.components.packing import base64_bits, bits_from_base64, pack
from pages.ui.components.registration import register

_component, _columns = register(
    Path(__file__).parent, ("painting", "gestures", "component"), "gandalf_columns"
)


@dataclass(frozen=True)
class View:
    """How the panels are shown.

    columns: panels in a row.  star: id of the chosen star.  selected: (N + M,) bool, the stars that are lit,
    the overlaid ones last.
    token: what came with the selection that the page knows.
    """

    columns: int
    star: str
    selected: np.ndarray
    token: str


def packed(linked: LinkedPanels, names: tuple[str, ...], key: str) -> bytes:
    """The columns and panels as bytes for the browser; a star's tooltip lists the labels `names`."""
    labels = [parameter(name) for name in names]
    tooltip = {p.name: {"plain": p.plain, "unit": p.unit, "decimals": p.decimals} for p in labels}
    header = {
        "key": key,
        "ids": linked.ids.tolist(),
        "overlay_ids": linked.overlay_ids.tolist(),
        "overlay_notes": list(linked.overlay_notes),
        "names": tooltip,
        "panels": [panel._asdict() for panel in linked.panels],
    }
    columns = {f"c:{name}": values for name, values in linked.columns.items()}
    overlay = {f"o:{name}": values for name, values in linked.overlay.items()}
    return pack(header, columns | overlay)


def mount(
    columns: bytes,
    key: str,
    table: str,
    view: View,
    *,
    on_selection: Callable[[], None],
    on_picked: Callable[[], None],
) -> None:
    """Draw the panels. columns: see `packed`; table: the key they were packed with."""
    _columns(key=f"{key} columns", data=columns, height="content")
    data = {
        "table": table,
        "columns": view.columns,
        "star": view.star,
        "selected": base64_bits(view.selected),
        "token": view.token,
    }
    _component(
        key=key, data=data, height="content", on_selection_change=on_selection, on_picked_change=on_picked
    )


def selected_rows(selection: dict[str, str], count: int) -> np.ndarray:
    """(count,) bool from a selection that came from the browser."""
    return bits_from_base64(selection.get("bits", ""), count)
