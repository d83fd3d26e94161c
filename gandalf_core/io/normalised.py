"""Whether a flux can be a continuum-normalised spectrum, which is what every model expects.

Shapes: N stars, L pixels.
"""

from typing import NamedTuple

import numpy as np

CONTINUUM = (0.5, 1.5)  # the median of a normalised spectrum lies between them, whatever its lines
LARGEST_ERROR = 10.0  # beside a flux near 1, a sample with such an error says nothing
LEAST_ERROR = 1e-6  # no detector counts 1e12 photons
POORLY_NORMALISED = "not normalised"  # begins every sentence of `poorly_normalised`
CURE = "divide the flux by its continuum"
MIN_SAMPLES = 20  # usable ones, without which a spectrum is not judged: no grid is covered by them
_STRIDE = 16
_ROWS = 2048  # that are looked at together
_BLOCK = 64  # samples on each side of the middle that show the errors of a star


def unnormalised(flux: np.ndarray, mask: np.ndarray) -> tuple[dict[int, str], int]:
    """{row: cause} of spectra (N, L) whose median is far from 1, and how many others are constant."""
    causes: dict[int, str] = {}
    constant = 0
    rows = _suspects(flux, mask) if flux.shape[1] >= MIN_SAMPLES else np.empty(0, int)
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        block = block[(~mask[block]).sum(1) >= MIN_SAMPLES]
        if not len(block):
            continue
        usable = np.where(mask[block], np.float32(np.nan), flux[block])
        middle = np.nanmedian(usable, axis=1)
        normal = (middle > CONTINUUM[0]) & (middle < CONTINUUM[1])
        constant += int((normal & (np.nanmin(usable, 1) == np.nanmax(usable, 1))).sum())
        for row, level in zip(block[~normal].tolist(), middle[~normal].tolist(), strict=True):
            causes[row] = (
                f"its median flux is {level:.3g}, so it cannot be a normalised spectrum, whose continuum is "
                f"near 1: {CURE}"
            )
    return causes, constant


class Continuum(NamedTuple):
    """A continuum that lies at `level` and rises by `tilt` from edge to edge, in units of a flux of 1."""

    level: float
    tilt: float


def poorly_normalised(continuum: Continuum, known_level: float, known_tilt: float) -> str:
    """What is wrong with a continuum; "" for nothing.

    known_level, known_tilt: by how much that of the spectra that models were trained on lies above or below
    1, and rises or falls.
    """
    level, tilt = continuum
    if abs(tilt) > known_tilt:
        way = "rises" if tilt > 0 else "falls"
        return (
            f"{POORLY_NORMALISED}: its continuum {way} by {abs(tilt):.0%} from edge to edge, models know up "
            f"to {known_tilt:.0%}: {CURE}"
        )
    if abs(level - 1) > known_level:
        return f"{POORLY_NORMALISED}: its continuum lies at {level:.2f}, not at 1: {CURE}"
    return ""


def _suspects(flux: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The rows of which some samples do not show at once that they are normalised."""
    some = np.where(mask[:, ::_STRIDE], np.float32(1), flux[:, ::_STRIDE])
    middle, low, high = some.mean(1), some.min(1), some.max(1)
    clear = (middle > 0.7) & (middle < 1.3) & (low != high) & (low > -1) & (high < 3)
    return np.flatnonzero(~clear)


def errors_of_another_flux(error: np.ndarray) -> dict[int, str]:
    """{row: cause} of stars most of whose errors (N, L) are too large or too small for a normalised flux."""
    middle = error.shape[1] // 2  # errors hardly change along a spectrum
    some = error[:, max(0, middle - _BLOCK) : middle + _BLOCK]
    if not some.size or (some.min() >= LEAST_ERROR and some.max() < LARGEST_ERROR):  # quick; NaN is neither
        return {}
    causes = {}
    rows = np.flatnonzero(((some >= LARGEST_ERROR) | ((some > 0) & (some < LEAST_ERROR))).any(1))
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        known = np.isfinite(error[block]) & (error[block] > 0)
        typical = np.full(len(block), np.nan)
        given = known.any(1)
        values = np.where(known[given], error[block[given]], np.float32(np.nan))
        typical[given] = np.nanmedian(values, axis=1)
        strange = ~((typical >= LEAST_ERROR) & (typical < LARGEST_ERROR))
        for row, level in zip(block[strange].tolist(), typical[strange].tolist(), strict=True):
            causes[row] = (
                f"its median flux error is {level:.3g} beside a flux near 1: divide the errors by the "
                "continuum, too"
                if np.isfinite(level)
                else "none of its flux errors is a positive, finite number"
            )
    return causes
