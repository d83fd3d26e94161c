"""One trial of a sweep: train a configuration and score it.

Scores, smaller is better. `reconstruction`: the mean squared error of the flux. `excess`: Σ/n max(0, excess)
over the removed labels + Σ/n (1 − R²) over the others, read by two quick probes. `audit`: the same, read by
all probes of the audit. Test stars take no part: a trial trains on 80 % of the training stars and is scored
on the rest of them.
"""

import math
from typing import TYPE_CHECKING, Any

from ..auditing.measuring import Measures, excesses, floors_of, readings
from ..auditing.probes import PROBES, Probing
from ..auditing.report import leakage, planned
from ..config.schema import Config
from ..data.protocols import StarModel, measured
from ..data.spectra import SpectraSet
from ..errors import ModelError
from .space import Sweep, with_values

if TYPE_CHECKING:
    import optuna

    from ..training.records import EpochRecord

QUICK_PROBES = ("ridge", "trees")


def training_stars(sweep: Sweep) -> SpectraSet:
    """The training split of a sweep's sources."""
    from ..data.splits import split
    from ..sources import load_stars

    stars = load_stars(list(sweep.stars))
    return stars[split(stars.ids)[0]]


def score_trial(trial: "optuna.Trial", sweep: Sweep, stars: SpectraSet) -> float:
    """Train an Optuna trial's configuration on 80 % of `stars` and score it on the rest.

    Measures become attributes of the trial. Raises ConfigError for an impossible combination of values,
    ModelError for a training that diverged.
    """
    from ..data.splits import split
    from ..models.fit import bare_model
    from ..training.trainer import Trainer

    config = with_values(sweep.config, {a.path: a.suggest(trial) for a in sweep.axes})
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
    measures = Measures({"z": readings(plan, z, plan.names)}, {"z": excesses(plan, z, floors_of(plan))})
    report = leakage(plan, measures)
    leaks = {n: entry["excess"] for n, entry in report["removed"].items()}
    r2 = {n: entry["r2"] for part in ("kept", "untouched") for n, entry in report[part].items()}
    terms = [[max(0.0, v) for v in leaks.values()], [1 - v for v in r2.values()]]
    score = sum(_mean(term) for term in terms if term)
    return (
        {"score": score}
        | {f"excess {n}": v for n, v in leaks.items()}
        | {f"r2 {n}": v for n, v in r2.items()}
    )


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)
