"""The traces of Plotly figures drawn on matplotlib axes: lines, points, bars and heat maps."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .paper_text import BLANK, POINTS, colour, colour_map, dash, symbol, words

RASTER_FROM = 2000  # points of one trace: more are an image inside a PDF or SVG, which else would be huge
NAME_SIZE = 6.5  # of texts on points and bars


@dataclass
class Panel:
    """Axes under construction.

    categories: of each axis ("x", "y"), in order.  bars: heights reached so far, by category, of stacked
    bars.  scales: (mappable, title, ticks, texts) of the colour bars that it needs.
    """

    axes: Any
    categories: dict[str, list[str]] = field(default_factory=lambda: {"x": [], "y": []})
    bars: dict[Any, float] = field(default_factory=dict)
    scales: list[tuple[Any, str, Any, Any]] = field(default_factory=list)
    before: tuple[np.ndarray, np.ndarray] | None = None  # of the line drawn last, to fill up to

    def places(self, axis: str, values: Any, as_texts: bool) -> np.ndarray:
        """(N,) numbers of values along an axis; texts are numbered in the order in which they come."""
        listed = list(values)
        if not as_texts and not any(isinstance(v, str) for v in listed):
            return np.array([np.nan if v is None else v for v in listed], float)
        known = self.categories[axis]
        texts = [None if v is None else f"{v}" for v in listed]
        known.extend(t for t in dict.fromkeys(texts) if t is not None and t not in known)
        return np.array([np.nan if t is None else known.index(t) for t in texts], float)


def draw(panel: Panel, trace: Any, layout: "Bars", texts: tuple[bool, bool]) -> None:
    """Draw one trace. texts: whether x and y are categories whatever their type."""
    kinds = {"scatter": _scatter, "scattergl": _scatter, "heatmap": _heatmap}
    if trace.type == "bar":
        _bar(panel, trace, layout, texts)
    elif trace.type in kinds:
        kinds[trace.type](panel, trace, texts)
    else:
        raise NotImplementedError(f"no {trace.type} in figures for papers")


# --- lines and points ---


def _scatter(panel: Panel, trace: Any, texts: tuple[bool, bool]) -> None:
    x = panel.places("x", _values(trace.x), texts[0])
    y = panel.places("y", _values(trace.y), texts[1])
    mode = trace.mode or "lines"
    shade = colour(trace.line.color or _one(trace.marker.color))
    look = {"label": words(trace.name), "alpha": trace.opacity}
    if trace.fill == "tonexty" and panel.before is not None:
        fill = colour(trace.fillcolor) or shade
        panel.axes.fill_between(x, np.interp(x, *panel.before), y, color=fill, linewidth=0)
    if "lines" in mode and trace.line.width != 0:
        width = POINTS * (trace.line.width or 2)
        panel.axes.plot(x, y, color=shade, linewidth=width, linestyle=dash(trace.line.dash), **look)
    if "markers" in mode:
        _points(panel, trace, x, y, look if "lines" not in mode else {})
    if "text" in mode:
        for place_x, place_y, text in zip(x, y, trace.text, strict=True):
            panel.axes.annotate(
                words(text),
                (place_x, place_y),
                (0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=NAME_SIZE,
            )
    panel.before = (x, y)


def _points(panel: Panel, trace: Any, x: np.ndarray, y: np.ndarray, look: dict[str, Any]) -> None:
    """All points of a trace, one call for each symbol."""
    marker, count = trace.marker, len(x)
    sizes = np.broadcast_to(np.asarray(marker.size or 6, float), count) * POINTS
    symbols = marker.symbol if isinstance(marker.symbol, list | tuple) else [marker.symbol] * count
    edge = POINTS * (_one(marker.line.width) or 0)
    shared = {"alpha": marker.opacity or trace.opacity, "rasterized": count > RASTER_FROM, "zorder": 2.5}
    shown = None
    for name in dict.fromkeys(symbols):
        rows = np.array([s == name for s in symbols])
        mark, is_open = symbol(name)
        options = shared | look | {"marker": mark, "s": sizes[rows] ** 2}
        if _is_scaled(marker):
            values = np.asarray(marker.color, float)[rows]
            ends = {"vmin": marker.cmin, "vmax": marker.cmax, "cmap": colour_map(marker.colorscale)}
            shown = panel.axes.scatter(x[rows], y[rows], c=values, linewidths=edge, **ends, **options)
        else:
            options |= _look(marker, _shades(marker.color or trace.line.color, rows), mark, is_open)
            panel.axes.scatter(x[rows], y[rows], **options)
    if shown is not None and marker.showscale:
        bar = marker.colorbar
        panel.scales.append((shown, words(bar.title.text), bar.tickvals, bar.ticktext))


def _look(marker: Any, shades: Any, mark: str, is_open: bool) -> dict[str, Any]:
    """Faces and outlines of points of one symbol."""
    edge = POINTS * (_one(marker.line.width) or 0)
    if mark in "|_":  # strokes, without a face
        return {"c": shades, "linewidths": max(edge, 0.9)}
    if is_open:
        return {"facecolors": "none", "edgecolors": shades, "linewidths": max(edge, 0.9)}
    outline = colour(_one(marker.line.color)) or shades
    return {"facecolors": shades, "edgecolors": outline, "linewidths": edge}


def _is_scaled(marker: Any) -> bool:
    many = isinstance(marker.color, np.ndarray | list | tuple)
    return many and not any(isinstance(v, str) for v in marker.color)


def _shades(value: Any, rows: np.ndarray) -> Any:
    if isinstance(value, list | tuple | np.ndarray):
        return [colour(v) for v, here in zip(value, rows, strict=True) if here]
    return colour(value)


# --- bars ---


@dataclass(frozen=True)
class Bars:
    """How bars stand: `group`, `stack` or `overlay`; which of how many groups this one is; the gap."""

    mode: str = "group"
    number: int = 0
    groups: int = 1
    gap: float = 0.2


def _bar(panel: Panel, trace: Any, layout: Bars, texts: tuple[bool, bool]) -> None:
    lying = trace.orientation == "h"
    along, across = (trace.y, trace.x) if lying else (trace.x, trace.y)
    places = panel.places("y" if lying else "x", _values(along), texts[lying])
    lengths = np.array([np.nan if v is None else v for v in _values(across)], float)
    whole = 1 - layout.gap
    width = trace.width or (whole / layout.groups if layout.mode == "group" else whole)
    if layout.mode == "group":
        places = places + (layout.number - (layout.groups - 1) / 2) * width
    base = (
        np.array([panel.bars.get(p, 0.0) for p in places])
        if layout.mode == "stack"
        else np.zeros(len(places))
    )
    panel.bars.update(zip(places.tolist(), (base + np.nan_to_num(lengths)).tolist(), strict=True))
    shades = (
        [colour(v) for v in trace.marker.color]
        if _is_list(trace.marker.color)
        else colour(trace.marker.color)
    )
    edge = trace.marker.line
    look = {"color": shades, "label": words(trace.name), "alpha": trace.opacity}
    if edge.width:
        look |= {"edgecolor": colour(edge.color), "linewidth": POINTS * edge.width}
    if lying:
        drawn = panel.axes.barh(places, lengths, width, left=base, **look)
    else:
        drawn = panel.axes.bar(places, lengths, width, bottom=base, **look)
    if trace.text is not None:
        panel.axes.bar_label(drawn, [words(t) for t in trace.text], fontsize=NAME_SIZE, padding=1)


# --- heat maps ---


def _heatmap(panel: Panel, trace: Any, texts: tuple[bool, bool]) -> None:
    z = np.asarray(trace.z, float)
    x = panel.places("x", _values(trace.x) if trace.x is not None else range(z.shape[1]), texts[0])
    y = panel.places("y", _values(trace.y) if trace.y is not None else range(z.shape[0]), texts[1])
    shown = panel.axes.pcolormesh(
        _edges(x),
        _edges(y),
        np.ma.masked_invalid(z),
        cmap=colour_map(trace.colorscale),
        vmin=trace.zmin,
        vmax=trace.zmax,
        rasterized=z.size > RASTER_FROM,
        edgecolors="white" if trace.xgap else "none",
        linewidth=0.5 if trace.xgap else 0,
    )
    if trace.texttemplate and trace.text is not None:
        _write_in_cells(panel.axes, shown, x, y, trace.text)
    if trace.showscale is not False:
        panel.scales.append((shown, words(trace.colorbar.title.text), None, None))


def _write_in_cells(axes: Any, shown: Any, x: np.ndarray, y: np.ndarray, texts: Any) -> None:
    """The text of each cell, dark on light colours and light on dark ones."""
    shades = shown.to_rgba(shown.get_array()).reshape(len(y), len(x), 4)
    for j, row in enumerate(texts):
        for i, text in enumerate(row):
            light = shades[j, i, :3] @ (0.299, 0.587, 0.114) > 0.5
            look = {"color": "black" if light else "white", "fontsize": 7.5}
            axes.text(x[i], y[j], words(text), ha="center", va="center", **look)


def _edges(centres: np.ndarray) -> np.ndarray:
    """(N + 1,) the ends of cells around centres (N,)."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[2 * centres[0] - middle[0]], middle, [2 * centres[-1] - middle[-1]]])


# --- values ---


def _values(values: Any) -> Sequence[Any]:
    return [] if values is None else list(values)


def _one(value: Any) -> Any:
    """A value that counts for all; None where there are many."""
    return None if _is_list(value) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


__all__ = ["BLANK", "Bars", "Panel", "draw"]
