"""Home: where to go from here, what is loaded, and one finished figure."""

import numpy as np
import streamlit as st

from gandalf_core.figures import spectra
from pages.ui import guards, show, state
from pages.ui.cache.outputs import reconstruction_of
from pages.ui.parts.captions import largest_residual
from pages.ui.parts.twins import show_beside_simulated

LINKS = (  # page, icon, title, sentence
    (
        "tour",
        "school",
        "Take the tour",
        "Entanglement, adversary, fresh probe, decoding: the idea in three minutes.",
    ),
    (
        "data",
        "upload",
        "Bring your own stars",
        "Drop Gaia RVS files: each gets a verdict, its stars a latent and parameters.",
    ),
    (
        "decode",
        "auto_graph",
        "Change a star's temperature",
        "Drag a slider: the Ca II triplet and the Paschen lines follow.",
    ),
    (
        "maps",
        "scatter_plot",
        "See what a latent space holds",
        "Linked maps of spectra and latents: a selection in one lights up in all.",
    ),
    (
        "audit",
        "fact_check",
        "Check what is really removed",
        "Fresh probes against the floor, with a verdict in words.",
    ),
    (
        "train",
        "model_training",
        "Train your own model",
        "One λ per parameter, live losses, stop and resume.",
    ),
)

show.page_title(
    "GANDALF Explorer",
    "See what a neural network knows about a star: encode a Gaia RVS spectrum into a few numbers, remove "
    "parameters from them, and decode the star again with parameters of your choice.",
)
with st.grid(3):
    for page, icon, title, sentence in LINKS:
        with st.container(border=True, height="stretch", gap=None, key=f"card_{page}"):
            st.page_link(f"../{page}.py", label=f"**{title}**", icon=f":material/{icon}:")
            st.caption(sentence)
model = guards.need_model()
star, (ids, _) = guards.need_star(), guards.need_labels()
snr = f"S/N {star.snr[0]:.0f} per pixel" if np.isfinite(star.snr[0]) else "S/N unknown"
with st.container(horizontal=True):
    show.fact("Model", model.name, f"{model.latent_size} latent dimensions")
    show.fact("Star", str(star.ids[0]), snr)
    show.fact("Stars in the diagrams", f"{len(ids):,}", st.session_state[state.STARS])
with guards.showing_errors():
    reconstruction = reconstruction_of(model, star)
error = None if star.flux_error is None else star.flux_error[0]
residual = spectra.residuals(star.flux[0], reconstruction, error, star.mask[0])
inputs = f"{model.latent_size} numbers{' and the parameters' if model.condition_on else ''}"
largest = "" if error is None else largest_residual(star.wavelength_nm, residual)
show.figure(
    spectra.reconstruction(
        star.wavelength_nm,
        star.flux[0],
        reconstruction,
        mask=star.mask[0],
        error=error,
        title=f"{star.ids[0]} and its reconstruction by {model.name}",
    ),
    f"The reconstruction (blue), from {inputs}, of a spectrum of {len(reconstruction)} pixels (grey). "
    f"The residual below should look like noise. {largest}",
    "home",
)
with guards.showing_errors():
    show_beside_simulated(model, "home_twin")
guards.simulate_ahead(model)
