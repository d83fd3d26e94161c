"""Interactive pages of one HTML file: no server, no network; opened from a disk or a paper's supplement.

A page runs the explorer's own component (its scripts are put in as they are) on arrays inside the file.
"""

import base64
import json
import tomllib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from .. import __version__
from ..places import explorer_folder
from .components import Component

COLOURS = ("primaryColor", "backgroundColor", "secondaryBackgroundColor", "textColor", "borderColor")
STYLE = """
body { margin: 0 auto; max-width: 1400px; padding: 1rem 1.2rem 2rem; line-height: 1.45;
       font-family: var(--st-font); color: var(--st-text-color); background: var(--st-background-color); }
h1 { font-size: 1.5rem; margin: 0.2rem 0 0.4rem; }
h2 { font-size: 1.15rem; margin: 1.2rem 0 0.4rem; }
h3 { font-size: 1rem; margin: 1rem 0 0.3rem; }
a { color: var(--st-primary-color); }
details { margin-top: 1rem; border-top: 1px solid var(--st-border-color); padding-top: 0.6rem; }
summary { cursor: pointer; font-weight: 600; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.2rem 0.9rem 0.2rem 0; border-bottom: 1px solid var(--st-border-color); }
blockquote { margin: 0.6rem 0; padding-left: 0.8rem; border-left: 3px solid var(--st-border-color); }
footer { margin-top: 1.2rem; font-size: 0.85rem; }
.small { font-size: 0.9rem; }
"""
# The two arguments of `begin`: the bytes of an array block by its id, and what the page shows.
START = """
const bytesIn = async id => {
  const packed = bytesOf(document.getElementById(id).textContent.trim())
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}
const root = document.getElementById("figure")
const shown = JSON.parse(document.getElementById("shown").textContent)
const wrong = error => {
  document.getElementById("problem").textContent = `This page could not start: ${error}`
}
bytesIn("arrays").then(data => { mount({ data, parentElement: root }); begin(shown) }).catch(wrong)
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload())
"""


@dataclass(frozen=True)
class Page:
    """What a page of one file holds.

    title: its heading.  sentences: below it.  arrays: packed for the component.  shown: what the component
    and `begin` read, as JSON.  begin: JavaScript, a function `begin(shown)` that mounts the component.
    more: HTML below the figure.
    """

    title: str
    sentences: Sequence[str]
    component: Component
    arrays: bytes
    shown: Mapping[str, Any]
    begin: str
    more: str = ""


def html(page: Page) -> str:
    """The page as the text of an HTML file."""
    script = page.component.script
    if script.count("export default function (") != 1:
        raise ValueError(f"{page.component.name}: its script exports no component")
    script = script.replace("export default function (", "const mount = function (")
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in page.sentences)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="generator" content="gandalf_core {__version__}">',
            f"<title>{escape(page.title)}</title>",
            f"<style>{theme()}{page.component.style}{STYLE}</style></head>",
            f"<body><header><h1>{escape(page.title)}</h1>{sentences}</header>",
            f'<main id="figure">{page.component.body}</main><p id="problem" role="alert"></p>',
            page.more,
            f"<footer>Made with GANDALF Explorer {__version__}; this file needs no network.</footer>",
            f'<script type="application/octet-stream" id="arrays">{_text(page.arrays)}</script>',
            f'<script type="application/json" id="shown">{json_text(page.shown)}</script>',
            f"<script>{{{script}\n{page.begin}\n{START}}}</script>",
            "</body></html>\n",
        ]
    )


def json_text(value: Any) -> str:
    """JSON that no text in it can end: `<` is written as an escape."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")


def _text(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode()


def theme() -> str:
    """The app's colours as CSS variables, light and dark, as the components know them."""
    file: Path = explorer_folder() / ".streamlit" / "config.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8"))["theme"]
    radius = settings["baseRadius"]
    fixed = f"--st-font: system-ui, sans-serif; --st-base-radius: {radius}; --st-button-radius: {radius};"
    light, dark = (_variables(settings[name]) for name in ("light", "dark"))
    schemes = f":root {{ color-scheme: light dark; {fixed} {light} }}"
    return f"{schemes}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def _variables(colours: Mapping[str, str]) -> str:
    return " ".join(f"--st-{_dashed(name)}: {colours[name]};" for name in COLOURS)


def _dashed(name: str) -> str:
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name)
