"""The bar of a view: undo, redo, *Copy link*; it writes the view into the address, and follows Back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import streamlit as st

KEY = "view_bar"
MARK = "view"  # stands in every address that says how the view is; as in component.js
_HERE = Path(__file__).parent


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


_component = st.components.v2.component(
    "gandalf_view_bar",
    html=_text(_HERE / "component.html"),
    css=_text(_HERE.parent / "buttons.css") + _text(_HERE / "component.css"),
    js=_text(_HERE / "component.js"),
)


def mount(data: Mapping[str, Any], on_asked: Callable[[], None]) -> None:
    """Draw the bar.  data: `params` of the address among `names`; `back`, `undo`, `redo`.

    on_asked runs when the browser asks for `{"what": "undo" | "redo" | "back", "token", "search"}`.
    """
    _component(key=KEY, data=dict(data), height="content", on_asked_change=on_asked)


def write(data: Mapping[str, Any], key: str) -> None:
    """Write the view into the address from within a fragment, without a bar."""
    _component(key=f"{key} link", data={**data, "silent": True}, height="content")
