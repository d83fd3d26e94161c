"""From stars and a configuration to a finished model.

The stars are split and the networks trained; then come regressors, maps, outlier reference and card.
"""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..config.presets import preset
from ..config.schema import Config
from ..data.noise_key import NoiseKey
from ..data.spectra import SpectraSet
from ..data.splits import split
from ..errors import ModelError
from ..maps.fitting import MapStars, fit_projection
from ..maps.projection import Projection
from ..parameters import default_labels
from ..regression.fitting import MIN_LABELLED, fit_calibrated, fit_regressor
from ..regression.regressor import Regressor
from ..regression.residuals import residual_statistics
from ..regression.settings import FOR_SPECTRA, PAPER, RegressorSettings
from ..simulator import is_simulated
from ..training.records import EpochRecord
from ..training.trainer import Trainer
from .cards import describe
from .outliers import REAL_CHI2, OutlierReference, fit_outliers
from .trained import TrainedModel

MAP_STARS = 6000


@dataclass(frozen=True)
class Extras:
    """What a model gets beside its networks.

    Attributes
    ----------
    maps: methods of the maps of latents to make.
    spectra_maps: the same for maps of spectra, which are equal for all models: one folder carries them.
    map_stars: test stars in a map at most.
    regressor_spectrum: the same for every model of one sample; fitted when None.
    regressor_epochs: passes of a regressor over the stars at most.
    source: where the stars come from, for the card.
    key: of the latents in the maps; None: this installation's.
    """

    maps: tuple[str, ...] = ()
    spectra_maps: tuple[str, ...] = ()
    map_stars: int = MAP_STARS
    regressor_spectrum: Regressor | None = None
    regressor_epochs: int = 200
    source: str = ""
    key: NoiseKey | None = None


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
    trainer = trainer_for(stars, config, device)
    for record in trainer.epochs():
        if on_epoch:
            on_epoch(record)
    return finish_model(trainer, stars, extras or Extras())


