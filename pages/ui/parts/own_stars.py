"""The view *Own labels* of the Parameters page: the model against labels that a user's stars bring along."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import own_stars as figures
from gandalf_core.figures import regression
from gandalf_core.figures.own_stars_page import (
    READING,
    WORST_READING,
    comparison_page,
    features_of,
    label_row,
    repeat_sentences,
    worst_row,
)
from gandalf_core.models.mean_shift import mean_correction
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.comparing import Compared, compare_labels, worst_stars
from gandalf_core.own.labels import OwnLabels, labels_of
from gandalf_core.own.worst import drawn_worst
from pages.ui import pickers, show
from pages.ui.cache.outputs import predictions_of

NO_LABELS = (
    "None of your stars brings labels along. Upload spectra with columns such as `teff`, `logg`, `mh` (and "
    "`teff_error` …) on the page Data; `gandalf compare-labels` also takes a table of labels."
)
VIEWS = ["Residuals in bins", "Against each other", "The ten worst stars", "Bins as numbers"]


def own_labels(model: TrainedModel, stars: SpectraSet | None) -> OwnLabels | None:
    """The labels that uploaded stars bring along; None where there are none."""
    if stars is None:
        return None
    own = labels_of(stars, model.label_names)
    return own if np.isfinite(own.values).any() else None


def show_choice(model: TrainedModel, stars: SpectraSet | None) -> SpectraSet | None:
    """The uploaded stars that took no part in making the model; all of them where the visitor wants that."""
    seen = np.zeros(0, bool) if stars is None else ~model.held_out(stars)
    if stars is None or not seen.any():
        return stars
    words = f"Also the {int(seen.sum()):,} stars that the model was made with, on which it does better"
    if seen.all() or st.toggle(words, key="own_seen"):
        st.caption(
            f"{int(seen.sum()):,} of these stars took part in making the model: it does better on them."
        )
        return stars
    return stars[~seen]


def show_own_labels(model: TrainedModel, stars: SpectraSet, own: OwnLabels, predictions: Predictions) -> None:
    """Bias, scatter, coverage, outliers and the worst stars, of uploaded stars (N,) with labels."""
    compared = Compared(predictions, own, stars.snr)
    found = _found(identity(stars, predictions.values, predictions.errors, own.values, own.errors), compared)
    st.dataframe([label_row(name, numbers) for name, numbers in found["labels"].items()], hide_index=True)
    for sentence in repeat_sentences(found):
        st.caption(show.escaped(sentence))
    view = pickers.choose("Show", VIEWS, "own_view", label_visibility="collapsed")
    if view == VIEWS[0]:
        known = [j for j, n in enumerate(model.label_names) if n in found["labels"]]
        chart = figures.label_residuals(compared.residual[:, known], features_of(compared), found["bins"])
        show.figure(chart, READING, "own_residuals")
    elif view == VIEWS[1]:
        chart = regression.predicted_against_true(predictions.values, own.values, model.label_names)
        show.figure(chart, "Model against label; labels on the dashed line agree.", "own_against")
    elif view == VIEWS[2]:
        _show_worst(model, stars, compared)
    else:
        st.dataframe(_bin_rows(found), hide_index=True, height=420)
    st.download_button(
        "Save the comparison as a page",
        partial(_page, model, stars, compared, found),
        show.file_name(f"{model.name}-against-labels") + ".html",
        "text/html",
        key="own_page",
        on_click="ignore",
        icon=":material/download:",
        help="One HTML file with every figure and table, for a referee or a notebook. It needs no network.",
    )


@st.cache_resource(max_entries=8, show_spinner="Comparing …")
def _found(key: str, _compared: Compared) -> dict[str, Any]:
    return compare_labels(_compared)


def _show_worst(model: TrainedModel, stars: SpectraSet, compared: Compared) -> None:
    worst = worst_stars(judged(model, stars, compared))
    chart = figures.worst_stars(model.wavelength_nm, drawn_worst(model, stars, compared.own, worst))
    st.dataframe([worst_row(star) for star in worst], hide_index=True)
    show.figure(chart, WORST_READING, "own_worst")


def judged(model: TrainedModel, stars: SpectraSet, compared: Compared) -> Compared:
    """The same with verdicts on the stars that fit worst: they tell likely reasons, and take long for all."""
    rows = np.array([star["row"] for star in worst_stars(compared)], int)
    if not len(rows) or (compared.predictions.verdict != "").any():
        return compared
    found, known = predictions_of(model, stars[rows], verdicts=True), {}
    for name in ("verdict", "reason"):
        texts = getattr(compared.predictions, name).astype(object)
        texts[rows] = getattr(found, name)
        known[name] = texts
    return replace(compared, predictions=replace(compared.predictions, **known))


def _page(model: TrainedModel, stars: SpectraSet, compared: Compared, found: dict[str, Any]) -> bytes:
    compared = judged(model, stars, compared)
    result = found | {"worst": worst_stars(compared), "calibration": compared.predictions.calibration}
    return comparison_page(model, stars, compared, result).encode()


def _bin_rows(found: dict[str, Any]) -> list[dict[str, str]]:
    """Every bin of every label as a row of texts."""
    return [
        {
            "label": show.header(name),
            "in bins of": "S/N" if feature == "snr" else show.header(feature),
            "from": f"{own['low']:.4g}",
            "to": f"{own['high']:.4g}",
            "stars": f"{own['stars']:,}",
            "bias": f"{own['bias']:+.3g} ± {own['bias_error']:.2g}",
            "scatter": f"{own['scatter']:.3g}",
            "within 1σ": f"{own['coverage_1']:.0%}",
        }
        for name, features in found["bins"].items()
        for feature, bins in features.items()
        for own in bins
    ]


def show_correction(model: TrainedModel, labels: np.ndarray) -> None:
    """What own stars added to the mean spectrum at labels (P,); nothing for other models."""
    added = mean_correction(model, labels[None])
    if added is None:
        return
    with st.expander("What own stars have taught the mean spectrum"):
        title = "Corrected minus original mean spectrum, at the star's own parameters"
        figure = figures.added_flux(model.wavelength_nm, added[0], title)
        sentence = "Below 0 lines were too weak before, above 0 too strong (docs/own-stars.md)."
        show.figure(figure, sentence, "correction")
