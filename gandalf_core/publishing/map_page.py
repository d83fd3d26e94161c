"""Linked diagrams as one HTML file: every star can be hovered, chosen and selected with a lasso."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import write_text
from ..figures.panels import LinkedPanels
from .card_html import card_html
from .components import LINKED_PANELS
from .panels_view import View, packed
from .single_file import Page, html

TABLE = "page"  # the key of the only columns
BEGIN = """
const begin = ({ view }) => {
  const button = document.getElementById("csv")
  const show = () => mount({ data: view, parentElement: root, setStateValue: take, setTriggerValue: pick })
  const take = (_, selection) => {
    Object.assign(view, { selected: selection.bits, token: selection.token })
    button.disabled = !selection.bits
  }
  const pick = (_, star) => { view.star = star; show() }
  const quoted = text => (/[",\\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)
  button.onclick = () => {
    const panels = root.querySelector(".panels").gandalf
    const names = Object.keys(panels.names)
    const line = (id, values, k) => [quoted(id), ...names.map(name => values[name]?.[k] ?? "")].join(",")
    const rows = [
      ...panels.ids.map((id, k) => panels.selected[k] && line(id, panels.columns, k)),
      ...panels.overlay_ids.map((id, k) => panels.selected[panels.count + k] && line(id, panels.overlay, k)),
    ].filter(Boolean)
    const text = [["id", ...names].join(","), ...rows].join("\\n") + "\\n"
    save("selection.csv", new Blob([text], { type: "text/csv" }))
  }
  show()
}
"""


def map_page(
    linked: LinkedPanels,
    names: tuple[str, ...],
    title: str,
    sentences: tuple[str, ...] = (),
    cards: dict[str, dict[str, Any]] | None = None,
) -> str:
    """Linked panels (of `figures.panels`) as the text of an HTML file.

    names: labels that a star's tooltip and the csv of a selection have.  sentences: below the title, in plain
    text.  cards: name → card of the models whose latents are shown.
    """
    columns = max(len(names), 2)
    every = len(linked.ids) + len(linked.overlay_ids)
    view = View(columns=columns, star="", selected=np.zeros(every, bool), token="page")
    known = [
        f'<details class="small"><summary>The card of {escape(name)}</summary>{card_html(name, card)}'
        "</details>"
        for name, card in (cards or {}).items()
    ]
    csv = '<p><button type="button" id="csv" disabled>Selected stars as csv</button></p>'
    return html(
        Page(
            title=title,
            sentences=sentences,
            component=LINKED_PANELS,
            arrays=packed(linked, names, TABLE),
            shown={"view": view.as_json(TABLE)},
            begin=BEGIN,
            more=csv + "".join(known),
        )
    )


def save_map_page(
    path: str | Path,
    linked: LinkedPanels,
    names: tuple[str, ...],
    title: str,
    sentences: tuple[str, ...] = (),
    cards: dict[str, dict[str, Any]] | None = None,
) -> None:
    """Write `map_page` to a file. Raises SpectraError where it cannot be written."""
    write_text(path, map_page(linked, names, title, sentences, cards))
