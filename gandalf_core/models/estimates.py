"""Labels that a model reads from stars: values, errors, correlations, and on what the errors depend.

Shapes: N stars, L pixels, P labels.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..data.latents import LatentSet
from ..data.spectra import SpectraSet
from ..errors import ModelError
from ..regression.crossed import AnyRegressor
from ..regression.quality import Measures
from ..regression.regressor import Reading
from . import misfit

if TYPE_CHECKING:
    from .trained import TrainedModel

LATENT, SPECTRUM = "latent", "spectrum"  # what labels are read from


def regressor_of(model: "TrainedModel", source: str) -> AnyRegressor:
    """The regressor that reads from the `latent` or the `spectrum`. ModelError where the folder has none."""
    regressor = model.regressor_latent if source == LATENT else model.regressor_spectrum
    if regressor is None and source == LATENT:
        raise ModelError(f"{model.name}: no regressor in this model folder")
    if regressor is None:
        cause = "no regressor from the spectrum in this model; give the stars' labels"
        raise ModelError(f"{model.name}: {cause}")
    return regressor


def spectrum_numbers(model: "TrainedModel", stars: SpectraSet) -> np.ndarray:
    """(N, L) what the regressor for spectra reads of stars on the model's grid."""
    return model.scaler.fill(stars.flux, stars.mask)


def spectrum_values(model: "TrainedModel", stars: SpectraSet) -> np.ndarray:
    """(N, P) labels read from the spectra alone. Raises ModelError as `regressor_of` does."""
    stars = model.on_grid(stars)
    return regressor_of(model, SPECTRUM).values(spectrum_numbers(model, stars), stars.snr)


def latent_values(model: "TrainedModel", latents: LatentSet, snr: np.ndarray) -> np.ndarray:
    """(N, P) labels read from latents of stars with this S/N (N,) alone. Raises ModelError likewise."""
    return regressor_of(model, LATENT).values(latents.z, snr)


def latent_reading(model: "TrainedModel", stars: SpectraSet, latents: LatentSet) -> Reading:
    """Values and 1σ errors (N, P) and correlations, from the latents of stars on the model's grid."""
    regressor = regressor_of(model, LATENT)
    quality = fit_measures(model, stars, latents) if regressor.quality.names else {}
    return regressor.read(latents.z, stars.snr, quality=quality)


def spectrum_reading(model: "TrainedModel", stars: SpectraSet) -> Reading:
    """The same from the spectra of stars on the model's grid.

    Where the encoder needs labels that not all of them have, nothing is known of how well the model fits.
    """
    regressor, quality = regressor_of(model, SPECTRUM), {}
    lacking = model.config.model.conditional_encoder and not model.labels_of(stars)[1].all()
    if regressor.quality.names and not lacking:
        quality = fit_measures(model, stars, model.encode(stars))
    return regressor.read(spectrum_numbers(model, stars), stars.snr, quality=quality)


def fit_measures(model: "TrainedModel", stars: SpectraSet, latents: LatentSet) -> Measures:
    """How well the model fits stars on its grid, as the width of error bars depends on it: (N,) by name.

    They are those of `misfit.fit_measures`, decoded under labels that are read from the spectra, so that they
    are the same whatever labels a star has. None of them without flux errors.
    """
    if stars.flux_error is None:
        return {}
    if not model.condition_on:  # the decoder looks at no label
        labels = np.full((len(stars), len(model.label_names)), np.nan)
    elif model.regressor_spectrum is not None:
        labels = spectrum_values(model, stars)
    else:
        labels = model.labels_of(stars)[0]
    guess = model.decode(latents, labels)
    return misfit.fit_measures(np.nan_to_num(stars.flux), guess, stars.flux_error, model.hidden(stars))
