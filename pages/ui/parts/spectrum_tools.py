"""A spectroscopist's tools for the star of the sidebar: shift, smoothing, axes, another star underneath."""

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import spectra, wavelengths
from gandalf_core.models.rest_frame import moved_to_rest
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, pickers, show, state
from pages.ui.cache.outputs import reconstruction_of
from pages.ui.cache.stars import load_star
from pages.ui.parts import continuum

MODEL, MEAN = "the model's reconstruction", "the mean of the selected stars"
MOST_KMS = 500.0
MOST_SMOOTHING = 15  # pixels


def show_one(model: TrainedModel, ids: np.ndarray) -> None:
    """The star and what lies underneath; below, the difference in units of the star's errors."""
    star = guards.need_star()
    continuum.show_switch(model, star, "one", figure=True)
    left, middle, right = st.columns(3)
    options = [MODEL, MEAN, *dict.fromkeys([*pickers.uploaded_ids(), *ids[: pickers.MAX_LISTED].tolist()])]
    under = left.selectbox("Underneath", options, key="tools_under", persist_state="session")
    shift = middle.number_input(
        "Move by [km/s]",
        -MOST_KMS,
        MOST_KMS,
        0.0,
        5.0,
        key="tools_shift",
        persist_state="session",
        help="Takes a velocity out of the star's spectrum: a positive one moves its lines to the blue.",
    )
    smoothing = right.slider("Smooth over [pixels]", 1, MOST_SMOOTHING, 1, 2, key="tools_smooth")
    with st.container(horizontal=True):
        unit = pickers.choose("Unit", ["nm", "Å"], "tools_unit")
        medium = pickers.choose("Wavelengths in", ["vacuum", "air"], "tools_medium")
    with guards.showing_errors():
        moved = model.on_grid(moved_to_rest(star, np.array([shift]))) if shift else star
        below, name = _underneath(model, star, under or MODEL, ids)
    _draw(moved, below, (str(star.ids[0]), name), smoothing, shift, angstrom=unit == "Å", air=medium == "air")


def _draw(
    star: SpectraSet,
    below: np.ndarray,
    names: tuple[str, str],
    smoothing: int,
    shift: float,
    *,
    angstrom: bool,
    air: bool,
) -> None:
    """The figure of a star over what lies underneath (L,), and what was done to both."""
    error = None if star.flux_error is None else star.flux_error[0] / np.sqrt(smoothing)
    figure = spectra.reconstruction(
        star.wavelength_nm,
        smoothed(star.flux[0], star.mask[0], smoothing),
        smoothed(below, np.zeros(len(below), bool), smoothing),
        error=error,
        names=names,
        title=" over ".join(names),
    )
    of = "of its error" if error is not None else "of the continuum: the file has no errors"
    words = f" Moved by {shift:g} km/s." if shift else ""
    mean = f" Each pixel is the mean of {smoothing}, as if their noise were independent."
    more = mean if smoothing > 1 else ""
    show.figure(
        wavelengths.on_axis(figure, angstrom=angstrom, air=air),
        f"Grey: the star. Blue: {names[1]}. Below, the star minus that, in units {of}.{words}{more} Dotted: "
        "lines; point at a name for its wavelength in vacuum and its excitation.",
        "tools",
    )


def _underneath(model: TrainedModel, star: SpectraSet, under: str, ids: np.ndarray) -> tuple[np.ndarray, str]:
    """(L,) the spectrum underneath, and what it is."""
    if under == MODEL:
        return reconstruction_of(model, star), MODEL
    if under == MEAN:
        stars, selected = guards.need_stars(), pickers.selected_rows(ids)
        rows = np.isin(stars.ids, ids[selected]) if selected.any() else np.ones(len(stars), bool)
        flux = np.where(stars.mask[rows], np.nan, stars.flux[rows])
        what = "selected" if selected.any() else "chosen"
        return np.nanmean(flux, 0), f"the mean of the {int(rows.sum()):,} {what} stars"
    other = load_star(under, st.session_state[state.STARS], model)
    return np.where(other.mask[0], np.nan, other.flux[0]), under


def smoothed(flux: np.ndarray, mask: np.ndarray, pixels: int) -> np.ndarray:
    """(L,) running mean of an odd number of pixels; masked ones are gaps that no mean bridges."""
    flux = np.where(mask, np.nan, flux)
    if pixels <= 1:
        return flux
    half = pixels // 2
    padded = np.pad(flux, half, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1).mean(-1)
