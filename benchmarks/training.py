"""Training: an epoch against its matrix products, and against an epoch of a quarter of the stars."""

import subprocess
import sys
import tempfile
import time
from itertools import islice
from statistics import median

from benchmarks.products import encode_products, flop, runner, seconds, step_products
from benchmarks.rows import QUICK, Row, sample, training_split
from gandalf_core.config.presets import preset
from gandalf_core.config.schema import with_fields
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.seeds import STANDARD_SEED
from gandalf_core.training.together import Together
from gandalf_core.training.trainer import Trainer

EPOCHS = 4  # the first warms up, the last one also finishes the model


def paper_256(quick: bool) -> list[Row]:
    return [_rate("training-paper-256", "paper-physical-removed", 256, 0.75, 0.88, quick)]


def paper_50(quick: bool) -> list[Row]:
    return [_rate("training-paper-50", "paper-physical-removed", 50, 0.50, 0.65, quick)]


def bottleneck_256(quick: bool) -> list[Row]:
    share, beside = against_products("physical-removed", 256, training_split(quick))
    return [
        Row(
            "training-bottleneck-256",
            "bottleneck, batch 256: time / time of its products",
            1 / share,
            1.5,
            1.2,
            False,
            beside,
        )
    ]


def _rate(name: str, recipe: str, batch: int, reach: float, moonshot: float, quick: bool) -> Row:
    share, beside = against_products(recipe, batch, training_split(quick))
    return Row(name, f"paper, batch {batch}: FLOP rate / matmul rate", share, reach, moonshot, True, beside)


