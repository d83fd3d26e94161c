"""One trial of a sweep: train a configuration and score it.

Scores, smaller is better. `reconstruction`: the mean squared error of the flux. `excess`: Σ/n max(0, excess)
over the removed labels + Σ/n (1 − R²) over the others, read by two quick probes. `audit`: the same, read by
all probes of the audit. Neither test stars take part nor those that calibrate a model or are its reference: a
trial trains on 80 % of the others and is scored on the rest of them.
"""

import math
from typing import TYPE_CHECKING, Any

from ..auditing.entries import leakage
from ..auditing.measuring import Measures, floors_of, leaks, readings
from ..auditing.probes import PROBES, Probing
from ..auditing.report import planned
from ..config.schema import Config
from ..data.protocols import StarModel, measured
from ..data.spectra import SpectraSet
from ..errors import ConfigError, ModelError
from .space import Sweep, with_values
from .stars import check_stars

if TYPE_CHECKING:
    import optuna

    from ..training.records import EpochRecord

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


def score_trial(trial: "optuna.Trial", sweep: Sweep, stars: SpectraSet) -> float:
    """Train an Optuna trial's configuration and score it, on the stars of a training split.

    Measures become attributes of the trial. Raises ConfigError for an impossible combination of values,
    ModelError for a training that diverged.
    """
    from ..data.splits import held_back, split
    from ..models.fit import bare_model
    from ..training.trainer import Trainer

    config = with_values(sweep.config, {a.path: a.suggest(trial) for a in sweep.axes})
    if sweep.score == "reconstruction" and not config.training.validation_fraction:
        raise ConfigError("training.validation_fraction is 0: no star is left to score a reconstruction by")
    stars = stars[held_back(stars.ids)[0]]
    fit_rows, score_rows = split(stars.ids)
    trainer = Trainer(stars[fit_rows], config, sweep.device)
    for record in trainer.epochs():
        trial.set_user_attr("epoch", record.epoch)
    measures = training_measures(config, trainer.history)
    if sweep.score != "reconstruction":
        measures |= probe_measures(measured(bare_model(trainer, stars), sweep.seed), stars[score_rows], sweep)
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
