"""Figures for papers: SVG, PDF and PNG of every figure of the package, drawn by matplotlib.

Plotly's own export needs a browser beside Python; matplotlib does not, writes text as text, and is what
journals know. This is the one place that makes such files: a figure goes in as `gandalf_core.figures` returns
it, and comes out with its axes' titles and units, colour bars, legend and, below it, caption, source and
model.
"""

import io
import textwrap
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import plotly.graph_objects as go

from ..atomic import write_bytes
from ..errors import GandalfError
from .paper_axes import finish_panel, match, panels_of
from .paper_marks import draw_annotations, draw_shapes
from .paper_text import words
from .paper_traces import Bars, draw

KINDS = {"pdf": "application/pdf", "svg": "image/svg+xml", "png": "image/png"}
WIDTH_IN = 7.1  # two columns of a journal
PIXELS_PER_INCH = 130  # of the height of a figure on a page
DPI = 300
LEFT_IN, RIGHT_IN, BAR_IN = 0.62, 0.15, 0.85
TITLE_IN, LEGEND_IN, BELOW_IN, LINE_IN = 0.28, 0.22, 0.48, 0.125
COLUMNS_OF_TEXT = 128  # of the caption
NAMES_IN_A_ROW = 5  # of the legend
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}
NEEDS = "matplotlib is not installed: pip install 'gandalf-explorer[app]'"
_turn = threading.Lock()  # matplotlib's text layout is not made for threads


@dataclass(frozen=True)
class Note:
    """What stands below a figure. caption: what it shows.  origin: model, stars … by name."""

    caption: str = ""
    origin: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, caption: str = "", origin: Mapping[str, str] | None = None) -> "Note":
        return cls(caption, tuple((origin or {}).items()))

    @property
    def lines(self) -> list[str]:
        """Both, in lines."""
        source = "; ".join(f"{key}: {value}" for key, value in self.origin)
        return [line for part in (self.caption, source) for line in textwrap.wrap(part, COLUMNS_OF_TEXT)]


NOTHING = Note()


def figure_bytes(figure: go.Figure, kind: str, note: Note = NOTHING) -> bytes:
    """A Plotly figure as the bytes of a file. kind: one of KINDS. GandalfError without matplotlib."""
    return rendered(lambda: sheet_of(figure, note), kind, _title(figure), note)


def save_figure(path: str | Path, figure: go.Figure, note: Note = NOTHING) -> None:
    """Write a figure as its suffix says: .pdf, .svg or .png."""
    kind = Path(path).suffix.lower().lstrip(".")
    if kind not in KINDS:
        raise GandalfError(f"{path}: figures are written as {', '.join(f'.{k}' for k in KINDS)}")
    write_bytes(path, figure_bytes(figure, kind, note))


def rendered(make: Any, kind: str, title: str, note: Note) -> bytes:
    """The bytes of the matplotlib figure that `make()` returns."""
    try:
        import matplotlib
    except ImportError:
        raise GandalfError(NEEDS) from None
    told = "; ".join(note.lines)
    keys = {"pdf": ("Title", "Subject"), "svg": ("Title", "Description"), "png": ("Title", "Description")}
    metadata = dict(zip(keys[kind], (title, told), strict=True)) | ({"Date": None} if kind == "svg" else {})
    with _turn, matplotlib.rc_context(STYLE):
        stream = io.BytesIO()
        make().savefig(stream, format=kind, dpi=DPI, metadata=metadata)
    return stream.getvalue()


def _traces(figure: go.Figure) -> list[Any]:
    return list(figure.select_traces())


def _title(figure: go.Figure) -> str:
    return words(cast(Any, figure.layout).title.text)


# --- a Plotly figure ---


