"""What a model says of stars, put together: labels with errors, the fit, and how ordinary the stars are.

Shapes: N stars, P labels.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..data.spectra import SpectraSet
from .estimates import LATENT, latent_reading, regressor_of, spectrum_values
from .predictions import Predictions, widened

if TYPE_CHECKING:
    from .trained import TrainedModel


def predict(model: "TrainedModel", stars: SpectraSet) -> Predictions:
    """The predictions of a model, as `TrainedModel.predict` gives them."""
    regressor_of(model, LATENT)
    stars = model.on_grid(stars)
    latents, labels = model.encode(stars), model.labels_of(stars)[0]
    values, errors, correlations = latent_reading(model, stars, latents)
    chi2, core = model.fit_quality(stars, model.decode(latents, labels))
    score, percentiles = np.full(len(stars), np.nan), {}
    if model.outlier_reference is not None:
        with_errors = chi2 if stars.flux_error is not None else np.full(len(stars), np.nan)
        estimates = labels if model.regressor_spectrum is None else spectrum_values(model, stars)
        percentiles = model.outlier_reference.percentiles(with_errors, core, estimates, latents.z)
        score = model.outlier_reference.score(percentiles)
    outside = np.zeros(len(stars), bool)
    return Predictions(
        ids=stars.ids,
        label_names=model.label_names,
        values=values,
        errors=widened(errors, values, model.label_ranges, outside),
        chi2=chi2,
        outlier_score=score,
        percentiles=percentiles,
        outside=outside,
        correlations=correlations,
    )
