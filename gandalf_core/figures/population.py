"""Figures of a population's labels. Shapes: N stars, P parameters."""

from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..parameters import parameter
from . import style

BINS = 60
DENSITY_BINS = 80


def histograms(
    values: np.ndarray, names: tuple[str, ...], *, others: dict[str, np.ndarray] | None = None
) -> go.Figure:
    """One panel per label of (N, P), stars without that label left out; `others` are drawn as outlines on the
    same bins.
    """
    title = "How the labels are distributed"
    if not names or not np.isfinite(values).any():
        return style.empty_figure(
            title, "These stars carry no labels: see their predictions on the Parameters page."
        )
    columns = min(len(names), 4)
    rows = -(-len(names) // columns)
    figure = make_subplots(rows=rows, cols=columns, horizontal_spacing=0.06, vertical_spacing=0.28 / rows)
    for p, name in enumerate(names):
        place = {"row": p // columns + 1, "col": p % columns + 1}
        _add_histogram(figure, values[:, p], name, style.BLUE, p == 0, place)
        for k, (group, more) in enumerate((others or {}).items()):
            _add_histogram(
                figure, more[:, p], group, style.CYCLE[k + 1], p == 0, place, edges_of=values[:, p]
            )
        figure.update_xaxes(title_text=style.axis_title(name), **place)
    figure.update_yaxes(title_text="Stars", col=1)
    figure.update_layout(barmode="overlay", bargap=0, showlegend=bool(others))
    return style.finish(figure, title, 60 + 240 * rows)


def _add_histogram(figure, column, name, colour, legend, place, edges_of=None) -> None:
    reference = column if edges_of is None else edges_of
    finite = reference[np.isfinite(reference)]
    if not len(finite):
        return
    counts, edges = np.histogram(column[np.isfinite(column)], BINS, (finite.min(), finite.max() + 1e-9))
    outline = (
        {"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1.2}}
        if edges_of is not None
        else {"color": colour}
    )
    figure.add_trace(
        go.Bar(
            x=style.f4((edges[1:] + edges[:-1]) / 2),
            y=counts.astype(np.int32),
            width=float(edges[1] - edges[0]),
            marker=outline,
            name=escape(name),
            showlegend=legend,
            hovertemplate="%{x:.4~g}: %{y} stars<extra></extra>",
        ),
        **place,
    )


def density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) float32 in 0-1: how crowded the diagram is at each point (log of a smoothed 2-D histogram); NaN
    stays NaN.
    """
    good = np.isfinite(x) & np.isfinite(y)
    out = np.full(len(x), np.nan, np.float32)
    if good.sum() < 2:
        out[good] = 1.0
        return out
    counts, x_edges, y_edges = np.histogram2d(x[good], y[good], DENSITY_BINS)
    smooth = _smooth(_smooth(counts).T).T
    i = np.clip(np.searchsorted(x_edges, x[good], "right") - 1, 0, DENSITY_BINS - 1)
    j = np.clip(np.searchsorted(y_edges, y[good], "right") - 1, 0, DENSITY_BINS - 1)
    level = np.log1p(smooth[i, j])
    out[good] = level / max(level.max(), 1e-9)
    return out


def _smooth(counts: np.ndarray) -> np.ndarray:
    kernel = np.array([1, 4, 6, 4, 1]) / 16
    return np.apply_along_axis(np.convolve, 0, counts, kernel, "same")


def diagram_axes(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Which label against which: the Kiel and the abundance diagram where their labels exist, the remaining
    labels in pairs.
    """
    pairs = [pair for pair in (("teff", "logg"), ("mh", "alphafe")) if set(pair) <= set(names)]
    left = [n for n in names if not any(n in pair for pair in pairs)]
    pairs += [(left[k], left[k + 1]) for k in range(0, len(left) - 1, 2)]
    if len(left) % 2 and len(names) > 1:
        pairs.append((left[-1], next(n for n in names if n != left[-1])))
    return pairs


def diagram_title(x: str, y: str) -> str:
    known = {("teff", "logg"): "Kiel diagram", ("mh", "alphafe"): "Abundance diagram"}
    return known.get((x, y), f"{style.symbol(y)} against {style.symbol(x)}")


def format_value(name: str, value: float, error: float | None = None) -> str:
    """A value as a person writes it, with its uncertainty where there is one; an em dash when it is missing."""
    if not np.isfinite(value):
        return "–"
    p = parameter(name)
    text = f"{value:.{p.decimals}f}"
    if error is not None and np.isfinite(error):
        text += f" ± {error:.{p.decimals}f}"
    return f"{text} {p.unit}".rstrip()
