"""Figures of a sweep, drawn from its results (one dictionary per trial) and from its two curves.

The first two are those by which the paper (Manteiga et al. 2025) chose its settings: reconstruction error
against latent size, and reconstruction error against discriminator error over λ.
"""

import json
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike

from ..sweeps.space import SPREAD
from . import style

SCORES = {
    "balance": "Leakage + loss + lost flux",
    "excess": "Leakage + loss, by quick probes",
    "audit": "Leakage + loss, by all probes",
    "reconstruction": "Mean squared error of the flux",
}
FIELDS = {
    "lambda_scale": "factor on every λ",
    "model.latent_size": "latent dimensions",
    "model.noise": "noise of the latent",
    "adversary.steps": "discriminator steps per batch",
    "training.learning_rate": "learning rate",
    "training.epochs": "epochs",
}
LOG_BEYOND = 20.0  # positive values that span more than this factor get a logarithmic axis
COLOUR_TICKS = 6
NAME_GAP = 0.1  # of the axes, between two points that carry a name
MAX_TICKS = 8
PLAIN = "~g"  # a format: 0.0009, not 900µ
NO_TRIALS = "No trial is finished yet."


def field_words(path: str) -> str:
    """A field of the configuration in words; its path where there are none."""
    return FIELDS.get(path, path)


def latent_size(points: list[dict]) -> go.Figure:
    """Rms reconstruction error against latent size: one point per trial, a line through the best ones."""
    title = "Reconstruction error against latent size"
    if not points:
        return style.empty_figure(title, NO_TRIALS)
    sizes, errors = np.array([p["latent_size"] for p in points]), _rms(points)
    each = np.unique(sizes)
    best = [errors[sizes == size].min() for size in each]
    figure = go.Figure(_path(each, best, "best of its size", {"color": style.BLUE, "width": 2}))
    figure.add_trace(_dots(sizes, errors, points, "latent size %{x}"))
    figure.update_xaxes(
        title_text="Latent dimensions", rangemode="tozero", dtick=1 if each.max() < 8 else None
    )
    figure.update_yaxes(title_text="Rms error [flux]")
    return style.finish(figure, title, 380)


def adversary(points: list[dict]) -> go.Figure:
    """Rms reconstruction error against the discriminators' mean error, coloured by the mean |λ|.

    The dashed line is guessing.
    """
    title = "Reconstruction against discriminator error, over λ"
    if not points:
        return style.empty_figure(
            title, "No finished trial trained a discriminator: give labels a λ, and search lambda_scale."
        )
    points = sorted(points, key=lambda p: p["mean_lambda"])
    x, y = np.array([p["discriminator_error"] for p in points]), _rms(points)
    strengths, rank = np.unique([p["mean_lambda"] for p in points], return_inverse=True)
    mean_x, mean_y = ([v[rank == k].mean() for k in range(len(strengths))] for v in (x, y))
    figure = go.Figure(_path(style.f4(mean_x), mean_y, "in order of λ", {"color": style.GREY, "width": 1}))
    names = [
        f"{p['mean_lambda']:.2g}" if apart else "" for p, apart in zip(points, _apart(x, y), strict=True)
    ]
    dots = _dots(x, y, points, "discriminator error %{x:.3f}")
    dots.update(mode="markers+text", text=names, textposition="top center", cliponaxis=False)
    figure.add_trace(dots.update(marker=_colours(strengths, rank)))
    guessing = float(np.mean([p["chance_error"] for p in points]))
    dashed = {"color": style.GREEN, "width": 1.5, "dash": "dash"}
    figure.add_vline(x=guessing, line=dashed, annotation_text="guessing", annotation_position="bottom left")
    figure.update_xaxes(
        title_text="Share of stars that the discriminators get wrong", range=style.span([*x, guessing], 0.08)
    )
    figure.update_yaxes(title_text="Rms error [flux]", range=style.span(y, 0.15))
    figure.update_layout(showlegend=False)
    return style.finish(figure, title, 380)


def trade_off(rows: list[dict], score: str) -> go.Figure:
    """Rms reconstruction error against leakage: one point per trial, bars where it has several seeds.

    The line joins trials that no other beats in both; the star is the best by the score (one of SCORES).
    """
    title = "Reconstruction against leakage"
    finished = [r for r in rows if _finite(r.get("leakage")) and _finite(r.get("score"))]
    if not finished:
        return style.empty_figure(title, NO_TRIALS)
    x, y = np.array([r["leakage"] for r in finished]), _rms(finished)
    front = _front(x, y)
    figure = go.Figure(_path(x[front], y[front], "not beaten in both", {"color": style.GREY, "width": 1}))
    dots = _dots(x, y, finished, "leakage %{x:.3g}")
    # the error of a root is that of its square over twice the root
    figure.add_trace(
        dots.update(
            error_x=_bars(finished, "leakage"), error_y=_bars(finished, "reconstruction_mse", 1 / (2 * y))
        )
    )
    best = int(np.argmin([r["score"] for r in finished]))
    figure.add_trace(_star(x[best], y[best]))
    figure.update_xaxes(title_text="Leakage: mean excess R² of the removed parameters", tickformat=PLAIN)
    figure.update_yaxes(title_text="Rms error [flux]", tickformat=PLAIN)
    figure.update_layout(showlegend=False)
    return style.finish(figure, title, 380)


