"""What a few hundred labelled stars of another physics do for a model: docs/own-stars.md, cell by cell.

Own stars are of seeds of their own, other stars judge; nothing here is reserved for judging. The model is
`autoencoder`, whose latent holds all four labels; what leaks is measured of `physical-removed`. Each cell is
stored as soon as it is measured, and measured again only where it is asked for or the model is another one.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from gandalf_core.auditing.report import audit
from gandalf_core.config.presets import preset
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.io.resampling import covering
from gandalf_core.models.fit import train
from gandalf_core.models.store import load_model, save_model
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.adapting import AdaptOptions, adapt
from gandalf_core.own.calibration import Labelled, calibrate
from gandalf_core.own.mixture import smoothed
from gandalf_core.seeds import OTHERS_SEED, OWN_STARS_SEED, REFERENCE_SEED
from gandalf_core.sources import load_stars

from .stored import STORED, WORK, load, store

FILE = STORED / "own-stars.json"
MODEL, REMOVED = "autoencoder", "physical-removed"
OWN, OTHERS = f"simulated:{{}}:{OWN_STARS_SEED}:b", f"simulated:5000:{OTHERS_SEED}:b"
REFERENCE = f"simulated:64305:{REFERENCE_SEED}:b"
COUNTS, USUAL = (200, 500, 2000), 500
COARSE, PIXELS = 7500.0, 400  # another instrument: resolving power and pixels
DRAWS, CALIBRATING, BAD_DRAWS, BAD_SIGMAS, BAD_SHARE = 50, 300, 10, 5.0, 0.1
# own stars, and a noise of the latent; 2.2 and 1.5 were enough with other stars (seeds.OWN_CHOICE_SEED)
NOISIER = ((500, 2.2), (500, 3.5), (2000, 1.5))
SECONDS = "seconds"  # the cell that needs an idle machine

Cell = Callable[[], dict[str, Any]]


def measure_own_stars(only: list[str], reference: str = "") -> None:
    """Measure the cells that are not there yet, or those named. SystemExit for an unknown name.

    reference: a folder with a model trained on REFERENCE; by default it is trained.
    """
    world = World(reference)
    cells = cells_of(world)
    unknown = [name for name in only if name not in cells]
    if unknown:
        raise SystemExit(f"no cell '{unknown[0]}'; there are: {', '.join(cells)}")
    found = load(FILE)
    ids = [world.model.model_id, world.removed.model_id]
    if found.get("models") != ids:
        found = {"models": ids, "others": OTHERS, "reference": REFERENCE, "cells": {}}
    for name in only or [name for name in cells if name not in found["cells"]]:
        began = time.perf_counter()
        found["cells"][name] = cells[name]()
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
        store(FILE, found)


class World:
    """The models and stars of the measurements, each made when it is first asked for."""

    def __init__(self, reference: str) -> None:
        self.folder = reference

    @cached_property
    def model(self) -> TrainedModel:
        return known(load_model(MODEL))

    @cached_property
    def removed(self) -> TrainedModel:
        return known(load_model(REMOVED))

    @cached_property
    def others(self) -> SpectraSet:
        return load_stars(OTHERS)

    @cached_property
    def coarse_others(self) -> SpectraSet:
        return coarser(self.others)

    def reference(self) -> TrainedModel:
        """The model trained on REFERENCE."""
        if self.folder:
            return known(load_model(self.folder))
        return known(_trained_once("own-stars-reference", lambda: load_stars(REFERENCE)))

    def coarse_reference(self) -> TrainedModel:
        """A model trained on REFERENCE as the other instrument sees it."""
        return known(_trained_once("own-stars-coarse-reference", lambda: coarser(load_stars(REFERENCE))))


def cells_of(world: World) -> dict[str, Cell]:
    """Every cell by its name, the quick and important ones first."""
    cells: dict[str, Cell] = {
        "before": lambda: rmse(world.model, world.others),
        "reference": lambda: rmse(world.reference(), world.others),
        "calibration": lambda: calibrations(world.model, world.others),
        "bad labels": lambda: bad_labels(world.model, world.others),
        "coarse before": lambda: rmse(world.model, world.coarse_others),
        "leak before": lambda: leakage(world.removed, world.others),
    }
    for count in (USUAL, *(n for n in COUNTS if n != USUAL)):
        cells[f"adapted {count}"] = partial(_adapted_cell, world, count)
        cells[f"nothing {count}"] = partial(_nothing_cell, world, count)
    cells[f"leak adapted {USUAL}"] = partial(_leak_cell, world, USUAL)
    cells[f"coarse adapted {USUAL}"] = partial(_coarse_cell, world)
    cells[f"coarse nothing {USUAL}"] = partial(_coarse_nothing_cell, world)
    cells[f"leak adapted {COUNTS[-1]}"] = partial(_leak_cell, world, COUNTS[-1])
    for count, noise in NOISIER:
        cells[noisier(count, noise)] = partial(_leak_cell, world, count, noise)
    cells[SECONDS] = partial(_seconds_cell, world)
    cells["coarse reference"] = lambda: rmse(world.coarse_reference(), world.coarse_others)
    return cells


# --- cells ---


def _adapted_cell(world: World, count: int) -> dict[str, Any]:
    adapted = known(adapt(world.model, load_stars(OWN.format(count))))
    return rmse(adapted, world.others) | {"encoder": adapted.card["adapted"]["encoder"]}


def _nothing_cell(world: World, count: int) -> dict[str, Any]:
    return rmse(from_nothing(load_stars(OWN.format(count))), world.others)


def _coarse_cell(world: World) -> dict[str, Any]:
    own = coarser(load_stars(OWN.format(USUAL)))
    adapted = known(adapt(world.model, own, AdaptOptions(resolving_power=COARSE)))
    return rmse(adapted, world.coarse_others) | {"encoder": adapted.card["adapted"]["encoder"]}


def _coarse_nothing_cell(world: World) -> dict[str, Any]:
    return rmse(from_nothing(coarser(load_stars(OWN.format(USUAL)))), world.coarse_others)


def noisier(count: int, noise: float) -> str:
    """The cell of what leaks after an adaptation to another noise of the latent."""
    return f"leak adapted {count}, noise {noise:g}"


def _leak_cell(world: World, count: int, noise: float | None = None) -> dict[str, Any]:
    adapted = known(adapt(world.removed, load_stars(OWN.format(count)), AdaptOptions(noise=noise)))
    return leakage(adapted, world.others) | {"encoder": adapted.card["adapted"]["encoder"]}


def _seconds_cell(world: World) -> dict[str, Any]:
    """Wall-clock seconds of an adaptation and of a calibration, reading and saving left out."""
    own, found = load_stars(OWN.format(USUAL)), {}
    for model in (world.model, world.removed):
        began = time.perf_counter()
        adapt(model, own)
        found[model.name] = time.perf_counter() - began
    few = world.others[np.arange(CALIBRATING)]
    began = time.perf_counter()
    predictions = world.model.predict(few, verdicts=False)
    calibrate("timed", predictions, Labelled(few.labels, np.full(few.labels.shape, np.nan), few.snr))
    return found | {"calibrate": time.perf_counter() - began}


def known(model: TrainedModel) -> TrainedModel:
    """The model under a noise key that everybody knows, so that numbers can be repeated."""
    return replace(model, name=model.name or "adapted").under(NoiseKey.from_seed(0))


def _trained_once(name: str, stars: Callable[[], SpectraSet]) -> TrainedModel:
    place: Path = WORK / name
    if not (place / "card.json").is_file():
        save_model(train(stars(), preset(MODEL)), place)
    return load_model(place)


def from_nothing(stars: SpectraSet) -> TrainedModel | str:
    """A model of the same recipe, trained on these stars alone; why not, where that is refused."""
    try:
        return known(train(stars, preset(MODEL)))
    except GandalfError as error:
        return str(error)


def coarser(stars: SpectraSet) -> SpectraSet:
    """The stars as a spectrograph of R = 7,500 with 400 pixels sees them."""
    grid = stars.wavelength_nm.reshape(PIXELS, -1).mean(1)
    seen = covering(smoothed(stars, COARSE), grid)[0]
    return replace(seen, provenance=seen.provenance | {"instrument": "unknown"})


def rmse(model: TrainedModel | str, stars: SpectraSet) -> dict[str, Any]:
    """Root mean square errors of labels, read from the latent and from the spectrum.

    model: in its place, why there is none.
    """
    if isinstance(model, str):
        return {"refused": model}
    stars = model.on_grid(stars)
    read = {"latent": model.predict(stars, verdicts=False).values}
    if model.regressor_spectrum is not None:
        read["spectrum"] = model.predict_from_spectrum(stars)[0]
    return {
        source: dict(
            zip(model.label_names, np.sqrt(np.mean((v - stars.labels) ** 2, axis=0)).tolist(), strict=True)
        )
        for source, v in read.items()
    }


def leakage(model: TrainedModel, stars: SpectraSet) -> dict[str, Any]:
    """Of each removed label: what is read, and the 95 % limit; the verdict in sentences."""
    report = audit(model, stars, rows=("labels_only",), workers=1)
    kept = ("partial", "upper", "detectable", "p", "reader", "bits", "verdict")
    return {
        "stars": report["stars"],
        "removed": {name: {k: entry[k] for k in kept} for name, entry in report["removed"].items()},
        "sliders": {n: entry["relative_error"] for n, entry in report["counterfactual"].items()},
        "said": report["verdict"][: len(report["removed"])],
        "kept": {n: v for n, v in rmse(model, stars)["latent"].items() if n in model.kept},
        "noise": model.config.model.noise,
    }


# --- calibrations ---


def calibrations(model: TrainedModel, stars: SpectraSet) -> dict[str, Any]:
    """What 68 % intervals hold after calibrations on 300 stars, over draws of them."""
    found, shares = model.predict(stars, verdicts=False), []
    unknown = np.full((CALIBRATING, len(model.label_names)), np.nan)
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(stars))
        few, rest = order[:CALIBRATING], order[CALIBRATING:]
        own = Labelled(stars.labels[few], unknown, stars.snr[few])
        made = calibrate("draw", found.of(few), own, seed=draw)
        after = made.apply(found.of(rest), stars.snr[rest], model.label_ranges)
        shares.append((np.abs(after.values - stars.labels[rest]) < after.errors).mean(0))
    before = (np.abs(found.values - stars.labels) < found.errors).mean(0)
    rows = {"before": before, "mean": np.mean(shares, 0), "scatter": np.std(shares, 0)}
    named = {k: dict(zip(model.label_names, v.tolist(), strict=True)) for k, v in rows.items()}
    return {"draws": DRAWS, "stars": CALIBRATING} | named


def bad_labels(model: TrainedModel, stars: SpectraSet) -> dict[str, Any]:
    """A tenth of 500 labels wrong by + 5 claimed errors: how far offsets move, and who is named."""
    found, moves, named, falsely = model.predict(stars, verdicts=False), [], [], []
    for draw in range(BAD_DRAWS):
        random = np.random.default_rng(1000 + draw)
        rows = random.permutation(len(stars))[:500]
        own, labels = found.of(rows), stars.labels[rows].copy()
        unknown = np.full(labels.shape, np.nan)
        clean = calibrate("clean", own, Labelled(labels, unknown, stars.snr[rows]), seed=draw)
        wrong = random.permutation(500)[: int(BAD_SHARE * 500)]
        labels[wrong] += BAD_SIGMAS * own.errors[wrong]
        spoilt = calibrate("spoilt", own, Labelled(labels, unknown, stars.snr[rows]), seed=draw)
        for name, one in clean.labels.items():
            moves.append(abs(spoilt.labels[name].offset[0] - one.offset[0]) / np.sqrt(one.covariance[0, 0]))
        ids, said = set(own.ids[wrong].tolist()), set(spoilt.about["bad"])
        named.append(len(ids & said) / len(ids))
        falsely.append(len(said - ids) / (500 - len(ids)))
    return {
        "draws": BAD_DRAWS,
        "mean_move": float(np.mean(moves)),
        "moved_less": float(np.mean(np.array(moves) < 1)),
        "named": float(np.mean(named)),
        "falsely_named": float(np.mean(falsely)),
    }
