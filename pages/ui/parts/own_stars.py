"""The view *Own labels* of the Parameters page: the model against labels that a user's stars bring along."""

from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import regression, spectra
from gandalf_core.models.mean_shift import mean_correction
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.comparing import Compared, compare_labels
from gandalf_core.own.labels import labels_of
from gandalf_core.parameters import parameter
from pages.ui import show

NO_LABELS = (
    "None of your stars brings labels along. Upload spectra with columns such as `teff`, `logg`, `mh` (and "
    "`teff_error` …) on the page Data; `gandalf compare-labels` also takes a table of labels."
)


def show_own_labels(model: TrainedModel, stars: SpectraSet | None, predictions: Predictions | None) -> None:
    """Bias, scatter, coverage, outliers and the worst stars, of uploaded stars with labels."""
    own = None if stars is None else labels_of(stars, model.label_names)
    if own is None or stars is None or predictions is None or not np.isfinite(own.values).any():
        st.info(NO_LABELS)
        return
    found = compare_labels(Compared(predictions, own, stars.snr))
    figure = regression.predicted_against_true(predictions.values, own.values, model.label_names)
    st.plotly_chart(figure, width="stretch")
    st.dataframe([_row(name, numbers) for name, numbers in found["labels"].items()], hide_index=True)
    for name, numbers in found["repeats"].items():
        pairs, ratio = numbers["pairs"], numbers["ratio"]
        said = f"{pairs} repeat observations scatter by {ratio:.2f} of what errors claim"
        st.caption(f"{show.plain(name)}: {said}.")
    st.subheader("The stars that fit worst")
    st.dataframe([_worst(star) for star in found["worst"]], hide_index=True)
    st.caption(
        "Errors are the model's and, where your file gives them, the labels'. `gandalf calibrate` takes "
        "offsets off and makes errors as wide as your labels ask for."
    )


def _row(name: str, own: dict[str, Any]) -> dict[str, str]:
    unit = parameter(name).unit
    return {
        "model − label": f"{parameter(name).in_text} [{unit}]" if unit else parameter(name).in_text,
        "stars": f"{own['stars']:,}",
        "bias": f"{own['bias']:+.3g} ± {own['bias_error']:.2g}",
        "scatter": f"{own['scatter']:.3g}",
        "within 1σ (68 %)": f"{own['coverage_1']:.0%}",
        "within 2σ (95 %)": f"{own['coverage_2']:.0%}",
        "outliers": str(own["outliers"]),
    }


def _worst(star: dict[str, Any]) -> dict[str, str]:
    name = max(star["labels"], key=lambda label: abs(star["labels"][label]["pull"]))
    own, about = star["labels"][name], parameter(name)
    return {
        "star": star["id"],
        "model": f"{about.in_text} {about.format(own['model'])}",
        "label": about.format(own["label"]),
        "in errors": f"{own['pull']:+.1f} σ",
        "likely reasons": "; ".join(star["reasons"]),
    }


def show_correction(model: TrainedModel, labels: np.ndarray) -> None:
    """What own stars added to the mean spectrum at labels (P,); nothing for other models."""
    added = mean_correction(model, labels[None])
    if added is None:
        return
    with st.expander("What own stars have taught the mean spectrum"):
        title = "Corrected minus original mean spectrum, at the star's own parameters"
        figure = spectra.spectra(model.wavelength_nm, added, [model.name], title=title)
        figure.update_yaxes(title_text="Added flux")
        st.plotly_chart(figure, width="stretch")
        st.caption("Below 0 lines were too weak before, above 0 too strong (docs/own-stars.md).")
