"""Latent: a star's numbers against the population, edited by hand while the decoded spectrum follows."""

import streamlit as st

from gandalf_core.figures import latents
from pages.ui import guards, pickers, show
from pages.ui.cache.outputs import latents_of, population_bands
from pages.ui.parts import decode as decoding

show.page_title("Latent", "Drag a dot and watch the spectrum of the star that would have this latent.")
model, star = guards.need_model(), guards.need_star()
with guards.told():
    labels, _ = model.labels_of(star)
drawn = st.container()
other = pickers.show_other(model)
with drawn:
    decoding.show_decoder("latent", model, star, labels[0], edit=True, other=other)
st.caption(
    "Orange dots: the latent you edit. Blue dashes: the star's own. Grey bars hold 68 % and 98 % of the stars; "
    "purple ticks belong to the other star."
)
view = pickers.choose("Below", ["Correlations", "Traverse"], "latent_view", label_visibility="collapsed")
if view == "Correlations":
    z, values, names = guards.need_population()
    told = "Blue: this latent number rises with the parameter; red: it falls. A removed parameter leaves its row pale."
    show.figure(latents.correlation(z, values, names), told, "correlation")
else:
    number = st.slider("Latent number", 1, model.latent_size, 1, key="traverse", persist_state="session")
    with guards.told():
        values = latents.traverse_values(population_bands(model), number)
        copies = latents.with_number(latents_of(model, star).z[0], number, values)
        flux = model.decode(copies, labels.repeat(len(values), 0))
    told = "What the decoded spectrum does while this one number goes from its 1st to its 99th percentile."
    show.figure(latents.traverse(model.wavelength_nm, values, flux, number), told, "traverse_figure")