def against_products(recipe: str, batch: int, stars: SpectraSet) -> tuple[float, dict]:
    """Time of an epoch's products / time of the epoch, the products timed before and after each epoch."""
    trainer = short_trainer(recipe, stars, batch)
    products = step_products(trainer.config, len(stars.wavelength_nm))
    steps, alone = len(trainer.data) // batch, runner(products)
    repeats = max(10, steps // 8)
    seconds(alone, repeats)
    before, shares, epochs, times = None, [], [], []
    for record in trainer.epochs():
        after = seconds(alone, repeats)
        if before and record.epoch < EPOCHS:
            times.append((before + after) / 2)
            epochs.append(record.seconds)
            shares.append(steps * times[-1] / record.seconds)
        before = after
    work = flop(products)
    return median(shares), {
        "epoch_seconds": median(epochs),
        "matmul_gflops": work / median(times) / 1e9,
        "achieved_gflops": steps * work / median(epochs) / 1e9,
        "stars": len(trainer.data),
    }


def three_seeds(quick: bool) -> list[Row]:
    changes = [{"training.seed": k} for k in range(3)]
    what = "three seeds together / one alone, paper, batch 50"
    row = _together("training-three-seeds", what, 50, changes, (2.0, 1.7), quick)
    return [row, _spectra_per_second(row)]


def eight_trials(quick: bool) -> list[Row]:
    """Trials of a sweep: other λ and learning rates."""
    changes = [
        {"adversary.lambdas.teff": 0.01 * (1 + k), "training.learning_rate": 1e-3 * (1 + k % 2)}
        for k in range(8)
    ]
    what = "eight trials together / one alone, paper, batch 256"
    return [_together("training-eight-trials", what, 256, changes, (6.5, 5.5), quick)]


def _together(
    name: str, what: str, batch: int, changes: list[dict], goals: tuple[float, float], quick: bool
) -> Row:
    """Time of an epoch of several models that share their steps / time of one alone, epochs in turn."""
    stars = training_split(quick)
    alone = short_trainer("paper-physical-removed", stars, batch)
    several = Together(short_trainer("paper-physical-removed", stars, batch, **c) for c in changes)
    together, times = several.epochs(), []
    for record in alone.epochs():
        seconds = sum(done.record.seconds for done in islice(together, len(changes)) if done.record)
        times.append((seconds, record.seconds))
    times = times[1:-1]
    beside = {"epoch_seconds": median(s for s, _ in times), "alone_seconds": median(a for _, a in times)}
    ratio = median(s / a for s, a in times)
    return Row(name, what, ratio, *goals, False, beside | {"stars": len(alone.data)})


def _spectra_per_second(together: Row) -> Row:
    """How many spectra of all models pass a second; the authors' own loop, on their machine, 4,400."""
    rate = 3 * together.beside["stars"] / together.beside["epoch_seconds"]
    what = "authors' sizes and batch, three seeds in one: spectra per second"
    alone = together.beside["stars"] / together.beside["alone_seconds"]
    return Row("training-authors", what, rate, 15_000, 30_000, True, {"one_seed": alone})


def whole(quick: bool) -> list[Row]:
    """One shipped representation from its stars to its maps, by the command that makes it."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        command = [
            "pretrain",
            "--only",
            "physical-removed",
            "--judge",
            "none",
            "--noise-key",
            f"{folder}/key",
        ]
        command += ["--out", f"{folder}/models", "--work", f"{folder}/work"]
        command += ["--stars", f"simulated:{QUICK}:{STANDARD_SEED}:wide", "--epochs", "2"] if quick else []
        NoiseKey.from_seed(STANDARD_SEED).write(f"{folder}/key")
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "gandalf_core", *command], check=True, capture_output=True)
        taken = time.perf_counter() - started
    return [Row("representation", "one shipped representation, whole [s]", taken, 330, 240)]


def scaling(quick: bool) -> list[Row]:
    """Time for all stars over time for a quarter of them: 4 if linear."""
    stars = sample(quick)
    quarter = stars[: len(stars) // 4]
    train = {
        n: epoch_seconds(short_trainer("paper-physical-removed", s, 256))
        for n, s in (("all", stars), ("quarter", quarter))
    }
    encode = {n: _encode_seconds(s) for n, s in (("all", stars), ("quarter", quarter))}
    return [
        Row(
            f"scaling-{name}",
            f"{name}: time(N) / time(N/4)",
            t["all"] / t["quarter"],
            4.4,
            4.2,
            False,
            {"seconds": t["all"], "stars": len(stars)},
        )
        for name, t in (("training", train), ("encoding", encode))
    ]


def epoch_seconds(trainer: Trainer) -> float:
    """Median of the epochs but the first and the last."""
    return median(record.seconds for record in list(trainer.epochs())[1:-1])


def epoch_of_seeds(stars: SpectraSet, count: int, device: str = "cpu") -> float:
    """The same of so many seeds that share their steps (paper, batch 256)."""
    together = Together(
        short_trainer("paper-physical-removed", stars, 256, device, **{"training.seed": seed})
        for seed in range(count)
    )
    epochs, times = together.epochs(), []
    while several := list(islice(epochs, count)):
        times.append(sum(done.record.seconds for done in several if done.record))
    return median(times[1:-1])


def _encode_seconds(stars: SpectraSet) -> float:
    from benchmarks.encoding import untrained

    model = untrained(stars)
    model.encode(stars[:2000])
    return min(seconds(lambda: model.encode(stars)) for _ in range(3))


def short_trainer(
    recipe: str, stars: SpectraSet, batch: int, device: str = "cpu", **changes: float
) -> Trainer:
    short = {
        "training.batch_size": batch,
        "training.epochs": EPOCHS,
        "training.mean_epochs": 1,
        "training.validation_fraction": 0.0,
    }
    return Trainer(stars, with_fields(preset(recipe), short | changes), device)


def matmul(quick: bool) -> list[Row]:
    """How fast this machine multiplies at the shapes of the encoder; without a goal."""
    work = encode_products(preset("paper"), 800, 4096)
    run = runner(work)
    run()
    best = min(seconds(run, 5) for _ in range(5))
    return [Row("matmul", "matmul rate, encoder on 4,096 spectra [GFLOP/s]", flop(work) / best / 1e9)]
