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
from ..data.splits import Division, division
from ..errors import ModelError
from ..maps.fitting import MapStars, fit_projection
from ..maps.projection import Projection
from ..parameters import default_labels
from ..regression.crossed import AnyRegressor
from ..regression.residuals import residual_statistics
from ..simulator import EDITION, is_simulated, simulator_identity
from ..training.fitting_regressors import MIN_LABELLED
from ..training.records import EpochRecord
from ..training.trainer import Trainer
from .calibration import with_calibrated_errors
from .cards import describe
from .feasible import check_maps, check_sample, check_weights
from .readings import can_fit_regressors, fit_latent_regressor, fit_spectrum_regressor, outlier_reference
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
    regressor_epochs: passes of a regressor over the stars at most; 0: the model gets no regressors.
    source: where the stars come from, for the card.
    key: of the latents in the maps; None: this installation's.
    """

    maps: tuple[str, ...] = ()
    spectra_maps: tuple[str, ...] = ()
    map_stars: int = MAP_STARS
    regressor_spectrum: AnyRegressor | None = None
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
    extras = extras or Extras()
    trainer = trainer_for(stars, config, device, extras)
    for record in trainer.epochs():
        if on_epoch:
            on_epoch(record)
    return finish_model(trainer, stars, extras)


def usable_division(stars: SpectraSet) -> Division:
    """What the usable stars of a sample serve."""
    return division(stars.ids).among(stars.usable)


def trainer_for(
    stars: SpectraSet, config: Config, device: str = "auto", extras: Extras | None = None
) -> Trainer:
    """A Trainer on those stars of the training split that are not held back for regressors and reference.

    extras: what `finish_model` is going to add. Raises ModelError for what would stop it after the last
    epoch, SpectraError for stars that are reserved for judging.
    """
    rows = usable_division(stars)
    check_sample(stars, rows, config)
    if extras is not None:
        check_maps(rows, (*extras.maps, *extras.spectra_maps), extras.map_stars)
    trained = division(stars.ids).fitting
    trainer = Trainer(stars[trained], config, device)
    complete = len(trained) - trainer.left_out
    if complete < min(MIN_LABELLED, len(rows.fitting)):
        labels = ", ".join(config.model.condition_on)
        cure = f"at least {MIN_LABELLED} must have them, so that they can be estimated for the others"
        raise ModelError(f"{complete} of {len(rows.training)} stars have {labels}: {cure}")
    check_weights(trainer)
    return trainer


def bare_model(trainer: Trainer, stars: SpectraSet) -> TrainedModel:
    """The networks as a model that encodes and decodes, without regressors or maps.

    stars: the whole sample, of which the trainer had stars of the training split. A star that the trainer had
    is neither a calibrating nor a reference star, whatever the division says.
    """
    rows = usable_division(stars)
    labels = stars.labels_for(trainer.config.model.labels)[rows.training]
    held_back = rows.among(~np.isin(stars.ids, [*trainer.training_ids, *trainer.validation_ids]))
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
        train_ids=stars.ids[rows.training],
        test_ids=stars.ids[rows.test],
        check_ids=trainer.validation_ids,
        calibration_ids=stars.ids[held_back.calibration],
        reference_ids=stars.ids[held_back.reference],
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
    rows = usable_division(stars)
    trained, tested = stars[rows.training], stars[rows.test]
    epochs = extras.regressor_epochs
    if epochs and can_fit_regressors(model, trained):
        spectrum = extras.regressor_spectrum or fit_spectrum_regressor(model, trained, epochs)
        latent = fit_latent_regressor(model, trained, epochs)
        model = replace(model, regressor_latent=latent, regressor_spectrum=spectrum)
        model = with_calibrated_errors(model, trained)
        model = replace(model, outlier_reference=outlier_reference(model, trained))
    model = replace(model, projections=_projections(model.under(extras.key), tested, extras))
    left_out = trainer.left_out + _unusable_held_back(stars)
    return replace(model, card=_card(model, trainer, tested, extras, left_out), key=None)


def _unusable_held_back(stars: SpectraSet) -> int:
    """How many stars of the training split are not usable and were not given to the trainer either."""
    rows = division(stars.ids)
    return int((~stars.usable[np.concatenate([rows.calibration, rows.reference])]).sum())


# --- maps ---


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


def _card(
    model: TrainedModel, trainer: Trainer, tested: SpectraSet, extras: Extras, left_out: int
) -> dict[str, Any]:
    data = {
        "source": extras.source or str(tested.provenance.get("source", "unnamed stars")),
        "train": len(model.train_ids),
        "validation": len(model.check_ids),
        "calibration": len(model.calibration_ids),
        "reference": len(model.reference_ids),
        "test": len(model.test_ids),
        "left_out": left_out,
        "seconds": sum(record["seconds"] for record in model.history),
    }
    figures, simulated = card_figures(model, tested), is_simulated(tested)
    if simulated:
        data |= {"simulator": simulator_identity(), "edition": EDITION}
    regressors = {"latent": model.regressor_latent, "spectrum": model.regressor_spectrum}
    fitted = {name: r.summary for name, r in regressors.items() if r is not None}
    calibration = {name: s["calibration"] for name, s in fitted.items() if "calibration" in s}
    return describe(model.config, data, figures, simulated, trainer.known_nuisances, calibration)


def card_figures(model: TrainedModel, tested: SpectraSet) -> dict[str, Any]:
    """The numbers on a card: reconstruction, and labels read from the latent, of stars that did not train."""
    guess = model.reconstruct(tested)
    error = np.where(model.hidden(tested), np.nan, np.nan_to_num(tested.flux) - guess)
    chi2 = float(np.median(model.chi2(tested, guess)))
    return {
        "reconstruction_mse": float(np.nanmean(error**2)),
        "median_chi2": chi2 if np.isfinite(chi2) else None,
        "parameters": {} if model.regressor_latent is None else _label_scores(model, tested),
    }


def _label_scores(model: TrainedModel, tested: SpectraSet) -> dict[str, dict[str, float | int | None]]:
    """The scores of each label that a regressor reads and that varies among the stars."""
    predictions, true = model.predict(tested, verdicts=False), tested.labels_for(model.label_names)
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
