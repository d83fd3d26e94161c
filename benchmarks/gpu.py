"""The GPU against all cores: an epoch of one model, and of three seeds that share their steps."""

import torch

from benchmarks.rows import Row, training_split
from benchmarks.training import epoch_of_seeds


def training(quick: bool, device: str = "cuda") -> list[Row]:
    """How many times faster an epoch is there. device: another one stands in where there is no GPU."""
    stars = training_split(quick)
    card = torch.cuda.get_device_name() if device == "cuda" else device
    rows = []
    for count, what, goals in ((1, "one model", (None, None)), (3, "three seeds", (20.0, 60.0))):
        here, there = (epoch_of_seeds(stars, count, place) for place in ("cpu", device))
        beside = {"cpu_seconds": here, "seconds": there, "card": card, "stars": len(stars)}
        name = f"gpu-{what.replace(' ', '-')}"
        title = f"GPU / all cores, paper, batch 256, {what}: speed"
        rows.append(Row(name, title, here / there, *goals, larger=True, beside=beside))
    return rows
