"""From stars and a configuration to a finished model: split, train, regressors, maps, outlier reference,
card.
"""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..config.presets import preset
from ..config.schema import Config
from ..data.scores import r_squared
from ..data.spectra import SpectraSet
from ..data.splits import split
from ..errors import ModelError
from ..maps.fitting import MapStars, fit_projection
from ..parameters import default_labels
from ..regression.fitting import MIN_LABELLED, fit_calibrated, fit_regressor
from ..regression.regressor import Regressor
from ..regression.settings import FOR_SPECTRA, PAPER, RegressorSettings
from ..simulator import is_simulated
from ..training.records import EpochRecord
from ..training.trainer import Trainer
from .cards import describe
from .outliers import REAL_CHI2, fit_outliers
from .trained import TrainedModel

MAP_STARS = 6000


@dataclass(frozen=True)
class Extras:
    """What `finish` adds to the networks. Maps of spectra are the same for every model: one folder carries
    them.
    """

    maps: tuple[str, ...] = ()
    spectra_maps: tuple[str, ...] = ()
    map_stars: int = MAP_STARS
    regressor_spectrum: Regressor | None = None  # the same for every model of one sample; fitted when None
    regressor_epochs: int = 200
    source: str = ""


def train(
    stars: SpectraSet,
    config: Config | str,
    *,
    device: str = "auto",
    on_epoch: Callable[[EpochRecord], Any] | None = None,
    extras: Extras | None = None,
) -> TrainedModel:
    """Train on 80 % of the stars (by id, fixed seed) and finish the model; the rest is its test split.

    config: a configuration or the name of a preset, whose labels are then those of the stars. on_epoch:
    called with each epoch's record. Raises ConfigError for an unknown preset, ModelError for too few stars.
    """
    config = preset(config, default_labels(stars.label_names)) if isinstance(config, str) else config
    trainer = prepared(stars, config, device)
    for record in trainer.epochs():
        if on_epoch:
            on_epoch(record)
    return finish(trainer, stars, extras or Extras())


