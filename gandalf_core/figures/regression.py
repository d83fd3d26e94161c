"""Figures of predicted parameters. Residuals are predicted − true, as in Table 1 of the paper.

Shapes: N stars, P parameters, B bins.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..parameters import parameter
from ..regression.residuals import MIN_IN_BIN as MIN_FOR_COVERAGE
from . import style
from .population import density

RUNNING_BINS = 14
MIN_IN_BIN = 8  # points of a running median
COLUMNS = 2
HONEST = (0.62, 0.74)  # a 68 % interval should hold this share of the truths
MAX_DRAWN = 6000  # stars in one panel; the running median uses all of them
SNR_TICKS = (10, 20, 50, 100, 200, 400)
NO_TRUTH = "These stars carry no true labels to compare with."


def predicted_against_true(predicted: np.ndarray, true: np.ndarray, names: tuple[str, ...]) -> go.Figure:
    """One panel per label of (N, P): every star, running median and 16-84 % band, the line of equality."""
    title = "Predicted against true"
    if not names or not np.isfinite(true).any():
        return style.empty_figure(title, NO_TRUTH)
    figure = _panels(len(names))
    for p, name in enumerate(names):
        place = _place(p)
        ends = style.span(true[:, p])
        _add_stars(figure, true[:, p], predicted[:, p], place)
        figure.add_trace(_thin_line(ends, ends), **place)
        _add_running(figure, true[:, p], predicted[:, p], place, p == 0)
        figure.update_xaxes(title_text=f"true {style.axis_title(name)}", range=ends, **place)
        figure.update_yaxes(title_text=f"predicted {style.axis_title(name)}", **place)
    return style.finish(figure, title, _height(len(names)))


def residuals_against_snr(
    predicted: np.ndarray, true: np.ndarray, snr: np.ndarray, names: tuple[str, ...]
) -> go.Figure:
    """One panel per label of (N, P): predicted − true against S/N per pixel (N,), running median and band."""
    title = "Residuals against signal-to-noise"
    if not names or not np.isfinite(true).any() or not np.isfinite(snr).any():
        return style.empty_figure(title, "True labels and flux errors are needed.")
    figure, x = _panels(len(names)), np.log10(np.maximum(snr, 1))
    ticks = {"tickvals": np.log10(SNR_TICKS).tolist(), "ticktext": [str(t) for t in SNR_TICKS]}
    for p, name in enumerate(names):
        place, residual = _place(p), (predicted - true)[:, p]
        _add_stars(figure, x, residual, place)
        _add_running(figure, x, residual, place, p == 0)
        figure.add_hline(y=0, line={"color": style.GREY, "width": 1, "dash": "dash"}, **place)
        figure.update_xaxes(title_text="S/N per pixel", **ticks, **place)
        limit = 4 * np.nanstd(residual) or 1.0
        figure.update_yaxes(title_text=f"Δ {style.axis_title(name)}", range=[-limit, limit], **place)
    return style.finish(figure, title, _height(len(names)))


def coverage(shares: Mapping[str, list[dict]]) -> go.Figure:
    """Share of stars whose truth lies within 1σ, in bins of S/N and of true Teff, one line per label.

    shares: as `interval_coverage` returns them. The band is `HONEST`.
    """
    title = "Do the error bars hold what they promise?"
    if not shares:
        return style.empty_figure(title, NO_TRUTH)
    if not any(shares.values()):
        message = (
            f"No bin of S/N or temperature holds more than {MIN_FOR_COVERAGE} of these stars: choose more."
        )
        return style.empty_figure(title, message)
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    for column, (key, words) in enumerate(
        (("snr", "S/N per pixel"), ("teff", f"True {style.axis_title('teff')}")), 1
    ):
        _add_shares(figure, shares.get(key, []), column)
        figure.update_xaxes(title_text=words, type="category", row=1, col=column)
    figure.update_yaxes(title_text="Share within 1σ", tickformat=".0%", row=1, col=1)
    return style.finish(figure, title, 420)


def _add_shares(figure: go.Figure, rows: list[dict], column: int) -> None:
    """One panel of `coverage`: the band, and a line for each label."""
    bins = [f"{r['low']:.0f}–{r['high']:.0f}" if r["high"] is not None else f"> {r['low']:.0f}" for r in rows]
    names = [key for key in (rows[0] if rows else ()) if key not in ("low", "high", "stars")]
    for name, colour in zip(names, style.CYCLE * len(names), strict=False):
        figure.add_trace(
            go.Scatter(
                x=bins,
                y=[r[name] for r in rows],
                name=style.symbol(name),
                legendgroup=name,
                showlegend=column == 1,
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"size": 7},
                customdata=[r["stars"] for r in rows],
                hovertemplate="%{x}: %{y:.1%} of %{customdata:,} stars",
            ),
            row=1,
            col=column,
        )
    band = {"fillcolor": style.GREEN, "opacity": 0.18, "line_width": 0, "layer": "below"}
    figure.add_hrect(*HONEST, **band, **style.panel(1, column))


def representations(
    tables: Mapping[str, Mapping[str, Mapping[str, Any]]], column: str = "mean_absolute"
) -> go.Figure:
    """Bars per label and representation of one column of `residual_statistics`.

    Each bar is relative to its label's largest.
    """
    title = "The same regressor on each representation"
    if not tables:
        return style.empty_figure(title, NO_TRUTH)
    names = list(dict.fromkeys(name for labels in tables.values() for name in labels))
    values = {r: [labels.get(n, {}).get(column, np.nan) for n in names] for r, labels in tables.items()}
    largest = [max(column_values) or 1 for column_values in zip(*values.values(), strict=True)]
    figure = go.Figure()
    for k, (representation, heights) in enumerate(values.items()):
        figure.add_trace(
            go.Bar(
                x=[style.axis_title(n) for n in names],
                y=[height / top for height, top in zip(heights, largest, strict=True)],
                name=escape(representation),
                marker_color=style.CYCLE[k % len(style.CYCLE)],
                text=[_short(n, height) for n, height in zip(names, heights, strict=True)],
                textposition="outside",
                cliponaxis=False,
            )
        )
    figure.update_xaxes(title_text="Parameter; numbers in its unit")
    figure.update_yaxes(title_text="Mean absolute error, largest = 1", range=[0, 1.15])
    return style.finish(figure, title, 380)


def _short(name: str, value: float) -> str:
    p = parameter(name)
    return f"{value:.{p.decimals + (0 if p.unit == 'K' else 1)}f}"


# --- panels ---


def _panels(count: int) -> go.Figure:
    rows = -(-count // COLUMNS)
    columns = min(count, COLUMNS)
    return make_subplots(rows=rows, cols=columns, horizontal_spacing=0.12, vertical_spacing=0.3 / rows)


def _place(p: int) -> dict[str, Any]:
    return style.panel(p // COLUMNS + 1, p % COLUMNS + 1)


def _height(count: int) -> int:
    return 120 + 300 * -(-count // COLUMNS)


def _thin_line(x: list[float], y: list[float]) -> go.Scattergl:
    """A dashed line. GL like the points: an SVG line would lie under them."""
    line = {"color": style.GREY, "width": 1, "dash": "dash"}
    return go.Scattergl(
        x=style.f4(x), y=style.f4(y), mode="lines", line=line, showlegend=False, hoverinfo="skip"
    )


def _add_stars(figure: go.Figure, x: np.ndarray, y: np.ndarray, place: dict[str, Any]) -> None:
    rows = slice(None) if len(x) <= MAX_DRAWN else np.linspace(0, len(x) - 1, MAX_DRAWN).astype(int)
    x, y = x[rows], y[rows]
    marker = {"size": 4, "color": density(x, y), "colorscale": "Viridis", "opacity": 0.7}
    figure.add_trace(
        go.Scattergl(
            x=style.f4(x), y=style.f4(y), mode="markers", marker=marker, showlegend=False, hoverinfo="x+y"
        ),
        **place,
    )


def _add_running(
    figure: go.Figure, x: np.ndarray, y: np.ndarray, place: dict[str, Any], legend: bool
) -> None:
    centres, band = running(x, y)
    if not len(centres):
        return
    for k, dash, name in ((1, "solid", "running median"), (0, "dot", "16-84 %"), (2, "dot", "16-84 %")):
        line = {"color": style.VERMILION, "width": 2.5 if k == 1 else 2, "dash": dash}
        look = {"mode": "lines", "line": line, "name": name, "showlegend": legend and k < 2}
        figure.add_trace(go.Scattergl(x=style.f4(centres), y=style.f4(band[:, k]), **look), **place)


def running(x: np.ndarray, y: np.ndarray, bins: int = RUNNING_BINS) -> tuple[np.ndarray, np.ndarray]:
    """(B,) centres and (B, 3) 16th, 50th and 84th percentile of y in bins of x with at least 8 points."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) < MIN_IN_BIN:
        return np.empty(0), np.empty((0, 3))
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)))
    which = np.clip(np.searchsorted(edges, x, "right") - 1, 0, max(len(edges) - 2, 0))
    rows = [
        (x[which == b].mean(), *np.percentile(y[which == b], [16, 50, 84]))
        for b in range(len(edges) - 1)
        if (which == b).sum() >= MIN_IN_BIN
    ]
    table = np.array(rows).reshape(-1, 4)
    return table[:, 0], table[:, 1:]
