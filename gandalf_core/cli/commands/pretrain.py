"""The command `pretrain`: re-makes the models that the project ships, one after the other, resumable."""

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

from ...config.presets import PRESETS, RECIPES, preset
from ...config.schema import Config, with_fields
from ..console import Console
from ..registry import DEVICE, EPOCHS, Report, arg, command, positive, seed
from .training import MAPS, completed, prepared, run_epochs

SHIPPED = tuple(name for name in PRESETS if name not in RECIPES)
CARRIES_SPECTRA_MAPS = "autoencoder"  # they are the same for every model


@command(
    "pretrain",
    "re-make pretrained/",
    arg(
        "--only",
        action="append",
        default=[],
        choices=SHIPPED,
        metavar="NAME",
        help=f"one of {', '.join(SHIPPED)}; may repeat",
    ),
    arg("--stars", metavar="STARS", help="default: the standard sample, simulated:64305:0"),
    EPOCHS,
    arg("--seed", type=seed, help="seed of the trainings (default: the presets')"),
    DEVICE,
    arg("--map", action="append", choices=MAPS, help="maps to make (default: all three); may repeat"),
    arg("--map-stars", type=positive, help="test stars in a map (default: 6000)"),
    arg("--out", metavar="DIR", help="default: pretrained/"),
    arg(
        "--work",
        default="runs/pretrain",
        metavar="DIR",
        help="checkpoints and the shared regressor (default: runs/pretrain)",
    ),
    arg("--again", action="store_true", help="also re-make models that are there already"),
)
def pretrain(args, console) -> Report:
    """Train, measure and store every shipped model. A model that is there already, from the same stars and
    configuration, is passed over; a stopped one goes on from its checkpoint in --work when the command is
    given again."""
    from ...places import pretrained_folder
    from ...sources import STANDARD_SAMPLE

    args.stars = args.stars or STANDARD_SAMPLE
    source = _source(args.stars)
    args.out = out = Path(args.out or pretrained_folder())
    made: dict[str, Any] = {}
    configs = {name: _config(name, args) for name in (args.only or SHIPPED)}
    missing = {n: c for n, c in configs.items() if args.again or not _is_there(out / n, c, source)}
    made |= {n: {"path": str(out / n), "passed_over": True} for n in configs if n not in missing}
    stars = _load(args.stars, console) if missing else None
    for name, config in missing.items():
        console.say(f"--- {name}")
        started = time.perf_counter()
        if not _make(name, config, stars, source, args, console):
            console.say("stopped: the same command goes on")
            return Report({"models": made, "stopped": True})
        made[name] = {"path": str(out / name), "seconds": time.perf_counter() - started}
    return Report({"models": made, "stopped": False})


def _source(spec: str) -> str:
    """What a card says of the stars: a simulation's name tells everything, a file's only with a hash of what
    is in it.
    """
    path = Path(spec)
    return f"{spec} (sha256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]})" if path.is_file() else spec


def _load(spec: str, console: Console):
    from ...sources import load_stars

    console.say(f"stars: {spec}")
    return load_stars(spec)


def _config(name: str, args) -> Config:
    changes: dict[str, Any] = {"training.epochs": args.epochs} if args.epochs else {}
    return with_fields(preset(name), changes | ({} if args.seed is None else {"training.seed": args.seed}))


def _is_there(folder: Path, config: Config, source: str) -> bool:
    from ...errors import ModelError
    from ...models.store import load_model

    try:
        model = load_model(folder)
        return model.config == config and model.card["data"]["source"] == source
    except (ModelError, KeyError):
        return False


def _make(name: str, config, stars, source: str, args, console: Console) -> bool:
    """Train, finish and put in place one model; False when stopped before its last epoch."""
    from ...models.fit import MAP_STARS, Extras

    work = Path(args.work) / name
    trainer = prepared(stars, config, work, args.device, resume=_resumable(work, config))
    if not run_epochs(trainer, work, console):
        return False
    maps = tuple(args.map or MAPS)
    extras = Extras(
        maps,
        maps if name == CARRIES_SPECTRA_MAPS else (),
        args.map_stars or MAP_STARS,
        _shared_regressor(trainer, stars, source, args, console),
        source=source,
    )
    completed(trainer, stars, extras, work, console)
    _install(work, args.out / name)
    return True


def _resumable(work: Path, config) -> bool:
    """True when the checkpoint there belongs to this configuration; another one is an earlier attempt, to be
    replaced.
    """
    from ...training.checkpoints import CHECKPOINT, checkpoint_config

    return (work / CHECKPOINT).is_file() and checkpoint_config(work) == config


def _shared_regressor(trainer, stars, source: str, args, console: Console):
    """The regressor from the spectrum: the same for every model of one sample and seed, so it is fitted once."""
    import numpy as np

    from ...models.fit import bare_model, fit_spectrum_regressor, usable_rows
    from ...regression.fitting import Regressor

    key = f"{source} {trainer.config.training.seed} {trainer.config.model.labels} {trainer.config.model.mask_calcium}"
    path = Path(args.work) / f"spectrum-regressor-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            return Regressor.from_arrays(dict(stored))
    console.say("fitting the regressor from the spectrum, shared by all models")
    regressor = fit_spectrum_regressor(bare_model(trainer, stars), stars[usable_rows(stars)[0]])
    partial = path.with_suffix(f".{os.getpid()}.npz")  # several of these commands may run side by side
    np.savez(partial, **regressor.arrays())
    partial.replace(path)
    return regressor


def _install(made: Path, place: Path) -> None:
    """Put a finished folder in the place of the old one; the old one goes when the new one is complete."""
    fresh = place.with_name(f".{place.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(made, fresh)
    shutil.rmtree(place, ignore_errors=True)
    fresh.replace(place)
