"""Parameters (Figures 9, 10 and Table 1 of the paper): what the latents, or the spectra, predict."""

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.predictions import Predictions
from gandalf_core.publishing.code import predicting
from pages.ui import guards, pickers, show
from pages.ui.cache.calibrations import under
from pages.ui.cache.outputs import predictions_of, values_of
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
        said = predictions_of(model, mine, source)
    own_stars.show_own_labels(model, mine, own, under(applied, said, mine.snr, model, source))
    calibrations.show_form(model, mine, said, own, source)
    calibrations.show_made(model)
    st.stop()
stars = guards.need_stars_at_once()
with guards.showing_errors():
    uploads = uploads_beside(model, stars.ids)
true = stars.labels_for(model.label_names)
code.show_code(predicting(code.named_model(model), code.named_stars(model), source), "parameters")


def read(some: SpectraSet, source: str, *, judged: bool | None = None) -> Predictions:
    """Predictions under the calibration that is applied."""
    with guards.showing_errors():
        return under(applied, predictions_of(model, some, source, verdicts=judged), some.snr, model, source)


def values() -> np.ndarray:
    """(N, P) the values of the predictions, which come sooner than their errors."""
    if applied is not None:
        return read(stars, source).values
    with guards.showing_errors():
        return values_of(model, stars, source)


def uploaded(*, judged: bool | None = None) -> Predictions | None:
    """Predictions for the uploads that are not among the chosen stars."""
    return None if uploads is None else read(uploads, source, judged=judged)


if view == "Diagrams":
    parameters.show_diagrams(model, stars, values(), uploaded(), source)
elif view == "Joint errors":
    each = {s: read(star, s) for s in sources}
    each = {f"{s}, under {p.calibration}" if p.calibration else s: p for s, p in each.items()}
    parameters.show_joint_errors(model, star, each, stars)
elif view == "Against the truth":
    parameters.show_against_truth(model.label_names, values(), true)
elif view == "Residuals":
    parameters.show_residuals(model.label_names, values(), true, stars.snr)
elif view == "Error bars":
    parameters.show_error_bars(read(stars, source), true, stars.snr)
elif view == "Representations":
    sample_tables.show_representations(stars)
else:
    judged = sample_tables.show_verdict_switch(len(stars), 0 if uploads is None else len(uploads)) or None
    sample_tables.show_predictions(read(stars, source, judged=judged), uploaded(judged=judged))
