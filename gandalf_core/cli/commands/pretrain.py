"""The command `pretrain`: makes the shipped models again; it can be stopped and resumed."""

import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config.presets import PRESETS, RECIPES, preset
from ...config.schema import Config, with_fields
from ...seeds import JUDGING_SAMPLE, STANDARD_SAMPLE
from ..arguments import DEVICE, EPOCHS, KEEP_SPIKES, MAPS, MAPS_NOISE_KEY, positive, seed
from ..console import Console
from ..keys import given_key
from ..registry import Report, arg, command
from ..training_steps import judge, make_trainer, run_together, save_finished

if TYPE_CHECKING:
    from ...data.spectra import SpectraSet
    from ...regression.crossed import AnyRegressor
    from ...training.trainer import Trainer

SHIPPED = tuple(name for name in PRESETS if name not in RECIPES)
CARRIES_SPECTRA_MAPS = PLAIN = "autoencoder"  # its maps of spectra are those of every model
NOT_JUDGED = "none"


@command(
    "pretrain",
    "make the shipped models again",
    arg(
        "--only",
        action="append",
        default=[],
        choices=SHIPPED,
        metavar="NAME",
        help=f"only this model, one of {', '.join(SHIPPED)} (default: all); may repeat",
    ),
    arg("--stars", metavar="STARS", help=f"train on these (default: the standard sample, {STANDARD_SAMPLE})"),
    arg(
        "--judge",
        metavar="STARS",
        help=f"audit every model on these before it is installed, or {NOT_JUDGED} (default: "
        f"{JUDGING_SAMPLE}, reserved for judging, for models of the standard sample; else {NOT_JUDGED})",
    ),
    KEEP_SPIKES,
    EPOCHS,
    arg("--seed", type=seed, metavar="N", help="seed of the trainings (default: the presets')"),
    DEVICE,
    arg("--map", action="append", choices=MAPS, help="make only this map (default: all three); may repeat"),
    arg("--map-stars", type=positive, metavar="N", help="test stars in a map (default: 6000)"),
    MAPS_NOISE_KEY,
    arg("--out", metavar="DIR", help="the folder of the models (default: that of the shipped ones)"),
    arg(
        "--work",
        default="runs/pretrain",
        metavar="DIR",
        help="folder of checkpoints and the shared regressor (default: runs/pretrain)",
    ),
    arg("--again", action="store_true", help="make models again that exist already"),
)
def pretrain(args: Namespace, console: Console) -> Report:
    """Train, measure, judge and store every shipped model; those of equal shapes train together.

    A model that exists already, from the same stars and configuration, is skipped; a stopped training
    continues from its checkpoint in --work when the command is given again.
    """
    from ...places import pretrained_folder
    from ...simulator.judging import refuse_reserved_sources

    refuse_reserved_sources([args.stars or STANDARD_SAMPLE], "train on")
    args.judge = args.judge or (NOT_JUDGED if args.stars else JUDGING_SAMPLE)
    args.stars = args.stars or STANDARD_SAMPLE
    source = _source(args.stars) + (", spikes kept" if args.keep_spikes else "")
    given_key(args)  # a wrong file is reported before the stars are read
    args.out = out = Path(args.out or pretrained_folder())
    configs = {name: _config(name, args) for name in (args.only or SHIPPED)}
    missing = {n: c for n, c in configs.items() if args.again or not _exists(out / n, c, source)}
    models: dict[str, Any] = {
        n: {"path": str(out / n), "passed_over": True} for n in configs if n not in missing
    }
    if not missing:
        return Report({"models": models, "stopped": False})
    stars = _load(args.stars, args.keep_spikes, console)
    begun = {n: c for n, c in missing.items() if args.again or not _exists(Path(args.work) / n, c, source)}
    trainers = _trainers(begun, stars, args)
    failed = run_together(trainers, {n: Path(args.work) / n for n in begun}, console)
    if failed is None:
        console.say("stopped: the same command continues")
        return Report({"models": models, "stopped": True})
    for name in [n for n in missing if n not in failed]:
        console.say(f"--- {name}")
        started = time.perf_counter()
        if trainer := trainers.pop(name, None):
            started -= sum(record.seconds for record in trainer.history)
            _finish(name, trainer, stars, source, args, console)
        _judge_and_install(name, args, console)
        models[name] = {"path": str(out / name), "seconds": time.perf_counter() - started}
    causes = "; ".join(f"{name}: {error}" for name, error in failed.items())
    return Report({"models": models, "stopped": False}, failure=causes or None)