def usable_split(stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the usable stars of the training and of the test split."""
    (train_rows, test_rows), usable = split(stars.ids), stars.usable
    return train_rows[usable[train_rows]], test_rows[usable[test_rows]]


def trainer_for(stars: SpectraSet, config: Config, device: str = "auto") -> Trainer:
    """A Trainer on the training split of `stars`.

    Raises ModelError for what would stop `finish_model` after the last epoch.
    """
    trained, tested = usable_split(stars)
    if not len(tested):
        cure = "give spectra of more stars, each with its own id"
        raise ModelError(f"no usable star of {len(stars)} is left to test on: {cure}")
    train_rows, _ = split(stars.ids)
    trainer = Trainer(stars[train_rows], config, device)
    complete = len(train_rows) - trainer.left_out
    if complete < min(MIN_LABELLED, len(trained)):
        labels = ", ".join(config.model.condition_on)
        cure = f"at least {MIN_LABELLED} must have them, so that they can be estimated for the others"
        raise ModelError(f"{complete} of {len(trained)} stars have {labels}: {cure}")
    return trainer


def bare_model(trainer: Trainer, stars: SpectraSet) -> TrainedModel:
    """The networks as a model that encodes and decodes, without regressors or maps.

    stars: the whole sample, of which the trainer had the training split.
    """
    trained, tested = usable_split(stars)
    labels = stars.labels_for(trainer.config.model.labels)[trained]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a label that no star has: NaN
        ranges = np.nanpercentile(labels, [1, 99], axis=0).T
    for network in (trainer.encoder, trainer.decoder):
        network.to("cpu").eval().requires_grad_(False)
    return TrainedModel(
        name=trainer.config.name,
        config=trainer.config,
        scaler=trainer.scaler,
        encoder=trainer.encoder,
        decoder=trainer.decoder,
        train_ids=stars.ids[trained],
        test_ids=stars.ids[tested],
        check_ids=trainer.validation_ids,
        label_ranges=ranges,
        history=[asdict(record) for record in trainer.history],
    )


def finish_model(trainer: Trainer, stars: SpectraSet, extras: Extras) -> TrainedModel:
    """The networks with regressors for latent and spectrum, the reference for outliers, maps and card.

    stars: the whole sample, of which the trainer had the training split. Where hardly any star has a label
    the model comes without regressors: it encodes, reconstructs and maps.

    Its own measurements are of latents under a key that follows from the training's seed, so that they come
    out the same everywhere; a map holds latents star by star, and is made under `extras.key`.
    """
    model = bare_model(trainer, stars).under(NoiseKey.from_seed(trainer.config.training.seed))
    train_rows, test_rows = usable_split(stars)
    trained, tested = stars[train_rows], stars[test_rows]
    if np.isfinite(trained.labels_for(model.label_names)).sum(0).max() >= MIN_LABELLED:
        epochs = extras.regressor_epochs
        spectrum = extras.regressor_spectrum or fit_spectrum_regressor(model, trained, epochs)
        latent = fit_latent_regressor(model, trained, epochs)
        model = replace(model, regressor_latent=latent, regressor_spectrum=spectrum)
        model = replace(model, outlier_reference=_outlier_reference(model, tested))
    model = replace(model, projections=_projections(model.under(extras.key), tested, extras))
    return replace(model, card=_card(model, trainer, tested, extras), key=None)


# --- regressors, reference, maps ---


def fit_latent_regressor(model: TrainedModel, stars: SpectraSet, epochs: int = 200) -> Regressor:
    """The regressor from the exported latent of the training stars to their labels.

    Its error bars are those of the encoder's validation stars.
    """
    latents, unseen = model.encode(stars), np.isin(stars.ids, model.check_ids)
    settings = RegressorSettings(seed=model.config.training.seed, max_iter=epochs)
    snr = stars.known_snr
    return fit_calibrated(latents.z, latents.labels, model.label_names, unseen, settings, snr=snr)


def fit_spectrum_regressor(model: TrainedModel, stars: SpectraSet, epochs: int = 200) -> Regressor:
    """The regressor from the spectra of the training stars, gaps filled, to their labels.

    It is the same for every model of one sample and scaling.
    """
    x = model.scaler.fill(stars.flux, stars.mask)
    labels, snr = stars.labels_for(model.label_names), stars.known_snr
    recipe = PAPER if snr is None else FOR_SPECTRA
    settings = replace(recipe, seed=model.config.training.seed, max_iter=epochs)
    return fit_regressor(x, labels, model.label_names, settings, snr=snr)


def _outlier_reference(model: TrainedModel, stars: SpectraSet) -> OutlierReference:
    latents, labels = model.encode(stars), model.labels_of(stars)[0]
    chi2, core = model.fit_quality(stars, model.decode(latents, labels))
    chi2 = chi2 * REAL_CHI2 if is_simulated(stars) else chi2
    return fit_outliers(chi2, core, model.predict_from_spectrum(stars)[0], latents.z)


def _projections(model: TrainedModel, tested: SpectraSet, extras: Extras) -> dict[str, Projection]:
    """The maps of the test stars, `latent-tsne` and the like."""
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


# --- the card ---


def _card(model: TrainedModel, trainer: Trainer, tested: SpectraSet, extras: Extras) -> dict[str, Any]:
    data = {
        "source": extras.source or str(tested.provenance.get("source", "unnamed stars")),
        "train": len(model.train_ids),
        "test": len(model.test_ids),
        "left_out": trainer.left_out,
        "seconds": sum(record["seconds"] for record in model.history),
    }
    figures, simulated = card_figures(model, tested), is_simulated(tested)
    return describe(model.config, data, figures, simulated, trainer.known_nuisances)


def card_figures(model: TrainedModel, tested: SpectraSet) -> dict[str, Any]:
    """The numbers on a card: reconstruction, and labels read from the latent, of stars that did not train."""
    guess = model.reconstruct(tested)
    error = np.where(model.hidden(tested), np.nan, np.nan_to_num(tested.flux) - guess)
    return {
        "reconstruction_mse": float(np.nanmean(error**2)),
        "median_chi2": float(np.median(model.fit_quality(tested, guess)[0])),
        "parameters": {} if model.regressor_latent is None else _label_scores(model, tested),
    }


def _label_scores(model: TrainedModel, tested: SpectraSet) -> dict[str, dict[str, float | int | None]]:
    """The scores of each label that a regressor reads and that varies among the stars."""
    predictions, true = model.predict(tested), tested.labels_for(model.label_names)
    read = np.where(np.isfinite(predictions.values), true, np.nan)
    varying = [j for j, column in enumerate(read.T) if np.unique(column[np.isfinite(column)]).size > 1]
    statistics = residual_statistics(predictions.values, true, model.label_names, predictions.errors)
    return {
        name: {
            "r2": statistics[name]["r2"],
            "mae": statistics[name]["mean_absolute"],
            "rmse": statistics[name]["rmse"],
            "coverage": statistics[name]["coverage"],
        }
        for name in (model.label_names[j] for j in varying)
    }