def usable_rows(stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the usable stars of the training and of the test split."""
    keep = stars.usable
    fitted, tested = (rows[keep[rows]] for rows in split(stars.ids))
    return fitted, tested


def prepared(stars: SpectraSet, config: Config, device: str = "auto") -> Trainer:
    """A Trainer on the training split of `stars`. What would stop `finish` after the last epoch is raised
    here: ModelError.
    """
    fitted, tested = usable_rows(stars)
    if not len(tested):
        raise ModelError(
            f"no usable star of {len(stars)} is left to test on: give spectra of more stars, each with its own id"
        )
    train_rows, _ = split(stars.ids)
    trainer = Trainer(stars[train_rows], config, device)
    complete = len(train_rows) - trainer.left_out
    if complete < min(MIN_LABELLED, len(fitted)):
        needed = f"at least {MIN_LABELLED} must have them, so that they can be estimated of the others"
        raise ModelError(
            f"{complete} of {len(fitted)} stars have {', '.join(config.model.condition_on)}: {needed}"
        )
    return trainer


def bare_model(trainer: Trainer, stars: SpectraSet) -> TrainedModel:
    """The networks as a model that encodes and decodes, without regressors or maps."""
    fitted, tested = usable_rows(stars)
    known = stars.labels_for(trainer.config.model.labels)[fitted]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a label that nobody has: NaN
        ranges = np.nanpercentile(known, [1, 99], axis=0).T
    networks = [net.to("cpu").eval().requires_grad_(False) for net in (trainer.encoder, trainer.decoder)]
    return TrainedModel(
        trainer.config.name,
        trainer.config,
        trainer.scaler,
        *networks,
        stars.ids[fitted],
        stars.ids[tested],
        ranges,
        [asdict(r) for r in trainer.history],
        check_ids=trainer.validation_ids,
    )


def finish(trainer: Trainer, stars: SpectraSet, extras: Extras) -> TrainedModel:
    """Regressors on the latent and on the spectrum, outlier reference, maps and card.

    stars: the whole sample, of which the trainer had the training split. Where hardly any star has a label
    the model comes without regressors: it encodes, reconstructs and maps.
    """
    model = bare_model(trainer, stars)
    fitted, tested = (stars[rows] for rows in usable_rows(stars))
    if np.isfinite(fitted.labels_for(model.label_names)).sum(0).max() >= MIN_LABELLED:
        spectrum = extras.regressor_spectrum or fit_spectrum_regressor(model, fitted, extras.regressor_epochs)
        regressor = fit_latent_regressor(model, fitted, extras.regressor_epochs)
        model = replace(model, regressor_latent=regressor, regressor_spectrum=spectrum)
        model = replace(model, outlier_reference=_outlier_reference(model, tested))
    model = replace(model, projections=_maps(model, tested, extras))
    return replace(model, card=_card(model, trainer, tested, extras))


def fit_latent_regressor(model: TrainedModel, fitted: SpectraSet, epochs: int = 200) -> Regressor:
    """The regressor from the exported latent to the labels; its error bars are those of the encoder's
    validation stars.
    """
    latents, unseen = model.encode(fitted), np.isin(fitted.ids, model.check_ids)
    settings = RegressorSettings(seed=model.config.training.seed, max_iter=epochs)
    snr = fitted.known_snr
    return fit_calibrated(latents.z, latents.labels, model.label_names, unseen, settings, snr=snr)


def fit_spectrum_regressor(model: TrainedModel, fitted: SpectraSet, epochs: int = 200) -> Regressor:
    """The regressor from the (filled) spectrum to the labels; the same for every model of one sample and
    scaling.
    """
    x = model.scaler.fill(fitted.flux, fitted.mask)
    labels, snr = fitted.labels_for(model.label_names), fitted.known_snr
    settings = replace(
        PAPER if snr is None else FOR_SPECTRA, seed=model.config.training.seed, max_iter=epochs
    )
    return fit_regressor(x, labels, model.label_names, settings, snr=snr)


def _outlier_reference(model: TrainedModel, tested: SpectraSet):
    latents, labels = model.encode(tested), model.labels_of(tested)[0]
    chi2, core = model.fit_quality(tested, model.decode(latents, labels))
    chi2 = chi2 * REAL_CHI2 if is_simulated(tested) else chi2
    return fit_outliers(chi2, core, model.predict_from_spectrum(tested)[0], latents.z)


def _maps(model: TrainedModel, tested: SpectraSet, extras: Extras) -> dict:
    shown = tested[: extras.map_stars]
    stars = MapStars(shown.ids, shown.labels_for(model.label_names), model.label_names)
    maps = {}
    if extras.maps:
        z = model.encode(shown).z
        maps |= {f"latent-{m}": fit_projection(z, m, stars=stars) for m in extras.maps}
    if extras.spectra_maps:
        x = model.scaler.flux_in(shown.flux, shown.mask)
        maps |= {f"spectra-{m}": fit_projection(x, m, stars=stars) for m in extras.spectra_maps}
    return maps


def _card(model: TrainedModel, trainer: Trainer, tested: SpectraSet, extras: Extras) -> dict[str, Any]:
    data = {
        "source": extras.source or str(tested.provenance.get("source", "given stars")),
        "train": len(model.train_ids),
        "test": len(model.test_ids),
        "left_out": trainer.left_out,
        "seconds": sum(r["seconds"] for r in model.history),
    }
    return describe(
        model.config, data, test_figures(model, tested), is_simulated(tested), trainer.known_nuisances
    )


def test_figures(model: TrainedModel, tested: SpectraSet) -> dict[str, Any]:
    """What the card states: reconstruction and the parameters read from the latent, on stars that did not
    train.
    """
    guess = model.reconstruct(tested)
    error = np.where(model.hidden(tested), np.nan, np.nan_to_num(tested.flux) - guess)
    return {
        "reconstruction_mse": float(np.nanmean(error**2)),
        "median_chi2": float(np.median(model.fit_quality(tested, guess)[0])),
        "parameters": {} if model.regressor_latent is None else _parameters(model, tested),
    }


def _parameters(model: TrainedModel, tested: SpectraSet) -> dict[str, dict[str, float]]:
    """The scores of each label that a regressor reads and that varies among the stars."""
    found, truth = model.predict(tested), tested.labels_for(model.label_names)
    scores = {}
    for j, name in enumerate(model.label_names):
        known = np.isfinite(truth[:, j]) & np.isfinite(found.values[:, j])
        if known.any() and np.ptp(truth[known, j]) > 0:
            scores[name] = _scores(truth[known, j], found.values[known, j], found.errors[known, j])
    return scores


def _scores(truth: np.ndarray, value: np.ndarray, error: np.ndarray) -> dict[str, float]:
    difference = value - truth
    return {
        "r2": r_squared(truth, value),
        "mae": float(np.abs(difference).mean()),
        "rmse": float(np.sqrt((difference**2).mean())),
        "coverage": float((np.abs(difference) <= error).mean()),
    }
