"""The GPU against all cores: an epoch of one model, and of three seeds that share their steps."""

from itertools import islice
from statistics import median

import torch

from benchmarks.rows import Row, training_split
from benchmarks.training import short_trainer
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.training.together import Together

RECIPE, BATCH = "paper-physical-removed", 256


def training(quick: bool, device: str = "cuda") -> list[Row]:
    """How many times faster an epoch is there. device: another one stands in where there is no GPU."""
    stars = training_split(quick)
    card = torch.cuda.get_device_name() if device == "cuda" else device
    rows = []
    for count, what, goals in ((1, "one model", (None, None)), (3, "three seeds", (20.0, 60.0))):
        here, there = (_epoch(stars, count, place) for place in ("cpu", device))
        beside = {"cpu_seconds": here, "seconds": there, "card": card, "stars": len(stars)}
        name = f"gpu-{what.replace(' ', '-')}"
        title = f"GPU / all cores, paper, batch {BATCH}, {what}: speed"
        rows.append(Row(name, title, here / there, *goals, larger=True, beside=beside))
    return rows


def _epoch(stars: SpectraSet, count: int, device: str) -> float:
    """Seconds of an epoch of so many seeds; the first and the last epoch do not count."""
    together = Together(
        short_trainer(RECIPE, stars, BATCH, device, **{"training.seed": seed}) for seed in range(count)
    )
    epochs, times = together.epochs(), []
    while several := list(islice(epochs, count)):
        times.append(sum(done.record.seconds for done in several if done.record))
    return median(times[1:-1])