def _front(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The points that no other beats in both x and y (N,), in order of x."""
    order = np.lexsort((y, x))
    lowest = np.minimum.accumulate(y[order])
    first = np.concatenate([[True], y[order][1:] < lowest[:-1]])
    return order[first]


def _bars(trials: list[dict], measure: str, factor: ArrayLike = 1.0) -> dict | None:
    """The standard deviation of a measure between seeds as bars; None where there is one seed."""
    spread = np.array([t.get(SPREAD + measure) or 0.0 for t in trials], float)
    if not spread.any():
        return None
    look = {"color": style.GREY, "thickness": 1, "width": 3}
    return {"type": "data", "array": style.f4(spread * factor), **look}


def _rms(points: list[dict]) -> np.ndarray:
    return np.sqrt([p["reconstruction_mse"] for p in points])


def _apart(x: np.ndarray, y: np.ndarray) -> list[bool]:
    """Which points can carry a name without overlap; in a crowd, the first one."""
    places = np.stack([v / (np.ptp(v) or 1.0) for v in (x, y)], 1)
    named: list[bool] = []
    for place in places:
        earlier = [other for other, has_name in zip(places, named, strict=False) if has_name]
        named.append(all(np.abs(place - other).max() >= NAME_GAP for other in earlier))
    return named


def _path(x: np.ndarray, y: ArrayLike, name: str, line: dict) -> go.Scatter:
    return go.Scatter(x=x, y=style.f4(y), mode="lines", line=line, name=name, hoverinfo="skip")


def _dots(x: ArrayLike, y: ArrayLike, trials: list[dict], hover: str) -> go.Scatter:
    """One point per trial; `hover` says what x is."""
    return go.Scatter(
        x=x,
        y=style.f4(y),
        mode="markers",
        name="one trial",
        marker={"size": 10, "color": style.BLUE, "line": {"width": 1, "color": style.GREY}},
        customdata=[t["trial"] for t in trials],
        hovertemplate=f"trial %{{customdata}}<br>{hover}<br>%{{y:.4g}}<extra></extra>",
    )


def _colours(strengths: np.ndarray, rank: np.ndarray) -> dict:
    """Colours by the rank of λ, which keeps 0 and values over many decades apart, and a bar of values."""
    ticks = np.unique(np.linspace(0, len(strengths) - 1, COLOUR_TICKS).round().astype(int))
    bar = {
        "title": {"text": "mean |λ|", "side": "right"},
        "thickness": 12,
        "tickvals": ticks.tolist(),
        "ticktext": [f"{strengths[k]:.2g}" for k in ticks],
    }
    top = max(len(strengths) - 1, 1)
    return {
        "color": rank.tolist(),
        "cmin": 0,
        "cmax": top,
        "colorscale": "Viridis",
        "showscale": True,
        "colorbar": bar,
    }


def score_against(rows: list[dict], path: str, score: str) -> go.Figure:
    """The score of every finished trial against the value of one field, the best one marked.

    score: which of SCORES it is.
    """
    name = escape(field_words(path))
    title = f"Score against {name}"
    finished = [r for r in rows if _finite(r.get("score")) and r.get(path) is not None]
    if not finished:
        return style.empty_figure(title, NO_TRIALS)
    values, scores = [_plain(r[path]) for r in finished], np.array([r["score"] for r in finished])
    best = int(scores.argmin())
    dots = _dots(values, scores, finished, f"{name} = %{{x}}")
    figure = go.Figure(dots.update(error_y=_bars(finished, "score")))
    figure.add_trace(_star(values[best], scores[best]))
    figure.update_xaxes(title_text=name[0].upper() + name[1:], type=axis_type(values), **_ticks(values))
    figure.update_yaxes(title_text=SCORES.get(score, escape(score)), tickformat=PLAIN)
    if scores.min() == scores.max():  # else the axis shows differences that are rounding
        margin = 0.1 * abs(scores[0]) or 1.0
        figure.update_yaxes(range=[scores[0] - margin, scores[0] + margin])
    return style.finish(figure, title, 380)


def _star(value: float | str, score: float) -> go.Scatter:
    mark = {"size": 17, "symbol": "star", "color": style.VERMILION, "line": {"width": 1, "color": "white"}}
    return go.Scatter(
        x=[value], y=style.f4([score]), mode="markers", name="the best", marker=mark, hoverinfo="skip"
    )


def axis_type(values: list) -> str:
    """`linear`; `log` for numbers that span more than a factor `LOG_BEYOND`; `category` for texts.

    Also `category` for such a span with a 0 in it, which has no logarithm.
    """
    if any(isinstance(v, str) for v in values):
        return "category"
    sizes = [abs(v) for v in values if v]
    wide = bool(sizes) and max(sizes) / min(sizes) > LOG_BEYOND
    return "linear" if not wide else "log" if min(values) > 0 else "category"


def _ticks(values: list) -> dict:
    """Ticks at the values themselves, where they are few."""
    different = list(dict.fromkeys(values))
    if axis_type(values) == "category":
        ordered = different if isinstance(different[0], str) else sorted(different)
        return {"categoryorder": "array", "categoryarray": ordered}
    if len(different) > MAX_TICKS:
        return {}
    return {"tickvals": different, "ticktext": [f"{v:g}" for v in different]}


def _plain(value: Any) -> float | str:
    """A number as it is; truth values, lists and texts as text."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, float, np.number)):
        return value.item() if isinstance(value, np.number) else value
    return escape(value if isinstance(value, str) else json.dumps(value))


def _finite(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))
