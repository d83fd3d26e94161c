"""One trial of a sweep: train a configuration and score it.

Scores, smaller is better. `reconstruction`: the mean squared error of the flux. `excess`: leakage, Σ/n
max(0, excess) over the removed labels, + loss, Σ/n (1 − R²) over the others, read by two quick probes.
`balance`: the same + the lost flux, the mean squared error over the variance of the flux between stars.
`audit`: as `excess`, read by all probes of the audit. A configuration that is trained from several seeds has
the mean of their scores. Neither test stars take part nor those that calibrate a model or are its reference:
a trial trains on 80 % of the others and is scored on the rest of them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..auditing.entries import leakage
from ..auditing.measuring import Measures, floors_of, leaks, readings
from ..auditing.probes import PROBES, Probing
from ..auditing.report import planned
from ..config.schema import Config, with_fields
from ..data.protocols import StarModel, measured
from ..data.spectra import SpectraSet
from ..errors import ConfigError, GandalfError, ModelError
from .space import SPREAD, Sweep, with_values
from .stars import check_stars

if TYPE_CHECKING:
    import optuna

    from ..training.records import EpochRecord
    from ..training.trainer import Trainer

QUICK_PROBES = ("ridge", "trees")
SPREADS = ("score", "leakage", "loss", "reconstruction_mse")  # the measures that have one


@dataclass
class _Attempt:
    """A trial and the measures of each of its trainings that has ended."""

    trial: "optuna.Trial"
    measures: list[dict[str, Any]] = field(default_factory=list)
    failed: bool = False


def training_stars(sweep: Sweep) -> SpectraSet:
    """The training split of a sweep's sources. SpectraError for stars that are reserved for judging."""
    from ..data.splits import split
    from ..simulator.judging import refuse_reserved
    from ..sources import Intake, gather

    stars, _ = gather(sweep.stars, intake=Intake(sweep.keep_spikes))
    check_stars(sweep, stars)
    refuse_reserved(stars.ids, "choose by")
    return stars[split(stars.ids)[0]]


def score_trials(
    trials: "Sequence[optuna.Trial]", sweep: Sweep, stars: SpectraSet
) -> "Iterator[tuple[optuna.Trial, float | GandalfError]]":
    """Train the configurations of Optuna trials, those of equal shapes together, and score each.

    stars: a training split. A trial comes as soon as it is scored, or with the error that made it fail: an
    impossible combination of values, or a training that diverged. Measures become attributes of the trial.
    """
    from ..data.splits import held_back, split
    from ..training.together import Together

    stars = stars[held_back(stars.ids)[0]]
    fit_rows, score_rows = split(stars.ids)
    fitted, scored = stars[fit_rows], stars[score_rows]
    attempts: list[_Attempt] = []  # of each training
    impossible: list[tuple[optuna.Trial, GandalfError]] = []
    several = Together(_trainers(trials, sweep, fitted, attempts, impossible))
    yield from impossible
    for done in several.epochs():
        attempt, trainer = attempts[done.index], several.trainers[done.index]
        if attempt.failed:
            continue
        if done.record:
            attempt.trial.set_user_attr("epoch", done.record.epoch)
        if done.error or trainer.finished:
            outcome = done.error or _outcome(attempt, trainer, stars, scored, sweep)
            attempt.failed = isinstance(outcome, GandalfError)
            if outcome is not None:
                yield attempt.trial, outcome


def _trainers(
    trials: "Sequence[optuna.Trial]",
    sweep: Sweep,
    fitted: SpectraSet,
    attempts: list[_Attempt],
    impossible: "list[tuple[optuna.Trial, GandalfError]]",
) -> "Iterator[Trainer]":
    """A training of each configuration of the trials; `attempts` and `impossible` are filled meanwhile."""
    from ..training.trainer import Trainer

    for trial in trials:
        attempt = _Attempt(trial)
        try:
            for config in _configs(trial, sweep):
                trainer = Trainer(fitted, config, sweep.device)
                attempts.append(attempt)
                yield trainer
        except GandalfError as error:
            impossible.append((trial, error))


def _configs(trial: "optuna.Trial", sweep: Sweep) -> list[Config]:
    """The configuration of a trial, with each seed. ConfigError where its values do not go together."""
    config = with_values(sweep.config, {a.path: a.suggest(trial) for a in sweep.axes})
    if sweep.score in ("reconstruction", "balance") and not config.training.validation_fraction:
        raise ConfigError("training.validation_fraction is 0: no star is left to score a reconstruction by")
    first = config.training.seed
    return [with_fields(config, {"training.seed": seed}) for seed in range(first, first + sweep.seeds)]


