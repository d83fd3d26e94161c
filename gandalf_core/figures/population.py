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
    """One panel per label of values (N, P); the groups `others`, (M, P) each, are outlines on the same bins.

    Stars without a label are left out of its panel.
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
        place = style.panel(p // columns + 1, p % columns + 1)
        finite = values[np.isfinite(values[:, p]), p]
        if len(finite):
            edges = np.linspace(finite.min(), finite.max() + 1e-9, BINS + 1)
            bars = [_bars(finite, edges, name, {"color": style.BLUE})]
            for (group, more), colour in zip((others or {}).items(), style.CYCLE[1:], strict=False):
                bars.append(_bars(more[:, p], edges, group, _outline(colour)))
            figure.add_traces([bar.update(showlegend=p == 0) for bar in bars], place["row"], place["col"])
        figure.update_xaxes(title_text=style.axis_title(name), **place)
    figure.update_yaxes(title_text="Stars", col=1)
    figure.update_layout(barmode="overlay", bargap=0, showlegend=bool(others))
    return style.finish(figure, title, 60 + 240 * rows)


def _bars(values: np.ndarray, edges: np.ndarray, name: str, marker: dict) -> go.Bar:
    """How many of the values (N,), gaps left out, are in each bin."""
    counts, _ = np.histogram(values[np.isfinite(values)], edges)
    return go.Bar(
        x=style.f4((edges[1:] + edges[:-1]) / 2),
        y=counts.astype(np.int32),
        width=float(edges[1] - edges[0]),
        marker=marker,
        name=escape(name),
        hovertemplate="%{x:.4~g}: %{y} stars<extra></extra>",
    )


def _outline(colour: str) -> dict:
    return {"color": "rgba(0,0,0,0)", "line": {"color": colour, "width": 1.2}}


def density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N,) float32 in 0-1: how crowded the diagram is at each point; NaN stays NaN.

    The logarithm of a smoothed 2-D histogram.
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
    """Pairs of labels, x and y: the Kiel and the abundance diagram where possible, then other pairs."""
    pairs = [pair for pair in (("teff", "logg"), ("mh", "alphafe")) if set(pair) <= set(names)]
    left = [n for n in names if not any(n in pair for pair in pairs)]
    pairs += [(left[k], left[k + 1]) for k in range(0, len(left) - 1, 2)]
    if len(left) % 2 and len(names) > 1:
        pairs.append((left[-1], next(n for n in names if n != left[-1])))
    return pairs


def diagram_title(x: str, y: str) -> str:
    """What the diagram of two labels is called."""
    names = {("teff", "logg"): "Kiel diagram", ("mh", "alphafe"): "Abundance diagram"}
    return names.get((x, y), f"{style.symbol(y)} against {style.symbol(x)}")


def format_value(name: str, value: float, error: float | None = None, *, limit: str = "") -> str:
    """A value with its unit, and its uncertainty where known; a dash for a missing value.

    limit: words before an uncertainty that is a lower limit.
    """
    if not np.isfinite(value):
        return "–"
    p = parameter(name)
    text = f"{value:.{p.decimals}f}"
    if error is not None and np.isfinite(error):
        text += f" ± {limit} {error:.{p.decimals}f}" if limit else f" ± {error:.{p.decimals}f}"
    return f"{text} {p.unit}".rstrip()
