"""Figures of spectra: overlaid and stacked, a reconstruction with its residual, mean and spread.

Shapes: N spectra, L pixels.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike
from plotly.subplots import make_subplots

from . import style

MAX_DRAWN = 40  # spectra in one panel; more cannot be told apart
OFFSET = 0.35  # flux between two spectra of a stack
CURVES = {  # of the live decoder: colour, dash
    "observed": (style.OBSERVED, "solid"),
    "reconstruction": (style.RECONSTRUCTED, "solid"),
    "truth (simulator)": (style.GREEN, "dash"),
    "generated": (style.VERMILION, "solid"),
}


def line(
    wavelength_nm: ArrayLike, flux: ArrayLike, name: str, colour: str, width: float = 1.4, **more: Any
) -> go.Scatter:
    """One spectrum (L,) as a line; `more` goes to the trace."""
    look = {"color": colour, "width": width}
    return go.Scatter(
        x=style.f4(wavelength_nm), y=style.f4(flux), name=escape(name), mode="lines", line=look, **more
    )


def masked(flux: ArrayLike, mask: np.ndarray | None) -> np.ndarray:
    """Flux with a gap (NaN) where it is masked: gaps are shown, never bridged."""
    return style.f4(flux) if mask is None else np.where(mask, np.float32(np.nan), style.f4(flux))


def spectra(
    wavelength_nm: ArrayLike,
    flux: ArrayLike,
    names: Sequence[str],
    *,
    stacked: bool = False,
    mask: np.ndarray | None = None,
    lines: bool = True,
    title: str = "Spectra",
) -> go.Figure:
    """Spectra (N, L) overlaid, or one above the other with a constant offset; the first MAX_DRAWN of them."""
    flux = masked(np.atleast_2d(flux), mask)[:MAX_DRAWN]
    if not flux.size:
        return style.empty_figure(title, "No spectrum is selected.")
    figure = go.Figure()
    step = OFFSET if stacked else 0.0
    for k, row in enumerate(flux):
        colour = style.CYCLE[k % len(style.CYCLE)]
        figure.add_trace(line(wavelength_nm, row + k * step, str(names[k]), colour, width=1.1))
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE)
    figure.update_yaxes(title_text="Normalised flux + offset" if stacked else style.FLUX_TITLE)
    figure.update_layout(showlegend=len(flux) <= 8)
    if lines:
        style.mark_lines(figure, np.asarray(wavelength_nm))
    return style.finish(figure, title, 380 + (12 * len(flux) if stacked else 0))


def compared(
    wavelength_nm: ArrayLike, flux: ArrayLike, names: Sequence[str], *, mask: np.ndarray | None = None
) -> go.Figure:
    """Spectra (N, L) overlaid; below, the difference of each from the first."""
    flux, title = masked(np.atleast_2d(flux), mask), "Spectra compared"
    if not flux.size:
        return style.empty_figure(title, "No spectrum is selected.")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.6, 0.4], vertical_spacing=0.05)
    for k, row in enumerate(flux):
        colour, name = style.CYCLE[k % len(style.CYCLE)], str(names[k])
        figure.add_trace(line(wavelength_nm, row, name, colour, width=1.2), 1, 1)
        if k:
            change = line(wavelength_nm, row - flux[0], f"{name} − {names[0]}", colour, width=1.0)
            figure.add_trace(change.update(showlegend=False), 2, 1)
    figure.add_hline(y=0, line={"color": style.CYCLE[0], "width": 1}, **style.panel(2, 1))
    figure.update_yaxes(title_text=style.FLUX_TITLE, row=1, col=1)
    figure.update_yaxes(title_text="Difference from the first", row=2, col=1)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE, row=2, col=1)
    return style.finish(style.mark_lines(figure, np.asarray(wavelength_nm)), title, 520)


def reconstruction(
    wavelength_nm: ArrayLike,
    observed: ArrayLike,
    reconstructed: ArrayLike,
    *,
    error: ArrayLike | None = None,
    mask: np.ndarray | None = None,
    names: tuple[str, str] = ("observed", "reconstruction"),
    title: str = "Reconstruction",
) -> go.Figure:
    """One star (L,) with its reconstruction; below, their residual, in units of the error where known.

    names: of the two, in the legend.
    """
    if not np.size(observed):
        return style.empty_figure(title)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.72, 0.28], vertical_spacing=0.06)
    star = masked(observed, mask)
    figure.add_trace(line(wavelength_nm, star, names[0], style.OBSERVED, width=1.6), 1, 1)
    figure.add_trace(line(wavelength_nm, reconstructed, names[1], style.RECONSTRUCTED), 1, 1)
    residual = residuals(observed, reconstructed, error, mask)
    figure.add_trace(
        line(wavelength_nm, residual, "residual", style.OBSERVED, width=0.9, showlegend=False), 2, 1
    )
    figure.add_hline(y=0, line={"color": style.RECONSTRUCTED, "width": 1}, **style.panel(2, 1))
    figure.update_yaxes(title_text=style.FLUX_TITLE, row=1, col=1)
    figure.update_yaxes(title_text="Residual" if error is None else "Residual [σ]", row=2, col=1)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE, row=2, col=1)
    return style.finish(style.mark_lines(figure, np.asarray(wavelength_nm)), escape(title), 440)


def decoded(
    wavelength_nm: ArrayLike,
    curves: Mapping[str, ArrayLike],
    changes: Mapping[str, ArrayLike],
    title: str,
) -> go.Figure:
    """Spectra (L,) by name, as the live decoder shows them; below, by how much they differ from the star's.

    Both are keyed by names of `CURVES`.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.66, 0.34], vertical_spacing=0.06)
    for row, traces in ((1, curves), (2, changes)):
        for name, flux in traces.items():
            colour, dash = CURVES[name]
            curve = line(wavelength_nm, flux, name, colour, width=1.5, showlegend=row == 1)
            figure.add_trace(curve.update(line_dash=dash), row, 1)
    figure.update_yaxes(title_text=style.FLUX_TITLE, row=1, col=1)
    figure.update_yaxes(title_text="Change in flux", row=2, col=1)
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE, row=2, col=1)
    return style.finish(style.mark_lines(figure, np.asarray(wavelength_nm)), escape(title), 470)


