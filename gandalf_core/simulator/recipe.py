"""Which simulation a star comes from: its id says seed and number, the provenance of its set the settings.

Shapes: N stars, n of them from one simulation.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..parameters import LABELS
from . import nuisances, population
from .nuisances import NuisanceConfig

ID = re.compile(r"sim(\d+)-(\d+)")


@dataclass(frozen=True)
class Recipe:
    """What a set of simulated stars was made with; `given_labels`: their labels were given, not drawn."""

    seed: int
    snr: tuple[float, float] | None
    given_labels: bool
    config: NuisanceConfig

    def settings(self) -> dict:
        """The recipe as JSON, as it stands in the provenance."""
        snr = list(self.snr) if self.snr else None
        return {
            "seed": self.seed,
            "snr": snr,
            "given_labels": self.given_labels,
            "nuisances": asdict(self.config),
        }

    @classmethod
    def from_settings(cls, settings: dict) -> "Recipe":
        snr = tuple(settings["snr"]) if settings["snr"] else None
        return cls(settings["seed"], snr, settings["given_labels"], NuisanceConfig(**settings["nuisances"]))

    def deal(self, k: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Nuisance values of the stars k under their own labels."""
        return nuisances.deal(self.seed, k, self.config, labels[:, 0], self.snr)

    def own_labels(self, stars: SpectraSet, rows: np.ndarray, k: np.ndarray) -> np.ndarray:
        """(n, 4) the labels the stars at `rows` were made with."""
        return stars.labels_for(LABELS)[rows] if self.given_labels else population.labels(self.seed, k)


def star_ids(seed: int, k: np.ndarray) -> np.ndarray:
    """(n,) ids of the stars k."""
    return np.char.add(f"sim{seed}-", k.astype(str))


def origins(stars: SpectraSet) -> Iterator[tuple[Recipe, np.ndarray, np.ndarray]]:
    """(recipe, rows, k) of each simulation the stars come from; SpectraError when a star's is not known."""
    matches = [ID.fullmatch(i) for i in stars.ids]
    foreign = [i for i, match in zip(stars.ids, matches, strict=True) if match is None]
    if foreign:
        raise SpectraError(
            f"{len(foreign)} stars are not simulated (first: {foreign[0]}): their truth is unknown"
        )
    seeds, k = np.array([m.groups() for m in matches], dtype=np.int64).reshape(-1, 2).T
    recipes = list(_recipes(stars.provenance))
    for seed in np.unique(seeds):
        found = {recipe for recipe in recipes if recipe.seed == seed}
        if len(found) != 1:
            raise SpectraError(
                f"the provenance holds {len(found)} settings for the stars of seed {seed}, not exactly one"
            )
        rows = np.flatnonzero(seeds == seed)
        yield found.pop(), rows, k[rows]


def is_simulated(stars: SpectraSet) -> bool:
    """True when every star's truth can be recovered: ids of the simulator and its settings in the provenance."""
    try:
        return sum(len(rows) for _, rows, _ in origins(stars)) == len(stars)
    except SpectraError:
        return False


def _recipes(provenance: dict) -> Iterator[Recipe]:
    """Every recipe in a provenance, those of joined sets included."""
    if "simulated" in provenance:
        yield Recipe.from_settings(provenance["simulated"])
    for part in provenance.get("parts", ()):
        yield from _recipes(part)
