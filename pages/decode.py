"""Decode (Figure 2 of the paper): the spectrum of a star under other parameters, while the slider is dragged."""

import streamlit as st

from pages.ui import guards, show
from pages.ui.parts import decode as decoding

show.page_title(
    "Decode", "Drag a slider: the decoder draws the same star under other parameters, while you drag."
)
model, star = guards.need_model(), guards.need_star()
if not model.condition_on:
    guards.stop(
        f"{model.name} has no sliders: its decoder receives the latent alone, so everything about the star, its parameters too, "
        "sits in the latent numbers. Move those on the **Latent** page, or choose a model such as `generator`."
    )
with guards.told():
    labels, given = model.labels_of(star)
decoding.show_decoder("decode", model, star, labels[0], edit=False)
origin = (
    "given by its file or by the simulator"
    if given[0]
    else "estimated from its spectrum by the model's regressor"
)
st.caption(
    f"The star's own parameters are {origin}. Drag across the spectrum to zoom, double-click for the whole range."
)
