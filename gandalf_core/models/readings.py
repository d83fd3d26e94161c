"""What a new model reads beside its networks: regressors and outlier score, each from stars of its own.

Of the training split, the stars that trained the networks train the regressors too, those that validated the
networks say when to stop, and those that were held back calibrate error bars or are the outlier score's
reference (`data.splits.Division`).
"""

from dataclasses import replace

import numpy as np

from ..data.spectra import SpectraSet
from ..regression.crossed import AnyRegressor
from ..regression.inputs import InputNoise
from ..regression.parts import Parts
from ..regression.settings import FOR_LATENTS, FOR_SPECTRA, RegressorSettings
from ..training.fitting_regressors import MIN_LABELLED, fit_labelled
from ..training.labelled_stars import LabelledStars
from .outliers import OutlierReference, fit_outliers
from .trained import TrainedModel

ORDINARY_STARS = 6000  # that say what is usual; more change nothing


def can_fit_regressors(model: TrainedModel, stars: SpectraSet) -> bool:
    """True where enough stars of the training split have one of the labels."""
    labels = _without_reference(model, stars).labels_for(model.label_names)
    return bool(np.isfinite(labels).sum(0).max() >= MIN_LABELLED)


def fit_latent_regressor(model: TrainedModel, stars: SpectraSet, epochs: int = 200) -> AnyRegressor:
    """The regressor from the exported latent of the stars (N,) of the training split to their labels.

    Where the recipe adds noise to the latent, the networks see fresh draws of it in every pass.

    An encoder with reinforced labels knows its own training stars better than any other, so its error bars
    are those of stars that it never saw.
    """
    stars = _without_reference(model, stars)
    latents, snr, parts = model.encode(stars), stars.known_snr, _parts(model, stars, special=True)
    settings = _settings(FOR_LATENTS, model, snr, epochs)
    spread, noise = model.config.model.noise, None
    if spread:
        noise = InputNoise.white(spread, model.encode_mean(stars))
    errors = stars.label_errors_for(model.label_names)
    learned = LabelledStars(latents.z, latents.labels, model.label_names, snr, noise, errors)
    return fit_labelled(learned, settings, parts)


def fit_spectrum_regressor(model: TrainedModel, stars: SpectraSet, epochs: int = 200) -> AnyRegressor:
    """The regressor from the spectra of the stars (N,) of the training split, gaps filled, to their labels.

    It is the same for every model of one sample and scaling.
    """
    stars = _without_reference(model, stars)
    x = model.scaler.fill(stars.flux, stars.mask)
    labels, snr = stars.labels_for(model.label_names), stars.known_snr
    settings = _settings(FOR_SPECTRA, model, snr, epochs)
    parts, noise = _parts(model, stars, special=False), None if snr is None else InputNoise.of_flux(stars)
    errors = stars.label_errors_for(model.label_names)
    learned = LabelledStars(x, labels, model.label_names, snr, noise, errors)
    return fit_labelled(learned, settings, parts)


def _settings(
    best: RegressorSettings, model: TrainedModel, snr: np.ndarray | None, epochs: int
) -> RegressorSettings:
    """The best for spectra or latents, as far as the S/N is known, of at most so many passes."""
    return replace(best, use_snr=snr is not None, seed=model.config.training.seed, max_iter=epochs)


def outlier_reference(model: TrainedModel, stars: SpectraSet) -> OutlierReference | None:
    """The reference of the outlier score, from the stars (N,) of the training split; None for too few.

    What is usual is learnt from stars that trained the networks, how far ordinary stars stray from it from
    stars that did not.
    """
    compared = np.isin(stars.ids, model.reference_ids)
    used = compared | np.isin(stars.ids, [*model.calibration_ids, *model.check_ids])
    if not compared.any():
        return None
    ordinary = stars[np.flatnonzero(~used)[:ORDINARY_STARS]]
    return fit_outliers(model, ordinary, stars[compared])


def _without_reference(model: TrainedModel, stars: SpectraSet) -> SpectraSet:
    return stars[~np.isin(stars.ids, model.reference_ids)]


def _parts(model: TrainedModel, stars: SpectraSet, special: bool) -> Parts:
    calibrate = np.isin(stars.ids, model.calibration_ids)
    return Parts(np.isin(stars.ids, model.check_ids), calibrate, special)
