"""One trial of a sweep: train a configuration and score it.

Scores, smaller is better. `reconstruction`: the mean squared error of the flux. `excess`: Σ/n max(0, excess)
over the removed labels + Σ/n (1 − R²) over the others, read by two quick probes. `audit`: the same, read by
all probes of the audit. Neither test stars take part nor those that calibrate a model or are its reference: a
trial trains on 80 % of the others and is scored on the rest of them.
"""

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..auditing.entries import leakage
from ..auditing.measuring import Measures, floors_of, leaks, readings
from ..auditing.probes import PROBES, Probing
from ..auditing.report import planned
from ..config.schema import Config
from ..data.protocols import StarModel, measured
from ..data.spectra import SpectraSet
from ..errors import ConfigError, GandalfError, ModelError
from .space import Sweep, with_values
from .stars import check_stars

if TYPE_CHECKING:
    import optuna

    from ..training.records import EpochRecord
    from ..training.trainer import Trainer

QUICK_PROBES = ("ridge", "trees")


def training_stars(sweep: Sweep) -> SpectraSet:
    """The training split of a sweep's sources. SpectraError for stars that are reserved for judging."""
    from ..data.splits import split
    from ..simulator.judging import refuse_reserved
    from ..sources import gather

    stars, _ = gather(sweep.stars)
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
    from ..training.trainer import Trainer

    stars = stars[held_back(stars.ids)[0]]
    fit_rows, score_rows = split(stars.ids)
    fitted, scored = stars[fit_rows], stars[score_rows]
    ready: list[optuna.Trial] = []
    impossible: list[tuple[optuna.Trial, GandalfError]] = []

    def trainers() -> Iterator[Trainer]:
        for trial in trials:
            try:
                yield Trainer(fitted, _config(trial, sweep), sweep.device)
                ready.append(trial)
            except GandalfError as error:
                impossible.append((trial, error))

    several = Together(trainers())
    yield from impossible
    for done in several.epochs():
        trial = ready[done.index]
        if done.error:
            yield trial, done.error
        elif done.record:
            trial.set_user_attr("epoch", done.record.epoch)
            if several.trainers[done.index].finished:
                yield trial, _outcome(trial, several.trainers[done.index], stars, scored, sweep)


def _config(trial: "optuna.Trial", sweep: Sweep) -> Config:
    """The configuration of a trial. ConfigError where its values do not go together."""
    config = with_values(sweep.config, {a.path: a.suggest(trial) for a in sweep.axes})
    if sweep.score == "reconstruction" and not config.training.validation_fraction:
        raise ConfigError("training.validation_fraction is 0: no star is left to score a reconstruction by")
    return config


def _outcome(
    trial: "optuna.Trial", trainer: "Trainer", stars: SpectraSet, scored: SpectraSet, sweep: Sweep
) -> "float | GandalfError":
    try:
        return _score(trial, trainer, stars, scored, sweep)
    except GandalfError as error:
        return error


def _score(
    trial: "optuna.Trial", trainer: "Trainer", stars: SpectraSet, scored: SpectraSet, sweep: Sweep
) -> float:
    """The score of a trial whose training is finished. ModelError when it diverged.

    stars: all that the trial has, scored: those that it is scored on.
    """
    from ..models.fit import bare_model

    measures = training_measures(trainer.config, trainer.history)
    if sweep.score != "reconstruction":
        measures |= probe_measures(measured(bare_model(trainer, stars), sweep.seed), scored, sweep)
    for name, value in measures.items():
        trial.set_user_attr(name, value)
    score = measures["reconstruction_mse" if sweep.score == "reconstruction" else "score"]
    if not math.isfinite(score):
        raise ModelError(f"the training diverged: {sweep.score} is {score}")
    return score


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
    plan = planned(model, stars, Probing(probes, sweep.seed))
    z = model.encode(stars).z
    leaks_of_z = leaks(plan, z, floors_of(plan), thorough=False)
    report = leakage(plan, Measures({"z": readings(plan, z, plan.names)}, {"z": leaks_of_z}))
    excesses = {n: entry["excess"] for n, entry in report["removed"].items()}
    r2 = {n: entry["r2"] for part in ("kept", "untouched") for n, entry in report[part].items()}
    terms = [[max(0.0, v) for v in excesses.values()], [1 - v for v in r2.values()]]
    score = sum(_mean(term) for term in terms if term)
    return (
        {"score": score}
        | {f"excess {n}": v for n, v in excesses.items()}
        | {f"r2 {n}": v for n, v in r2.items()}
    )


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)
