"""What linked panels show of stars, and their columns, as their JavaScript reads them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..figures.panels import LinkedPanels
from ..parameters import parameter
from .arrays import base64_bits, pack


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

    def as_json(self, table: str) -> dict[str, Any]:
        """The same as the browser reads it; table: the key that the columns were packed with."""
        return {
            "table": table,
            "columns": self.columns,
            "star": self.star,
            "selected": base64_bits(self.selected),
            "token": self.token,
        }


def packed(linked: LinkedPanels, names: tuple[str, ...], key: str) -> bytes:
    """The columns and panels as bytes for the browser; a star's tooltip lists the labels `names`."""
    labels = [parameter(name) for name in names]
    tooltip = {p.name: {"plain": p.plain, "unit": p.unit, "decimals": p.decimals} for p in labels}
    header = {
        "key": key,
        "ids": linked.ids.tolist(),
        "overlay_ids": linked.overlay_ids.tolist(),
        "overlay_notes": list(linked.overlay_notes),
        "notes": list(linked.notes),
        "names": tooltip,
        "panels": [panel._asdict() for panel in linked.panels],
    }
    columns = {f"c:{name}": values for name, values in linked.columns.items()}
    overlay = {f"o:{name}": values for name, values in linked.overlay.items()}
    return pack(header, columns | overlay)
