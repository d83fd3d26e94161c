"""Registering a component of several JavaScript files: one script and one style sheet of its parts."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

SHARED = Path(__file__).parent


def register(folder: Path, parts: tuple[str, ...], hidden: str) -> tuple[Callable, Callable]:
    """The component in `folder`, and one without a view that carries data to it.

    parts: the folder's JavaScript files in order, each using only what stands before it; `canvas.js` comes
    first. hidden: name of the second component.
    """

    def text(path: Path) -> str:
        return path.read_text(encoding="utf-8")

    scripts = [SHARED / "canvas.js", *(folder / f"{name}.js" for name in parts)]
    script = "\n".join(map(text, scripts))
    view = st.components.v2.component(
        f"gandalf_{folder.name}",
        html=text(folder / "component.html"),
        css=text(SHARED / "buttons.css") + text(folder / "component.css"),
        js=script,
    )
    return view, st.components.v2.component(hidden, html="<span hidden></span>", js=script)
