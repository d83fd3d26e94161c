"""A model goes on learning from a user's own labelled stars: `gandalf train STARS --from MODEL`.

In this order: simulated stars made like the user's (mixture.py), the correction of the mean spectrum, the
encoder as far as cross-validation lets it move, the regressors, their error bars on own stars that were held
back, and what is ordinary. Which own stars serve what, `data.splits.division` says, as in any training.
Shapes: N stars, L pixels, P labels, C labels that the decoder receives.
"""

import copy
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..config.schema import with_fields
from ..data.noise_key import NoiseKey
from ..data.spectra import SpectraSet
from ..data.splits import Division, division
from ..errors import ModelError
from ..jobs.progress import Progress, silent
from ..models.trained import TrainedModel
from ..regression.crossed import AnyRegressor, CrossedRegressor
from ..regression.label_weights import label_weights
from ..regression.regressor import Regressor
from ..simulator.judging import refuse_reserved
from ..training.adapter import PARTS, Networks, Pace, Prepared, adapted, choose_part
from ..training.tuning import Lessons, tuned
from .corrections import Corrected, corrected
from .finishing import finished
from .mixture import Mixture, Sampling, mixed, simulated_like

FEWEST = 40  # own stars with labels, below which nothing is adapted
STEPS, TRIAL_STEPS, READING_STEPS = 400, 80, 700
AGAINST_OPPONENTS = 1000  # steps where labels are removed, which takes longer than to redraw spectra


@dataclass(frozen=True)
class AdaptOptions:
    """How a model is adapted.

    mix: share of what is learned that simulated stars have; 0: own stars alone.  resolving_power: of the
    user's spectra, where their instrument does not tell.  part: of the encoder that may move, one of PARTS;
    None: cross-validation chooses.  source: where the stars come from, for the card.  noise: of the latent;
    None: that of the model. More of it hides removed labels better and tells kept ones worse.
    """

    mix: float = 0.75
    resolving_power: float | None = None
    part: str | None = None
    source: str = ""
    seed: int = 0
    noise: float | None = None


def adapt(
    model: TrainedModel, stars: SpectraSet, options: AdaptOptions | None = None, progress: Progress = silent
) -> TrainedModel:
    """The model adapted to labelled stars (N,), which may be on wavelengths of their own.

    Labels named `teff_error` and so on are errors of labels. Raises ModelError for too few labelled stars,
    SpectraError for stars that do not cover the model's wavelengths or are reserved for judging.
    """
    options, began = options or AdaptOptions(), time.perf_counter()
    refuse_reserved(stars.ids, "adapt to")
    model = model.under(NoiseKey.from_seed(options.seed))
    sampling = Sampling.of(stars, options.resolving_power)
    own = model.on_grid(stars)
    parts = _checked_division(model, own)
    progress(0.02, "simulating stars of the model's kind")
    others = simulated_like(model, sampling) if _can_mix(model, options) else None
    mixture = _mixture(model, own[parts.fitting], others, options)
    progress(0.2, "correcting the mean spectrum")
    found = _with_noise(corrected(model, mixture, options.seed), options.noise)
    progress(0.4, "the encoder")
    networks, trials = _networks(found, options, progress)
    about = found.about | {"encoder": trials, "noise_before": model.config.model.noise}
    model = replace(found.model, encoder=networks.encoder, decoder=networks.decoder, projections={})
    progress(0.7, "the regressors")
    model = with_tuned_regressors(model, found.mixture)
    about["mix"] = options.mix if others is not None else 0.0
    about |= {"resolving_power": sampling.resolving_power, "seconds": time.perf_counter() - began}
    progress(0.9, "error bars and the card")
    return finished(model, own, parts, found.mixture, about | {"source": options.source})


def _checked_division(model: TrainedModel, own: SpectraSet) -> Division:
    """What the own stars serve. ModelError where too few of them have labels."""
    labelled = np.isfinite(own.labels_for(model.label_names)).any(1)
    parts = division(own.ids).among(own.usable & labelled & model.held_out(own))
    if len(parts.fitting) < FEWEST:
        needed = f"at least {FEWEST} with labels are needed that took no part in making it"
        few = f"only {len(parts.fitting)} of these {len(own)} stars can be learned from"
        raise ModelError(f"{model.name}: {few}: {needed}, beside those held back to judge")
    return parts


