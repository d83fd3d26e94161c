"""Figures of predicted parameters. Shapes: N stars, P parameters.

Residuals are predicted − true, as in Table 1 of the paper (mean, mean absolute value, standard deviation).
"""

from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..parameters import parameter
from . import style
from .population import density

RUNNING_BINS = 14
MIN_IN_BIN = 8
COLUMNS = 2
HONEST = (0.62, 0.74)  # a 68 % interval should hold this share of the truths
DRAWN = 6000  # stars drawn in one panel; statistics always use all of them


def running(x: np.ndarray, y: np.ndarray, bins: int = RUNNING_BINS) -> tuple[np.ndarray, np.ndarray]:
    """(B,) centres and (B, 3) 16th, 50th and 84th percentile of y in bins of x with at least 8 points."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) < MIN_IN_BIN:
        return np.empty(0), np.empty((0, 3))
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)))
    which = np.clip(np.searchsorted(edges, x, "right") - 1, 0, max(len(edges) - 2, 0))
    found = [
        (x[which == b].mean(), *np.percentile(y[which == b], [16, 50, 84]))
        for b in range(len(edges) - 1)
        if (which == b).sum() >= MIN_IN_BIN
    ]
    table = np.array(found).reshape(-1, 4)
    return table[:, 0], table[:, 1:]


def predicted_against_true(predicted: np.ndarray, true: np.ndarray, names: tuple[str, ...]) -> go.Figure:
    """One panel per label: every star, the running median and the 16-84 % band, and the line where both
    agree.
    """
    title = "Predicted against true"
    if not names or not np.isfinite(true).any():
        return style.empty_figure(title, "These stars carry no true labels to compare with.")
    figure = _panels(len(names))
    for p, name in enumerate(names):
        place = _place(p)
        ends = style.span(true[:, p])
        _scatter(figure, true[:, p], predicted[:, p], place)
        figure.add_trace(_thin(ends, ends, style.GREY, "dash"), **place)
        _running(figure, true[:, p], predicted[:, p], place, p == 0)
        figure.update_xaxes(title_text=f"true {style.axis_title(name)}", range=ends, **place)
        figure.update_yaxes(title_text=f"predicted {style.axis_title(name)}", **place)
    return style.finish(figure, title, _height(len(names)))


def residuals_against_snr(
    predicted: np.ndarray, true: np.ndarray, snr: np.ndarray, names: tuple[str, ...]
) -> go.Figure:
    """One panel per label: predicted − true against the signal-to-noise ratio per pixel, with running median
    and band.
    """
    title = "Residuals against signal-to-noise"
    if not names or not np.isfinite(true).any() or not np.isfinite(snr).any():
        return style.empty_figure(title, "True labels and flux errors are needed.")
    figure = _panels(len(names))
    for p, name in enumerate(names):
        place, residual = _place(p), (predicted - true)[:, p]
        _scatter(figure, np.log10(np.maximum(snr, 1)), residual, place)
        _running(figure, np.log10(np.maximum(snr, 1)), residual, place, p == 0)
        figure.add_hline(
            y=0,
            line={"color": style.GREY, "width": 1, "dash": "dash"},
            **{"row": place["row"], "col": place["col"]},
        )
        ticks = [10, 20, 50, 100, 200, 400]
        figure.update_xaxes(
            title_text="S/N per pixel",
            tickvals=np.log10(ticks).tolist(),
            ticktext=[str(t) for t in ticks],
            **place,
        )
        limit = 4 * np.nanstd(residual) or 1.0
        figure.update_yaxes(title_text=f"Δ {style.axis_title(name)}", range=[-limit, limit], **place)
    return style.finish(figure, title, _height(len(names)))


def coverage(
    predicted: np.ndarray, errors: np.ndarray, true: np.ndarray, snr: np.ndarray, names: tuple[str, ...]
) -> go.Figure:
    """Share of stars whose truth lies within 1σ, in bins of S/N (N,) and of true Teff, a line a label; other
    arrays (N, P).

    Bins are those of `interval_coverage`, which leaves out what holds too few stars to say; the band is
    `HONEST`.
    """
    from ..regression.residuals import MIN_IN_BIN as NEEDED
    from ..regression.residuals import interval_coverage

    title = "Do the error bars hold what they promise?"
    known = [p for p in range(len(names)) if np.isfinite(true[:, p]).any()]
    if not known:
        return style.empty_figure(title, "These stars carry no true labels to compare with.")
    names = tuple(names[p] for p in known)
    found = interval_coverage(
        predicted[:, known],
        true[:, known],
        names,
        errors[:, known],
        snr if np.isfinite(snr).any() else None,
    )
    if not any(found.values()):
        return style.empty_figure(
            title, f"No bin of S/N or temperature holds more than {NEEDED} of these stars: choose more."
        )
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06)
    for column, (key, words) in enumerate(
        (("snr", "S/N per pixel"), ("teff", f"True {style.axis_title('teff')}")), 1
    ):
        _shares(figure, found.get(key, []), names, column)
        figure.update_xaxes(title_text=words, type="category", row=1, col=column)
    figure.update_yaxes(title_text="Share within 1σ", tickformat=".0%", row=1, col=1)
    return style.finish(figure, title, 420)


def _shares(figure: go.Figure, rows: list[dict], names: tuple[str, ...], column: int) -> None:
    """One panel of `coverage`: the band, and a line for each label."""
    bins = [f"{r['low']:.0f}–{r['high']:.0f}" if r["high"] is not None else f"> {r['low']:.0f}" for r in rows]
    for name, colour in zip(names, style.CYCLE * len(names), strict=False):
        figure.add_trace(
            go.Scatter(
                x=bins,
                y=style.f4([r[name] for r in rows]),
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
    figure.add_hrect(
        *HONEST, fillcolor=style.GREEN, opacity=0.18, line_width=0, layer="below", row=1, col=column
    )


def representations(tables: dict[str, dict[str, dict]], column: str = "mean_absolute") -> go.Figure:
    """Bars per label and representation of one column of `residual_statistics`, relative to the label's
    largest bar.
    """
    title = "The same regressor on each representation"
    if not tables:
        return style.empty_figure(title, "These stars carry no true labels to compare with.")
    names = list(dict.fromkeys(name for labels in tables.values() for name in labels))
    figure = go.Figure()
    largest = {
        n: max(labels[n].get(column, np.nan) for labels in tables.values() if n in labels) for n in names
    }
    for k, (representation, labels) in enumerate(tables.items()):
        values = {name: row.get(column, np.nan) for name, row in labels.items()}
        figure.add_trace(
            go.Bar(
                x=[style.axis_title(n) for n in names],
                y=[values.get(n, np.nan) / (largest[n] or 1) for n in names],
                name=escape(representation),
                marker_color=style.CYCLE[k % 6],
                text=[_short(n, values.get(n, np.nan)) for n in names],
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


def _panels(count: int) -> go.Figure:
    columns = min(count, COLUMNS)
    return make_subplots(
        rows=-(-count // columns),
        cols=columns,
        horizontal_spacing=0.12,
        vertical_spacing=0.3 / -(-count // columns),
    )


def _place(p: int) -> dict:
    return {"row": p // COLUMNS + 1, "col": p % COLUMNS + 1}


def _height(count: int) -> int:
    return 120 + 300 * -(-count // COLUMNS)


def _thin(x, y, colour: str, dash: str = "solid") -> go.Scatter:
    line = {"color": colour, "width": 1, "dash": dash}  # GL like the points: an SVG line would lie under them
    return go.Scattergl(
        x=style.f4(x), y=style.f4(y), mode="lines", line=line, showlegend=False, hoverinfo="skip"
    )


def _scatter(figure: go.Figure, x, y, place: dict) -> None:
    rows = slice(None) if len(x) <= DRAWN else np.linspace(0, len(x) - 1, DRAWN).astype(int)
    x, y = x[rows], y[rows]
    marker = {"size": 4, "color": density(x, y), "colorscale": "Viridis", "opacity": 0.7}
    figure.add_trace(
        go.Scattergl(
            x=style.f4(x), y=style.f4(y), mode="markers", marker=marker, showlegend=False, hoverinfo="x+y"
        ),
        **place,
    )


def _running(figure: go.Figure, x, y, place: dict, legend: bool) -> None:
    centres, band = running(x, y)
    if not len(centres):
        return
    for k, dash, name in ((1, "solid", "running median"), (0, "dot", "16-84 %"), (2, "dot", "16-84 %")):
        line = {"color": style.VERMILION, "width": 2.5 if k == 1 else 2, "dash": dash}
        drawn = {"mode": "lines", "line": line, "name": name, "showlegend": legend and k < 2}
        figure.add_trace(go.Scattergl(x=style.f4(centres), y=style.f4(band[:, k]), **drawn), **place)
