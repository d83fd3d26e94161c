"""Why does it say so? What a slider changes, where an estimate comes from, what a latent dimension does."""

from collections.abc import Mapping

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.explaining.dimensions import dimension_effects
from gandalf_core.explaining.estimates import EstimateOrigin, estimate_origin
from gandalf_core.explaining.sliders import AVERAGE, SliderEffect, slider_effects
from gandalf_core.explaining.species import physical, shares
from gandalf_core.figures import explanations
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import parameter
from pages.ui import guards, pickers, show, state

SMALLEST_PART = 0.01  # that is worth a word


# --- sliders ---


def show_sliders(model: TrainedModel, star: SpectraSet, labels: np.ndarray) -> None:
    """Behind a switch: the change per step of a label, by the decoder and by physics."""
    state.opens_with("explain_sliders", False)
    if not st.toggle("Why does it say so?", key="explain_sliders"):
        return
    with guards.showing_errors():
        effects = {e.name: e for e in slider_effects(model, star, labels)}
        name = pickers.choose("Slider", list(effects), "explained_slider", format_func=show.header)
        effect = effects[name]
        wavelength = model.wavelength_nm
        sizes = effect.sizes(shares(physical(model.label_names, labels), wavelength))
    step = f"{parameter(name).in_text} {effect.step:+g} {parameter(name).unit}".strip()
    show.figure(
        explanations.slider_change(wavelength, effect.decoded, effect.physics, f"What {step} changes"),
        slider_words(effect, sizes),
        "slider_change",
    )


def slider_words(effect: SliderEffect, sizes: Mapping[str, float]) -> str:
    """What the figure of a slider tells, with its one number."""
    if not np.isfinite(effect.error):
        return "Orange: the decoder. The simulator's grid ends here, so what physics does is not known."
    whose = (
        "Green: physics, for stars like this one with average rotation, velocity and Ca II"
        if effect.against == AVERAGE
        else "Green: physics, for this very star"
    )
    in_lines = ", ".join(f"{group} {size:.2f}" for group, size in sizes.items())
    return (
        f"{whose}. Orange: the decoder. Relative error of the change: **{effect.error:.2f}** (0: right; 1: "
        f"as wrong as no change). Size of the decoder's change, where 1 is right: {in_lines}."
    )


# --- estimates ---


def show_origin(model: TrainedModel, star: SpectraSet, source: str) -> None:
    """On which lines the star's estimates rest, and pixel by pixel for one of them."""
    with guards.showing_errors():
        origin = estimate_origin(model, star, source)
    parts = {name: origin.parts(name) for name in origin.label_names}
    shown = {n: {g: p for g, p in of.items() if p >= SMALLEST_PART} for n, of in parts.items()}
    groups = [g for g in origin.shares.groups if any(g in of for of in shown.values())]
    whole = {n: {g: of.get(g, 0.0) for g in groups} for n, of in parts.items()}
    show.figure(explanations.origin_parts(whole), origin_words(origin), "origin_parts")
    name = pickers.choose("Parameter", list(origin.label_names), "explained_label", format_func=show.header)
    effect = origin.effect[origin.label_names.index(name)]
    flux = np.where(star.mask[0], np.nan, star.flux[0]) if len(star.wavelength_nm) == len(effect) else None
    if flux is None:
        flux = model.on_grid(star).flux[0]
    noise = parameter(name).format(float(origin.noise[origin.label_names.index(name)]))
    show.figure(
        explanations.origin_spectrum(model.wavelength_nm, flux, effect, name),
        f"Below zero: more light there lowers the estimate. All pixels together: {noise} of scatter.",
        "origin_spectrum",
    )


def origin_words(origin: EstimateOrigin) -> str:
    """How to read the bars."""
    error = " The file has no errors: 1 % was assumed." if origin.assumed else ""
    return (
        "How strongly each estimate reacts to the pixels in the lines of each element, each pixel changed by "
        "its error; the parts are of the sum of squares. A long piece is where noise, or a wrong model of "
        f"those lines, would do most harm.{error}"
    )


# --- the latent ---


def show_dimensions(model: TrainedModel, star: SpectraSet, labels: np.ndarray) -> None:
    """What each latent dimension does to the star's spectrum, the strongest first."""
    with guards.showing_errors():
        effects = dimension_effects(model, star, labels)
        order = np.argsort(-np.square(effects).sum(1))
        kind = shares(physical(model.label_names, labels), model.wavelength_nm)
    strongest = ", ".join(
        f"z {k + 1}: mostly {max(parts := kind.of(np.square(effects[k])), key=parts.__getitem__)}"
        for k in order[:3]
    )
    show.figure(
        explanations.dimensions(model.wavelength_nm, effects, order.tolist()),
        "Red: more of this dimension brightens the spectrum there; blue: it darkens it. The strongest "
        f"dimensions are at the top ({strongest}).",
        "dimension_effects",
    )
