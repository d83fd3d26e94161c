"""STARS, as the command line and the app name them: readable files, or `simulated:N[:SEED[:KIND]]`.

One star that cannot be used never stops the others: they are taken in, and an `Intake` says why it is left
out. Shapes: N stars, L pixels.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

import numpy as np

from .data.spectra import SpectraSet, concatenate
from .errors import SpectraError
from .io.checking import DEFAULT, Checks
from .io.read import each_file, none_left, reject, usable_of, without_repeats
from .io.understanding import Understanding, notes_of, understandings
from .parameters import MAX_SEED, MAX_STARS
from .simulator import EDITION, KINDS, NuisanceConfig, simulate_kind
from .simulator.recipe import Recipe

SIMULATED = "simulated:"
MAX_IDS = 500_000  # stars among which an id that comes twice is noticed
MAX_NAMED = 3
_SIMULATED = re.compile(r"simulated:(\d{1,9})(?::(\d{1,10})(?::(\w+))?)?", re.ASCII)

Found = TypeVar("Found", bound=SpectraSet | SpectraError)
Refuse = Callable[[SpectraSet], dict[int, str]]  # {row: why that star cannot be used}


class Preparation(Protocol):
    """What is done to stars on the wavelengths of their file, and sentences on what was done."""

    @property
    def notes(self) -> list[str]: ...

    def __call__(self, stars: SpectraSet) -> SpectraSet: ...


@dataclass
class Intake:
    """What became of the stars of some sources; `pieces` fills it while it reads.

    keep_spikes: leave cosmic-ray hits as they are. refuse: what the stars must have beside a covered grid,
    if anything. prepare: what is done to them first, if anything. stars: how many can be used. rejected:
    {id or file: cause} of the others. read: how each file was understood. remarks: further sentences.
    repeated: ids of more than one star, in order.
    """

    keep_spikes: bool = False
    refuse: Refuse | None = None
    prepare: Preparation | None = None
    stars: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    read: list[Understanding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    repeated: dict[str, None] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set, repr=False)

    @property
    def notes(self) -> list[str]:
        """Sentences on how the files were read; who is left out stands in `rejected`."""
        notes = [*notes_of(replace(read, rejected={}) for read in self.read), *self.remarks]
        notes += self.prepare.notes if self.prepare else []
        if self.repeated:
            names, more = list(self.repeated)[:MAX_NAMED], len(self.repeated) - MAX_NAMED
            others = f" and {more:,} more" if more > 0 else ""
            notes.append(f"given more than once, and done each time: {', '.join(names)}{others}")
        return notes

    def result(self) -> dict[str, Any]:
        """The JSON keys of every command that reads stars."""
        return {"rejected": self.rejected, "notes": self.notes}

    def pieces(
        self, specs: Sequence[str], wavelength_nm: np.ndarray | None = None, *, streamed: bool = True
    ) -> Iterator[SpectraSet]:
        """The usable stars of all sources, on the grid (L,), or else on that of the first readable one.

        A Parquet file with one row per star comes in pieces, so that memory does not grow with it; `streamed`
        false reads it as a whole. Raises SpectraError, with the first cause, when no star can be used.
        """
        for spec in specs:
            check_source(spec)
        for spec in specs:
            checks = Checks(keep_spikes=self.keep_spikes)
            for name, stars in sets_of(spec, checks, among=specs, streamed=streamed):
                if isinstance(stars, SpectraError):
                    reject(self.rejected, name, str(stars))
                    continue
                wavelength_nm = stars.wavelength_nm if wavelength_nm is None else wavelength_nm
                stars = self.prepare(stars) if self.prepare else stars
                usable = self._needed(usable_of(stars, wavelength_nm, name, self.rejected))
                if len(usable):
                    self._note(usable)
                    yield usable
        if not self.stars:
            raise none_left(self.rejected)

    def _note(self, usable: SpectraSet) -> None:
        """Count usable stars, and note (of the first MAX_IDS, to save memory) which were there before."""
        self.read += understandings(usable)
        self.stars += len(usable)
        if self.stars <= MAX_IDS:
            for star in usable.ids.tolist():
                if star in self._ids:
                    self.repeated[star] = None
                self._ids.add(star)

    def once(self, stars: SpectraSet) -> SpectraSet:
        """The stars that were taken in, each id once; the others are rejected."""
        self.repeated = {}
        return without_repeats(stars, self.rejected)

    def _needed(self, stars: SpectraSet) -> SpectraSet:
        """The stars that `refuse` lets pass."""
        causes = self.refuse(stars) if self.refuse and len(stars) else {}
        for row, cause in causes.items():
            reject(self.rejected, str(stars.ids[row]), f"star {stars.ids[row]}: {cause}")
        return stars[np.delete(np.arange(len(stars)), list(causes))] if causes else stars


def gather(
    specs: str | Sequence[str], wavelength_nm: np.ndarray | None = None, intake: Intake | None = None
) -> tuple[SpectraSet, Intake]:
    """The usable stars of one or several sources as one set, and what became of the others.

    wavelength_nm: (L,) the grid of the set, by default that of the first readable source. Raises
    SpectraError, with the first cause, when no star can be used.
    """
    intake = intake or Intake()
    specs = [specs] if isinstance(specs, str) else specs
    sets = list(intake.pieces(specs, wavelength_nm, streamed=False))
    bare = sum(len(s) for s in sets if s.flux_error is None)
    if 0 < bare < intake.stars:
        without = f"{bare:,} of {intake.stars:,} stars come without flux errors"
        intake.remarks.append(f"{without}: those of the others are left out too")
    return concatenate(sets), intake


def load_stars(specs: str | list[str], wavelength_nm: np.ndarray | None = None) -> SpectraSet:
    """The stars of one or several sources as one set, on the grid (L,) or that of the first source.

    Raises SpectraError, with the first cause, when a star or a file cannot be used: nobody would be told
    which are left out. `gather` tells.
    """
    stars, intake = gather(specs, wavelength_nm)
    if intake.rejected:
        raise SpectraError(f"{next(iter(intake.rejected.values()))} (`gather` takes the other stars)")
    return stars


def sets_of(
    spec: str, checks: Checks = DEFAULT, *, among: Sequence[str] = (), streamed: bool = True
) -> Iterator[tuple[str, SpectraSet | SpectraError]]:
    """(name, stars or error) of every file in a source, on the grids of the files.

    among: all sources, so that two files of one name give stars of two names. A Parquet file with one row per
    star comes in pieces where `streamed`, so that memory does not grow; a damaged piece is an error of its
    own.
    """
    from .io.parquet import has_row_per_star, iter_parts

    if spec.startswith(SIMULATED):
        count, seed, kind = check_source(spec)
        yield spec, simulate_kind(kind, count, seed=seed)
    elif streamed and has_row_per_star(spec):
        try:
            for part in iter_parts(spec, keep_spikes=checks.keep_spikes):
                yield part.name(spec), believed(part.stars)
        except SpectraError as error:
            yield spec, error
    else:
        others = [other for other in among if other != spec and not other.startswith(SIMULATED)]
        for name, stars in each_file([spec], checks, others):
            yield name, believed(stars)


def believed(stars: Found) -> Found:
    """Stars of a file, without what it says of their simulation where that is nothing that we wrote."""
    if isinstance(stars, SpectraSet):
        _drop_false_origin(stars.provenance)
    return stars


def _drop_false_origin(provenance: dict[str, Any]) -> None:
    if "simulated" in provenance and not _is_recipe(provenance["simulated"]):
        del provenance["simulated"]
    for part in provenance.get("parts", ()):
        _drop_false_origin(part)


def _is_recipe(settings: dict[str, Any]) -> bool:
    """Whether these are settings of a simulation, of whatever edition."""
    try:
        recipe = Recipe.from_settings(settings)
        hash(recipe)
    except (KeyError, TypeError, ValueError):
        return "nuisances" in settings and settings.get("edition", 1) != EDITION
    snr = recipe.snr or (1.0, 1.0)
    numbers = len(snr) == 2 and all(isinstance(limit, int | float) for limit in snr)
    seed = type(recipe.seed) is int and 0 <= recipe.seed <= MAX_SEED
    return seed and numbers and (recipe.nature, recipe.dealt) in KINDS.values()


def simulated_ids(spec: str) -> np.ndarray:
    """(N,) ids of the stars of `simulated:N[:SEED[:KIND]]`, which are not simulated for that."""
    count, seed, kind = check_source(spec)
    recipe = Recipe(seed, None, False, NuisanceConfig(), *KINDS[kind])
    return recipe.ids(np.arange(count))


def check_source(spec: str) -> tuple[int, int, str]:
    """N, SEED and KIND of `simulated:N[:SEED[:KIND]]`, 0 stars for a file.

    SpectraError for what is nearly the former.
    """
    if not spec.startswith(SIMULATED):
        return 0, 0, ""
    match = _SIMULATED.fullmatch(spec)
    known = match and 1 <= int(match[1]) <= MAX_STARS and int(match[2] or 0) <= MAX_SEED
    if not match or not known or (match[3] or "") not in KINDS:
        kinds = ", ".join(filter(None, KINDS))
        raise SpectraError(
            f"{spec}: write simulated:N, simulated:N:SEED or simulated:N:SEED:KIND "
            f"with 1 ≤ N ≤ {MAX_STARS:,}, SEED ≤ {MAX_SEED:,} and KIND one of {kinds}"
        )
    return int(match[1]), int(match[2] or 0), match[3] or ""
