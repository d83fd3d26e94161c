"""The correction of a model's mean spectrum, and simulated stars with it.

Shapes: N own stars, B simulated ones, L pixels, P labels, C labels that the decoder receives.
"""

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..data.scaling import Scaler, fit_scaler
from ..data.spectra import SpectraSet
from ..models.trained import TrainedModel
from ..training.own_lines import LineFit, OrderChoice, Residuals, fit_lines
from ..training.usual_spectrum import UsualSpectrum, mean_of_decoder
from .mixture import Mixture

FEWEST = 30  # own stars with every label, below which the mean spectrum stays as it is
FOR_DECODER = 3000  # stars of the mixture to which a decoder's correction is fitted


@dataclass(frozen=True, eq=False)
class Corrected:
    """The model with its mean spectrum corrected, the mixture with it, and what the card says of it."""

    model: TrainedModel
    mixture: Mixture
    about: dict[str, Any]


def corrected(model: TrainedModel, mixture: Mixture, seed: int) -> Corrected:
    """The model and the mixture with what own stars say of the mean spectrum.

    Own stars are compared with simulated ones of the same labels, where there are any, else with the
    decoder's mean spectrum; without either nothing is corrected.
    """
    model = replace(model, decoder=copy.deepcopy(model.decoder))  # which is to change
    names = model.condition_on or model.label_names
    standard = _standard(model, mixture.stars, names)
    complete = np.isfinite(standard).all(1) & mixture.stars.usable
    own, others = complete & mixture.own, complete & ~mixture.own
    about: dict[str, Any] = {"correction": None}
    usual = _usual(model, mixture, standard, others, seed)
    if usual is None or own.sum() < FEWEST:
        return Corrected(_rescaled(model, mixture), mixture, about)
    fit, choice = fit_lines(_residuals(model, mixture, standard, own, usual), seed)
    if others.any():
        flux = mixture.stars.flux.copy()
        rows = np.flatnonzero(others)
        flux[rows] += fit.at(standard[rows], usual(standard[rows]))
        mixture = replace(mixture, stars=replace(mixture.stars, flux=flux))
    about = {"correction": said(fit, choice, int(own.sum()))}
    model = _rescaled(model, mixture)
    if model.decoder.mean is not None:
        model = _with_shift(model, mixture, standard, complete, fit, seed)
    return Corrected(model, mixture, about)


def said(fit: LineFit, choice: OrderChoice, stars: int) -> dict[str, Any]:
    """What a card says of a correction."""
    return {
        "stars": stars,
        "order": choice.order,
        "left_out_before": choice.before,
        "left_out_after": list(choice.after),
        "rms_strength": float(np.sqrt(np.mean(fit.strengths[0] ** 2))),
    }


def _standard(model: TrainedModel, stars: SpectraSet, names: tuple[str, ...]) -> np.ndarray:
    columns = model.config.columns(names)
    labels = stars.labels_for(names)
    return (labels - model.scaler.label_mean[columns]) / model.scaler.label_std[columns]


def _usual(
    model: TrainedModel, mixture: Mixture, standard: np.ndarray, others: np.ndarray, seed: int
) -> UsualSpectrum | None:
    """What spectra of the model's own kind are at given labels; None where nobody knows."""
    if others.any():
        rows = np.flatnonzero(others)
        stars = mixture.stars[rows]
        return UsualSpectrum.of(standard[rows], stars.flux, stars.mask, stars.mean_error, seed)
    if model.decoder.mean is None:
        return None
    return mean_of_decoder(model.decoder, model.scaler)


def _residuals(
    model: TrainedModel, mixture: Mixture, standard: np.ndarray, own: np.ndarray, usual: UsualSpectrum
) -> Residuals:
    """Of own stars; labels that may be wrong make the spectrum that is expected uncertain, too."""
    rows = np.flatnonzero(own)
    stars, y = mixture.stars[rows], standard[rows]
    mean = usual(y)
    error = np.zeros_like(stars.flux) if stars.flux_error is None else np.nan_to_num(stars.flux_error)
    residuals = Residuals.of(y, mean, stars.flux, error, model.hidden(stars))
    variance = residuals.variance
    names = model.condition_on or model.label_names
    columns = model.config.columns(names)
    for k, column in enumerate(columns):
        step = np.nan_to_num(mixture.label_errors[rows, column]) / model.scaler.label_std[column]
        if step.any():
            moved = y.copy()
            moved[:, k] += step
            variance = variance + (usual(moved) - mean) ** 2
    return replace(residuals, variance=variance)


def _with_shift(
    model: TrainedModel,
    mixture: Mixture,
    standard: np.ndarray,
    complete: np.ndarray,
    fit: LineFit,
    seed: int,
) -> TrainedModel:
    """The model whose decoder draws the mean spectrum of the mixture.

    Its mean spectrum is not quite that of simulated stars: it is compared with the corrected stars
    themselves. With own stars alone the fit was made to it already.
    """
    decoder, scaler = model.decoder, model.scaler
    if (complete & ~mixture.own).any():
        random = np.random.default_rng(seed)
        others = random.permutation(np.flatnonzero(complete & ~mixture.own))[:FOR_DECODER]
        rows = np.sort(np.concatenate([others, np.flatnonzero(complete & mixture.own)]))
        fit = fit_lines(
            _residuals(model, mixture, standard, np.isin(np.arange(len(standard)), rows), _drawn(model)), seed
        )[0]
    decoder.shift = fit.shift(scaler.flux_offset, scaler.flux_scale).eval().requires_grad_(False)
    return model


def _drawn(model: TrainedModel) -> UsualSpectrum:
    return mean_of_decoder(model.decoder, model.scaler)


def _rescaled(model: TrainedModel, mixture: Mixture) -> TrainedModel:
    """The model with what stands for a masked pixel, and the discriminators' bins, of the mixture.

    How flux and labels are scaled stays: the networks were trained under it.
    """
    fresh: Scaler = fit_scaler(mixture.stars, model.config)
    own = replace(model.scaler, flux_mean=fresh.flux_mean, bin_edges=fresh.bin_edges)
    return replace(model, scaler=own)
