"""The command `train`."""

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ModelError
from ..adapting import FROM_ARGUMENTS, check_from, run_from
from ..arguments import DEVICE, KEEP_SPIKES, MAPS, MAPS_NOISE_KEY, STARS, whole_number
from ..choices import CONFIG_ARGUMENTS, base_config, config_from
from ..console import Console, facts, heading, table
from ..keys import given_key
from ..registry import Report, arg, command
from ..seeds import seed_configs, train_seeds
from ..streams import stars_for
from ..training_steps import make_trainer, run_epochs, save_finished

if TYPE_CHECKING:
    from ...config.schema import Config
    from ...models.trained import TrainedModel
    from ...sources import Intake

MOST_SEEDS = 100  # at once: all of them are in memory


@command(
    "train",
    "train a model",
    STARS,
    KEEP_SPIKES,
    *CONFIG_ARGUMENTS,
    DEVICE,
    arg(
        "--out",
        required=True,
        metavar="DIR",
        help="the model's folder, where a stopped training leaves its checkpoint",
    ),
    arg("--resume", action="store_true", help="continue from the checkpoint in --out"),
    arg(
        "--seeds",
        type=whole_number(1, MOST_SEEDS),
        metavar="N",
        help="train N models at once, with --seed and the seeds after it, each in a folder seed-S of --out "
        "(default: one model, in --out itself)",
    ),
    arg(
        "--map",
        action="append",
        default=[],
        choices=MAPS,
        help="also make this map of the latent (default: none); may repeat",
    ),
    MAPS_NOISE_KEY,
    *FROM_ARGUMENTS,
)
def train(args: Namespace, console: Console) -> Report:
    """Train on 80 % of the stars (by id) and measure on the rest.

    Ctrl-C stops after the epoch (pressed twice: at once) and leaves a checkpoint; the same command with
    --resume continues from it, to the same weights. Models of several seeds share their steps, which takes
    less time than one after the other; each equals its own training alone, up to rounding.

    With --from MODEL that model goes on learning from STARS, of which a few hundred will do: its mean
    spectrum is corrected, its encoder moves as far as cross-validation lets it, and its regressors follow.
    docs/own-stars.md explains it.
    """
    check_from(args)
    if args.from_model:
        return run_from(args, console)
    from ...models.fit import Extras
    from ...simulator.judging import refuse_reserved_sources
    from ...training.checkpoints import CHECKPOINT

    base_config(args)  # a wrong choice is reported before the stars are read
    refuse_reserved_sources(args.stars, "train on")
    key = given_key(args)
    console.say("reading stars")
    stars, intake = stars_for(args, console)
    config, folder = config_from(args, stars.label_names), Path(args.out)
    extras = Extras(maps=tuple(args.map), source=" ".join(args.stars), key=key)
    if args.seeds:
        done = train_seeds(stars, seed_configs(config, args.seeds), extras, args, console)
        return _report_of_seeds(done, folder, intake, console)
    if args.resume and not (folder / CHECKPOINT).is_file() and (folder / "config.json").is_file():
        return _finished_before(folder, config, intake, console)
    trainer = make_trainer(stars, config, folder, args.device, args.resume, extras)
    if not run_epochs(trainer, folder, console):
        console.say(f"stopped after epoch {len(trainer.history)}: the same command with --resume continues")
        history = [asdict(r) for r in trainer.history]
        return Report(summary(folder, history) | {"stopped": True} | intake.result())
    model = save_finished(trainer, stars, extras, folder, console)
    return _report(model, folder, intake)


def _report_of_seeds(
    done: "tuple[dict[str, TrainedModel], dict[str, str]] | None",
    folder: Path,
    intake: "Intake",
    console: Console,
) -> Report:
    if done is None:
        console.say("stopped: the same command with --resume continues")
        return Report({"models": {}, "failed": {}, "stopped": True} | intake.result())
    models, failed = done
    reports = {name: _report(model, folder / name, intake) for name, model in models.items()}
    result = {"models": {n: r.result for n, r in reports.items()}, "failed": failed, "stopped": False}
    text = "\n\n".join(f"--- {name}\n{report.text}" for name, report in reports.items())
    failure = "; ".join(f"{name}: {cause}" for name, cause in failed.items())
    return Report(result | intake.result(), text, failure or None)


def _finished_before(folder: Path, config: "Config", intake: "Intake", console: Console) -> Report:
    """The report of a model that is finished already. ModelError when it has another configuration."""
    from ...models.store import load_model

    model = load_model(folder)
    if model.config != config:
        raise ModelError(f"{folder}: holds a finished model of another configuration; choose another --out")
    console.say(f"{folder}: finished before, nothing left to train")
    return _report(model, folder, intake)


def _report(model: "TrainedModel", folder: Path, intake: "Intake") -> Report:
    training, scores = summary(folder, model.history), model.card["figures"]
    text = f"{facts(training)}\n\n{scores_table(scores['parameters'])}"
    result = training | {"stopped": False, "left_out": model.card["data"]["left_out"], "test": scores}
    result |= {"calibration": model.card.get("calibration", {})}
    return Report(result | intake.result(), text)


def scores_table(parameters: dict[str, dict[str, float]]) -> str:
    """How well each parameter is read from the latent of the test stars."""
    header = ["read from the latent of test stars", "R²", "mean |error|", "rms error", "68 % interval holds"]
    rows = [
        [heading(n), f"{p['r2']:.3f}", f"{p['mae']:.3g}", f"{p['rmse']:.3g}", f"{p['coverage']:.0%}"]
        for n, p in parameters.items()
    ]
    return table(header, rows)


def summary(folder: Path, history: list[dict[str, Any]]) -> dict[str, Any]:
    """A training in numbers, from its epoch records; mse and accuracies are those of the last epoch."""
    seconds, last = sum(r["seconds"] for r in history), history[-1]
    return {
        "model": str(folder),
        "epochs": len(history),
        "seconds": seconds,
        "reconstruction_mse": last["reconstruction_mse"],
        "discriminator_accuracy": last["discriminator_accuracy"],
        "chance": last["chance"],
        "spectra_per_second": sum(r["seconds"] * r["spectra_per_second"] for r in history) / seconds,
    }
