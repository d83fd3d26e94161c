"""A switch that divides an uploaded star by its fitted continuum, and what that does to its parameters."""

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import spectra
from gandalf_core.models.predictions import AT_LEAST, Predictions
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, show, state
from pages.ui.cache.outputs import predictions_of
from pages.ui.cache.uploads import before_and_after, continuum_of, is_uploaded
from pages.ui.parts import tables

HELP = (
    "Models expect spectra divided by their continuum. The one that is fitted to the star together with the "
    "best synthetic spectrum, a slow curve of five terms, is taken out of flux and errors, on every page."
)
WORTH = 0.01  # of the continuum, below which a level or a slope says next to nothing


def show_switch(model: TrainedModel, star: SpectraSet, place: str, *, figure: bool = False) -> None:
    """The switch for an uploaded star, and its effect where it is on; nothing for others.

    place: a name under which the page knows it.  figure: also draw the spectrum before and after.
    """
    name = str(star.ids[0])
    if not is_uploaded(name):
        return
    with guards.showing_errors():
        continuum = continuum_of(name)
    if continuum is None:
        return
    on, key = name in state.divided(), f"divide {place} {name}"
    st.session_state[key] = on
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(
            "Divide by its fitted continuum",
            key=key,
            help=HELP,
            disabled=not np.isfinite(continuum).all(),
            on_change=state.divide,
            args=(name, not on),
        )
        st.caption(words(continuum))
    if on:
        _show_effect(model, name, figure=figure)


def words(continuum: np.ndarray) -> str:
    """A fitted continuum (L,) in a sentence."""
    if not np.isfinite(continuum).all():
        return "No continuum could be fitted to this star."
    level, tilt = float(continuum.mean()), float((continuum[-1] - continuum[0]) / continuum.mean())
    slope = f"{'rises' if tilt > 0 else 'falls'} by {abs(tilt):.0%} from edge to edge"
    there = f"The continuum fitted to the file lies at {level:.2f}"
    if max(abs(level - 1), abs(tilt)) < WORTH:
        return f"{there} and hardly slopes: dividing changes little."
    return f"{there} and {slope}."


def _show_effect(model: TrainedModel, name: str, *, figure: bool) -> None:
    """Parameters, χ² and verdict of the spectrum as the file has it and divided; the two spectra."""
    with guards.showing_errors():
        stars = dict(zip(("as in the file", "divided"), before_and_after(name, model), strict=True))
        source = "latent" if model.regressor_spectrum is None else "spectrum"
        read = {which: predictions_of(model, one, source) for which, one in stars.items()}
    st.markdown(effect_table(read))
    if figure:
        flux, mask = (
            np.concatenate([getattr(one, part) for one in stars.values()]) for part in ("flux", "mask")
        )
        wavelength = stars["divided"].wavelength_nm
        show.figure(
            spectra.compared(wavelength, flux, list(stars), mask=mask),
            "The spectrum before and after it was divided by its fitted continuum; below, the difference.",
            "divided",
        )


def effect_table(read: dict[str, Predictions]) -> str:
    """One row of parameters, χ² and verdict for each way, as markdown."""
    names = next(iter(read.values())).label_names
    head = [f"{show.markdown_symbol(n)} {tables.unit(n)}".strip() for n in names]
    lines = [f"| Spectrum | {' | '.join(head)} | χ² | Verdict |", "|---" * (len(head) + 3) + "|"]
    for which, one in read.items():
        limit = AT_LEAST if one.outside[0] else ""
        values = zip(names, one.values[0], one.errors[0], strict=True)
        cells = [tables.cell(n, value, error, limit) for n, value, error in values]
        lines.append(f"| **{which}** | {' | '.join(cells)} | {one.chi2[0]:.2f} | {tables.badge(one)} |")
    return "\n".join(lines)
