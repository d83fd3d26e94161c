"""Figures of the latent space. Shapes: N stars, Z latent numbers, P parameters, L pixels."""

import numpy as np
import plotly.graph_objects as go

from . import style
from .spectra import line

PERCENTILES = (1, 16, 50, 84, 99)


def bands(latents: np.ndarray) -> np.ndarray:
    """(5, Z) percentiles 1, 16, 50, 84, 99 of a population's latents (N, Z)."""
    if not len(latents):
        return np.zeros((len(PERCENTILES), latents.shape[1]), np.float32)
    return np.percentile(latents, PERCENTILES, axis=0).astype(np.float32)


def correlation(latents: np.ndarray, labels: np.ndarray, label_names: tuple[str, ...]) -> go.Figure:
    """Rank correlation (Spearman) of every latent number with every label: (N, Z), (N, P)."""
    title = "Which latent number follows which parameter"
    if len(latents) < 3 or not label_names:
        return style.empty_figure(title, "At least three labelled stars are needed.")
    rho = np.array([[_spearman(z, y) for z in latents.T] for y in labels.T], np.float32)
    figure = go.Figure(
        go.Heatmap(
            z=rho,
            x=np.arange(1, latents.shape[1] + 1),
            y=[style.symbol(n) for n in label_names],
            zmin=-1,
            zmax=1,
            colorscale="RdBu",
            colorbar={"title": {"text": "rank correlation", "side": "right"}, "thickness": 12},
            xgap=1,
            ygap=1,
            hovertemplate="latent %{x}, %{y}: %{z:.2f}<extra></extra>",
        )
    )
    figure.update_xaxes(title_text="Latent number", dtick=1 if latents.shape[1] <= 10 else None)
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, title, 170 + 38 * len(label_names))


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    good = np.isfinite(a) & np.isfinite(b)
    if good.sum() < 3:
        return np.nan
    ranks = [np.argsort(np.argsort(v[good])).astype(float) for v in (a, b)]
    spread = ranks[0].std() * ranks[1].std()
    return (
        float(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean())) / spread)
        if spread
        else np.nan
    )


def traverse(wavelength_nm: np.ndarray, values: np.ndarray, flux: np.ndarray, number: int) -> go.Figure:
    """Decoded spectra (K, L) while one latent number takes `values` (K,), each as a difference from the
    middle one.
    """
    title = f"What latent number {number} does"
    if not len(flux):
        return style.empty_figure(title)
    middle = flux[len(flux) // 2]
    figure = go.Figure()
    colours = _sample_colours(len(values))
    for value, row, colour in zip(values, flux, colours, strict=True):
        figure.add_trace(line(wavelength_nm, row - middle, f"{value:+.2f}", colour, width=1.2))
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE)
    figure.update_yaxes(title_text="Flux − flux in the middle")
    figure.update_layout(showlegend=False)
    figure.add_trace(_colour_bar(values, number))
    return style.finish(style.mark_lines(figure, wavelength_nm), title, 360)


def traverse_values(population: np.ndarray, number: int, steps: int = 11) -> np.ndarray:
    """(K,) values of one latent number from its 1st to its 99th percentile (rows of `bands`), number counted
    from 1.
    """
    return np.linspace(population[0, number - 1], population[-1, number - 1], steps).astype(np.float32)


def with_number(star: np.ndarray, number: int, values: np.ndarray) -> np.ndarray:
    """(K, Z): copies of one latent (Z,) in which number `number` (from 1) takes each value."""
    copies = np.repeat(np.asarray(star, np.float32)[None], len(values), 0)
    copies[:, number - 1] = values
    return copies


def _sample_colours(count: int) -> list[str]:
    from plotly.colors import sample_colorscale

    return sample_colorscale("Viridis", [k / max(count - 1, 1) for k in range(count)])


def _colour_bar(values: np.ndarray, number: int) -> go.Scatter:
    bar = {"title": {"text": f"latent {number}", "side": "right"}, "thickness": 12}
    marker = {
        "color": [float(values[0])],
        "cmin": float(values[0]),
        "cmax": float(values[-1]),
        "colorscale": "Viridis",
        "showscale": True,
    }
    return go.Scatter(
        x=[None], y=[None], mode="markers", marker={**marker, "colorbar": bar}, hoverinfo="skip"
    )
