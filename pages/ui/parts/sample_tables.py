"""Tables of samples: predictions of all chosen stars, and the paper's representations compared."""

import numpy as np
import pandas as pd
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import regression
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.regression.residuals import Statistics, residual_statistics
from pages.ui import guards, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import FEW, values_of
from pages.ui.parts.tables import MAX_ROWS, choose_from, completed, frame_of

JUDGE = "judge_all"  # the switch for the verdicts of a large sample
# with the spectra themselves, the paper's four representations
LATENTS = ("autoencoder", "physical-removed", "chemical-removed")


def show_verdict_switch(*counts: int) -> bool:
    """Whether all stars of the table are judged, of sets of so many; few always are, more on demand."""
    if max(counts) <= FEW:
        return True
    count = sum(counts)
    state.opens_with(JUDGE, False)
    judged = st.toggle(
        f"Verdicts of all {count:,} stars",
        key=JUDGE,
        help="What kind of star each one is, its velocity, and how ordinary it is: a second for every few "
        "hundred stars, and only once.",
    )
    if not judged:
        st.caption(
            "Not all stars are judged yet: an error may be too small where a star without a verdict lies "
            "outside the model's sample."
        )
    return judged


def show_predictions(predictions: Predictions, uploaded: Predictions | None) -> None:
    """All predictions, uploaded stars first; of stars that are not judged yet nothing a verdict would say."""
    tables = [frame_of(some) for some in (uploaded, predictions) if some is not None]
    frame = completed(pd.concat(tables, ignore_index=True))
    choose_from(frame.head(MAX_ROWS), predictions.label_names, f"predictions {len(frame)}")
    if "outside" in frame and frame["outside"].eq(True).any():
        st.caption("Errors of stars outside the model's sample are lower limits.")
    show.download(frame, "predictions", "predictions csv")


def show_representations(stars: SpectraSet) -> None:
    """Table 1 of the paper for the chosen stars: the same regressor on the spectra and on three latents."""
    with guards.showing_errors():
        models = {name: load_model(name) for name in LATENTS if name in model_folders()}
        if not models:
            guards.stop(
                "None of the paper's representations is among the models here: "
                "train them with `python -m gandalf_core pretrain`."
            )
        tables = _representations(stars, models)
    sentence = "Mean absolute error of each parameter. A removed parameter has a large error, and should."
    if not tables:
        sentence = "Choose simulated stars, or upload stars with labels."
    show.figure(regression.representations(tables), sentence, "representations")
    if tables:
        _show_statistics(tables)


def _representations(stars: SpectraSet, models: dict[str, TrainedModel]) -> dict[str, dict[str, Statistics]]:
    """Representation -> label -> statistics of the differences; empty when no star has a label."""
    reference = next(iter(models.values()))
    names, true = reference.label_names, stars.labels_for(reference.label_names)
    if not np.isfinite(true).any():
        return {}
    estimates = {"spectra": values_of(reference, stars, "spectrum")}
    for name, model in models.items():
        estimates[f"latent of {name}"] = values_of(model, stars, "latent")
    return {name: residual_statistics(values, true, names) for name, values in estimates.items()}


def _show_statistics(tables: dict[str, dict[str, Statistics]]) -> None:
    columns = ("mean", "mean_absolute", "std", "stars")
    rows = [
        {"representation": name, "parameter": show.header(label), **{c: row.get(c) for c in columns}}
        for name, labels in tables.items()
        for label, row in labels.items()
    ]
    number = st.column_config.NumberColumn
    titles = {
        "representation": "Read from",
        "parameter": "Parameter",
        "mean": number("mean Δ", format="%.3g"),
        "mean_absolute": number("mean |Δ|", format="%.3g"),
        "std": number("σ(Δ)", format="%.3g"),
        "stars": "Stars",
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=titles, height="content")
