"""The views of the Parameters page: predictions as diagrams, against the truth, and their errors."""

from typing import Any

import numpy as np

from gandalf_core.data.identity import identity
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import panels, regression
from gandalf_core.figures.ellipses import Estimate, joint_errors
from gandalf_core.figures.panels import LinkedPanels
from gandalf_core.figures.population import diagram_axes
from gandalf_core.models.joint_errors import ellipses_of
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.regression.residuals import interval_coverage
from pages.ui import show
from pages.ui.cache.uploads import notes_on, notes_on_mine
from pages.ui.parts import diagrams


def show_diagrams(
    model: TrainedModel,
    stars: SpectraSet,
    values: np.ndarray,
    uploaded: Predictions | None,
    source: str,
) -> None:
    """The Kiel and abundance diagrams of predicted values (N, P), on the axes of the true labels.

    source: what they were read from.
    """
    names = model.label_names
    overlay: dict[str, Any] = {}
    notes = (notes_on_mine(stars.ids), () if uploaded is None else notes_on(uploaded.ids))
    if uploaded is not None:
        overlay = {
            "overlay_ids": uploaded.ids,
            "overlay_labels": uploaded.values,
            "overlay_errors": uploaded.errors,
        }

    def build() -> LinkedPanels:
        true = stars.labels_for(names)
        drawn = panels.diagrams(stars.ids, values, names, like=true, prefix="predicted ", **overlay)
        return drawn._replace(notes=notes[0], overlay_notes=notes[1])

    key = identity("predicted", source, values, stars, overlay, notes)
    about = diagrams.About(
        f"Parameters predicted from the {source}",
        "The predicted parameters; compare them with the true ones on the Data page. "
        "Diamonds: uploaded stars with 1σ errors.",
        (model.name,),
    )
    diagrams.show_linked("predicted diagrams", key, build, names, columns=2, about=about)


def show_joint_errors(
    model: TrainedModel, star: SpectraSet, read: dict[str, Predictions], stars: SpectraSet
) -> None:
    """The ellipses of one star's errors, by what its labels were read from, before the chosen stars."""
    names = model.label_names
    estimates = {
        f"from the {source}": Estimate(
            values=predictions.values[0],
            outlines=ellipses_of(predictions, 0, diagram_axes(names)),
            limit=bool(predictions.outside[0]),
        )
        for source, predictions in read.items()
    }
    own = star.labels_for(names)[0]
    show.figure(
        joint_errors(estimates, names, others=stars.labels_for(names), own=own),
        "An ellipse holds the star's true parameters with a probability of 68 %, if the errors are normal. "
        "A long and narrow one: the spectrum tells a combination of both well, each of them alone less well. "
        "Dashed: the star lies outside the model's sample, and its errors are at least so large.",
        "joint_errors",
    )


def show_against_truth(names: tuple[str, ...], values: np.ndarray, true: np.ndarray) -> None:
    """Predicted values against true labels, (N, P) each."""
    show.figure(
        regression.predicted_against_true(values, true, names),
        "Predictions on the dashed line are right. Orange: running median and 16-84 % band.",
        "against_truth",
    )


def show_residuals(names: tuple[str, ...], values: np.ndarray, true: np.ndarray, snr: np.ndarray) -> None:
    """Differences of predicted values (N, P) from the true labels (N, P) against the S/N (N,)."""
    show.figure(
        regression.residuals_against_snr(values, true, snr, names),
        "Errors shrink with the signal-to-noise ratio until the model limits them. The error of a removed "
        "parameter stays as large as the spread of the sample.",
        "residuals",
    )


def show_error_bars(predictions: Predictions, true: np.ndarray, snr: np.ndarray) -> None:
    """The share of true labels (N, P) within 1σ, in bins of S/N (N,) and temperature."""
    shares = {}
    if np.isfinite(true).any():
        names = predictions.label_names
        shares = interval_coverage(predictions.values, true, names, predictions.errors, snr)
    show.figure(
        regression.coverage(shares),
        "Inside the green band (62-74 %) a 1σ error bar is honest; above it, the bar is too long; below, too "
        "short. Only bins of more than 300 stars. The error bar of a removed parameter is the spread of the "
        "sample: honest on average, but not at each temperature.",
        "coverage",
    )
