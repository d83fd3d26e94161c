"""The command `train`, and the steps that it shares with `pretrain`: a checkpoint each epoch, a clean stop, a
resume.
"""

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ...errors import ModelError
from ...jobs.folder import handling, raise_stopped
from ..choices import CONFIG_ARGUMENTS, chosen_config, starting_point
from ..console import Console, facts, heading, table
from ..registry import DEVICE, STARS, Report, arg, command

MAPS = ("tsne", "umap", "pca")


@command(
    "train",
    "train a model",
    STARS,
    *CONFIG_ARGUMENTS,
    DEVICE,
    arg(
        "--out",
        required=True,
        metavar="DIR",
        help="the model's folder, and where a stopped training leaves its checkpoint",
    ),
    arg("--resume", action="store_true", help="go on from the checkpoint in --out"),
    arg(
        "--map",
        action="append",
        default=[],
        choices=MAPS,
        help="also make this map of the latent; may repeat",
    ),
)
def train(args, console) -> Report:
    """Train on 80 % of the stars (by id) and measure on the rest.

    Ctrl-C stops after the epoch (twice: at once) and leaves a checkpoint; the same command with --resume goes
    on from it to the same weights.
    """
    from ...models.fit import Extras
    from ...sources import load_stars
    from ...training.checkpoints import CHECKPOINT

    starting_point(args)  # a wrong choice is said before the stars are read
    console.say("reading stars")
    stars = load_stars(args.stars)
    config, folder = chosen_config(args, stars.label_names), Path(args.out)
    if args.resume and not (folder / CHECKPOINT).is_file() and (folder / "config.json").is_file():
        return _finished_before(folder, config, console)
    trainer = prepared(stars, config, folder, args.device, args.resume)
    if not run_epochs(trainer, folder, console):
        console.say(f"stopped after epoch {len(trainer.history)}: the same command with --resume goes on")
        return Report(summary(folder, [asdict(r) for r in trainer.history]) | {"stopped": True})
    model = completed(
        trainer, stars, Extras(maps=tuple(args.map), source=" ".join(args.stars)), folder, console
    )
    return _report(model, folder, trainer.left_out)


def _finished_before(folder: Path, config, console: Console) -> Report:
    from ...models.store import load_model

    model = load_model(folder)
    if model.config != config:
        raise ModelError(f"{folder}: holds a finished model of another configuration; choose another --out")
    console.say(f"{folder}: finished before, nothing left to train")
    return _report(model, folder, model.card["data"]["left_out"])


def _report(model, folder: Path, left_out: int) -> Report:
    told, measured = summary(folder, model.history), model.card["figures"]
    text = f"{facts(told)}\n\n{_figures_text(measured['parameters'])}"
    return Report(told | {"stopped": False, "left_out": left_out, "test": measured}, text)


def _figures_text(parameters: dict[str, dict[str, float]]) -> str:
    """What was measured on the test stars, a row for each parameter."""
    header = ["read from the latent of test stars", "R²", "mean |error|", "rms error", "68 % interval holds"]
    rows = [
        [heading(n), f"{p['r2']:.3f}", f"{p['mae']:.3g}", f"{p['rmse']:.3g}", f"{p['coverage']:.0%}"]
        for n, p in parameters.items()
    ]
    return table(header, rows)


def summary(folder: Path, history: list[dict[str, Any]]) -> dict[str, Any]:
    """What a training tells, from its epoch records; the last epoch's figures are those of the validation
    stars.
    """
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


# --- the steps of a training ---


def prepared(stars, config, folder: Path, device: str = "auto", resume: bool = False):
    """A Trainer on the training split of `stars`, at the folder's checkpoint when resuming.

    Raises ModelError for too few stars, or without a checkpoint of this configuration to resume from.
    """
    from ...models import fit

    trainer = fit.prepared(stars, config, device)
    if resume:
        trainer.load_checkpoint(folder)
    return trainer


def run_epochs(trainer, folder: Path, console: Console) -> bool:
    """Train to the last epoch, a checkpoint after each; False when Ctrl-C asked for an end before."""
    console.training(trainer)
    with after_the_epoch() as stop:
        for record in trainer.epochs():
            trainer.save_checkpoint(folder)
            console.epoch(record)
            if stop.asked:
                return False
    return True


@contextlib.contextmanager
def after_the_epoch() -> Iterator[SimpleNamespace]:
    """Within it the first Ctrl-C sets `asked`, the second raises Stopped."""
    stop = SimpleNamespace(asked=False)

    def ask(*_: Any) -> None:
        stop.asked = True
        signal.signal(signal.SIGINT, raise_stopped)
        # print is not safe in a signal's handler
        os.write(2, b"stopping after this epoch (Ctrl-C again: at once)\n")

    with handling(signal.SIGINT, ask):
        yield stop


def completed(trainer, stars, extras, folder: Path, console: Console):
    """The finished model of a trainer, saved in `folder` in place of the checkpoint."""
    from ...models.fit import finish
    from ...models.store import save_model
    from ...training.checkpoints import CHECKPOINT

    console.say("fitting regressors, measuring, writing the model")
    model = save_model(finish(trainer, stars, extras), folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    return model
