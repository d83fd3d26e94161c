"""SIGKILL at random moments of trainings, of saving models, of catalogues and of sweeps: nothing is lost."""

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gandalf_core.data.identity import identity
from gandalf_core.io import read_latents, write_stars
from gandalf_core.models.files import REGRESSORS, SCALING, SPLIT, WEIGHTS, read_arrays
from gandalf_core.models.store import load_model, save_model
from gandalf_core.models.trained import TrainedModel
from gandalf_core.simulator import simulate
from gandalf_core.sweeps.study import results
from gandalf_core.training.checkpoints import CHECKPOINT

from . import children, world
from .options import Options

SAME = (WEIGHTS, SCALING, SPLIT)  # files of a model that do not depend on kills
MOST_KILLS = 60  # of one piece of work, which ends in the end
WORKERS_END = 20.0  # seconds within which those of a killed sweep are gone
Found = dict[str, Any]


def run(options: Options) -> Found:
    """All four, with what was killed how often and what did not hold."""
    children.warm_up()
    chance = np.random.default_rng(options.seed)
    saved = os.environ.get("GANDALF_NOISE_KEY")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["GANDALF_NOISE_KEY"] = str(folder / "key.txt")
        try:
            model, training = kill_trainings(folder, chance, options.number(1, 4))
            found = {
                "training": training,
                "saving": kill_saves(folder, model, chance, options.number(10, 60)),
                "catalogue": kill_catalogues(folder, model, chance, options.number(1, 4)),
                "sweep": kill_sweeps(folder, chance, options.number(0, 3)),
            }
        finally:
            os.environ.pop("GANDALF_NOISE_KEY")
            os.environ.update({} if saved is None else {"GANDALF_NOISE_KEY": saved})
    return {"held": not any(part["faults"] for part in found.values()), **found}