def _source(spec: str) -> str:
    """The source of the stars as the card names it: a file with a hash of its content."""
    from ...models.files import digest

    path = Path(spec)
    return f"{spec} (sha256 {digest(path)})" if path.is_file() else spec


def _load(spec: str, keep_spikes: bool, console: Console) -> "SpectraSet":
    from ...sources import Intake, gather

    console.say(f"stars: {spec}")
    stars, intake = gather(spec, intake=Intake(keep_spikes))
    console.taken_in(intake)
    return stars


def _config(name: str, args: Namespace) -> Config:
    changes: dict[str, Any] = {"training.epochs": args.epochs} if args.epochs else {}
    return with_fields(preset(name), changes | ({} if args.seed is None else {"training.seed": args.seed}))


def _exists(folder: Path, config: Config, source: str) -> bool:
    """True for a usable model of this configuration, trained on these stars.

    Stars of another simulator are others; the cards of the first models do not say which they are of.
    """
    from ...errors import ModelError
    from ...models.store import load_model
    from ...simulator import simulator_identity

    try:
        model = load_model(folder)
        data = model.card["data"]
        same = data.get("simulator", simulator_identity()) == simulator_identity()
        return same and model.config == config and data["source"] == source
    except (ModelError, KeyError):
        return False


def _trainers(configs: dict[str, Config], stars: "SpectraSet", args: Namespace) -> "dict[str, Trainer]":
    """Trainers of these models, where there is a checkpoint from there on."""
    from ...models.fit import MAP_STARS, Extras

    work = {name: Path(args.work) / name for name in configs}
    maps = Extras(maps=tuple(args.map or MAPS), map_stars=args.map_stars or MAP_STARS)
    return {
        name: make_trainer(stars, config, work[name], args.device, _resumable(work[name], config), maps)
        for name, config in configs.items()
    }


def _finish(
    name: str, trainer: "Trainer", stars: "SpectraSet", source: str, args: Namespace, console: Console
) -> None:
    """Finish one trained model in the folder of work."""
    from ...models.fit import MAP_STARS, Extras

    maps = tuple(args.map or MAPS)
    extras = Extras(
        maps=maps,
        spectra_maps=maps if name == CARRIES_SPECTRA_MAPS else (),
        map_stars=args.map_stars or MAP_STARS,
        regressor_spectrum=_shared_regressor(trainer, stars, Path(args.work), console),
        source=source,
        key=given_key(args),
    )
    save_finished(trainer, stars, extras, Path(args.work) / name, console)


def _judge_and_install(name: str, args: Namespace, console: Console) -> None:
    """Audit a finished model, and put it in the place of the shipped one."""
    from ...models.store import install_model

    work = Path(args.work) / name
    if args.judge != NOT_JUDGED:
        judge(work, args.out / PLAIN if name != PLAIN else None, args.judge, console)
    install_model(work, args.out / name)


def _resumable(work: Path, config: Config) -> bool:
    """True for a checkpoint of this configuration; another one is an earlier attempt, to be replaced."""
    from ...training.checkpoints import CHECKPOINT, checkpoint_config

    return (work / CHECKPOINT).is_file() and checkpoint_config(work) == config


def _shared_regressor(
    trainer: "Trainer", stars: "SpectraSet", work: Path, console: Console
) -> "AnyRegressor":
    """The regressor from the spectrum: fitted once, as all models of one sample and seed share it."""
    from ...data.identity import identity
    from ...models.files import read_arrays, write_arrays
    from ...models.fit import bare_model, usable_division
    from ...models.readings import fit_spectrum_regressor
    from ...regression.crossed import stored_regressor

    training, model = trainer.config.training, trainer.config.model
    key = identity(stars, training.seed, training.validation_fraction, model.labels, model.mask_calcium)
    path = work / f"spectrum-regressor-{key}.npz"
    if path.is_file():
        return stored_regressor(read_arrays(path))
    console.say("fitting the regressor from the spectrum, shared by all models")
    trained = stars[usable_division(stars).training]
    regressor = fit_spectrum_regressor(bare_model(trainer, stars), trained)
    write_arrays(path, regressor.arrays())  # whole or not there: several of these commands may run at once
    return regressor
