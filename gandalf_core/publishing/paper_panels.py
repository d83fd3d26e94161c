"""Linked panels (maps, Kiel diagrams) for papers: as on the page, with a colour bar and its title on each."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import write_bytes
from ..errors import GandalfError
from ..figures.panels import LinkedPanels, Panel
from ..figures.style import GREY, ORANGE, PURPLE
from .paper import KINDS, LINE_IN, NOTHING, WIDTH_IN, Note, add_words, empty_sheet, rendered
from .paper_text import plain, words

MOST_IN_A_ROW = 4
MANY = 200  # stars of one's own: more are dots
SELECTED_ABOVE = 3  # zorder
LONG = 32  # letters of a panel's title, which is then smaller


def panels_bytes(
    linked: LinkedPanels,
    kind: str,
    title: str,
    note: Note = NOTHING,
    *,
    columns: int = MOST_IN_A_ROW,
    selected: np.ndarray | None = None,
) -> bytes:
    """Linked panels as the bytes of a file. kind: `pdf`, `svg` or `png`.

    columns: panels in a row, at most four.  selected: (N + M,) bool; the other stars are pale. GandalfError
    without matplotlib.
    """
    return rendered(lambda: _drawn(linked, title, note, columns, selected), kind, title, note)


def save_panels(path: str | Path, linked: LinkedPanels, title: str, note: Note = NOTHING) -> None:
    """Write linked panels as the path's suffix says: .pdf, .svg or .png."""
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in KINDS:
        raise GandalfError(f"{path}: figures are written as {', '.join(f'.{k}' for k in KINDS)}")
    write_bytes(path, panels_bytes(linked, kind, title, note))


def _drawn(linked: LinkedPanels, title: str, note: Note, columns: int, selected: np.ndarray | None) -> Any:
    columns = max(1, min(columns, MOST_IN_A_ROW, len(linked.panels)))
    rows = -(-len(linked.panels) // columns)
    wide = WIDTH_IN / columns
    high = wide * (0.8 if linked.panels[0].x_title else 1.15) + 0.1
    above, below = 0.2, 0.14 + LINE_IN * len(note.lines)
    total = above + rows * high + below
    sheet = empty_sheet(total)
    for k, panel in enumerate(linked.panels):
        row, column = divmod(k, columns)
        framed = bool(panel.x_title)
        left = column * wide + (0.55 if framed else 0.12)
        bottom = total - above - (row + 1) * high + (0.42 if framed else 0.18)
        size = (wide - (0.7 if framed else 0.24), high - (0.68 if framed else 0.42))
        bar = 0.16 if _has_bar(panel) else 0.0
        place = (left / WIDTH_IN, (bottom + bar) / total, size[0] / WIDTH_IN, (size[1] - bar) / total)
        axes = sheet.add_axes(place)
        shown = _draw(axes, linked, panel, selected)
        if bar and shown is not None:
            beneath = (left / WIDTH_IN, (bottom - 0.02) / total, size[0] / WIDTH_IN, 0.06 / total)
            scale = sheet.colorbar(shown, cax=sheet.add_axes(beneath), orientation="horizontal")
            scale.ax.tick_params(labelsize=5.5, length=2, pad=1)
            scale.ax.set_xlabel(words(panel.colour_title), fontsize=6.5, labelpad=1)
    add_words(sheet, title, note)
    return sheet


def _has_bar(panel: Panel) -> bool:
    return bool(panel.colour) and not panel.x_title


def _draw(axes: Any, linked: LinkedPanels, panel: Panel, selected: np.ndarray | None) -> Any:
    """One panel; what its colour bar belongs to, or None."""
    count = len(linked.ids)
    lit = np.ones(count, bool) if selected is None or not selected.any() else selected[:count]
    own = None if selected is None or not selected.any() else selected[count:]
    size = max(0.4, min(9.0, 9000 / max(count, 1)))
    x, y = linked.columns[panel.x], linked.columns[panel.y]
    look = {"linewidths": 0, "rasterized": count > 500}
    if f"{panel.sample} x" in linked.columns:
        sample = (linked.columns[f"{panel.sample} {axis}"] for axis in "xy")
        axes.scatter(*sample, c=GREY, s=0.6, alpha=0.3, **look)
    if not lit.all():
        axes.scatter(x[~lit], y[~lit], c=GREY, s=size, alpha=0.18, **look)
    colours = linked.columns.get(panel.colour)
    low, high = panel.colour_range
    if colours is None or (panel.colour_title == "crowding" and not lit.all()):
        axes.scatter(x[lit], y[lit], c=ORANGE, s=size, **look)
        shown = None
    else:
        ends = {"vmin": low, "vmax": high, "cmap": "viridis", "plotnonfinite": False}
        shown = axes.scatter(x[lit], y[lit], c=colours[lit], s=size, **ends, **look)
    _draw_own(axes, linked.overlay, panel, own)
    _frame(axes, panel)
    return shown


def _draw_own(axes: Any, overlay: Mapping[str, np.ndarray], panel: Panel, lit: np.ndarray | None) -> None:
    """Uploaded stars: diamonds with their errors, many as dots."""
    x, y = overlay.get(panel.x), overlay.get(panel.y)
    if x is None or y is None or not len(x):
        return
    few = len(x) <= MANY
    errors = {f"{a}err": overlay.get(f"{name}_error") for a, name in (("x", panel.x), ("y", panel.y))}
    if few and any(e is not None for e in errors.values()):
        axes.errorbar(x, y, **errors, fmt="none", ecolor=PURPLE, elinewidth=0.7, zorder=SELECTED_ABOVE)
    shades = [
        PURPLE if lit is None or here else GREY for here in (lit if lit is not None else np.ones(len(x)))
    ]
    edges = {"edgecolors": "white", "linewidths": 0.4} if few else {"linewidths": 0}
    axes.scatter(x, y, c=shades, s=22 if few else 2, marker="D", zorder=SELECTED_ABOVE, **edges)


def _frame(axes: Any, panel: Panel) -> None:
    axes.set_xlim(*panel.x_range)
    axes.set_ylim(*panel.y_range)
    title = words(panel.title)
    axes.set_title(title, fontsize=7 if len(plain(panel.title)) < LONG else 5.6, loc="left", pad=3)
    if panel.note:
        behind = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 0.8}
        look = {"ha": "right", "fontsize": 5.5, "color": "#444444", "bbox": behind}
        axes.text(0.98, 0.02, panel.note, transform=axes.transAxes, **look)
    if panel.x_title:
        axes.set_xlabel(words(panel.x_title))
        axes.set_ylabel(words(panel.y_title))
    else:
        axes.set_xticks([])
        axes.set_yticks([])
