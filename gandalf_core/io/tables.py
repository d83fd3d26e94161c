"""From the tables of a file to a SpectraSet, in the three layouts of the Gaia archive.

INDIVIDUAL and COMBINED have one row per sample (of one star, of many); RAW has one row per star, with arrays
as cells. Shapes: R rows, N stars, L pixels.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from . import ids as star_ids
from .columns import Table, to_nm
from .sniff import MAX_SAMPLES

# the 2401 samples of Gaia DR3, which its RAW tables leave implicit
ARCHIVE_GRID_NM = np.round(np.arange(84600, 87001) * 0.01, 2)
MIN_FILL = 0.8  # of a star's own range that its samples fill on the common grid of a file


def assemble(tables: list[Table], name: str) -> SpectraSet:
    """The stars of a file from its tables; `name` gives an id to a star without one.

    Raises SpectraError (without the file's name) when the tables are not spectra.
    """
    spectra = [t for t in tables if "flux" in t.columns]
    if not spectra:
        seen = ", ".join(dict.fromkeys(n for t in tables for n in t.names)) or "none"
        raise SpectraError(
            f"no column 'flux' (columns: {seen[:200]}): expected source_id, wavelength, flux, flux_error"
        )
    arrays = {t.columns["flux"].ndim for t in spectra}
    if arrays not in ({1}, {2}):
        raise SpectraError("flux is neither one number per row nor one array per row")
    stars = _from_rows(spectra, tables, name) if arrays == {2} else _from_samples(spectra, name)
    stars.provenance.update(next((t.provenance for t in tables if t.provenance), {}))
    return stars


def _from_rows(spectra: list[Table], tables: list[Table], name: str) -> SpectraSet:
    """RAW: one row per star."""
    grid = _grid_of_rows(spectra, tables)
    flux = np.concatenate([_floats(t, "flux") for t in spectra])
    if flux.shape[1] != len(grid):
        raise SpectraError(f"{flux.shape[1]} samples of flux but {len(grid)} wavelengths")
    errors = [_floats(t, "flux_error") for t in spectra if "flux_error" in t.columns]
    error = np.concatenate(errors) if len(errors) == len(spectra) else None
    if error is not None and error.shape != flux.shape:
        raise SpectraError(f"flux_error has shape {error.shape}, flux has {flux.shape}")
    names = tuple(dict.fromkeys(n for t in spectra for n in t.labels))
    rows = [len(t.columns["flux"]) for t in spectra]
    labels = [np.concatenate([t.label(n, r) for t, r in zip(spectra, rows, strict=True)]) for n in names]
    ids = np.concatenate([_ids_of_rows(t, name) for t in spectra])
    order = np.argsort(grid, kind="stable")
    error = None if error is None else error[:, order]
    return masked_spectra(flux[:, order], error, grid[order], ids, labels, names)


def _ids_of_rows(table: Table, name: str) -> np.ndarray:
    if "source_id" in table.columns:
        return star_ids.as_strings(table.columns["source_id"])
    stem, rows = star_ids.from_file_name(name), len(table.columns["flux"])
    return np.array([stem] if rows == 1 else [f"{stem}-{i}" for i in range(rows)])


def _grid_of_rows(spectra: list[Table], tables: list[Table]) -> np.ndarray:
    """(L,) the grid of RAW rows: their own (equal) arrays, a separate table, or the archive's own grid."""
    length = spectra[0].columns["flux"].shape[1]
    table = next((t for t in tables if "wavelength" in t.columns), None)
    if table is None:
        if length == len(ARCHIVE_GRID_NM):
            return ARCHIVE_GRID_NM
        raise SpectraError(
            f"{length} samples per star and no wavelengths: add a column 'wavelength' [nm, vacuum]"
        )
    grid = _floats(table, "wavelength", np.float64)
    if grid.ndim == 2:
        if not len(grid) or not (np.abs(grid - grid[0]).max() < 1e-6 * np.abs(grid[0]).max()):
            raise SpectraError("the rows are on different wavelength grids: one file per grid")
        grid = grid[0]
    return to_nm(grid, table.wavelength_unit)


def _from_samples(spectra: list[Table], name: str) -> SpectraSet:
    """INDIVIDUAL and COMBINED: one row per sample, in any order; missing samples of a star are masked."""
    import pandas as pd

    if any("wavelength" not in t.columns for t in spectra):
        raise SpectraError(
            "no column 'wavelength' beside flux: expected wavelength [nm, vacuum], flux, flux_error"
        )
    wavelength = np.concatenate(
        [to_nm(_floats(t, "wavelength", np.float64), t.wavelength_unit) for t in spectra]
    )
    star, stars = pd.factorize(_ids_of_samples(spectra, name))
    if not len(star):
        raise SpectraError("the table has no rows")
    if (star < 0).any():
        raise SpectraError(f"{int((star < 0).sum())} rows have no source_id")
    pixel, grid = _common_grid(wavelength)
    _check_common_grid(star, pixel, len(stars), len(grid))
    put = partial(_scatter, star=star, pixel=pixel, shape=(len(stars), len(grid)))
    flux = put(np.concatenate([_floats(t, "flux") for t in spectra]))
    has_error = all("flux_error" in t.columns for t in spectra)
    error = put(np.concatenate([_floats(t, "flux_error") for t in spectra])) if has_error else None
    first = np.unique(star, return_index=True)[1]
    names = tuple(dict.fromkeys(n for t in spectra for n in t.labels))
    labels = [np.concatenate([t.label(n, len(t.columns["flux"])) for t in spectra])[first] for n in names]
    return masked_spectra(flux, error, grid, star_ids.as_strings(np.asarray(stars)), labels, names)


def _ids_of_samples(spectra: list[Table], name: str) -> np.ndarray:
    stem = star_ids.from_file_name(name)
    parts = []
    for k, table in enumerate(spectra):
        ids = table.columns.get("source_id")
        if ids is None:
            own = table.meta.get("source_id", stem if len(spectra) == 1 else f"{stem}-{k}")
            ids = np.full(len(table.columns["flux"]), star_ids.as_strings(np.array([own]))[0])
        elif ids.dtype.kind == "f" or np.ma.is_masked(ids):
            ids = star_ids.as_strings(ids)
        parts.append(ids)
    return parts[0] if len(parts) == 1 else np.concatenate([star_ids.as_strings(p) for p in parts])


def _common_grid(wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R,) pixel of each sample on the (L,) sorted distinct wavelengths; rounding noise is removed."""
    import pandas as pd

    if not np.isfinite(wavelength).all():
        raise SpectraError(f"{int((~np.isfinite(wavelength)).sum())} rows have no wavelength")
    codes, _ = pd.factorize(
        np.round(wavelength / (np.abs(wavelength).max() or 1.0) * 1e9).astype(np.int64), sort=True
    )
    grid = np.empty(codes.max() + 1)
    grid[codes] = wavelength
    return codes, grid


def _check_common_grid(star: np.ndarray, pixel: np.ndarray, n_stars: int, n_pixels: int) -> None:
    if n_stars * n_pixels > MAX_SAMPLES:
        raise SpectraError(
            f"{n_stars} stars on {n_pixels} distinct wavelengths are too many: split the file, or use Parquet"
        )
    low, high = np.full(n_stars, n_pixels), np.zeros(n_stars, int)
    np.minimum.at(low, star, pixel)
    np.maximum.at(high, star, pixel)
    fill = np.bincount(star, minlength=n_stars) / (high - low + 1)
    if np.median(fill) < MIN_FILL:
        raise SpectraError(f"the {n_stars} stars are on different wavelength grids: one file per grid")
    if (fill > 1).any():
        raise SpectraError(f"{int((fill > 1).sum())} of {n_stars} stars have samples given twice")


def _scatter(values: np.ndarray, star: np.ndarray, pixel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    out = np.full(shape, np.nan, np.float32)
    out[star, pixel] = values
    return out


def _floats(table: Table, role: str, dtype: type = np.float32) -> np.ndarray:
    """A column as floats, masked cells as NaN. SpectraError names a column that is not numeric."""
    values = table.columns[role]
    if values.dtype.kind not in "fiub":
        raise SpectraError(f"column {role} is not numeric")
    with np.errstate(over="ignore", invalid="ignore"):  # out of float32's range becomes infinite: masked
        return np.ma.filled(np.ma.asarray(values).astype(dtype), np.nan)


def masked_spectra(
    flux: np.ndarray,
    error: np.ndarray | None,
    grid: np.ndarray,
    ids: np.ndarray,
    labels: list[np.ndarray],
    names: tuple[str, ...],
    mask: np.ndarray | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> SpectraSet:
    """A SpectraSet from (N, L) arrays; samples without a finite flux or a positive error are masked.

    An error array without a single value means that errors are unknown. Raises SpectraError when no flux is
    usable, and when there are errors but none is positive.
    """
    mask = ~np.isfinite(flux) if mask is None else mask | ~np.isfinite(flux)
    if error is not None:
        good = np.isfinite(error) & (error > 0)
        if good.any():
            error = error if good.all() else np.where(good, error, np.float32(np.nan))
            mask = mask | ~good
        elif (error < 0).any():
            raise SpectraError(
                "no flux error is positive: give one standard deviation of each sample, above 0"
            )
        else:
            error = None
    if mask.all():
        raise SpectraError(
            f"no usable flux: all {mask.size} samples are missing, NaN or without a positive error"
        )
    matrix = np.stack(labels, 1) if labels else np.empty((len(flux), 0))
    return SpectraSet(flux, grid, ids, matrix, names, error, mask, dict(provenance or {}))
