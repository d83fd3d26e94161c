"""What Plotly figures have beside traces, in matplotlib: lines, bands, words, and the marks of a legend."""

from typing import Any

from .paper_axes import Panels
from .paper_text import POINTS, colour, dash, symbol, words

SMALLEST = 5.5  # points, of words
ANCHORS = {"left": "left", "right": "right", "center": "center", "auto": "center"}
LEVELS = {"top": "top", "bottom": "bottom", "middle": "center", "auto": "center"}


def draw_shapes(figure: Any, panels: Panels, sheet: Any, box: tuple[float, float, float, float]) -> None:
    """Lines and rectangles across panels."""
    for shape in figure.layout.shapes:
        axes, transform = _frame(shape, panels, sheet, box)
        if axes is None:
            continue
        below = 0.5 if shape.layer == "below" else 1.8
        look = {"transform": transform, "alpha": shape.opacity, "zorder": below, "clip_on": True}
        if shape.type == "line":
            line = {"color": colour(shape.line.color) or "black", "linestyle": dash(shape.line.dash)}
            width = POINTS * (2 if shape.line.width is None else shape.line.width)
            axes.plot(
                [shape.x0, shape.x1],
                [shape.y0, shape.y1],
                linewidth=width,
                scalex=False,
                scaley=False,
                **line,
                **look,
            )
        elif shape.type == "rect":
            from matplotlib.patches import Rectangle

            corner, size = (shape.x0, shape.y0), (shape.x1 - shape.x0, shape.y1 - shape.y0)
            axes.add_patch(Rectangle(corner, *size, facecolor=colour(shape.fillcolor), linewidth=0, **look))


def draw_annotations(figure: Any, panels: Panels, sheet: Any, box: tuple[float, float, float, float]) -> None:
    """Words at places: names of lines, titles of panels, messages."""
    for note in figure.layout.annotations:
        axes, transform = _frame(note, panels, sheet, box)
        size = max(SMALLEST, POINTS * (note.font.size or 12) * 0.85)
        look = {"color": colour(note.font.color) or "black", "fontsize": size}
        ends = {"ha": ANCHORS[note.xanchor or "center"], "va": LEVELS[note.yanchor or "middle"]}
        owner = axes if axes is not None else sheet
        place = (_number(note.x), _number(note.y))
        owner.text(*place, words(note.text), transform=transform, **look, **ends)


def _number(value: Any) -> Any:
    return value


def _frame(mark: Any, panels: Panels, sheet: Any, box: tuple[float, float, float, float]) -> tuple[Any, Any]:
    """The axes that a mark belongs to (None: the whole sheet), and what takes its numbers to places."""
    from matplotlib.transforms import Affine2D, blended_transform_factory

    names = [_axis(ref, side) for ref, side in ((mark.xref, "x"), (mark.yref, "y"))]
    left, bottom, right, top = box
    inner = Affine2D().scale(right - left, top - bottom).translate(left, bottom) + sheet.transFigure
    if names == [None, None]:
        return None, inner
    panel = panels.with_axes(*names)
    if panel is None:
        return None, inner
    parts = []
    for ref, name in zip((mark.xref, mark.yref), names, strict=True):
        domain = name is not None and str(ref).endswith("domain")
        parts.append(inner if name is None else panel.axes.transAxes if domain else panel.axes.transData)
    return panel.axes, blended_transform_factory(*parts)


def _axis(reference: str | None, side: str) -> str | None:
    """The axis that a reference means; None: the paper."""
    text = reference or side
    return None if text == "paper" else text.split()[0]


def handle(trace: Any) -> Any:
    """The mark of a trace in the legend."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    if trace.type == "bar":
        edge = trace.marker.line
        shade = trace.marker.color
        shade = shade[0] if isinstance(shade, list | tuple) else shade
        return Patch(facecolor=colour(shade), edgecolor=colour(edge.color) if edge.width else "none")
    mode = trace.mode or "lines"
    shade = colour(trace.line.color or _first(trace.marker.color))
    mark, is_open = symbol(_first(trace.marker.symbol))
    line = dash(trace.line.dash) if "lines" in mode else "none"
    points = {"marker": mark, "markersize": 5, "markerfacecolor": "none" if is_open else shade}
    look = points if "markers" in mode else {}
    return Line2D([], [], color=shade, linestyle=line, linewidth=POINTS * (trace.line.width or 2), **look)


def _first(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    listed = list(value)
    return listed[0] if listed and isinstance(listed[0], str) else None
