"""The spectra that stars of given labels have on average: what a mean spectrum m(y) should start from.

Shapes: N stars, L pixels, K continuum terms.
"""

import numpy as np

from ..errors import SpectraError
from . import nuisances
from .effects import apply_nuisances
from .emulator import CN_RANGE, emulate, inside
from .grids import observe, wavelengths
from .nuisances import DEFAULT, NuisanceConfig

STRATA = 16  # equally likely values of each nuisance
DRAWS_IN_STRATUM = 64
# between which values a response is measured: about ± the spread of the nuisance, for cn about its mean
BETWEEN = {
    "cn": (-0.2, 0.2),
    "broadening_kms": (4.0, 16.0),
    "shift_kms": (-1.5, 1.5),
    "calcium_depth": (-0.08, 0.08),
}


def expected_spectra(
    labels: np.ndarray, *, pixels: int = 800, config: NuisanceConfig = DEFAULT
) -> np.ndarray:
    """(N, L) float32 spectra of stars with labels (N, 4), without noise, averaged over their nuisances.

    Ca II cores have their mean depth, lines the mean of all broadenings and shifts, and cn is what it is on
    average for the star's logg and mh. pixels: 800 (0.03 nm) or 2401 (0.01 nm). SpectraError for labels
    outside the grid's region.
    """
    labels = _within(labels, pixels)
    at_mean_cn = emulate(labels, nuisances.nitrogen(labels, config)[0])
    strata = typical_values(config)
    total = np.zeros((len(labels), 2401), np.float32)
    for k in range(STRATA):
        total += apply_nuisances(at_mean_cn, {n: v[[k] * len(labels)] for n, v in strata.items()})
    return observe(total / STRATA, pixels)


def expected_responses(
    labels: np.ndarray, nuisance: str, *, pixels: int = 800, config: NuisanceConfig = DEFAULT
) -> np.ndarray:
    """(N, L) float32 half the difference of spectra with a nuisance raised and lowered (BETWEEN).

    The other nuisances have their mean values. Raises as `expected_spectra`.
    """
    labels = _within(labels, pixels)
    means = {n: v.mean(0, keepdims=True) for n, v in typical_values(config).items()}
    usual_cn = nuisances.nitrogen(labels, config)[0]
    seen = []
    for value in BETWEEN[nuisance]:
        cn = np.clip(usual_cn + value, *CN_RANGE) if nuisance == "cn" else usual_cn
        changed = means | {nuisance: np.array([value])}
        values = {n: v[[0] * len(labels)] for n, v in changed.items()}
        seen.append(apply_nuisances(emulate(labels, cn), values))
    return observe((seen[1] - seen[0]) / 2, pixels)


def _within(labels: np.ndarray, pixels: int) -> np.ndarray:
    """The labels as float64. SpectraError where the grid has no such labels or not so many pixels."""
    labels = np.asarray(labels, np.float64)
    outside = int((~inside(labels)).sum())
    if outside:
        raise SpectraError(f"{outside} of {len(labels)} labels are outside the grid's region")
    wavelengths(pixels)  # refuses other numbers
    return labels


def typical_values(config: NuisanceConfig) -> dict[str, np.ndarray]:
    """Name -> (STRATA, ...) values of each nuisance in equally likely strata, independent of each other.

    Their means are those of the nuisances, with a fraction of the scatter that as many random draws have.
    """
    k = np.arange(STRATA * DRAWS_IN_STRATUM)
    random = np.random.default_rng(0)
    anybody = np.zeros((len(k), 4))  # cn alone depends on labels, and it is not used
    drawn = nuisances.draw(0, k, config, anybody, None)
    return {name: random.permuted(_strata(values), axis=0) for name, values in drawn.items()}


def _strata(values: np.ndarray) -> np.ndarray:
    """(STRATA, ...) means of equally many of the sorted values (k, ...)."""
    return np.sort(values, axis=0).reshape(STRATA, DRAWS_IN_STRATUM, *values.shape[1:]).mean(1)
