"""What a model says of stars, put together: labels with errors, the fit, and how ordinary the stars are.

Shapes: N stars, P labels.
"""

from typing import TYPE_CHECKING

from ..data.spectra import SpectraSet
from .estimates import LATENT, latent_reading, regressor_of, spectrum_reading, spectrum_values
from .outliers import verdicts_of
from .predictions import Predictions, widened
from .verdicts import no_verdicts

if TYPE_CHECKING:
    from .trained import TrainedModel


def predict(
    model: "TrainedModel", stars: SpectraSet, *, source: str = LATENT, verdicts: bool = True
) -> Predictions:
    """The predictions of a model, as `TrainedModel.predict` gives them."""
    regressor_of(model, source)
    stars = model.on_grid(stars)
    latents, labels = model.encode(stars), model.labels_of(stars)[0]
    from_latent = source == LATENT
    reading = latent_reading(model, stars, latents) if from_latent else spectrum_reading(model, stars)
    values, errors, correlations = reading
    guess = model.decode(latents, labels)
    estimates = labels if model.regressor_spectrum is None else spectrum_values(model, stars)
    found = verdicts_of(model, stars, latents, guess, estimates) if verdicts else no_verdicts(len(stars))
    return Predictions(
        ids=stars.ids,
        label_names=model.label_names,
        values=values,
        errors=widened(errors, values, model.label_ranges, found.outside),
        chi2=model.chi2(stars, guess),
        outlier_score=found.score,
        percentiles=dict(found.parts),
        verdict=found.word,
        reason=found.reason,
        outside=found.outside,
        velocity_kms=found.velocity_kms,
        velocity_kms_error=found.velocity_error,
        correlations=correlations,
    )
