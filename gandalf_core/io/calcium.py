"""Whether wavelengths of which a file says nothing are in air: the Ca II triplet shows it.

Spectra come in the rest frame, so the three lines stand at their wavelengths: in vacuum, or 0.236 nm short of
them in air, which is more than most of them are wide. Shapes: N stars, L pixels.
"""

from collections.abc import Sequence

import numpy as np

from ..parameters import CALCIUM_CORES_NM
from .medium import air_to_vacuum

SHIFTS_NM = np.arange(-0.45, 0.4501, 0.01)  # where the lines are looked for, around their places in vacuum
TOLERANCE_NM = 0.03  # around the shift of air: 10 km/s
HALF_WIDTH_NM = 0.1  # of the weight given to a line, one standard deviation
MARGIN_NM = 0.9  # that must be there on each side of a line
MAX_STARS = 50  # that are looked at in a file
AGREEING = 0.8  # of them must show the shift of air
MUCH_MASKED = 0.5  # of a star's samples; with more it is not looked at
DISTINCT = 6.0  # times the noise that the lines must be deep at their best shift


def looks_like_air(flux: np.ndarray, mask: np.ndarray, wavelength_nm: np.ndarray) -> bool:
    """Whether the lines of nearly all stars (N, L) stand where wavelengths in air put them.

    False where a grid (L,) does not hold all three lines, or no star shows them.
    """
    inside = [
        wavelength_nm[0] + MARGIN_NM < line < wavelength_nm[-1] - MARGIN_NM for line in CALCIUM_CORES_NM
    ]
    if not len(flux) or not all(inside) or np.median(np.diff(wavelength_nm)) > HALF_WIDTH_NM:
        return False
    rows = np.flatnonzero(mask.mean(1) < MUCH_MASKED)
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MAX_STARS)).astype(int)]
    if not len(rows):
        return False
    shifts = line_shifts_nm(np.where(mask[rows], np.nan, flux[rows]), wavelength_nm)
    shown = shifts[np.isfinite(shifts)]
    if len(shown) < max(1, len(rows) / 2):
        return False
    return bool(np.mean(np.abs(shown - _shift_of_air()) < TOLERANCE_NM) >= AGREEING)


def _shift_of_air() -> float:
    """What wavelengths in air are short of those in vacuum, on average over the three lines, in nm."""
    lines = np.array(CALCIUM_CORES_NM)
    return float(np.mean(lines - air_to_vacuum(lines)))  # the index hardly changes over a quarter of a nm


def line_shifts_nm(flux: np.ndarray, wavelength_nm: np.ndarray) -> np.ndarray:
    """(N,) shift of the three lines together that makes them deepest; NaN where none stands out.

    flux: (N, L), NaN = missing.
    """
    depth = np.nan_to_num(1 - flux, nan=0.0)
    weights = _weights(wavelength_nm, CALCIUM_CORES_NM)  # (S, L)
    response = depth @ weights.T  # (N, S)
    best = response.argmax(1)
    noise = np.nanmedian(np.abs(np.diff(flux, axis=1)), axis=1) / 0.95  # of one sample, from its neighbours
    limit = DISTINCT * noise * np.sqrt(np.square(weights).sum(1))[best]
    middle = np.median(response, axis=1)
    stands_out = response[np.arange(len(best)), best] - middle > limit
    return np.where(stands_out, SHIFTS_NM[best], np.nan)


def _weights(wavelength_nm: np.ndarray, lines: Sequence[float]) -> np.ndarray:
    """(S, L) mean over the lines of a Gaussian around each, at every shift; each line's weights sum to 1."""
    total = np.zeros((len(SHIFTS_NM), len(wavelength_nm)))
    for line in lines:
        away = wavelength_nm - line - SHIFTS_NM[:, None]
        weight = np.exp(-0.5 * np.square(away / HALF_WIDTH_NM))
        total += weight / weight.sum(1, keepdims=True) / len(lines)
    return total
