"""Figures of the latent space. Shapes: Z latent, P parameters, K steps, L pixels."""

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from . import style
from .spectra import line


def correlation(rho: np.ndarray, names: tuple[str, ...]) -> go.Figure:
    """Rank correlations (P, Z) of the parameters `names` with every latent dimension."""
    title = "Which latent dimension follows which parameter"
    if not np.isfinite(rho).any():
        return style.empty_figure(title, "At least three labelled stars are needed.")
    dimensions = rho.shape[1]
    figure = go.Figure(
        go.Heatmap(
            z=style.f4(rho),
            x=np.arange(1, dimensions + 1),
            y=[style.symbol(n) for n in names],
            zmin=-1,
            zmax=1,
            colorscale=style.DIVERGING,
            reversescale=True,
            colorbar={"title": {"text": "rank correlation", "side": "right"}, "thickness": 12},
            xgap=1,
            ygap=1,
            hovertemplate="latent dimension %{x}, %{y}: %{z:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="Latent dimension", dtick=1 if dimensions <= 10 else None)
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, title, 170 + 38 * len(names))


def traverse(wavelength_nm: np.ndarray, values: np.ndarray, flux: np.ndarray, dimension: int) -> go.Figure:
    """Decoded spectra (K, L) for values (K,) of one latent dimension, each minus the one in the middle."""
    title = f"What latent dimension {dimension} does"
    if not len(flux):
        return style.empty_figure(title)
    middle = flux[len(flux) // 2]
    figure = go.Figure()
    colours = sample_colorscale("Viridis", [k / max(len(values) - 1, 1) for k in range(len(values))])
    for value, row, colour in zip(values, flux, colours, strict=True):
        figure.add_trace(line(wavelength_nm, row - middle, f"{value:+.2f}", str(colour), width=1.2))
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE)
    figure.update_yaxes(title_text="Flux − flux in the middle")
    figure.update_layout(showlegend=False)
    figure.add_trace(_colour_bar(values, dimension))
    return style.finish(style.mark_lines(figure, wavelength_nm), title, 360)


def _colour_bar(values: np.ndarray, dimension: int) -> go.Scatter:
    bar = {"title": {"text": f"latent {dimension}", "side": "right"}, "thickness": 12}
    marker = {
        "color": [float(values[0])],
        "cmin": float(values[0]),
        "cmax": float(values[-1]),
        "colorscale": "Viridis",
        "showscale": True,
        "colorbar": bar,
    }
    return go.Scatter(x=[None], y=[None], mode="markers", marker=marker, hoverinfo="skip")
