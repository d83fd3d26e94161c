"""Parameters (Figures 9, 10 and Table 1 of the paper): what the latents, or the spectra, predict."""

import streamlit as st

from gandalf_core.publishing.code import predicting
from pages.ui import guards, pickers, show
from pages.ui.cache.calibrations import under
from pages.ui.cache.outputs import predictions_of
from pages.ui.cache.uploads import uploads_beside, uploads_on_grid
from pages.ui.parts import calibrations, code, explain, own_stars, parameters, sample_tables, tables

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
applied = calibrations.show_picker(model)
tables.show_estimates(model, star, estimate, applied)
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
calibrations.show_applied(applied, source if view != "Representations" else "none of them")
if view == "Own labels":  # of uploaded stars alone, whatever the sidebar's are
    mine = uploads_on_grid(model)
    mine = own_stars.show_choice(model, mine)
    own = own_stars.own_labels(model, mine)
    if mine is None or own is None:
        guards.stop(own_stars.NO_LABELS)
    with guards.showing_errors():
        read = predictions_of(model, mine, source)
    own_stars.show_own_labels(model, mine, own, under(applied, read, mine.snr, model, source))
    calibrations.show_form(model, mine, read, own, source)
    calibrations.show_made(model)
    st.stop()
stars = guards.need_stars_at_once()
judged = view == "Table" and sample_tables.show_verdict_switch(len(stars))
with guards.showing_errors():
    predictions = predictions_of(model, stars, source, verdicts=judged or None)
    predictions = under(applied, predictions, stars.snr, model, source)
    uploads = uploads_beside(model, stars.ids)
    uploaded = None if uploads is None else predictions_of(model, uploads, source)
    if uploads is not None and uploaded is not None:
        uploaded = under(applied, uploaded, uploads.snr, model, source)
true = stars.labels_for(model.label_names)
code.show_code(predicting(code.named_model(model), code.named_stars(model), source), "parameters")
if view == "Diagrams":
    parameters.show_diagrams(model, stars, predictions, uploaded, source)
elif view == "Joint errors":
    read = {s: under(applied, predictions_of(model, star, s), star.snr, model, s) for s in sources}
    each = {f"{s}, under {p.calibration}" if p.calibration else s: p for s, p in read.items()}
    parameters.show_joint_errors(model, star, each, stars)
elif view == "Against the truth":
    parameters.show_against_truth(predictions, true)
elif view == "Residuals":
    parameters.show_residuals(predictions, true, stars.snr)
elif view == "Error bars":
    parameters.show_error_bars(predictions, true, stars.snr)
elif view == "Representations":
    sample_tables.show_representations(stars)
else:
    sample_tables.show_predictions(predictions, uploaded, judged=judged)