def _can_mix(model: TrainedModel, options: AdaptOptions) -> bool:
    """Whether simulated stars may take part: where the model was trained on them."""
    return options.mix > 0 and is_of_simulated(model)


def is_of_simulated(model: TrainedModel) -> bool:
    """Whether the simulator made the stars that trained a model, in today's edition."""
    return bool(model.card.get("data", {}).get("simulator"))


def _mixture(
    model: TrainedModel, own: SpectraSet, others: SpectraSet | None, options: AdaptOptions
) -> Mixture:
    return mixed(own, own.label_errors_for(model.label_names), others, 1 - options.mix)


# --- networks ---


def _with_noise(found: Corrected, noise: float | None) -> Corrected:
    """The same, with noise of another size in the latent that the networks are about to learn."""
    if noise is None:
        return found
    config = with_fields(found.model.config, {"model.noise": noise})
    return replace(found, model=replace(found.model, config=config))


def _networks(found: Corrected, options: AdaptOptions, progress: Progress) -> tuple[Networks, dict[str, Any]]:
    """The adapted networks, and how much of the encoder moved, with the losses of the trials."""
    model, mixture = found.model, found.mixture
    networks = Networks(copy.deepcopy(model.encoder), copy.deepcopy(model.decoder))
    complete = np.isfinite(mixture.stars.labels_for(model.condition_on)).all(1) & mixture.stars.usable
    rows = np.flatnonzero(complete)
    if mixture.own[rows].sum() < FEWEST:
        return networks, {"part": PARTS[0], "losses": {}, "why": "too few own stars have every label"}
    stars = Prepared(networks, model.scaler, model.config, mixture.stars[rows])
    times, own = mixture.times[rows], mixture.own[rows]
    losses: dict[str, float] = {}
    if options.part is None:
        progress(0.42, "how much of the encoder should move")
        losses = choose_part(networks, stars, own, times, Pace(TRIAL_STEPS, seed=options.seed))
    part = options.part or min(losses, key=lambda name: losses[name])
    progress(0.55, f"the encoder: {part} moves")
    repeated = np.repeat(np.arange(len(rows)), times)
    steps = AGAINST_OPPONENTS if model.removed else STEPS
    moved = adapted(networks, stars, repeated, part, Pace(steps, seed=options.seed))
    return moved, {"part": part, "losses": losses}


# --- regressors ---


def with_tuned_regressors(model: TrainedModel, mixture: Mixture) -> TrainedModel:
    """The model with regressors that go on learning from the mixture, from the spectrum and the latent."""
    stars = mixture.stars
    if model.regressor_spectrum is not None:
        x = model.scaler.fill(np.nan_to_num(stars.flux), stars.mask)
        regressor = joined(model.regressor_spectrum)
        model = replace(
            model, regressor_spectrum=tuned(regressor, _lessons(regressor, x, mixture), READING_STEPS)
        )
    if model.regressor_latent is not None:
        regressor, mean = joined(model.regressor_latent), model.encode_mean(_encodable(model, stars))
        lessons = replace(_lessons(regressor, mean, mixture), spread=model.config.model.noise)
        model = replace(model, regressor_latent=tuned(regressor, lessons, READING_STEPS))
    return model


def _encodable(model: TrainedModel, stars: SpectraSet) -> SpectraSet:
    """The stars, with estimates of labels that a conditional encoder needs."""
    if not model.config.model.conditional_encoder:
        return stars
    return stars.with_labels(model.labels_of(stars)[0], model.label_names)


def joined(regressor: AnyRegressor) -> Regressor:
    """One regressor, of a crossed one with the error model of its first fit."""
    if isinstance(regressor, CrossedRegressor):
        return replace(regressor.joined(), errors=replace(regressor.parts[0].errors, correlation=None))
    return regressor


def _lessons(regressor: Regressor, x: np.ndarray, mixture: Mixture) -> Lessons:
    """The mixture as a regressor learns from it: a label counts by its error beside the regressor's own."""
    labels = mixture.stars.labels_for(regressor.names)
    weight = label_weights(mixture.label_errors, regressor.y_scale)
    return Lessons(x, labels, mixture.stars.snr, weight, mixture.times.astype(float))