def sheet_of(figure: go.Figure, note: Note = NOTHING) -> Any:
    """The matplotlib figure of a Plotly figure, to be changed further."""
    layout: Any = figure.layout
    named = _legend(figure)
    rows = -(-len(named[0]) // NAMES_IN_A_ROW) if named else 0
    above = TITLE_IN + LEGEND_IN * rows
    below = BELOW_IN + LINE_IN * len(note.lines)
    body = max(1.2, (layout.height or 400) / PIXELS_PER_INCH - 0.6)
    height = above + body + below
    right = RIGHT_IN + BAR_IN * _has_scale(figure)
    sheet = empty_sheet(height)
    box = (LEFT_IN / WIDTH_IN, below / height, 1 - right / WIDTH_IN, 1 - above / height)
    panels = panels_of(figure, sheet, box)
    bars = [trace for trace in _traces(figure) if trace.type == "bar"]
    for trace in _traces(figure):
        panel, texts = panels.of(trace)
        draw(panel, trace, _bars(figure, trace, bars), texts)
    for axes in panels.all:
        finish_panel(axes, figure, sheet)
    match(panels, figure)
    draw_shapes(figure, panels, sheet, box)
    draw_annotations(figure, panels, sheet, box)
    add_words(sheet, _title(figure), note)
    if named:
        sheet.legend(
            *named,
            loc="upper right",
            ncols=min(len(named[0]), NAMES_IN_A_ROW),
            frameon=False,
            borderaxespad=0.1,
            bbox_to_anchor=(1 - RIGHT_IN / WIDTH_IN, 1 - (TITLE_IN - 0.02) / height),
        )
    _widen(sheet, panels, box)
    return sheet


def empty_sheet(height_in: float) -> Any:
    """A matplotlib figure of a page's width, outside of pyplot, which keeps every figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(WIDTH_IN, height_in))
    FigureCanvasAgg(sheet)
    return sheet


def _bars(figure: go.Figure, trace: Any, bars: list[Any]) -> Bars:
    layout: Any = figure.layout
    gap = 0.2 if layout.bargap is None else layout.bargap
    mode = {"relative": "stack"}.get(layout.barmode or "group", layout.barmode or "group")
    beside = [b for b in bars if (b.xaxis, b.yaxis) == (trace.xaxis, trace.yaxis)]
    number = beside.index(trace) if trace in beside else 0
    return Bars(mode, number, max(len(beside), 1), gap)


def add_words(sheet: Any, title: str, note: Note) -> None:
    """Title above, caption and source below."""
    width, height = sheet.get_size_inches()
    sheet.text(0.1 / width, 1 - 0.06 / height, title, va="top", fontsize=9.5)
    text = "\n".join(line.replace("$", r"\$") for line in note.lines)
    sheet.text(0.1 / width, 0.06 / height, text, va="bottom", fontsize=6.3, color="#444444")


def _has_scale(figure: go.Figure) -> bool:
    heat = any(t.type == "heatmap" and t.showscale is not False for t in _traces(figure))
    return heat or any(t.type.startswith("scatter") and t.marker.showscale for t in _traces(figure))


def _legend(figure: go.Figure) -> tuple[list[Any], list[str]] | None:
    """Handles and names of the legend, as Plotly would show it; None without one."""
    from .paper_marks import handle

    shown = [t for t in _traces(figure) if t.showlegend is not False and t.name]
    wanted = cast(Any, figure.layout).showlegend
    if wanted is False or (len(_traces(figure)) == 1 and not wanted):
        return None
    unique = {words(t.name): t for t in reversed(shown)}
    names = [n for n in dict.fromkeys(words(t.name) for t in shown)]
    return ([handle(unique[n]) for n in names], names) if names else None


def _widen(sheet: Any, panels: Any, box: tuple[float, float, float, float]) -> None:
    """Move the panels to the right where names on the left axis need more room than there is."""
    renderer = sheet.canvas.get_renderer()
    boxes = [p.axes.get_tightbbox(renderer) for p in panels.all]
    lowest = min((b.x0 for b in boxes if b is not None), default=0) / sheet.bbox.width
    missing = 0.008 - lowest
    if missing <= 0:
        return
    left, _, right, _ = box
    for axes in sheet.axes:
        place = axes.get_position()
        share = (right - left - missing) / (right - left)
        if place.x0 < right:
            axes.set_position(
                (left + missing + (place.x0 - left) * share, place.y0, place.width * share, place.height)
            )
