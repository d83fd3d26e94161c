"""What every figure shares: colours safe for colour-blind readers, axes as astronomers draw them, the empty
figure.

Figures set no background and no text colour: the page's light or dark theme supplies them.
"""

from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from ..parameters import LINES, SpectralLine, parameter

# Okabe & Ito (2008), readable on white and on near-black alike
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
GREY = "#8A8A8A"
OBSERVED, RECONSTRUCTED, SELECTED = GREY, BLUE, ORANGE
# blue to red through what is behind it, so that nothing is white on a dark page
DIVERGING = ((0.0, BLUE), (0.5, "rgba(138,138,138,0.0)"), (1.0, VERMILION))
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)

MARGIN = {"l": 64, "r": 18, "t": 56, "b": 52}
NARROWEST = 20  # units of a label's last digit that an axis shows at least
FOOT = 0.11  # of a spectrum's height, left under it for the names of the lines
LABEL_GAP_NM = 0.8  # names of lines closer than this would overlap on a laptop
WAVELENGTH_TITLE = "Vacuum wavelength [nm]"
FLUX_TITLE = "Normalised flux"


def colour_range(name: str, values: np.ndarray) -> tuple[float, float]:
    """A parameter's own range, so that a colour means the same on every page; else its 1-99 % range."""
    p = parameter(name)
    if p.low is not None and p.high is not None:
        return p.low, p.high
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = np.percentile(finite, [1, 99])
    return float(low), float(high)


def f4(values: ArrayLike) -> np.ndarray:
    """As float32: half the bytes on the way to the browser."""
    return np.asarray(values, np.float32)


def empty_figure(title: str, message: str = "Nothing to draw yet.", height: int = 320) -> go.Figure:
    """A figure without axes: a title, and a message that says why there is nothing to draw."""
    figure = go.Figure()
    figure.add_annotation(
        text=escape(message), showarrow=False, font_size=14, x=0.5, y=0.5, xref="paper", yref="paper"
    )
    figure.update_xaxes(visible=False).update_yaxes(visible=False)
    return finish(figure, title, height)


def finish(figure: go.Figure, title: str, height: int) -> go.Figure:
    """The figure with its title, height and the layout that all figures share."""
    figure.update_layout(
        title={
            "text": title,
            "font": {"size": 15},
            "x": 0.0,
            "xanchor": "left",
            "y": 0.985,
            "yanchor": "top",
        },
        height=height,
        margin=MARGIN,
        hovermode="closest",
        legend={"orientation": "h", "y": 1.0, "x": 1, "xanchor": "right", "yanchor": "bottom"},
    )
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(zeroline=False)
    return figure


def panel(row: int, column: int) -> dict[str, Any]:
    """A place in a figure of several panels, counted from 1, as the keywords of plotly's methods."""
    return {"row": row, "col": column}


def axis_title(name: str) -> str:
    """Symbol and unit of a parameter; the name of an unknown one, its markup escaped."""
    return parameter(name).axis_title if parameter(name).low is not None else escape(name)


def symbol(name: str) -> str:
    """The symbol of a parameter; the name of an unknown one, its markup escaped."""
    return parameter(name).symbol if parameter(name).low is not None else escape(name)


def span(values: ArrayLike, pad: float = 0.04, reverse: bool = False) -> list[float]:
    """A fixed axis range around the finite values, so that a redrawn figure does not jump."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    margin = pad * (high - low or 1.0)
    return [high + margin, low - margin] if reverse else [low - margin, high + margin]


def label_span(name: str, values: ArrayLike, pad: float = 0.04) -> list[float]:
    """`span` of a label's values: never so narrow that its ticks are no numbers one would say.

    Without a value it is the range of the parameter. As astronomers draw it, it may run backwards.
    """
    p, finite = parameter(name), np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if not len(finite) and p.low is not None and p.high is not None:
        finite = np.array([p.low, p.high])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    wide = NARROWEST * 10.0**-p.decimals
    if high - low < wide:
        low, high = (low + high - wide) / 2, (low + high + wide) / 2
    return span([low, high], pad, p.reversed_axis)


def lines_within(wavelength_nm: np.ndarray) -> list[SpectralLine]:
    """The known lines that fall on a grid (L,), in order of wavelength."""
    if not len(wavelength_nm):
        return []
    inside = [line for line in LINES if wavelength_nm[0] <= line.wavelength_nm <= wavelength_nm[-1]]
    return sorted(inside, key=lambda line: line.wavelength_nm)


def _extend_foot(figure: go.Figure) -> None:
    """Extend the first panel downwards, so that no name is written over the core of a line."""
    traces: list[Any] = list(figure.select_traces())
    drawn = [np.asarray(t.y, float) for t in traces if t.y is not None and t.yaxis in (None, "y")]
    values = np.concatenate([y[np.isfinite(y)] for y in drawn]) if drawn else np.empty(0)
    if len(values):
        low, high = span(values, 0.05)
        figure.layout.yaxis.range = [low - FOOT * (high - low), high]


def mark_lines(figure: go.Figure, wavelength_nm: np.ndarray) -> go.Figure:
    """The figure with a thin vertical mark for each line, its species' name at the foot of the first panel.

    Neighbouring names stand on two levels, so that they do not overlap.
    """
    _extend_foot(figure)
    shapes, names, last = [], [], [-np.inf, -np.inf]
    place = {"xref": "x", "yref": "y domain"}
    for line in lines_within(wavelength_nm):
        level = int(line.wavelength_nm - last[0] < LABEL_GAP_NM)
        last[level] = line.wavelength_nm
        shapes.append(
            {
                "type": "line",
                "x0": line.wavelength_nm,
                "x1": line.wavelength_nm,
                "y0": 0,
                "y1": 1,
                **place,
                "line": {"color": GREY, "width": 1, "dash": "dot"},
                "opacity": 0.55,
                "layer": "below",
            }
        )
        names.append(
            {
                "x": line.wavelength_nm,
                "y": 0.0 + 0.055 * level,
                **place,
                "text": line.species,
                "hovertext": line.described,
                "showarrow": False,
                "font": {"size": 10, "color": GREY},
                "yanchor": "bottom",
            }
        )
    # all at once: one by one, Plotly checks those before again and again
    figure.layout.shapes = (*figure.layout.shapes, *shapes)
    figure.layout.annotations = (*figure.layout.annotations, *names)
    return figure
