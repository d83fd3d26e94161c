"""Parameters (Figures 9, 10 and Table 1 of the paper): what the latents, or the spectra, predict."""

import streamlit as st

from pages.ui import guards, pickers, show
from pages.ui.cache.outputs import predictions_of
from pages.ui.cache.uploads import uploads_beside
from pages.ui.parts import explain, own_stars, parameters, tables

VIEWS = [
    "Diagrams",
    "Joint errors",
    "Origin",
    "Against the truth",
    "Residuals",
    "Error bars",
    "Own labels",
    "Representations",
    "Table",
]

show.page_title(
    "Parameters",
    "What a regressor reads from the spectrum, or from the model's latent. A parameter removed from the "
    "latent is predicted there with an error as large as the spread of the sample.",
)
model, star = guards.need_model(), guards.need_star()
with guards.showing_errors():
    estimate = predictions_of(model, star)
tables.show_estimates(model, star, estimate)
sources = ["latent"] if model.regressor_spectrum is None else ["spectrum", "latent"]
source = sources[0]
with st.container(horizontal=True, vertical_alignment="center"):
    view = pickers.choose("View", VIEWS, "parameter_view", label_visibility="collapsed")
    if view not in ("Representations", "Joint errors"):  # which read from all of them
        source = pickers.choose("Read from", sources, "read_from", label_visibility="collapsed")
if source == "latent" and model.removed and view != "Representations":
    removed = " and ".join(map(show.plain, model.removed))
    st.warning(f"{show.escaped(model.name)} removed {removed} from its latent: read them from the spectrum.")
if view == "Origin":  # of one star: the others need not be there
    explain.show_origin(model, star, source)
    st.stop()
stars = guards.need_stars()
with guards.showing_errors():
    predictions = predictions_of(model, stars, source, verdicts=True if view == "Table" else None)
    uploads = uploads_beside(model, stars.ids)
    uploaded = None if uploads is None else predictions_of(model, uploads, source)
true = stars.labels_for(model.label_names)
if view == "Diagrams":
    parameters.show_diagrams(model, stars, predictions, uploaded, source)
elif view == "Joint errors":
    parameters.show_joint_errors(model, star, {s: predictions_of(model, star, s) for s in sources}, stars)
elif view == "Against the truth":
    parameters.show_against_truth(predictions, true)
elif view == "Residuals":
    parameters.show_residuals(predictions, true, stars.snr)
elif view == "Error bars":
    parameters.show_error_bars(predictions, true, stars.snr)
elif view == "Own labels":
    own_stars.show_own_labels(model, uploads, uploaded)
elif view == "Representations":
    tables.show_representations(stars)
else:
    tables.show_predictions(predictions, uploaded)
