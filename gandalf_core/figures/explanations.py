"""Figures that explain a model: what a slider changes, where estimates come from, what a dimension does.

Shapes: L pixels, P labels, G groups of species, Z latent.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from . import style
from .spectra import line

STRIKING = 98  # percentile of |effect| at which the colour of a heat map is full
# as in a periodic table of the spectrum: calcium first, what is no line last
GROUP_COLOURS = {
    "Ca II": style.ORANGE,
    "Fe": style.VERMILION,
    "Si": style.GREEN,
    "Ti": style.PURPLE,
    "Mg": style.SKY,
    "Paschen": style.BLUE,
    "CN": "#6B4C9A",
    "other metals": "#B3A369",
    "continuum": "#B8B8B8",
}


def slider_change(
    wavelength_nm: np.ndarray, decoded: np.ndarray, physics: np.ndarray, title: str
) -> go.Figure:
    """The change of a spectrum (L,) by the decoder and by physics; below, the difference of the two."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.06)
    figure.add_trace(line(wavelength_nm, physics, "physics", style.GREEN, width=2.2), 1, 1)
    figure.add_trace(line(wavelength_nm, decoded, "decoder", style.ORANGE), 1, 1)
    rest = line(wavelength_nm, decoded - physics, "decoder − physics", style.GREY, showlegend=False)
    figure.add_trace(rest, 2, 1)
    high = np.nanmax(np.abs(np.concatenate([decoded, np.nan_to_num(physics)])))
    figure.update_yaxes(title_text="Change of flux", row=1, col=1)
    figure.update_yaxes(title_text="Difference", range=[-high, high], row=2, col=1)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE, row=2, col=1)
    return style.finish(style.mark_lines(figure, wavelength_nm), title, 420)


def origin_parts(parts: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """Label → group of species → its part from 0 to 1: one bar per label, in pieces."""
    title = "On which lines the estimates rest"
    if not parts:
        return style.empty_figure(title)
    groups = list(next(iter(parts.values())))
    figure = go.Figure()
    for group in groups:
        figure.add_trace(
            go.Bar(
                y=[style.symbol(name) for name in parts],
                x=[parts[name][group] for name in parts],
                name=group,
                orientation="h",
                marker={"color": GROUP_COLOURS.get(group, style.GREY)},
                hovertemplate=f"%{{y}}: %{{x:.0%}} {group}<extra></extra>",
            )
        )
    figure.update_layout(barmode="stack", legend_traceorder="normal")
    figure.update_xaxes(tickformat=".0%", range=[0, 1], title_text="Part of the estimate's sensitivity")
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, title, 120 + 48 * len(parts))


def origin_spectrum(wavelength_nm: np.ndarray, flux: np.ndarray, effect: np.ndarray, name: str) -> go.Figure:
    """A star's flux (L,); below, how the estimate of a label moves with each pixel (L,)."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.55, 0.45], vertical_spacing=0.06)
    figure.add_trace(line(wavelength_nm, flux, "spectrum", style.OBSERVED, showlegend=False), 1, 1)
    figure.add_trace(line(wavelength_nm, effect, "effect", style.VERMILION, showlegend=False), 2, 1)
    figure.update_yaxes(title_text=style.FLUX_TITLE, row=1, col=1)
    figure.update_yaxes(title_text=f"Change of {style.axis_title(name)}", row=2, col=1)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE, row=2, col=1)
    title = f"How {style.symbol(name)} changes if one pixel rises by its error"
    return style.finish(style.mark_lines(figure, wavelength_nm), title, 440)


def dimensions(wavelength_nm: np.ndarray, effects: np.ndarray, order: Sequence[int]) -> go.Figure:
    """Heat map of what each latent dimension does to the flux, (Z, L), in this order from the top."""
    title = "What each latent dimension does to the spectrum"
    if not effects.size:
        return style.empty_figure(title)
    shown = effects[list(order)]
    full = max(float(np.percentile(np.abs(shown), STRIKING)), 1e-6)
    figure = go.Figure(
        go.Heatmap(
            x=style.f4(wavelength_nm),
            y=[f"z {k + 1}" for k in order],
            z=style.f4(shown),
            zmin=-full,
            zmax=full,
            colorscale=style.DIVERGING,
            colorbar={"title": {"text": "Change<br>of flux"}},
            hovertemplate="%{y}, %{x:.2f} nm: %{z:+.4f}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE)
    return style.finish(figure, title, 140 + 16 * len(shown))
