"""Home: what is loaded, one finished figure, and where to go from here."""

import numpy as np
import streamlit as st

from gandalf_core.figures import effects, spectra
from pages.ui import guards, show, state

ENTRIES = (
    (
        "tour",
        "school",
        "Take the tour",
        "Entangled, adversary, fresh probe, decode: the idea in three minutes.",
    ),
    (
        "data",
        "upload",
        "Bring your own stars",
        "Drop Gaia RVS files; each gets a verdict, a latent and parameters.",
    ),
    (
        "decode",
        "auto_graph",
        "Change a star's temperature",
        "Drag a slider; the Ca II triplet and the Paschen lines follow.",
    ),
    (
        "maps",
        "scatter_plot",
        "See what a latent space holds",
        "Maps of spectra and latents, linked: a lasso in one lights up all.",
    ),
    (
        "audit",
        "fact_check",
        "Ask what is really removed",
        "Fresh probes against the floor, with a verdict in words.",
    ),
    ("train", "model_training", "Train your own", "A λ for each parameter, live losses, stop and resume."),
)

show.page_title(
    "GANDALF Explorer",
    "See what a neural network knows about a star: encode a Gaia RVS spectrum into a few numbers, "
    "take parameters out of them, and decode the star again under parameters of your choice.",
)
model = guards.need_model()
star, (ids, _) = guards.need_star(), guards.need_labels()
with st.container(horizontal=True):
    show.fact("Model", model.name, f"{model.latent_size} latent numbers")
    show.fact(
        "Star",
        str(star.ids[0]),
        f"S/N {star.snr[0]:.0f} per pixel" if np.isfinite(star.snr[0]) else "S/N unknown",
    )
    show.fact("Stars in the diagrams", f"{len(ids):,}", st.session_state[state.STARS])
with guards.told():
    rebuilt = model.reconstruct(star)[0]
error = None if star.flux_error is None else star.flux_error[0]
drawn = spectra.reconstruction(
    star.wavelength_nm,
    star.flux[0],
    rebuilt,
    mask=star.mask[0],
    error=error,
    title=f"{star.ids[0]} and what {model.name} makes of it",
)
pixels = f"{model.latent_size} numbers{' and the parameters' if model.condition_on else ''} (blue) stand for {len(rebuilt)} pixels"
residual = spectra.residuals(star.flux[0], rebuilt, error, star.mask[0])
largest = "" if error is None else effects.striking(star.wavelength_nm, residual)
show.figure(drawn, f"{pixels} (grey): the residual below should look like noise. {largest}", "home")
with st.grid(3):
    for page, icon, title, sentence in ENTRIES:
        with st.container(border=True, height="stretch"):
            st.page_link(f"../{page}.py", label=f"**{title}**", icon=f":material/{icon}:")
            st.caption(sentence)
guards.prepare_ahead(model)
