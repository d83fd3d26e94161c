"""Registering a component of several JavaScript files: one script and one style sheet of its parts."""

from collections.abc import Callable

import streamlit as st

from gandalf_core.publishing.components import Component
from pages.ui.components.delivery import SCRIPT, offer, part_of

# Streamlit sends a component's script along with every view of it; this one fetches the real one, once
LOADER = """
const own = [...document.scripts].map(script => script.src).find(src => src.includes("/static/js/"))
const app = own.split("static/js/")[0]
const loading = import(app + "ADDRESS")
export default function (component) {
  let end = null, ended = false
  loading.then(real => ended || (end = real.default({ ...component, app })))
  return () => ((ended = true), end?.())
}
"""


def register(component: Component, hidden: str = "") -> tuple[Callable, Callable]:
    """The component and, where `hidden` has a name for it, one without a view that carries data to it.

    Without such a name, the second is the first again.
    """
    script = part_of(component.script.encode(), SCRIPT)

    def mounting(mount: Callable) -> Callable:
        def offering(**options: object) -> None:
            offer(script)
            mount(**options)

        return offering

    loader = LOADER.replace("ADDRESS", script.address)
    view = st.components.v2.component(
        f"gandalf_{component.name}", html=component.body, css=component.style, js=loader
    )
    if not hidden:
        return mounting(view), mounting(view)
    silent = st.components.v2.component(hidden, html="<span hidden></span>", js=loader)
    return mounting(view), mounting(silent)
