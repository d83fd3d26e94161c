"""What a new model reads beside its networks: regressors and outlier score, each from stars of its own.

Of the training split, the stars that trained the networks train the regressors too, those that validated the
networks say when to stop, and those that were held back calibrate error bars or are the outlier score's
reference (`data.splits.Division`).
"""

from dataclasses import replace

import numpy as np

from ..data.spectra import SpectraSet
from ..regression.crossed import AnyRegressor
from ..regression.parts import Parts
from ..regression.settings import FOR_SPECTRA, PAPER, RegressorSettings
from ..training.fitting_regressors import MIN_LABELLED, fit_regressor
from .outliers import OutlierReference, fit_outliers
from .trained import TrainedModel

ORDINARY_STARS = 6000  # that say what is usual; more change nothing


def can_fit_regressors(model: TrainedModel, stars: SpectraSet) -> bool:
    """True where enough stars of the training split have one of the labels."""
    labels = _without_reference(model, stars).labels_for(model.label_names)
    return bool(np.isfinite(labels).sum(0).max() >= MIN_LABELLED)


def fit_latent_regressor(model: TrainedModel, stars: SpectraSet, epochs: int = 200) -> AnyRegressor:
    """The regressor from the exported latent of the stars (N,) of the training split to their labels.

    An encoder with reinforced labels knows its own training stars better than any other, so its error bars
    are those of stars that it never saw.
    """
    stars = _without_reference(model, stars)
    settings = RegressorSettings(seed=model.config.training.seed, max_iter=epochs)
    latents, parts = model.encode(stars), _parts(model, stars, special=True)
    snr = stars.known_snr
    return fit_regressor(latents.z, latents.labels, model.label_names, settings, snr=snr, parts=parts)


def fit_spectrum_regressor(model: TrainedModel, stars: SpectraSet, epochs: int = 200) -> AnyRegressor:
    """The regressor from the spectra of the stars (N,) of the training split, gaps filled, to their labels.

    It is the same for every model of one sample and scaling.
    """
    stars = _without_reference(model, stars)
    x = model.scaler.fill(stars.flux, stars.mask)
    labels, snr = stars.labels_for(model.label_names), stars.known_snr
    recipe = PAPER if snr is None else FOR_SPECTRA
    settings = replace(recipe, seed=model.config.training.seed, max_iter=epochs)
    parts = _parts(model, stars, special=False)
    return fit_regressor(x, labels, model.label_names, settings, snr=snr, parts=parts)


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
