"""`train --seeds N`: models of one configuration that differ in their seed, trained together."""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.schema import Config, with_fields
from .console import Console
from .training_steps import make_trainer, run_together, save_finished

if TYPE_CHECKING:
    from ..data.spectra import SpectraSet
    from ..models.fit import Extras
    from ..models.trained import TrainedModel
    from ..training.trainer import Trainer


def seed_configs(config: Config, count: int) -> dict[str, Config]:
    """The configuration with `count` seeds from its own on, by the names of their folders.

    ConfigError where a seed would be larger than a seed may be.
    """
    seeds = range(config.training.seed, config.training.seed + count)
    return {f"seed-{seed}": with_fields(config, {"training.seed": seed}) for seed in seeds}


def train_seeds(
    stars: "SpectraSet", configs: dict[str, Config], extras: "Extras", args: Namespace, console: Console
) -> "tuple[dict[str, TrainedModel], dict[str, str]] | None":
    """The models that are finished, and why others are not, both by name; None when stopped before.

    args: of the command `train`; with --resume, models that are finished or begun are not begun again.
    """
    folders = {name: Path(args.out) / name for name in configs}
    models = _finished_before(configs, folders, console) if args.resume else {}
    trainers = {
        name: _trainer(stars, config, folders[name], extras, args)
        for name, config in configs.items()
        if name not in models
    }
    failed = run_together(trainers, folders, console)
    if failed is None:
        return None
    for name in [n for n in trainers if n not in failed]:
        console.say(f"--- {name}")
        models[name] = save_finished(trainers[name], stars, extras, folders[name], console)
    return {n: models[n] for n in configs if n in models}, {n: str(e) for n, e in failed.items()}


def _finished_before(
    configs: dict[str, Config], folders: dict[str, Path], console: Console
) -> "dict[str, TrainedModel]":
    """Models of these configurations whose folders hold no checkpoint any more, but the finished model."""
    from ..errors import ModelError
    from ..models.store import load_model
    from ..training.checkpoints import CHECKPOINT

    models = {}
    for name, config in configs.items():
        folder = folders[name]
        if (folder / CHECKPOINT).is_file() or not (folder / "config.json").is_file():
            continue
        models[name] = load_model(folder)
        if models[name].config != config:
            raise ModelError(
                f"{folder}: holds a finished model of another configuration; choose another --out"
            )
        console.say(f"{folder}: finished before, nothing left to train")
    return models


def _trainer(
    stars: "SpectraSet", config: Config, folder: Path, extras: "Extras", args: Namespace
) -> "Trainer":
    from ..training.checkpoints import CHECKPOINT

    resume = args.resume and (folder / CHECKPOINT).is_file()
    return make_trainer(stars, config, folder, args.device, resume, extras)