def until_done(
    work: Callable[[], Callable[[], int]], chance: np.random.Generator, whole: float
) -> tuple[int, str]:
    """Kill work at random moments of the `whole` seconds that it takes, until it ends by itself.

    Returns how often it was killed, and what it said where it failed.
    """
    for kills in range(MOST_KILLS):
        share = chance.uniform(0.2, 0.8) if not kills else chance.uniform(0.05, 1.1)
        ended = children.run(work(), float(share) * whole)
        if ended.status != children.KILLED:
            return kills, "" if ended.status == 0 else f"status {ended.status}: {ended.said[-300:]}"
    ended = children.run(work())
    return MOST_KILLS, "" if ended.status == 0 else ended.said[-300:]


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of what a model computes with; of regressors all but how long they took."""
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in SAME}
    for name in REGRESSORS.values():
        arrays = {key: array for key, array in read_arrays(folder / name).items() if key != "summary"}
        found[name] = identity(arrays)
    return found


# --- trainings ---


def kill_trainings(folder: Path, chance: np.random.Generator, times: int) -> tuple[TrainedModel, Found]:
    """Trainings that are killed and resumed have the weights of one that nobody killed, bit by bit."""
    stars, config = world.stars_file(folder, 300), world.config_file(folder, 8)

    def training(out: Path) -> Callable[[], int]:
        resume = ["--resume"] if (out / CHECKPOINT).is_file() else []
        return children.command("train", stars, "--config", config, "--out", out, *resume)

    started = time.monotonic()
    straight = children.run(training(folder / "straight"))
    whole, kills, faults = time.monotonic() - started, 0, []
    if straight.status:
        raise RuntimeError(straight.said)
    for number in range(times):
        out = folder / f"killed-{number}"
        killed, fault = until_done(lambda out=out: training(out), chance, whole)
        kills += killed
        if fault or digests(out) != digests(folder / "straight"):
            faults.append(fault or f"training {number}: other weights than those of one that nobody killed")
    return load_model(folder / "straight"), {"trainings": times, "kills": kills, "faults": faults}


# --- folders of models ---


def kill_saves(folder: Path, model: TrainedModel, chance: np.random.Generator, times: int) -> Found:
    """A model folder is the old one or the new one, and the next save leaves nothing of a killed one."""
    place, other = folder / "model", folder / "other"
    retrained = children.run(
        children.command(
            "train",
            world.stars_file(folder, 200, 4),
            "--config",
            world.config_file(folder, 1),
            "--out",
            other,
        )
    )
    if retrained.status:
        raise RuntimeError(retrained.said)
    (other / CHECKPOINT).unlink(missing_ok=True)
    two = [load_model(save_model(each, place).identity and place) for each in (model, load_model(other))]
    known = {each.identity: each.card for each in two}
    started = time.monotonic()
    save_model(two[0], place)
    whole, faults, seen, kills = time.monotonic() - started, [], set[str](), 0
    for number in range(times):
        ended = children.run(
            lambda n=number: _saved(two[n % 2], place), float(chance.uniform(0, 1.2)) * whole
        )
        kills += ended.status == children.KILLED
        found = load_model(place)
        seen.add(found.identity)
        if known.get(found.identity) != found.card:
            faults.append(f"save {number}: a mixture of two models")
    save_model(two[0], place)
    faults += [f"{path.name} is left" for path in place.rglob(".*")]
    return {"saves": times, "kills": kills, "faults": faults}


def _saved(model: TrainedModel, place: Path) -> int:
    save_model(model, place)
    return 0


# --- catalogues ---


def kill_catalogues(folder: Path, model: TrainedModel, chance: np.random.Generator, times: int) -> Found:
    """A catalogue that is killed and continued has each star once, with the latent that it has alone."""
    source = folder / "survey"
    source.mkdir()
    stars = simulate(600, seed=8)
    for part in range(12):
        write_stars(source / f"part-{part:02}.parquet", stars[part * 50 : (part + 1) * 50])
    save_model(model, folder / "encoder")

    def encoding(out: Path) -> Callable[[], int]:
        return children.command("catalogue", "encode", folder / "encoder", source, out, "--chunk", 16)

    started = time.monotonic()
    straight = children.run(encoding(folder / "latents"))
    whole, kills, faults = time.monotonic() - started, 0, []
    if straight.status:
        raise RuntimeError(straight.said)
    expected = _latents(folder / "latents")
    for number in range(times):
        out = folder / f"latents-{number}"
        killed, fault = until_done(lambda out=out: encoding(out), chance, whole)
        kills += killed
        found = {} if fault else _latents(out)
        if fault or found != expected or sorted(found) != sorted(stars.ids.tolist()):
            faults.append(fault or f"catalogue {number}: not each star once")
        faults += [f"{path.name} is left" for path in out.rglob("*.part")]
    return {"catalogues": times, "stars": len(stars), "kills": kills, "faults": faults}


def _latents(folder: Path) -> dict[str, bytes]:
    """The latent of each star by its id; a star that is there twice gets another name."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.glob("*.parquet")):
        latents = read_latents(path)
        for star, z in zip(latents.ids.tolist(), latents.z, strict=True):
            found[star if star not in found else f"{star} twice"] = z.tobytes()
    return found


# --- sweeps ---


def kill_sweeps(folder: Path, chance: np.random.Generator, times: int) -> Found:
    """A sweep that is killed and continued has each trial once, and its workers end with it."""
    stars, config = world.stars_file(folder, 250), world.config_file(folder, 1)
    values = "model.noise=0.2,0.3,0.4,0.5"

    def sweep(out: Path, workers: int) -> Callable[[], int]:
        about = ("--config", config, "--space", values, "--score", "reconstruction", "--workers", workers)
        return children.command("sweep", stars, *about, "--out", out)

    faults, kills = [], 0
    if not times:
        return {"sweeps": 0, "kills": 0, "faults": []}
    started = time.monotonic()
    children.run(sweep(folder / "sweep", 1))
    whole = time.monotonic() - started
    for number in range(times):
        out = folder / f"sweep-{number}"
        killed, fault = until_done(lambda out=out: sweep(out, 1), chance, whole)
        kills += killed
        frame = results(out)
        done = sorted(frame[frame["state"] == "complete"]["model.noise"]) if not fault else []
        if fault or done != [0.2, 0.3, 0.4, 0.5]:
            faults.append(fault or f"sweep {number}: {done} are complete")
    ended = children.run(sweep(folder / "shared", 2), max(3.0, 0.6 * whole))
    if ended.status == children.KILLED:
        kills += 1
        left = children.left_after(ended.group, WORKERS_END)
        faults += [f"{len(left)} workers of a killed sweep go on"] if left else []
    shutil.rmtree(folder / "shared", ignore_errors=True)
    return {"sweeps": times, "kills": kills, "faults": faults}
