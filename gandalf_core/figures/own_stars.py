"""Figures of a user's own stars: residuals in bins, the stars that fit worst, what an adaptation changed.

Shapes: N stars, P labels, L pixels.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..own.worst import DrawnStar
from ..parameters import parameter
from . import style
from .spectra import line, masked

POINTS = 3000  # drawn in one panel
FEATURE_TITLES = {"snr": "S/N per pixel"}
LOGARITHMIC, SNR_TICKS = ("snr",), (10, 20, 50, 100, 200, 500)
NO_LABELS = "None of these stars brings a label along."
BEFORE, AFTER = "original", "adapted"
COLOURS = {BEFORE: style.GREY, AFTER: style.BLUE}
MOST_JOINED = 400  # stars whose two places a line joins


# --- against labels ---


def label_residuals(
    residual: np.ndarray, features: Mapping[str, np.ndarray], bins: Mapping[str, Mapping[str, list[dict]]]
) -> go.Figure:
    """Model − label (N, P) against each feature (N,): a row for each label, bias and scatter in bins.

    bins: label → feature → `low`, `high`, `bias`, `bias_error` and `scatter` of each bin; its labels are the
    columns of the residual that have any.
    """
    title, names = "Model − label", list(bins)
    if not names or not np.isfinite(residual).any():
        return style.empty_figure(title, NO_LABELS)
    shown = [f for f in features if any(bins[n].get(f) for n in names)] or list(features)
    figure = make_subplots(
        rows=len(names),
        cols=len(shown),
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.02,
        vertical_spacing=0.03,
    )
    for j, name in enumerate(names):
        for k, feature in enumerate(shown):
            place = style.panel(j + 1, k + 1)
            _add_residuals(figure, features[feature], residual[:, j], place)
            _add_bins(figure, bins[name].get(feature, []), place, legend=j == k == 0)
            if feature in LOGARITHMIC:
                figure.update_xaxes(type="log", tickvals=SNR_TICKS, ticktext=[*map(str, SNR_TICKS)], **place)
        limit = 4 * float(np.nanstd(residual[:, j])) or 1.0
        figure.update_yaxes(range=[-limit, limit], row=j + 1)
        figure.update_yaxes(title_text=f"Δ {style.axis_title(name)}", row=j + 1, col=1)
    for k, feature in enumerate(shown):
        words, _, unit = (FEATURE_TITLES.get(feature) or style.axis_title(feature)).rpartition(" ")
        figure.update_xaxes(title_text=f"{words}<br>{unit}", row=len(names), col=k + 1)  # narrow, for phones
    return style.finish(figure, title, 130 + 170 * len(names))


def _add_residuals(figure: go.Figure, x: np.ndarray, y: np.ndarray, place: dict[str, Any]) -> None:
    rows = np.flatnonzero(np.isfinite(x) & np.isfinite(y))[:POINTS]
    marker = {"size": 3, "color": style.GREY, "opacity": 0.7}
    figure.add_trace(
        go.Scatter(
            x=style.f4(x[rows]),
            y=style.f4(y[rows]),
            mode="markers",
            marker=marker,
            showlegend=False,
            hoverinfo="skip",
        ),
        **place,
    )
    figure.add_hline(y=0, line={"color": style.GREY, "width": 1, "dash": "dash"}, **place)


def _add_bins(figure: go.Figure, bins: list[dict], place: dict[str, Any], legend: bool) -> None:
    if not bins:
        return
    middle = [
        float(np.sqrt(b["low"] * b["high"])) if b["low"] > 0 else (b["low"] + b["high"]) / 2 for b in bins
    ]
    y = [b["bias"] for b in bins]
    for size, name, colour, width in (
        ([b["scatter"] for b in bins], "scatter", style.SKY, 6),
        ([b["bias_error"] for b in bins], "bias ± its error", style.VERMILION, 2),
    ):
        figure.add_trace(
            go.Scatter(
                x=middle,
                y=y,
                name=name,
                showlegend=legend,
                mode="markers",
                marker={"color": colour, "size": 6},
                error_y={"type": "data", "array": size, "color": colour, "thickness": width, "width": 0},
            ),
            **place,
        )


def worst_stars(wavelength_nm: np.ndarray, stars: Sequence[DrawnStar]) -> go.Figure:
    """The stars that fit worst, one below the other: observed, and as the model draws them."""
    title = "The stars that fit worst"
    if not stars:
        return style.empty_figure(title, NO_LABELS)
    count = len(stars)
    figure = make_subplots(
        rows=count,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.26 / count,
        subplot_titles=[escape(star.title) for star in stars],
    )
    for k, star in enumerate(stars):
        curves = [
            ("observed", masked(star.observed, star.mask), style.OBSERVED, 1.6),
            ("drawn with the model's labels", star.by_model, style.BLUE, 1.2),
        ]
        if star.by_labels is not None:
            curves.append(("drawn with your labels", star.by_labels, style.VERMILION, 1.2))
        for name, flux, colour, width in curves:
            shown = line(wavelength_nm, flux, name, colour, width, showlegend=k == 0, legendgroup=name)
            figure.add_trace(shown, row=k + 1, col=1)
    figure.update_annotations(font_size=12, x=0.0, xanchor="left")
    figure.update_yaxes(title_text="Flux", title_standoff=4)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE, row=count, col=1)
    style.finish(figure, title, 150 + 190 * count)
    top = 1 + 34 / (190 * count)
    return figure.update_layout(legend={"y": top}, margin={"t": 96})


# --- what an adaptation changed ---


def latent_places(
    ids: np.ndarray, places: tuple[np.ndarray, np.ndarray], values: np.ndarray, name: str
) -> go.Figure:
    """Both latents of the stars on two axes, (N, 2) each: the adapted one coloured by a label (N,)."""
    before, after = places
    figure = go.Figure()
    joined = np.full((3 * min(len(ids), MOST_JOINED), 2), np.nan)
    joined[0::3], joined[1::3] = before[:MOST_JOINED], after[:MOST_JOINED]
    look = {"color": style.GREY, "width": 0.6}
    figure.add_trace(
        go.Scatter(
            x=style.f4(joined[:, 0]),
            y=style.f4(joined[:, 1]),
            mode="lines",
            line=look,
            name="the same star",
            hoverinfo="skip",
            opacity=0.5,
        )
    )
    for words, xy, marker in (
        (BEFORE, before, {"size": 4, "color": style.GREY, "symbol": "circle-open"}),
        (AFTER, after, _coloured(values, name)),
    ):
        figure.add_trace(
            go.Scatter(
                x=style.f4(xy[:, 0]),
                y=style.f4(xy[:, 1]),
                mode="markers",
                name=words,
                marker=marker,
                text=[escape(star) for star in ids.tolist()],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.update_xaxes(title_text="First axis of the original latent")
    figure.update_yaxes(title_text="Second axis", scaleanchor="x", constrain="domain")
    return style.finish(figure, "The latents, the adapted one turned onto the original", 520)


def _coloured(values: np.ndarray, name: str) -> dict[str, Any]:
    low, high = style.colour_range(name, values)
    bar = {"title": {"text": style.axis_title(name), "side": "right"}, "thickness": 12}
    return {
        "size": 5,
        "color": style.f4(values),
        "cmin": low,
        "cmax": high,
        "colorscale": "Viridis",
        "colorbar": bar,
    }


def before_and_after(
    wavelength_nm: np.ndarray, pair: tuple[np.ndarray, np.ndarray], title: str, axis: str
) -> go.Figure:
    """Two curves over wavelength (L,), of the original and of the adapted model, with the lines marked."""
    figure = go.Figure()
    for words, flux in zip((BEFORE, AFTER), pair, strict=True):
        figure.add_trace(line(wavelength_nm, flux, words, COLOURS[words], 1.3))
    figure.update_yaxes(title_text=axis)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE)
    return style.finish(style.mark_lines(figure, wavelength_nm), title, 360)


def added_flux(wavelength_nm: np.ndarray, added: np.ndarray, title: str) -> go.Figure:
    """What was added to a spectrum (L,), with the lines marked."""
    figure = go.Figure(line(wavelength_nm, added, "added", style.BLUE, 1.3, showlegend=False))
    figure.add_hline(y=0, line={"color": style.GREY, "width": 1})
    figure.update_yaxes(title_text="Added flux")
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE)
    return style.finish(style.mark_lines(figure, wavelength_nm), title, 360)


def slider_changes(
    wavelength_nm: np.ndarray, sliders: Mapping[str, tuple[float, np.ndarray, np.ndarray]]
) -> go.Figure:
    """Label → its step, and the change of flux (L,) by the original's slider and by the adapted one's."""
    title = "What a slider changes"
    if not sliders:
        return style.empty_figure(title, "These decoders receive no parameter: they have no sliders.")
    names = list(sliders)
    figure = make_subplots(
        rows=len(names),
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.22 / len(names),
        subplot_titles=[_step_words(n, sliders[n][0]) for n in names],
    )
    for k, name in enumerate(names):
        for words, flux in zip((BEFORE, AFTER), sliders[name][1:], strict=True):
            shown = line(
                wavelength_nm, flux, words, COLOURS[words], 1.2, showlegend=k == 0, legendgroup=words
            )
            figure.add_trace(shown, row=k + 1, col=1)
    figure.update_annotations(font_size=12, x=0.0, xanchor="left")
    figure.update_yaxes(title_text="Δ flux", title_standoff=4)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE, row=len(names), col=1)
    return style.finish(figure, title, 130 + 150 * len(names)).update_layout(margin={"t": 84})


def _step_words(name: str, step: float) -> str:
    unit = parameter(name).unit
    return f"{style.symbol(name)}: per step of {step:g}{f' {unit}' if unit else ''}"


# --- of the documents ---


def learning_curves(curves: Mapping[str, Mapping[int, float]]) -> go.Figure:
    """Words → number of own stars → error beside that of a model trained on very many of them."""
    figure = go.Figure()
    for (words, points), colour in zip(curves.items(), style.CYCLE, strict=False):
        figure.add_trace(
            go.Scatter(
                x=list(points),
                y=list(points.values()),
                name=escape(words),
                mode="lines+markers",
                line={"color": colour, "width": 2},
                marker={"size": 8},
            )
        )
    figure.add_hline(y=1, line={"color": style.GREY, "width": 1, "dash": "dash"})
    ticks = sorted({n for points in curves.values() for n in points})
    figure.update_xaxes(
        title_text="Own stars with labels", type="log", tickvals=ticks, ticktext=[f"{n:,}" for n in ticks]
    )
    figure.update_yaxes(title_text="Error beside the reference's", rangemode="tozero")
    return style.finish(figure, "What a few hundred own stars do", 380)
