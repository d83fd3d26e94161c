"""What a preset does, in words, and how long a training will take on this machine."""

import re

from gandalf_core.jobs.job import Job
from pages.ui import jobs

PRESET_WORDS = {
    "autoencoder": "A plain auto-encoder: nothing is removed, the latent holds all that helps to draw.",
    "physical-removed": "Removes Teff and log g from the latent, keeps [M/H] and [α/Fe] there.",
    "chemical-removed": "Removes [M/H] and [α/Fe] from the latent, keeps Teff and log g there.",
    "paper-physical-removed": "As physical-removed, by the recipe of the paper: faster, and it leaks more.",
    "paper-chemical-removed": "As chemical-removed, by the recipe of the paper: faster, and it leaks more.",
    "generator": "Removes all four parameters: the sliders alone decide them. The largest networks.",
    "paper": "The recipe of the paper without signs: choose what to remove by its λ.",
    "bottleneck": "The recipe of physical-removed without signs: choose what to remove by its λ.",
}
EPOCH_SECONDS = 1.7e-4  # a training star takes in an epoch on two cores, where this server knows no better
FIT_SECONDS = 4.5e-3  # a star takes afterwards, for regressors, figures and maps
SIMULATED = re.compile(r"simulated:(\d+)")
LATEST = 5  # trainings from which this server learns how fast it is


def preset_words(name: str, sample: str, epochs: int) -> str:
    """What a preset does, and about how long it will take with these stars and epochs."""
    seconds = expected_seconds(sample, epochs)
    length = f" With these stars about {_duration(seconds)} on this machine." if seconds else ""
    return PRESET_WORDS.get(name, "") + length


def expected_seconds(sample: str, epochs: int) -> float:
    """The time of a training, by the latest ones on this server; 0 where the number of stars is unknown."""
    stars = _stars(sample)
    return stars * (epochs * _epoch_seconds() + FIT_SECONDS)


def expected_fit_seconds(job: Job) -> float:
    """The time from the last epoch of a training to its end; 0 where the number of stars is unknown."""
    return _stars(" ".join(job.arguments)) * FIT_SECONDS


def _stars(text: str) -> int:
    found = SIMULATED.search(text)
    return int(found[1]) if found else 0


def _epoch_seconds() -> float:
    """Seconds that an epoch takes for each star of the sample."""
    measured = []
    for job in jobs.manager().list("train")[:LATEST]:
        stars, history = _stars(" ".join(job.arguments)), job.history()
        if stars and history and isinstance(history[-1].get("seconds"), int | float):
            measured.append(history[-1]["seconds"] / stars)
    return sorted(measured)[len(measured) // 2] if measured else EPOCH_SECONDS


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
