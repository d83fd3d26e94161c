"""One trial of a sweep: train a configuration and score it. What all trials found, as tables for figures.

Scores, smaller is better:  `reconstruction`: mean squared error of the flux;  `excess`: Σ/n max(0, excess)
over the removed labels + Σ/n (1 − R²) over the others, read by two quick probes;  `audit`: the same by all
probes of the audit. Test stars take no part: a trial trains on 80 % of the training stars and is scored on
the rest of them.
"""

import math
from typing import Any

from ..auditing.measuring import Measures, excesses, floors_of, readings
from ..auditing.plan import Plan
from ..auditing.probes import PROBES, Probing
from ..auditing.report import leakage
from ..config.schema import Config
from ..data.spectra import SpectraSet
from ..errors import ModelError
from .space import Sweep, changed

QUICK_PROBES = ("ridge", "trees")


def training_stars(sweep: Sweep) -> SpectraSet:
    """The training split of a sweep's sources."""
    from ..data.splits import split
    from ..sources import load_stars

    stars = load_stars(list(sweep.stars))
    return stars[split(stars.ids)[0]]


def measured(trial, sweep: Sweep, stars: SpectraSet) -> float:
    """Train an Optuna trial's configuration on 80 % of `stars`; its score on the rest. Measures become its
    attributes.

    Raises ConfigError for an impossible combination, ModelError for a training that diverged.
    """
    from ..data.splits import split
    from ..models.fit import bare_model
    from ..training.trainer import Trainer

    config = changed(sweep.config, {a.path: a.suggest(trial) for a in sweep.axes})
    fit_rows, score_rows = split(stars.ids)
    trainer = Trainer(stars[fit_rows], config, sweep.device)
    for record in trainer.epochs():
        trial.set_user_attr("epoch", record.epoch)
    measures = from_training(config, trainer.history[-1], sum(r.seconds for r in trainer.history))
    if sweep.score != "reconstruction":
        measures |= from_probes(bare_model(trainer, stars), stars[score_rows], sweep)
    for name, value in measures.items():
        trial.set_user_attr(name, value)
    score = measures["reconstruction_mse" if sweep.score == "reconstruction" else "score"]
    if not math.isfinite(score):
        raise ModelError(f"the training diverged: {sweep.score} is {score}")
    return score


def from_training(config: Config, last, seconds: float) -> dict[str, Any]:
    """What the last epoch tells: reconstruction, and the discriminators' mean error beside that of the best
    guess without z.
    """
    strengths = [abs(v) for v in config.lambdas.values()]
    found = {
        "reconstruction_mse": last.reconstruction_mse,
        "latent_size": config.model.latent_size,
        "seconds": seconds,
        "mean_lambda": sum(strengths) / len(strengths) if strengths else 0.0,
    }
    for name, accuracies in (
        ("discriminator_error", last.discriminator_accuracy),
        ("chance_error", last.chance),
    ):
        if accuracies:
            found[name] = 1 - sum(accuracies.values()) / len(accuracies)
    return found


def from_probes(model, stars: SpectraSet, sweep: Sweep) -> dict[str, float]:
    """The audit's measures of the exported latent (N, Z) and the score they make. AuditError with too few
    labelled stars.
    """
    labels, probes = stars.labels_for(model.label_names), PROBES if sweep.score == "audit" else QUICK_PROBES
    plan = Plan(model.label_names, model.removed, model.kept, labels, Probing(probes, sweep.seed)).checked()
    z = model.encode(stars).z
    found = leakage(
        plan, Measures({"z": readings(plan, z, plan.names)}, {"z": excesses(plan, z, floors_of(plan))})
    )
    leaks = {n: v["excess"] for n, v in found["removed"].items()}
    read = {n: v["r2"] for part in ("kept", "untouched") for n, v in found[part].items()}
    parts = [[max(0.0, v) for v in leaks.values()], [1 - v for v in read.values()]]
    score = sum(sum(p) / len(p) for p in parts if p)
    return (
        {"score": score}
        | {f"excess {n}": v for n, v in leaks.items()}
        | {f"r2 {n}": v for n, v in read.items()}
    )
