"""From the tables of a file to a SpectraSet: which column is what, units, and the archive's three layouts.

INDIVIDUAL and COMBINED have one row per sample (of one star, of many); RAW has one row per star with array columns.
Shapes: R rows, N stars, L pixels.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..errors import SpectraError
from ..parameters import LABELS, canonical_name
from ..spectra import SpectraSet
from . import ids as star_ids
from .sniff import MAX_SAMPLES

LABEL_PREFIX = "label_"  # a column of a label outside the vocabulary
ARCHIVE_GRID_NM = np.round(np.arange(84600, 87001) * 0.01, 2)  # Gaia DR3's 2401 samples, which its RAW tables leave implicit
MIN_FILL = 0.8  # of a star's own range that its samples fill on the common grid of a file

_ALIASES = {
    "source_id": ("source_id", "sourceid", "gaia_source_id", "dr3_source_id", "id", "ids", "star", "star_id"),
    "flux": ("flux", "normalised_flux", "normalized_flux"),
    "flux_error": ("flux_error", "flux_err", "fluxerr", "e_flux", "error", "err", "sigma", "uncertainty"),
}
_ROLE = {alias: role for role, aliases in _ALIASES.items() for alias in aliases}
_WAVELENGTH = re.compile(r"(wavelengths?|wave|lambda|wl)(?:[\s_(\[]+([a-zåμµ]+)[)\]]?)?", re.IGNORECASE)
_NM = {"nm": 1.0, "nanometer": 1.0, "nanometre": 1.0, "angstrom": 0.1, "aa": 0.1, "å": 0.1, "a": 0.1, "um": 1e3, "µm": 1e3,
       "μm": 1e3, "micron": 1e3, "micrometer": 1e3, "m": 1e9}  # fmt: skip


def role_of(column: str) -> str | None:
    """What a column holds: source_id, wavelength, flux, flux_error, a label's name, or None."""
    key = column.strip().lower()
    if key in _ROLE:
        return _ROLE[key]
    if _WAVELENGTH.fullmatch(key):
        return "wavelength"
    if key.startswith(LABEL_PREFIX):
        return label_name(column.strip()[len(LABEL_PREFIX) :])
    return canonical_name(key) if canonical_name(key) in LABELS else None


def label_name(name: str) -> str:
    """A label's name: the project's spelling for a known alias, any other unchanged."""
    return canonical_name(name) if canonical_name(name) in LABELS else name


def label_column(name: str) -> str:
    """The column under which a label is written, so that `role_of` finds it again."""
    return name if name in LABELS else LABEL_PREFIX + name


