"""Figures of a sweep, drawn from `sweep.results` (as a list of rows) and `sweep.curves`.

The first two are those by which the paper (Manteiga et al. 2025) chose its settings: reconstruction error
against latent size, and reconstruction error against discriminator error over λ.
"""

import json
from html import escape

import numpy as np
import plotly.graph_objects as go

from . import style

SCORES = {
    "reconstruction": "Mean squared error of the flux",
    "excess": "Leakage + loss, by quick probes",
    "audit": "Leakage + loss, by all probes",
}
FIELDS = {
    "lambda_scale": "factor on every λ",
    "model.latent_size": "latent numbers",
    "model.noise": "noise of the latent",
    "adversary.steps": "discriminator steps a batch",
    "training.learning_rate": "learning rate",
    "training.epochs": "epochs",
}
LOG_BEYOND = 20.0  # positive values that span more than this factor get a logarithmic axis
COLOUR_TICKS = 6
ROOM = 0.1  # of the drawn range, from a named point to the next name
FEW = 8
PLAIN = "~g"  # 0.0009, not 900µ
NO_TRIALS = "No trial is finished yet."


def field_words(path: str) -> str:
    """A field of the configuration as people call it; one without such a name by its path."""
    return FIELDS.get(path, path)


def latent_size(points: list[dict]) -> go.Figure:
    """Rms reconstruction error against the number of latent numbers, a point a trial, a line through the best
    of each size.
    """
    title = "Reconstruction error against latent size"
    if not points:
        return style.empty_figure(title, NO_TRIALS)
    sizes, errors = np.array([p["latent_size"] for p in points]), _rms(points)
    each = np.unique(sizes)
    best = [errors[sizes == size].min() for size in each]
    line = {"color": style.BLUE, "width": 2}
    figure = go.Figure(
        go.Scatter(
            x=each, y=style.f4(best), mode="lines", line=line, name="best of its size", hoverinfo="skip"
        )
    )
    figure.add_trace(_dots(sizes, errors, points, "a trial", style.BLUE, "latent size %{x}"))
    figure.update_xaxes(title_text="Latent numbers", rangemode="tozero", dtick=1 if each.max() < 8 else None)
    figure.update_yaxes(title_text="Rms error [flux]")
    return style.finish(figure, title, 380)


def adversary(points: list[dict]) -> go.Figure:
    """Rms reconstruction error against the discriminators' mean error, coloured by the mean |λ|; the dashed
    line is guessing.
    """
    title = "Reconstruction against discriminator error, over λ"
    if not points:
        return style.empty_figure(
            title, "No finished trial trained a discriminator: give labels a λ, and search lambda_scale."
        )
    points = sorted(points, key=lambda p: p["mean_lambda"])
    x, y = np.array([p["discriminator_error"] for p in points]), _rms(points)
    strengths, rank = np.unique([p["mean_lambda"] for p in points], return_inverse=True)
    means = [(x[rank == k].mean(), y[rank == k].mean()) for k in range(len(strengths))]
    figure = go.Figure(
        go.Scatter(
            x=style.f4([m[0] for m in means]),
            y=style.f4([m[1] for m in means]),
            mode="lines",
            hoverinfo="skip",
            line={"color": style.GREY, "width": 1},
            name="in order of λ",
        )
    )
    drawn = _dots(x, y, points, "a trial", style.BLUE, "discriminator error %{x:.3f}")
    drawn.marker.update(_colours(strengths, rank))
    names = [
        f"{p['mean_lambda']:.2g}" if alone else "" for p, alone in zip(points, _apart(x, y), strict=True)
    ]
    drawn.update(mode="markers+text", text=names, textposition="top center", cliponaxis=False)
    figure.add_trace(drawn)
    guessing = float(np.mean([p["chance_error"] for p in points]))
    figure.add_vline(
        x=guessing,
        line={"color": style.GREEN, "width": 1.5, "dash": "dash"},
        annotation_text="guessing",
        annotation_position="bottom left",
    )
    figure.update_xaxes(
        title_text="Share of stars that the discriminators get wrong", range=style.span([*x, guessing], 0.08)
    )
    figure.update_yaxes(title_text="Rms error [flux]", range=style.span(y, 0.15))
    figure.update_layout(showlegend=False)
    return style.finish(figure, title, 380)


