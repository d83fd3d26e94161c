"""Latent: a star's latent beside the population's, edited by hand while the decoded spectrum follows."""

import streamlit as st

from gandalf_core.data.traverse import traverse_values, with_dimension
from gandalf_core.figures import latents
from pages.ui import guards, pickers, show, state
from pages.ui.cache.outputs import correlations_of, latents_of, population_bands
from pages.ui.parts import decode as decoding
from pages.ui.parts import explain

show.page_title("Latent", "Drag a dot, and see the spectrum of the star that would have this latent.")
model, star = guards.need_model(), guards.need_star()
with guards.showing_errors():
    labels, _ = model.labels_of(star)
decoder = st.container()
other = pickers.show_other(model)
with decoder:
    decoding.show_decoder("latent", model, star, labels[0], edit=True, other=other)
st.caption(
    "Orange dots: the latent you edit. Blue dashes: the star's own. Grey bars: the ranges of 68 % and 98 % "
    "of the stars. Purple ticks: the other star."
)
view = pickers.choose(
    "View", ["Correlations", "Traverse", "On the spectrum"], "latent_view", label_visibility="collapsed"
)
if view == "Correlations":
    z, values, names = guards.need_population()
    show.figure(
        latents.correlation(correlations_of(z, values), names),
        "Blue: this latent dimension rises with the parameter. Orange: it falls. The row of a removed "
        "parameter is faint.",
        "correlation",
    )
elif view == "On the spectrum":
    explain.show_dimensions(model, star, labels[0])
else:
    state.opens_with("traverse", 1)
    if not 1 <= st.session_state.get("traverse", 1) <= model.latent_size:  # from a link
        st.session_state["traverse"] = 1
    dimension = st.slider(
        "Latent dimension", 1, model.latent_size, 1, key="traverse", persist_state="session"
    )
    with guards.showing_errors():
        values = traverse_values(population_bands(model), dimension)
        copies = with_dimension(latents_of(model, star).z[0], dimension, values)
        flux = model.decode(copies, labels.repeat(len(values), 0))
    show.figure(
        latents.traverse(model.wavelength_nm, values, flux, dimension),
        "How the decoded spectrum changes while this dimension goes from its 1st to its 99th percentile.",
        "traverse_figure",
    )
