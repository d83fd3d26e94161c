"""STARS, as the command line and the app name them: readable files, or `simulated:N[:SEED]`."""

import re

import numpy as np

from .data.spectra import SpectraSet, same_grid
from .errors import SpectraError
from .io import join_sets, read_stars, resample
from .parameters import MAX_SEED, MAX_STARS
from .simulator import simulate

STANDARD_SAMPLE = "simulated:64305:0"
_SIMULATED = re.compile(r"simulated:(\d{1,9})(?::(\d{1,10}))?")


def load_stars(specs: str | list[str], wavelength_nm: np.ndarray | None = None) -> SpectraSet:
    """One set of stars from one or several sources, on the grid `wavelength_nm` (L,) if there is one.

    Raises SpectraError, naming the source, when one cannot be read, or when several are on different grids
    and no grid is given.
    """
    specs = [specs] if isinstance(specs, str) else specs
    sets = [_load(spec) for spec in specs]
    if wavelength_nm is not None:
        sets = [
            s if same_grid(s.wavelength_nm, wavelength_nm) else resample(s, wavelength_nm, spec)
            for s, spec in zip(sets, specs, strict=True)
        ]
    return join_sets(sets)


def _load(spec: str) -> SpectraSet:
    if not spec.startswith("simulated:"):
        return read_stars(spec)
    match = _SIMULATED.fullmatch(spec)
    if not match or not 1 <= int(match[1]) <= MAX_STARS or int(match[2] or 0) > MAX_SEED:
        raise SpectraError(
            f"{spec}: write simulated:N or simulated:N:SEED "
            f"with 1 ≤ N ≤ {MAX_STARS:,} and SEED ≤ {MAX_SEED:,}"
        )
    return simulate(int(match[1]), seed=int(match[2] or 0))