def _rms(points: list[dict]) -> np.ndarray:
    return np.sqrt([p["reconstruction_mse"] for p in points])


def _apart(x: np.ndarray, y: np.ndarray) -> list[bool]:
    """Which points have room for a name; in a crowd the first one has it."""
    places, named = np.stack([v / (np.ptp(v) or 1.0) for v in (x, y)], 1), []
    for place in places:
        named.append(
            all(np.abs(place - other).max() >= ROOM for other, own in zip(places, named, strict=False) if own)
        )
    return named


def _dots(x, y, points: list[dict], name: str, colour: str, told: str) -> go.Scatter:
    marker = {"size": 10, "color": colour, "line": {"width": 1, "color": style.GREY}}
    return go.Scatter(
        x=x,
        y=style.f4(y),
        mode="markers",
        name=name,
        marker=marker,
        customdata=[p["trial"] for p in points],
        hovertemplate=f"trial %{{customdata}}<br>{told}<br>%{{y:.4g}}<extra></extra>",
    )


def _colours(strengths: np.ndarray, rank: np.ndarray) -> dict:
    """Colours by the rank of λ, so that 0 and values over many decades stay apart, and a bar that names them."""
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
    """The score of every finished trial against the value of one field, the best one marked; `score`: what it
    is.
    """
    name = escape(field_words(path))
    title = f"Score against {name}"
    done = [r for r in rows if _finite(r.get("score")) and r.get(path) is not None]
    if not done:
        return style.empty_figure(title, NO_TRIALS)
    values, scores = [_plain(r[path]) for r in done], np.array([r["score"] for r in done])
    figure = go.Figure(_dots(values, scores, done, "a trial", style.BLUE, f"{name} = %{{x}}"))
    best = int(scores.argmin())
    mark = {"size": 17, "symbol": "star", "color": style.VERMILION, "line": {"width": 1, "color": "white"}}
    figure.add_trace(
        go.Scatter(
            x=[values[best]],
            y=style.f4(scores[[best]]),
            mode="markers",
            name="the best",
            marker=mark,
            hoverinfo="skip",
        )
    )
    figure.update_xaxes(title_text=name[0].upper() + name[1:], type=axis_type(values), **_ticks(values))
    figure.update_yaxes(title_text=SCORES.get(score, escape(score)), tickformat=PLAIN)
    if scores.min() == scores.max():  # else the axis shows differences that are rounding
        margin = 0.1 * abs(scores[0]) or 1.0
        figure.update_yaxes(range=[scores[0] - margin, scores[0] + margin])
    return style.finish(figure, title, 380)


def axis_type(values: list) -> str:
    """`log` for numbers over more than a factor `LOG_BEYOND`, or `category` where a 0 is among them; that for
    texts too; else `linear`."""
    if any(isinstance(v, str) for v in values):
        return "category"
    sizes = [abs(v) for v in values if v]
    wide = bool(sizes) and max(sizes) / min(sizes) > LOG_BEYOND
    return "linear" if not wide else "log" if min(values) > 0 else "category"


def _ticks(values: list) -> dict:
    """Ticks at the values that were tried, where they are few."""
    tried = list(dict.fromkeys(values))
    if axis_type(values) == "category":
        return {
            "categoryorder": "array",
            "categoryarray": tried if isinstance(tried[0], str) else sorted(tried),
        }
    if len(tried) > FEW:
        return {}
    return {"tickvals": tried, "ticktext": [f"{v:g}" for v in tried]}


def _plain(value):
    """A number as it is; yes or no, lists and texts as text."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, float, np.number)):
        return value.item() if isinstance(value, np.number) else value
    return escape(value if isinstance(value, str) else json.dumps(value))


def _finite(value) -> bool:
    return isinstance(value, (int, float, np.number)) and bool(np.isfinite(value))