def _outcome(
    attempt: _Attempt, trainer: "Trainer", stars: SpectraSet, scored: SpectraSet, sweep: Sweep
) -> "float | GandalfError | None":
    """The score of a trial, the error that made it fail, or None while others of its trainings go on.

    stars: all that the trial has, scored: those that it is scored on.
    """
    try:
        attempt.measures.append(measures_of(trainer, stars, scored, sweep))
    except GandalfError as error:
        return error
    if len(attempt.measures) < sweep.seeds:
        return None
    together = averaged(attempt.measures)
    for name, value in together.items():
        attempt.trial.set_user_attr(name, value)
    return together["score"]


def measures_of(trainer: "Trainer", stars: SpectraSet, scored: SpectraSet, sweep: Sweep) -> dict[str, Any]:
    """The measures of a finished training, with its `score`. ModelError when it diverged."""
    from ..models.fit import bare_model

    measures = training_measures(trainer.config, trainer.history)
    if sweep.score == "reconstruction":
        measures["score"] = measures["reconstruction_mse"]
    else:
        measures |= probe_measures(measured(bare_model(trainer, stars), sweep.seed), scored, sweep)
    if sweep.score == "balance":
        measures["lost_flux"] = measures["reconstruction_mse"] / flux_variance(scored)
        measures["score"] += measures["lost_flux"]
    if not math.isfinite(measures["score"]):
        raise ModelError(f"the training diverged: {sweep.score} is {measures['score']}")
    return measures


def averaged(measures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The means of the measures over the seeds, and the standard deviations of those that are drawn.

    Seconds are those of all trainings together.
    """
    means = {name: _mean(m[name] for m in measures) for name in measures[0]}
    means["seconds"] = sum(m["seconds"] for m in measures)
    means["latent_size"] = measures[0]["latent_size"]  # a whole number, the same for all
    if len(measures) == 1:
        return means
    spreads = {n: np.std([m[n] for m in measures], ddof=1) for n in SPREADS if n in means}
    return means | {SPREAD + name: float(value) for name, value in spreads.items()}


def flux_variance(stars: SpectraSet) -> float:
    """The variance of the flux between stars, mean over the usable pixels."""
    flux = np.where(stars.mask, np.nan, stars.flux)
    centre = np.nanmean(flux, 0)
    return float(np.nanmean(np.square(flux - centre)))


def training_measures(config: Config, history: "list[EpochRecord]") -> dict[str, Any]:
    """The measures of a training: the reconstruction of its last epoch, its seconds, λ and latent size.

    Where there are discriminators also their mean error, and that of the best guess without the latent.
    """
    last, strengths = history[-1], [abs(v) for v in config.lambdas.values()]
    measures: dict[str, Any] = {
        "reconstruction_mse": last.reconstruction_mse,
        "latent_size": config.model.latent_size,
        "seconds": sum(record.seconds for record in history),
        "mean_lambda": sum(strengths) / len(strengths) if strengths else 0.0,
    }
    if last.discriminator_accuracy:
        measures["discriminator_error"] = 1 - _mean(last.discriminator_accuracy.values())
        measures["chance_error"] = 1 - _mean(last.chance.values())
    return measures


def probe_measures(model: StarModel, stars: SpectraSet, sweep: Sweep) -> dict[str, float]:
    """The audit's measures of the exported latent, and the `score` they make.

    Raises AuditError for too few labelled stars.
    """
    probes = PROBES if sweep.score == "audit" else QUICK_PROBES
    plan = planned(model, stars, Probing(probes, sweep.seed), _signs(model, sweep.config))
    z = model.encode(stars).z
    leaks_of_z = leaks(plan, z, floors_of(plan), thorough=False)
    report = leakage(plan, Measures({"z": readings(plan, z, plan.names)}, {"z": leaks_of_z}))
    excesses = {n: entry["excess"] for n, entry in report["removed"].items()}
    r2 = {n: entry["r2"] for part in ("kept", "untouched") for n, entry in report[part].items()}
    parts = {"leakage": [max(0.0, v) for v in excesses.values()], "loss": [1 - v for v in r2.values()]}
    terms = {name: _mean(values) for name, values in parts.items() if values}
    return (
        {"score": sum(terms.values())}
        | terms
        | {f"excess {n}": v for n, v in excesses.items()}
        | {f"r2 {n}": v for n, v in r2.items()}
    )


def _signs(model: StarModel, base: Config) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Removed and kept labels of a trial: where its λ is 0, those of the sweep, as of the others."""

    def of(own: tuple[str, ...], others: tuple[str, ...], opposite: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(n for n in model.label_names if n in own or (n in others and n not in opposite))

    return of(model.removed, base.removed, model.kept), of(model.kept, base.kept, model.removed)


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)
