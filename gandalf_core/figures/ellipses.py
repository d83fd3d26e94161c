"""One star's labels with their joint errors. Shapes: N stars, P labels, E points of an ellipse."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..parameters import parameter
from . import style
from .population import diagram_axes, diagram_title

Trace = go.Scatter | go.Scattergl
TITLE = "The star's parameters with their joint errors"


@dataclass(frozen=True, eq=False)
class Estimate:
    """What one source says of a star.

    values: (P,).  outlines: pair of labels → (E, 2) the ellipse around them.  limit: the errors are lower
    limits.
    """

    values: np.ndarray
    outlines: Mapping[tuple[str, str], np.ndarray]
    limit: bool = False


def joint_errors(
    estimates: Mapping[str, Estimate],
    names: tuple[str, ...],
    *,
    others: np.ndarray | None = None,
    own: np.ndarray | None = None,
) -> go.Figure:
    """A panel for each diagram of labels `names`, with an ellipse for each source.

    others: (N, P) labels of the sample, as dots behind.  own: (P,) the star's own labels.
    """
    pairs = [p for p in diagram_axes(names) if any(p in e.outlines for e in estimates.values())]
    if not pairs:
        return style.empty_figure(TITLE, "No two parameters are read from this star.")
    titles = [diagram_title(x, y) for x, y in pairs]
    figure = make_subplots(rows=1, cols=len(pairs), subplot_titles=titles, horizontal_spacing=0.1)
    for column, pair in enumerate(pairs, 1):
        x, y = (names.index(name) for name in pair)
        traces: list[Trace] = [] if others is None else [_dots(others[:, x], others[:, y])]
        for (source, estimate), colour in zip(estimates.items(), style.CYCLE, strict=False):
            traces += _estimate(source, estimate, pair, estimate.values[[x, y]], colour)
        if own is not None and np.isfinite(own[[x, y]]).all():
            traces.append(_mark("own labels", own[[x, y]], style.ORANGE, "diamond"))
        figure.add_traces(traces, 1, column)
        if column > 1:  # what a mark means stands in the legend once
            figure.update_traces(showlegend=False, col=column)
        _set_axes(figure, pair, column, [estimate.outlines.get(pair) for estimate in estimates.values()])
    return style.finish(figure, TITLE, 430)


def _estimate(
    source: str, estimate: Estimate, pair: tuple[str, str], values: np.ndarray, colour: str
) -> list[Trace]:
    """The ellipse of a source and its middle; dashed where the errors are lower limits."""
    outline = estimate.outlines.get(pair)
    if outline is None:
        return []
    line = {"color": colour, "width": 2, "dash": "dash" if estimate.limit else "solid"}
    name = escape(f"{source} (at least)" if estimate.limit else source)
    ellipse = go.Scatter(
        x=style.f4(outline[:, 0]), y=style.f4(outline[:, 1]), mode="lines", line=line, name=name
    )
    return [ellipse.update(hoverinfo="skip"), _mark(source, values, colour, "cross").update(showlegend=False)]


def _mark(name: str, point: np.ndarray, colour: str, symbol: str) -> go.Scatter:
    return go.Scatter(
        x=style.f4(point[:1]),
        y=style.f4(point[1:]),
        mode="markers",
        marker={"color": colour, "size": 9, "symbol": symbol},
        name=escape(name),
        hovertemplate=f"{escape(name)}: %{{x:.4~g}}, %{{y:.4~g}}<extra></extra>",
    )


def _dots(x: np.ndarray, y: np.ndarray) -> go.Scattergl:
    return go.Scattergl(
        x=style.f4(x),
        y=style.f4(y),
        mode="markers",
        marker={"color": style.GREY, "size": 3, "opacity": 0.35},
        name="the chosen stars",
        hoverinfo="skip",
    )


def _set_axes(
    figure: go.Figure, pair: tuple[str, str], column: int, outlines: list[np.ndarray | None]
) -> None:
    """Titles, and ranges that show every ellipse with as much room on each side."""
    known = [o for o in outlines if o is not None and np.isfinite(o).all()]
    place = style.panel(1, column)
    for k, (name, update) in enumerate(zip(pair, (figure.update_xaxes, figure.update_yaxes), strict=True)):
        reverse = parameter(name).reversed_axis
        update(title_text=style.axis_title(name), **place)
        if known:
            update(range=style.label_span(name, np.concatenate(known)[:, k], 1.0), **place)
        elif reverse:
            update(autorange="reversed", **place)
