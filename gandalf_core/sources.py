"""STARS, as the command line and the app name them: readable files, or `simulated:N[:SEED]`.

One star that cannot be used never stops the others: they are taken in, and an `Intake` says why it is left
out. Shapes: N stars, L pixels.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .data.spectra import SpectraSet, concatenate
from .errors import SpectraError
from .io import usable_stars
from .io.read import none_left, reject, usable_of
from .io.understanding import Understanding, notes_of, understandings
from .parameters import MAX_SEED, MAX_STARS
from .simulator import simulate

STANDARD_SAMPLE = "simulated:64305:0"
SIMULATED = "simulated:"
_SIMULATED = re.compile(r"simulated:(\d{1,9})(?::(\d{1,10}))?")

Refuse = Callable[[SpectraSet], dict[int, str]]  # {row: why that star cannot be used}


@dataclass
class Intake:
    """What became of the stars of some sources; `pieces` fills it while it reads.

    stars: how many can be used. rejected: {id or file: cause} of the others. read: how each file was
    understood. refuse: what the stars must have beside a covered grid, if anything.
    """

    stars: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    read: list[Understanding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    refuse: Refuse | None = None

    @property
    def notes(self) -> list[str]:
        """Sentences on how the files were read."""
        return [*notes_of(self.read), *self.remarks]

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
        simulated = {spec: _count_and_seed(spec) for spec in specs if spec.startswith(SIMULATED)}
        for spec in specs:
            if spec in simulated:
                count, seed = simulated[spec]
                found = self._on_grid(iter([simulate(count, seed=seed)]), spec, wavelength_nm)
            elif streamed and _is_streamable(spec):
                found = self._on_grid(_streamed(spec), spec, wavelength_nm)
            else:
                found = usable_stars([spec], self.rejected, wavelength_nm)
            for stars in map(self._needed, found):
                wavelength_nm = stars.wavelength_nm if wavelength_nm is None else wavelength_nm
                self.read += understandings(stars)
                self.stars += len(stars)
                if len(stars):
                    yield stars
        if not self.stars:
            raise none_left(self.rejected)

    def _on_grid(
        self, sets: Iterator[SpectraSet], spec: str, wavelength_nm: np.ndarray | None
    ) -> Iterator[SpectraSet]:
        """The usable stars of one source; an error on the way is the source's, and ends it alone."""
        try:
            for stars in sets:
                grid = stars.wavelength_nm if wavelength_nm is None else wavelength_nm
                yield usable_of(stars, grid, spec, self.rejected)
        except SpectraError as error:
            reject(self.rejected, spec, str(error))

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
    """One set of the usable stars of one or several sources, as `gather` gives it."""
    return gather(specs, wavelength_nm)[0]


def _is_streamable(spec: str) -> bool:
    from .io.parquet import has_row_per_star

    return has_row_per_star(spec)


def _streamed(spec: str) -> Iterator[SpectraSet]:
    from .io import iter_parquet

    yield from iter_parquet(spec)


def _count_and_seed(spec: str) -> tuple[int, int]:
    """N and SEED of `simulated:N[:SEED]`. SpectraError for anything else."""
    match = _SIMULATED.fullmatch(spec)
    if not match or not 1 <= int(match[1]) <= MAX_STARS or int(match[2] or 0) > MAX_SEED:
        raise SpectraError(
            f"{spec}: write simulated:N or simulated:N:SEED "
            f"with 1 ≤ N ≤ {MAX_STARS:,} and SEED ≤ {MAX_SEED:,}"
        )
    return int(match[1]), int(match[2] or 0)