def residuals(
    observed: ArrayLike,
    reconstructed: ArrayLike,
    error: ArrayLike | None = None,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """(L,) observed − reconstructed, in units of the error where known; NaN where masked or without error."""
    scale = 1.0 if error is None else np.where(np.asarray(error) > 0, error, np.nan)
    return (masked(observed, mask) - style.f4(reconstructed)) / scale


def mean_and_spread(
    wavelength_nm: ArrayLike, groups: Mapping[str, np.ndarray], title: str = "Mean spectrum and spread"
) -> go.Figure:
    """For each named group of spectra (N, L): median, and band from the 16th to the 84th percentile."""
    groups = {name: flux for name, flux in groups.items() if len(flux)}
    if not groups:
        return style.empty_figure(title, "Select stars with the lasso in one of the diagrams.")
    figure = go.Figure()
    for (name, flux), colour in zip(groups.items(), (style.SELECTED, style.GREY, style.BLUE), strict=False):
        low, middle, high = np.nanpercentile(flux, [16, 50, 84], axis=0)
        label, fill = f"{name} ({len(flux):,})", {"fill": "tonexty", "fillcolor": fade(colour)}
        edge = {"showlegend": False, "hoverinfo": "skip", "legendgroup": name}
        figure.add_trace(line(wavelength_nm, low, label, colour, width=0, **edge))
        figure.add_trace(line(wavelength_nm, high, label, colour, width=0, **edge, **fill))
        figure.add_trace(line(wavelength_nm, middle, label, colour, legendgroup=name))
    figure.update_xaxes(title_text=style.WAVELENGTH_TITLE)
    figure.update_yaxes(title_text=style.FLUX_TITLE)
    return style.finish(style.mark_lines(figure, np.asarray(wavelength_nm)), title, 380)


def fade(colour: str, opacity: float = 0.25) -> str:
    """A colour, #rrggbb, made transparent."""
    return f"rgba({','.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))},{opacity})"