@dataclass
class Table:
    """One table of a file: values by role, (R,) or (R, L); `meta` holds an id and labels that stand beside the rows."""

    columns: dict[str, np.ndarray] = field(default_factory=dict)
    wavelength_unit: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()

    @classmethod
    def build(cls, columns: Iterable[tuple[str, Any, str | None]], meta: Mapping[str, Any] | None = None) -> "Table":
        """A table from (name, values, unit) of every column of a file, and the file's keywords; unknown ones are left out."""
        table = cls()
        for name, values, unit in columns:
            table.names += (name,)
            role = role_of(name)
            if role is None or (role in table.columns and name.strip().lower() != role):
                continue
            table.columns[role] = stack(values, name)
            if role == "wavelength":
                table.wavelength_unit = unit or _WAVELENGTH.fullmatch(name.strip()).group(2)
        for key, value in (meta or {}).items():
            if (role := role_of(key)) not in (None, "wavelength", "flux", "flux_error") and key.lower() not in ("id", "star"):
                table.meta[role] = value
        return table

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels it holds."""
        return tuple(k for k in {**self.columns, **self.meta} if k not in (*_ALIASES, "wavelength"))

    def label(self, name: str, rows: int) -> np.ndarray:
        """(R,) values of a label; NaN where missing."""
        value = self.columns.get(name, self.meta.get(name, np.nan))
        try:
            return np.broadcast_to(np.ma.filled(np.ma.asarray(value, np.float64), np.nan), (rows,))
        except (TypeError, ValueError):
            raise SpectraError(f"label {name} is not one number per row") from None


def stack(values: Any, name: str) -> np.ndarray:
    """Values of a column as an array; arrays of equal length in its cells become (R, L).

    Raises SpectraError when the cells hold arrays of different lengths.
    """
    values = np.ma.asarray(values) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
    if values.dtype.kind != "O" or not len(values) or np.ndim(values[0]) != 1:
        return values
    if len({np.size(v) for v in values}) > 1:
        raise SpectraError(f"column {name} holds arrays of different lengths: one wavelength grid per file")
    return np.stack([np.ma.filled(np.ma.asarray(v, np.float64), np.nan) for v in values])


def assemble(tables: list[Table], name: str) -> SpectraSet:
    """The stars of a file from its tables. Raises SpectraError (without the file's name) when they are no spectra."""
    spectra = [t for t in tables if "flux" in t.columns]
    if not spectra:
        seen = ", ".join(dict.fromkeys(n for t in tables for n in t.names)) or "none"
        raise SpectraError(f"no column 'flux' (columns: {seen[:200]}): expected source_id, wavelength, flux, flux_error")
    arrays = {t.columns["flux"].ndim for t in spectra}
    if arrays == {2}:
        return _from_rows(spectra, tables, name)
    if arrays != {1}:
        raise SpectraError("flux is neither one number per row nor one array per row")
    return _from_samples(spectra, name)


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
    return finish(flux[:, order], None if error is None else error[:, order], grid[order], ids, labels, names)


def _ids_of_rows(table: Table, name: str) -> np.ndarray:
    if "source_id" in table.columns:
        return star_ids.as_strings(table.columns["source_id"])
    stem, rows = star_ids.from_file_name(name), len(table.columns["flux"])
    return np.array([stem] if rows == 1 else [f"{stem}-{i}" for i in range(rows)])


def _grid_of_rows(spectra: list[Table], tables: list[Table]) -> np.ndarray:
    """(L,) the grid of RAW rows: their own (equal) arrays, a table of wavelengths alone, or the archive's implicit one."""
    length = spectra[0].columns["flux"].shape[1]
    table = next((t for t in tables if "wavelength" in t.columns), None)
    if table is None:
        if length == len(ARCHIVE_GRID_NM):
            return ARCHIVE_GRID_NM
        raise SpectraError(f"{length} samples per star and no wavelengths: add a column 'wavelength' [nm, vacuum]")
    grid = _floats(table, "wavelength", np.float64)
    if grid.ndim == 2:
        if not len(grid) or not (np.abs(grid - grid[0]).max() < 1e-6 * np.abs(grid[0]).max()):
            raise SpectraError("the rows are on different wavelength grids: one file per grid")
        grid = grid[0]
    return to_nm(grid, table.wavelength_unit)


def _from_samples(spectra: list[Table], name: str) -> SpectraSet:
    """INDIVIDUAL and COMBINED: one row per sample, rows in any order, samples of a star may be missing (masked)."""
    import pandas as pd

    if any("wavelength" not in t.columns for t in spectra):
        raise SpectraError("no column 'wavelength' beside flux: expected wavelength [nm, vacuum], flux, flux_error")
    wavelength = np.concatenate([to_nm(_floats(t, "wavelength", np.float64), t.wavelength_unit) for t in spectra])
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
    return finish(flux, error, grid, star_ids.as_strings(np.asarray(stars)), labels, names)


def _ids_of_samples(spectra: list[Table], name: str) -> np.ndarray:
    stem = star_ids.from_file_name(name)
    parts = []
    for k, table in enumerate(spectra):
        ids = table.columns.get("source_id")
        if ids is None:
            own = table.meta.get("source_id", stem if len(spectra) == 1 else f"{stem}-{k}")
            ids = np.full(len(table.columns["flux"]), star_ids.as_strings(np.array([own]))[0])
        elif ids.dtype.kind in "fiu" or np.ma.is_masked(ids):
            ids = ids if len(spectra) == 1 and ids.dtype.kind in "iu" and not np.ma.is_masked(ids) else star_ids.as_strings(ids)
        parts.append(np.asarray(ids))
    return parts[0] if len(parts) == 1 else np.concatenate([p.astype(object) for p in parts])


def _common_grid(wavelength: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R,) pixel of each sample on the (L,) sorted distinct wavelengths; rounding noise is ironed out."""
    import pandas as pd

    if not np.isfinite(wavelength).all():
        raise SpectraError(f"{int((~np.isfinite(wavelength)).sum())} rows have no wavelength")
    codes, _ = pd.factorize(np.round(wavelength / (np.abs(wavelength).max() or 1.0) * 1e9).astype(np.int64), sort=True)
    grid = np.empty(codes.max() + 1)
    grid[codes] = wavelength
    return codes, grid


def _check_common_grid(star: np.ndarray, pixel: np.ndarray, n_stars: int, n_pixels: int) -> None:
    if n_stars * n_pixels > MAX_SAMPLES:
        raise SpectraError(f"{n_stars} stars on {n_pixels} distinct wavelengths are too many: split the file, or use Parquet")
    low, high = np.full(n_stars, n_pixels), np.zeros(n_stars, int)
    np.minimum.at(low, star, pixel)
    np.maximum.at(high, star, pixel)
    fill = np.bincount(star, minlength=n_stars) / (high - low + 1)
    if np.median(fill) < MIN_FILL:
        raise SpectraError(f"the {n_stars} stars are on different wavelength grids: one file per grid")
    if (fill > 1).any():
        raise SpectraError(f"{int((fill > 1).sum())} stars have samples given twice")


def _scatter(values: np.ndarray, star: np.ndarray, pixel: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    out = np.full(shape, np.nan, np.float32)
    out[star, pixel] = values
    return out


def _floats(table: Table, role: str, dtype: type = np.float32) -> np.ndarray:
    """A column as floats, masked cells as NaN. Raises SpectraError naming the column when it is not numeric."""
    values = table.columns[role]
    if values.dtype.kind not in "fiub":
        raise SpectraError(f"column {role} is not numeric")
    with np.errstate(over="ignore", invalid="ignore"):  # out of float32's range becomes infinite: masked
        return np.ma.filled(np.ma.asarray(values).astype(dtype), np.nan)


def to_nm(wavelength: np.ndarray, unit: str | None) -> np.ndarray:
    """Wavelengths in nanometres from a declared unit. Raises SpectraError for a unit that is no length.

    Without a unit they are taken as nm, except where they look like the RVS range in another one: then SpectraError.
    """
    if unit:
        key = unit.strip().lower().rstrip(".")
        factor = _NM.get(key) or _NM.get(key.removesuffix("s"))
        if factor is None:
            raise SpectraError(f"unknown wavelength unit '{unit}': use nm or Angstrom, in vacuum")
        return wavelength * factor
    middle = np.median(wavelength) if len(wavelength) else np.nan
    for low, high, other, cure in ((8000, 9000, "Ångström", "divide by 10"), (0.8, 0.9, "micrometres", "multiply by 1000")):
        if low < middle < high:
            raise SpectraError(
                f"wavelengths near {middle:.5g} without a unit look like {other}: {cure} to give vacuum nanometres, or name the "
                "column wavelength_angstrom" + ("" if other == "Ångström" else " or wavelength_um")
            )
    return wavelength


def finish(
    flux: np.ndarray,
    error: np.ndarray | None,
    grid: np.ndarray,
    ids: np.ndarray,
    labels: list[np.ndarray],
    names: tuple[str, ...],
    mask: np.ndarray | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> SpectraSet:
    """A SpectraSet from (N, L) arrays: whatever has no finite flux or no positive error is masked.

    An error column without a single usable value means errors are unknown. Raises SpectraError without any usable flux.
    """
    mask = ~np.isfinite(flux) if mask is None else mask | ~np.isfinite(flux)
    if error is not None:
        good = np.isfinite(error) & (error > 0)
        error = (error if good.all() else np.where(good, error, np.float32(np.nan))) if good.any() else None
        mask = mask if error is None else mask | ~good
    if mask.all():
        raise SpectraError(f"no usable flux: all {mask.size} samples are missing, NaN or without a positive error")
    matrix = np.stack(labels, 1) if labels else np.empty((len(flux), 0))
    return SpectraSet(flux, grid, ids, matrix, names, error, mask, dict(provenance or {}))
