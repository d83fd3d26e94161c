"""The panels of a Plotly figure as matplotlib axes: places, titles, ranges, ticks and colour bars."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .paper_text import words
from .paper_traces import Panel

BAR_WIDTH = 0.018  # of the sheet
GRID = {"color": "#e6e6e6", "linewidth": 0.5, "zorder": 0}


@dataclass(frozen=True)
class Panels:
    """The panels by their axes, ("x2", "y2") → panel, and which of their axes have texts for values."""

    known: dict[tuple[str, str], Panel]
    texts: dict[str, bool]

    @property
    def all(self) -> list[Panel]:
        return list(self.known.values())

    def of(self, trace: Any) -> tuple[Panel, tuple[bool, bool]]:
        """A trace's panel, and whether its x and y are categories."""
        x, y = trace.xaxis or "x", trace.yaxis or "y"
        return self.known[x, y], (self.texts[x], self.texts[y])

    def with_axes(self, x: str | None, y: str | None) -> Panel | None:
        """The first panel with these axes; None: whichever."""
        return next((p for (a, b), p in self.known.items() if x in (None, a) and y in (None, b)), None)


def axis_of(figure: Any, name: str) -> Any:
    """An axis of the layout by its short name, "x2" or "y"."""
    return figure.layout[f"{name[0]}axis{name[1:]}"]


def panels_of(figure: Any, sheet: Any, box: tuple[float, float, float, float]) -> Panels:
    """Empty axes for all pairs of axes that traces use. box: left, bottom, right, top of the inner sheet."""
    left, bottom, right, top = box
    pairs = dict.fromkeys((t.xaxis or "x", t.yaxis or "y") for t in figure.data) or {("x", "y"): None}
    known = {}
    for x, y in pairs:
        (x0, x1), (y0, y1) = (axis_of(figure, name).domain or (0.0, 1.0) for name in (x, y))
        place = (
            left + x0 * (right - left),
            bottom + y0 * (top - bottom),
            (x1 - x0) * (right - left),
            (y1 - y0) * (top - bottom),
        )
        axes = sheet.add_axes(place)
        axes.set_label(f"{x} {y}")
        known[x, y] = Panel(axes)
    texts = {name: axis_of(figure, name).type == "category" for pair in pairs for name in pair}
    return Panels(known, texts)


def finish_panel(panel: Panel, figure: Any, sheet: Any) -> None:
    """Titles, ranges, ticks and colour bars of a panel whose traces are drawn."""
    x, y = panel.axes.get_label().split()
    for name in (x, y):
        _set_axis(panel, axis_of(figure, name), name[0], figure)
    panel.axes.set_axisbelow(True)
    if not any(t.type == "heatmap" for t in figure.data):
        panel.axes.grid(True, **GRID)
    for k, (shown, title, ticks, texts) in enumerate(panel.scales):
        place = panel.axes.get_position()
        high = min(place.height, 0.9)
        bar = sheet.colorbar(
            shown, cax=sheet.add_axes((place.x1 + 0.015 + 0.09 * k, place.y0, BAR_WIDTH, high)), label=title
        )
        if ticks is not None:
            bar.set_ticks(list(ticks), labels=[words(t) for t in texts])


def _set_axis(panel: Panel, axis: Any, side: str, figure: Any) -> None:
    axes, own = panel.axes, getattr(panel.axes, f"{side}axis")
    if axis.visible is False:
        axes.set_axis_off()
        return
    getattr(axes, f"set_{side}label")(words(axis.title.text))
    if axis.type == "log":
        getattr(axes, f"set_{side}scale")("log")
        own.set_major_formatter(_plain())
        if np.ptp(np.log10(getattr(axes, f"get_{side}lim")())) < 1:
            own.set_minor_formatter(_plain())
    if texts := panel.categories[side]:
        own.set_ticks(range(len(texts)), labels=[words(t) for t in texts])
        if side == "x" and sum(map(len, texts)) > 70:
            axes.tick_params(axis="x", rotation=30)
    _set_range(panel, axis, side, figure)
    if axis.tickvals is not None:
        own.set_ticks(list(axis.tickvals), labels=[words(t) for t in axis.ticktext or axis.tickvals])
        own.set_minor_locator(_none())
    if axis.tickformat and axis.tickformat.endswith("%"):
        own.set_major_formatter(_percent())
    if axis.showticklabels is False:
        axes.tick_params(axis=side, labelleft=False, labelbottom=False)
        getattr(axes, f"set_{side}label")("")


def _set_range(panel: Panel, axis: Any, side: str, figure: Any) -> None:
    limits = getattr(panel.axes, f"set_{side}lim")
    if axis.range is not None and None not in axis.range:
        low, high = (10.0**v for v in axis.range) if axis.type == "log" else axis.range
        limits(low, high)
        return
    low, high = sorted(getattr(panel.axes, f"get_{side}lim")())
    if side == "x" and _only_lines(figure) and not panel.categories["x"]:
        low, high = _extent(panel)
    if panel.categories[side]:
        low, high = min(low, -0.5), max(high, len(panel.categories[side]) - 0.5)
    if axis.rangemode == "tozero":
        low = min(low, 0.0)
    limits(*((high, low) if axis.autorange == "reversed" else (low, high)))


def match(panels: Panels, figure: Any) -> None:
    """Axes that match each other get the range that shows the values of all."""
    for side in "xy":
        groups: dict[str, list[Any]] = {}
        for panel in panels.all:
            name = panel.axes.get_label().split()[side == "y"]
            groups.setdefault(axis_of(figure, name).matches or name, []).append(panel.axes)
        for group in groups.values():
            ends = [getattr(axes, f"get_{side}lim")() for axes in group]
            low, high = min(map(min, ends)), max(map(max, ends))
            turned = ends[0][0] > ends[0][1]
            for axes in group if len(group) > 1 else ():
                getattr(axes, f"set_{side}lim")(*((high, low) if turned else (low, high)))


def _only_lines(figure: Any) -> bool:
    return all(t.type.startswith("scatter") and (t.mode or "lines") == "lines" for t in figure.data)


def _extent(panel: Panel) -> tuple[float, float]:
    """The ends of the lines: a spectrum fills its panel from side to side."""
    values = [
        v for line in panel.axes.lines for v in (np.nanmin(line.get_xdata()), np.nanmax(line.get_xdata()))
    ]
    low, high = (min(values), max(values)) if values else panel.axes.get_xlim()
    return (low, high) if high > low else panel.axes.get_xlim()


def _none() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _plain() -> Any:
    """Numbers as one writes them: 0.031, not 3.1 × 10⁻²."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{value:.4g}")


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1.0, decimals=0)
