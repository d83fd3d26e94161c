"""Linked diagrams on canvas: a components-v2 component over `figures.panels.LinkedPanels`.

A silent component brings the columns once (the browser keeps them by key), the visible one draws, selects and
chooses stars.
"""

from collections.abc import Callable

import numpy as np

from gandalf_core.publishing.arrays import bits_from_base64
from gandalf_core.publishing.components import LINKED_PANELS
from gandalf_core.publishing.panels_view import View
from pages.ui.components.registration import register

_component, _columns = register(LINKED_PANELS, "gandalf_columns")


def mount(
    columns: bytes,
    key: str,
    table: str,
    view: View,
    *,
    on_selection: Callable[[], None],
    on_picked: Callable[[], None],
) -> None:
    """Draw the panels. columns: see `panels_view.packed`; table: the key they were packed with."""
    _columns(key=f"{key} columns", data=columns, height="content")
    _component(
        key=key,
        data=view.as_json(table),
        height="content",
        on_selection_change=on_selection,
        on_picked_change=on_picked,
    )


def selected_rows(selection: dict[str, str], count: int) -> np.ndarray:
    """(count,) bool from a selection that came from the browser."""
    return bits_from_base64(selection.get("bits", ""), count)
