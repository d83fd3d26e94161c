"""Which simulation a star comes from: its id says seed and number, the provenance of its set the settings.

Shapes: N stars, n of them from one simulation.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..parameters import LABELS
from . import nuisances, population
from .nuisances import NuisanceConfig

# Raised whenever stars of the same seed and settings come out otherwise: files of an earlier edition keep
# their spectra and labels, but nobody can make the same star under other labels any more.
EDITION = 2
_ID = re.compile(r"sim(\d{1,18})([bu]?)-(\d{1,18})")  # seed, kind, number; both numbers fit into 64 bits


@dataclass(frozen=True)
class Recipe:
    """The settings of one simulation.

    given_labels: the caller gave the labels, they were not drawn.  nature: the physics of the spectra, one of
    `emulator.NATURES`.  dealt: how labels are drawn, one of `population.DEALT`.
    """

    seed: int
    snr: tuple[float, float] | None
    given_labels: bool
    config: NuisanceConfig
    nature: str = "a"
    dealt: str = "mock"

    def settings(self) -> dict[str, Any]:
        """The recipe as JSON, as it stands in the provenance."""
        snr = list(self.snr) if self.snr else None
        return {
            "seed": self.seed,
            "snr": snr,
            "edition": EDITION,
            "given_labels": self.given_labels,
            "nuisances": asdict(self.config),
            "nature": self.nature,
            "dealt": self.dealt,
        }

    @classmethod
    def from_settings(cls, settings: dict[str, Any]) -> "Recipe":
        """The recipe from its JSON."""
        snr = tuple(settings["snr"]) if settings["snr"] else None
        return cls(
            settings["seed"],
            snr,
            settings["given_labels"],
            NuisanceConfig(**settings["nuisances"]),
            settings.get("nature", "a"),
            settings.get("dealt", "mock"),
        )

    def draw(self, k: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Nuisance values of the stars k (n,), whose true labels are `labels` (n, 4).

        Where labels are given, cn goes with those that star k has in the sample: it is the same star under
        other parameters, nuisance by nuisance.
        """
        own = self.dealt_labels(k) if self.given_labels else labels
        everywhere = population.is_uniform(self.dealt, k)
        return nuisances.draw(self.seed, k, self.config, own, self.snr, everywhere)

    def own_labels(self, stars: SpectraSet, rows: np.ndarray, k: np.ndarray) -> np.ndarray:
        """(n, 4) labels that the stars at `rows` were simulated with."""
        return stars.labels_for(LABELS)[rows] if self.given_labels else self.dealt_labels(k)

    def dealt_labels(self, k: np.ndarray) -> np.ndarray:
        """(n, 4) labels of the stars k where the caller gave none."""
        return population.dealt_labels(self.dealt, self.seed, k)

    def ids(self, k: np.ndarray) -> np.ndarray:
        """(n,) ids of the stars k: `sim<seed>-<k>`, b after the seed: nature b, u: dealt uniformly."""
        kind = np.full(len(k), "b" if self.nature == "b" else "")
        if not self.given_labels:
            kind = np.char.add(kind, np.where(population.is_uniform(self.dealt, k), "u", ""))
        return np.char.add(np.char.add(f"sim{self.seed}", kind), np.char.add("-", k.astype(str)))

    def makes(self, kind: str) -> bool:
        """Whether it makes stars whose id has this kind after the seed."""
        if self.nature == "b" or kind == "b":
            return self.nature == kind
        return self.dealt == "wide" or kind == ("u" if self.dealt == "uniform" else "")


def origin_of_ids(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) seed, (N,) kind and (N,) number of simulated stars. SpectraError names the first other id."""
    matches = [_ID.fullmatch(i) for i in ids]
    foreign = [i for i, match in zip(ids, matches, strict=True) if match is None]
    if foreign:
        raise SpectraError(
            f"{len(foreign)} stars are not simulated (first: {foreign[0]}): their truth is unknown"
        )
    pairs = [(int(match[1]), int(match[3])) for match in matches if match]
    seeds, numbers = np.array(pairs, np.int64).reshape(-1, 2).T
    return seeds, np.array([match[2] for match in matches if match], str), numbers


def origins(stars: SpectraSet) -> Iterator[tuple[Recipe, np.ndarray, np.ndarray]]:
    """(recipe, rows, k) of each simulation in the set. Raises SpectraError when a star's is not known."""
    seeds, kinds, k = origin_of_ids(stars.ids)
    recipes = list(_recipes(stars.provenance))
    for seed, kind in sorted(set(zip(seeds.tolist(), kinds.tolist(), strict=True))):
        candidates = {recipe for recipe in recipes if recipe.seed == seed and recipe.makes(kind)}
        if len(candidates) != 1:
            raise SpectraError(
                f"the provenance holds {len(candidates)} settings of today's simulator for the stars of seed "
                f"{seed}, not exactly one: simulate them again"
            )
        rows = np.flatnonzero((seeds == seed) & (kinds == kind))
        yield candidates.pop(), rows, k[rows]


def is_simulated(stars: SpectraSet) -> bool:
    """True when the truth of every star can be recovered, from its id and the set's provenance."""
    try:
        return sum(len(rows) for _, rows, _ in origins(stars)) == len(stars)
    except SpectraError:
        return False


def _recipes(provenance: dict[str, Any]) -> Iterator[Recipe]:
    """Every recipe in a provenance, those of joined sets included."""
    if "simulated" in provenance and provenance["simulated"].get("edition", 1) == EDITION:
        yield Recipe.from_settings(provenance["simulated"])
    for part in provenance.get("parts", ()):
        yield from _recipes(part)
