"""Where stars are in the sky: right ascension and declination, ICRS or J2000, in degrees.

Shapes: N stars.
"""

from typing import Any

import numpy as np

from ..errors import SpectraError

NAMES = ("ra", "dec")  # of the two columns, here and in every file that we write


def checked_positions(positions: Any, count: int) -> np.ndarray | None:
    """(N, 2) positions of `count` stars, NaN where unknown; None where that is all of them.

    Raises SpectraError for another shape, a right ascension outside of 0 to 360, a declination beyond ±90.
    """
    if positions is None:
        return None
    array = np.asarray(positions, np.float64)
    if array.shape != (count, 2):
        raise SpectraError(f"positions must be (stars, 2), not of shape {array.shape} for {count} stars")
    known = np.logical_and(*np.isfinite(array).T)
    ra, dec = array[known].T
    if ((ra < 0) | (ra >= 360) | (np.abs(dec) > 90)).any():
        raise SpectraError("positions must be degrees: right ascension from 0 to 360, declination ±90")
    return np.where(known[:, None], array, np.nan) if known.any() or not count else None


def joined_positions(parts: list[tuple[np.ndarray | None, int]]) -> np.ndarray | None:
    """Positions of sets of stars one behind the other; each with the number of its stars."""
    if all(positions is None for positions, _ in parts):
        return None
    rows = [np.full((count, 2), np.nan) if found is None else found for found, count in parts]
    return np.concatenate(rows)


def position_columns(positions: np.ndarray | None) -> dict[str, np.ndarray]:
    """(N,) columns `ra` and `dec` in degrees; none where no position is known."""
    return {} if positions is None else dict(zip(NAMES, positions.T, strict=True))


def position_words(position: np.ndarray) -> str:
    """One position (2,) for people; empty where it is unknown. Five decimals are .04 arcseconds."""
    ra, dec = position.tolist()
    return f"RA {ra:.5f}°, Dec {dec:+.5f}°".replace("-", "−") if np.isfinite(position).all() else ""
