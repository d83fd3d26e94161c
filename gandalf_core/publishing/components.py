"""The sources of the canvas components, of which pages of one file are made, too.

They lie beside the explorer's pages (pages/ui/components), which mount them in Streamlit.
"""

from dataclasses import dataclass
from pathlib import Path

from ..places import explorer_folder


@dataclass(frozen=True)
class Component:
    """One component: the folder of its files, and its scripts in order, each using only those before it."""

    name: str
    parts: tuple[str, ...]

    @property
    def script(self) -> str:
        """All scripts as one, canvas.js first."""
        return "\n".join(_text("canvas.js", *(f"{self.name}/{part}.js" for part in self.parts)))

    @property
    def style(self) -> str:
        """Its style sheet."""
        return "".join(_text("buttons.css", f"{self.name}/component.css"))

    @property
    def body(self) -> str:
        """Its HTML."""
        return "".join(_text(f"{self.name}/component.html"))


LIVE_DECODER = Component(
    "live_decoder", ("start", "decoder", "painting", "controls", "gestures", "saving", "component")
)
LINKED_PANELS = Component("linked_panels", ("painting", "gestures", "component"))


def _text(*names: str) -> list[str]:
    folder: Path = explorer_folder() / "pages" / "ui" / "components"
    return [(folder / name).read_text(encoding="utf-8") for name in names]
