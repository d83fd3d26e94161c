"""Parameters (Figures 9, 10 and Table 1 of the paper): what the latents, or the spectra, predict."""

import streamlit as st

from gandalf_core.figures import panels, regression
from pages.ui import guards, pickers, show
from pages.ui.cache.keys import digest, stars_key
from pages.ui.cache.outputs import predictions_of
from pages.ui.cache.uploads import uploads_on_grid
from pages.ui.parts import diagrams, tables

VIEWS = ["Diagrams", "Against the truth", "Residuals", "Error bars", "Representations", "Table"]

show.page_title(
    "Parameters",
    "What a regressor reads from the model's latent, or from the spectrum itself. A parameter removed from the latent comes out "
    "with the spread of the sample as its error.",
)
model, star = guards.need_model(), guards.need_star()
names = model.label_names
with guards.told():
    single = predictions_of(model, star)
    mine = uploads_on_grid(model)
tables.show_estimates(model, star, single)
with st.container(horizontal=True, vertical_alignment="center"):
    view = pickers.choose("View", VIEWS, "parameter_view", label_visibility="collapsed")
    if view == "Representations":  # which reads from all of them
        source = "latent"
    else:
        source = pickers.choose(
            "Read from", ["latent", "spectrum"], "read_from", label_visibility="collapsed"
        )
stars = guards.need_stars()
with guards.told():
    everyone = predictions_of(model, stars, source)
    uploaded = None if mine is None else predictions_of(model, mine, source)
true = stars.labels_for(names)
if view == "Diagrams":
    extra = {}
    if uploaded is not None:
        extra = {
            "overlay_ids": uploaded.ids,
            "overlay_labels": uploaded.values,
            "overlay_errors": uploaded.errors,
        }
    key = digest("predicted", source, model.model_id, stars_key(stars), *extra.get("overlay_ids", ()))
    make = lambda: panels.diagrams(stars.ids, everyone.values, names, like=true, prefix="predicted ", **extra)  # noqa: E731
    diagrams.show_linked("predicted diagrams", key, make, names, columns=2)
    st.caption(
        "The predicted parameters; compare with the true ones on the Data page. Diamonds: uploaded stars with 1σ errors."
    )
elif view == "Against the truth":
    told = "On the dashed line predictions are right; orange: running median and 16-84 % band."
    show.figure(regression.predicted_against_true(everyone.values, true, names), told, "against_truth")
elif view == "Residuals":
    told = "Errors shrink with signal-to-noise until the model limits them; a removed parameter keeps the spread of the sample."
    show.figure(regression.residuals_against_snr(everyone.values, true, stars.snr, names), told, "residuals")
elif view == "Error bars":
    drawn = regression.coverage(everyone.values, everyone.errors, true, stars.snr, names)
    told = (
        "Inside the green band (62-74 %) a 1σ error bar is honest; above it is too long, below too short. Only bins of over 300 "
        "stars. The bar of a removed parameter is the spread of the sample: honest on average, not at each temperature."
    )
    show.figure(drawn, told, "coverage")
elif view == "Representations":
    tables.show_representations(stars)
else:
    tables.show_predictions(everyone, uploaded)
