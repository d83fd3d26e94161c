"""Decode (Figure 2 of the paper): a star's spectrum under other parameters, while the slider is dragged."""

import streamlit as st

from pages.ui import guards, show
from pages.ui.parts import continuum, explain, own_stars
from pages.ui.parts import decode as decoding

show.page_title("Decode", "Drag a slider: the decoder draws the same star with other parameters.")
model, star = guards.need_model(), guards.need_star()
if not model.condition_on:
    guards.stop(
        f"{model.name} has no sliders: its decoder receives the latent alone, so the latent holds everything "
        "about the star, its parameters too. Edit it on the **Latent** page, or choose a model with sliders, "
        "such as `generator`."
    )
with guards.showing_errors():
    labels, own = model.labels_of(star)
continuum.show_switch(model, star, "decode")
decoding.show_decoder("decode", model, star, labels[0], edit=False)
origin = "come from its file or the simulator" if own[0] else "are estimated from its spectrum by the model"
st.caption(
    f"The star's own parameters {origin}. Drag across the spectrum to zoom in; double-click to zoom out."
)
explain.show_sliders(model, star, labels[0])
own_stars.show_correction(model, labels[0])
