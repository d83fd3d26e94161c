"""What a step of a training is made of, and how an epoch grows with stars, pixels, latent size and models.

The roofline of a step: its matrix products alone, its optimisers alone (every weight, its gradient and two
moments pass through memory), and the launches of its operations, each as long as the smallest one takes.
What is left is everything else: elementwise functions, the graph of gradients, Python. A profile of an epoch
tells them apart, for one model and for several that share their steps.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch

from benchmarks.products import runner, seconds, step_products
from benchmarks.rows import Row, training_split
from benchmarks.training import epoch_of_seeds, epoch_seconds, short_trainer
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.training.together import Together
from gandalf_core.training.trainer import Trainer

MATRIX_PRODUCTS = ("mm", "addmm", "bmm", "baddbmm", "matmul", "linear")
PRODUCTS, OPTIMISERS, OTHERS = "products", "optimisers", "other operations"
STEPS, ROUNDS = 40, 5  # the best of the rounds, in each of which everything is timed in turn
CASES = {  # name -> recipe and batch size
    "paper, batch 50": ("paper-physical-removed", 50),
    "paper, batch 256": ("paper-physical-removed", 256),
    "bottleneck, batch 256": ("physical-removed", 256),
}


def steps(quick: bool) -> list[Row]:
    """Each kind of step: the share of its time that products, optimisers and launches explain."""
    return [_step(name, *case, quick) for name, case in CASES.items()]


def _step(name: str, recipe: str, batch: int, quick: bool) -> Row:
    stars = training_split(quick)[: max(4 * batch, 4000)]
    trainer = short_trainer(recipe, stars, batch)
    trainer.start_epoch()
    rows = torch.arange(batch)
    products = runner(step_products(trainer.config, len(stars.wavelength_nm)))
    calls: dict[str, Callable[[], object]] = {
        "step": lambda: trainer.step(rows),
        "products": products,
        "optimisers": lambda: _optimise(trainer),
    }
    rounds = [{what: seconds(call, STEPS) for what, call in calls.items()} for _ in range(ROUNDS)]
    taken = {what: min(one[what] for one in rounds) for what in calls}
    count = _operations(calls["step"])
    taken["launches"] = count * _launch()
    shares = {what: taken[what] / taken["step"] for what in ("products", "optimisers", "launches")}
    beside = {"step_ms": 1e3 * taken["step"], **shares, "operations": count}
    slug = name.replace(", ", "-").replace(" ", "-")
    return Row(
        f"step-{slug}", f"{name}: share of a step that its parts explain", sum(shares.values()), beside=beside
    )


def _optimise(trainer: Trainer) -> None:
    """The optimisers' part of a step, on the gradients that the last one left."""
    trainer.optimiser.step()
    for _ in range(trainer.updates):
        trainer.opponent.step()


def _operations(step: Callable[[], object]) -> int:
    """How many operations of PyTorch a step launches: those that call no other."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        step()
    return sum(e.name.startswith("aten::") and not e.cpu_children for e in profile.events())


def _launch() -> float:
    """Seconds of the smallest operation."""
    one = torch.zeros(1)
    return min(seconds(lambda: one.add_(1), 2000) for _ in range(5))


def profiles(quick: bool) -> list[Row]:
    """The milliseconds of a step by kind of operation: one model, and as many as share their steps."""
    cases = [(f"{name}: a step", recipe, batch, 1) for name, (recipe, batch) in CASES.items()]
    cases += [("paper, batch 50: a step of three seeds", "paper-physical-removed", 50, 3)]
    cases += [("paper, batch 256: a step of eight seeds", "paper-physical-removed", 256, 8)]
    return [_profile(*case, quick) for case in cases]


def _profile(name: str, recipe: str, batch: int, models: int, quick: bool) -> Row:
    """The step of an epoch under the profiler, which itself costs some, the best of three.

    Beside it the time of operations summed over threads, some of which work at the same time.
    """
    count = (10 if quick else 40) * batch
    stars = training_split(quick)[:count]
    trainers = [
        short_trainer(recipe, stars, batch, **{"training.seed": seed, "training.epochs": 5})
        for seed in range(models)
    ]
    epochs = Together(trainers).epochs() if models > 1 else trainers[0].epochs()
    _epoch(epochs, models)
    total, kinds = min((_profiled(epochs, models) for _ in range(3)), key=lambda found: found[0])
    step = {f"{kind} [ms]": 1e3 * time * batch / count for kind, time in kinds.items()}
    slug = name.replace(", ", "-").replace(": ", "-").replace(" ", "-")
    return Row(f"profile-{slug}", f"{name} [ms]", 1e3 * total * batch / count, beside=step)


def _profiled(epochs: Iterator[Any], models: int) -> tuple[float, dict[str, float]]:
    """Seconds of the next epoch, and of these by kind of operation."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        total = _epoch(epochs, models)
    kinds = dict.fromkeys((PRODUCTS, OPTIMISERS, OTHERS), 0.0)
    for event in profile.events():
        if event.name.startswith("aten::"):  # the rest is the graph
            kinds[_kind(event.name)] += 1e-6 * event.self_cpu_time_total
    return total, kinds


def _epoch(epochs: Iterator[Any], models: int) -> float:
    """Seconds of the next epoch of so many models."""
    records = [getattr(done, "record", done) for done in islice(epochs, models)]
    return sum(record.seconds for record in records)


def _kind(operation: str) -> str:
    if "adam" in operation:
        return OPTIMISERS
    return PRODUCTS if operation.removeprefix("aten::") in MATRIX_PRODUCTS else OTHERS


def growth(quick: bool) -> list[Row]:
    """Exponents of the time of an epoch (paper, batch 256): 1 is in proportion, 0 does not depend."""
    stars = training_split(quick)
    stars = stars[: len(stars) // 2]
    half = stars[: len(stars) // 2]
    bases = [epoch_seconds(short_trainer("paper-physical-removed", half, 256))]
    larger = {
        "stars": epoch_seconds(short_trainer("paper-physical-removed", stars, 256)),
        "pixels": epoch_seconds(short_trainer("paper-physical-removed", _finer(half), 256)),
        "latent size": epoch_seconds(
            short_trainer("paper-physical-removed", half, 256, **{"model.latent_size": 50})
        ),
        "models": epoch_of_seeds(half, 2),
    }
    bases += [epoch_seconds(short_trainer("paper-physical-removed", half, 256))]
    base = min(bases)  # before and after the others: the first epochs of a process are slow
    return [
        Row(
            f"growth-{what.replace(' ', '-')}",
            f"epoch against {what}: exponent",
            float(np.log2(time / base)),
            beside={"seconds": base, "of_twice": time},
        )
        for what, time in larger.items()
    ]


def _finer(stars: SpectraSet) -> SpectraSet:
    """The stars on twice as many pixels, each given twice."""
    grid = np.linspace(stars.wavelength_nm[0], stars.wavelength_nm[-1], 2 * len(stars.wavelength_nm))
    error = None if stars.flux_error is None else np.repeat(stars.flux_error, 2, 1)
    return replace(
        stars,
        flux=np.repeat(stars.flux, 2, 1),
        mask=np.repeat(stars.mask, 2, 1),
        flux_error=error,
        wavelength_nm=grid,
    )
