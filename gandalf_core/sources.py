"""STARS of the command line and the app: readable files, or `simulated:N[:SEED]`."""

import re
from dataclasses import replace

import numpy as np

from .data.spectra import SpectraSet, same_grid
from .errors import SpectraError
from .io import joined, read_stars, resample
from .parameters import MAX_SEED, MAX_STARS
from .simulator import PIXELS_800, nuisance_values, simulate, true_labels, truth

STANDARD_SAMPLE = "simulated:64305:0"
_SIMULATED = re.compile(r"simulated:(\d{1,9})(?::(\d{1,10}))?")


def load_stars(specs: str | list[str], wavelength_nm: np.ndarray | None = None) -> SpectraSet:
    """One set of stars from one or several sources, on `wavelength_nm` if given (L,).

    Raises SpectraError, naming the source, when one cannot be read, or when several are on different grids
    and none was asked for.
    """
    specs = [specs] if isinstance(specs, str) else specs
    sets = [_load(spec) for spec in specs]
    if wavelength_nm is not None:
        sets = [
            s if same_grid(s.wavelength_nm, wavelength_nm) else resample(s, wavelength_nm, spec)
            for s, spec in zip(sets, specs, strict=True)
        ]
    return joined(sets)


def _load(spec: str) -> SpectraSet:
    if not spec.startswith("simulated:"):
        return read_stars(spec)
    match = _SIMULATED.fullmatch(spec)
    if not match or not 1 <= int(match[1]) <= MAX_STARS or int(match[2] or 0) > MAX_SEED:
        raise SpectraError(
            f"{spec}: write simulated:N or simulated:N:SEED with 1 ≤ N ≤ {MAX_STARS:,} and SEED ≤ {MAX_SEED:,}"
        )
    return simulate(int(match[1]), seed=int(match[2] or 0))


def by_ids(ids: np.ndarray) -> SpectraSet:
    """The stars `sim<seed>-<k>` of the mock sample, exactly as `simulate` makes them, without their
    neighbours.

    ids: (N,). Raises SpectraError when one is not the id of a simulated star.
    """
    ids = np.asarray(ids, str)
    seeds = sorted({re.fullmatch(r"sim(\d+)-\d+", i)[1] for i in ids if re.fullmatch(r"sim(\d+)-\d+", i)})
    parts = [simulate(1, seed=int(seed)).provenance for seed in seeds]
    blank = np.full((len(ids), len(PIXELS_800)), np.nan, np.float32)
    bare = SpectraSet(
        blank, PIXELS_800, ids, np.empty((len(ids), 0)), (), None, np.isnan(blank), {"parts": parts}
    )
    made = truth(bare, true_labels(bare), noise=True)
    errors = np.repeat(1 / nuisance_values(bare)["snr"][:, None], len(PIXELS_800), 1)
    return replace(made, flux_error=errors)
