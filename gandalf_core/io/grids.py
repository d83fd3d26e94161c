"""The one wavelength grid of the stars of a file; a star on another grid is refused, and the others go on.

Shapes: R rows, N stars, L pixels.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import SpectraError
from .columns import Table
from .meaning import wavelengths_of
from .names import FLUX, WAVELENGTH
from .sniff import MAX_EXPANSION, MAX_SAMPLES

# the 2401 samples of Gaia DR3, which its RAW tables leave implicit
ARCHIVE_GRID_NM = np.round(np.arange(84600, 87001) * 0.01, 2)
MIN_FILL = 0.8  # of a star's own range that its samples fill on the common grid of a file
MIN_SAMPLES = 2**22  # that the stars of a file may always have together, given or not
STRANGE = 0.2  # of a star's samples that may lie where less than half of the stars have any
_TOLERANCE = 1e-6  # of the largest wavelength
_DIFFERENT = "its wavelengths are not those of the other stars: one grid per file"


class RowsGrid(NamedTuple):
    """The grid of rows of arrays.

    wavelength_nm: (L,). good: (L,) false where no row has one. lacking: (N, L) true where a row has none
    though others have; empty when all rows are alike. refused: {row: cause} of rows on another grid.
    """

    wavelength_nm: np.ndarray
    good: np.ndarray
    lacking: np.ndarray
    refused: dict[int, str]


def grid_of_rows(spectra: Sequence[Table], tables: Sequence[Table]) -> RowsGrid:
    """The grid of rows of arrays: their own, that of a separate table, or the archive's.

    Raises SpectraError when there is none, and when no grid is that of most rows.
    """
    length = spectra[0].columns[FLUX].shape[1]
    nobody = np.empty((0, length), bool)
    own = [wavelengths_of(t) for t in spectra if WAVELENGTH in t.columns]
    if len(own) == len(spectra) and {g.ndim for g in own} == {2}:
        if len({g.shape[1] for g in own}) > 1:
            raise SpectraError("the tables are on different wavelength grids: one file per grid")
        return _grid_of_most(np.concatenate(own))
    table = next((t for t in tables if WAVELENGTH in t.columns), None)
    if table is not None:
        grid = wavelengths_of(table)
        if grid.ndim == 2 and not np.array_equal(grid, np.broadcast_to(grid[:1], grid.shape), equal_nan=True):
            raise SpectraError(
                "some spectra have no wavelengths, and those of others differ: one grid per file"
            )
        grid = grid if grid.ndim == 1 else grid[0]
        return RowsGrid(grid, np.isfinite(grid) & (grid > 0), nobody, {})
    if length != len(ARCHIVE_GRID_NM):
        raise SpectraError(
            f"{length} samples per star and no wavelengths: add a column 'wavelength' [nm, vacuum]"
        )
    said = next((t.keywords[WAVELENGTH] for t in tables if WAVELENGTH in t.keywords), None)
    if said is not None:
        raise SpectraError(
            f"its wavelengths may stand in the keyword {said}: give them as a column 'wavelength'"
        )
    return RowsGrid(ARCHIVE_GRID_NM, np.ones(length, bool), nobody, {})


def _grid_of_most(grid: np.ndarray) -> RowsGrid:
    """The grid that most rows (N, L) have; padding is NaN or not positive."""
    padded = ~(np.isfinite(grid) & (grid > 0))
    if padded.all():
        raise SpectraError("no row has a wavelength")
    known = np.where(padded, np.nan, grid)
    common = np.nanmax(known, axis=0, initial=0.0)
    other = np.zeros(len(grid), bool)
    if _off(known, common).any():
        used = ~np.all(padded, axis=0)
        common = np.where(used, 1.0, 0.0)
        common[used] = np.nanmedian(known[:, used], axis=0)
        other = np.any(_off(known, common), axis=1)
        if other.sum() >= len(grid) / 2:
            raise SpectraError("the rows are on different wavelength grids: one file per grid")
    good = np.asarray(common > 0)
    lacking = padded & good
    refused = {int(row): _DIFFERENT for row in np.flatnonzero(other)}
    return RowsGrid(common, good, lacking if lacking.any() else lacking[:0], refused)


def _off(known: np.ndarray, common: np.ndarray) -> np.ndarray:
    """(N, L) true where a wavelength is another than the common one."""
    return np.abs(known - common) > _TOLERANCE * common.max()


class SamplesGrid(NamedTuple):
    """The grid of single samples.

    wavelength_nm: (L,). pixel: (R,) of each sample, −1 for samples of refused stars. refused: {star: cause}.
    """

    wavelength_nm: np.ndarray
    pixel: np.ndarray
    refused: dict[int, str]


def grid_of_samples(wavelength: np.ndarray, star: np.ndarray, n_stars: int) -> SamplesGrid:
    """The grid of samples of n_stars, (R,) wavelengths and numbers of their stars, in any order.

    Raises SpectraError when the stars are on different grids, or too many.
    """
    pixel, grid = _distinct(wavelength)
    if _fill(star, pixel, n_stars, len(grid)) >= MIN_FILL:
        return SamplesGrid(grid, pixel, {})
    usual = np.bincount(pixel, minlength=len(grid)) >= n_stars / 2
    strange = np.bincount(star, ~usual[pixel], n_stars) > STRANGE * np.bincount(star, minlength=n_stars)
    rest = ~strange[star]
    if strange.sum() < n_stars / 2 and strange.any():
        inner, grid = _distinct(wavelength[rest])
        pixel = np.full(len(star), -1)
        pixel[rest] = inner
        if _fill(star[rest], inner, n_stars, len(grid)) >= MIN_FILL:
            return SamplesGrid(grid, pixel, {int(k): _DIFFERENT for k in np.flatnonzero(strange)})
    raise SpectraError(f"the {n_stars} stars are on different wavelength grids: one file per grid")


def _distinct(wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R,) pixel of each sample on the (L,) sorted distinct wavelengths; rounding noise is removed."""
    import pandas as pd

    codes, _ = pd.factorize(np.round(wavelength / wavelength.max() * 1e9).astype(np.int64), sort=True)
    grid = np.empty(codes.max() + 1)
    grid[codes] = wavelength
    return codes, grid


def _fill(star: np.ndarray, pixel: np.ndarray, n_stars: int, n_pixels: int) -> float:
    """The median over the stars of the part of its own range that a star's samples fill.

    Raises SpectraError when the stars would not fit into memory.
    """
    if n_stars * n_pixels > min(MAX_SAMPLES, max(MIN_SAMPLES, MAX_EXPANSION * len(star))):
        raise SpectraError(
            f"{n_stars} stars on {n_pixels} distinct wavelengths are too many: split the file, or use Parquet"
        )
    low, high = np.full(n_stars, n_pixels), np.zeros(n_stars, int)
    np.minimum.at(low, star, pixel)
    np.maximum.at(high, star, pixel)
    present = low < n_pixels
    count = np.bincount(star, minlength=n_stars)[present]
    return float(np.median(count / (high - low + 1)[present]))
