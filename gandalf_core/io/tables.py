"""From the tables of a file to a SpectraSet, in the three layouts of the Gaia archive.

INDIVIDUAL and COMBINED have one row per sample (of one star, of many); RAW has one row per star, with arrays
as cells. Shapes: R rows, N stars, L pixels.
"""

import re
from functools import partial
from typing import Any

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from . import ids as star_ids
from .checking import DEFAULT, Checks, Found, checked
from .columns import Table
from .grids import ARCHIVE_GRID_NM as ARCHIVE_GRID_NM
from .grids import grid_of_rows, grid_of_samples
from .meaning import errors_of, floats, label_of, mask_of, understood, usable_labels, wavelengths_of
from .names import ERROR, FLUX, ID, WAVELENGTH
from .sky import positions_of_rows, positions_of_samples, with_places

MANY_PIXELS = 20  # columns of one, beyond which a table is taken for one row per star
_PIXEL = re.compile(r"(?:flux|f|pix|pixel|p)?_?\d+(?:\.\d+)?", re.IGNORECASE)  # `846.01`, `flux_17`


def assemble(tables: list[Table], name: str, checks: Checks = DEFAULT) -> SpectraSet:
    """The stars of a file from its tables; `name` gives an id to a star without one.

    Raises SpectraError (without the file's name) when the tables are not spectra.
    """
    spectra = [t for t in tables if FLUX in t.columns]
    if not spectra:
        raise _without_flux(list(dict.fromkeys(n for t in tables for n in t.names)))
    arrays = {t.columns[FLUX].ndim for t in spectra}
    if arrays not in ({1}, {2}):
        raise SpectraError("flux is neither one number per row nor one array per row")
    rows, stem = arrays == {2}, checks.stem or star_ids.from_file_name(name)
    found = _from_rows(spectra, tables, stem, checks) if rows else _from_samples(spectra, tables, stem)
    found.provenance.update(next((t.provenance for t in tables if t.provenance), {}))
    return checked(found, checks)


def _without_flux(names: list[str]) -> SpectraError:
    """The error of tables with these columns, none of which is a flux."""
    pixels = [name for name in names if _PIXEL.fullmatch(name)]
    if len(pixels) >= MANY_PIXELS:
        return SpectraError(
            f"a column for each of {len(pixels):,} pixels ({pixels[0]}, {pixels[1]} …): save an npz with "
            "flux (stars, pixels) and wavelength_nm (pixels), or write one row per sample"
        )
    seen = ", ".join(names)[:200] or "none"
    return SpectraError(
        f"no column 'flux' (columns: {seen}): expected source_id, wavelength, flux, flux_error"
    )


def _errors_known(spectra: list[Table]) -> tuple[bool, list[str]]:
    """Whether all tables have flux errors, and a sentence where only some have."""
    bare = sum(ERROR not in t.columns for t in spectra)
    if bare in (0, len(spectra)):
        return bare == 0, []
    without = f"{bare:,} of {len(spectra):,} tables come without flux errors"
    return False, [f"{without}: those of the others are left out too"]


# --- one row per star ---


def _from_rows(spectra: list[Table], tables: list[Table], stem: str, checks: Checks) -> Found:
    """RAW: one row per star."""
    grid, good, lacking, others = grid_of_rows(spectra, tables)
    flux = np.concatenate([floats(t, FLUX) for t in spectra])
    if flux.shape[1] != len(good):
        raise SpectraError(f"{flux.shape[1]} samples of flux but {len(good)} wavelengths")
    has_error, lost = _errors_known(spectra)
    error = np.concatenate([errors_of(t) for t in spectra]) if has_error else None
    if error is not None and error.shape != flux.shape:
        raise SpectraError(f"flux_error has shape {error.shape}, flux has {flux.shape}")
    masks = [mask_of(t) for t in spectra]
    mask = np.concatenate(masks) | lacking if len(lacking) else np.concatenate(masks)
    names, remarks = usable_labels(spectra)
    remarks = [*remarks, *lost]
    ids, made_up = _ids_of_rows(spectra, stem, checks)
    order = np.argsort(grid[good], kind="stable")
    pick = np.flatnonzero(good)[order]
    twice = np.flatnonzero(np.diff(grid[pick]) <= 0)
    if len(twice):
        raise SpectraError(f"the sample at {grid[pick][twice[0]]:.8g} nm is given twice: keep one of them")
    padding = int((~good).sum()) * len(flux) + int(lacking.sum())
    read = understood(spectra, tables, names, made_up=made_up, padding=padding, remarks=remarks)
    positions, unplaced = positions_of_rows(spectra)
    return Found(
        flux if _is_all(pick, flux) else flux[:, pick],
        grid[pick],
        ids,
        _matrix([np.concatenate([label_of(t, n, t.rows) for t in spectra]) for n in names], len(flux)),
        names,
        error if error is None or _is_all(pick, flux) else error[:, pick],
        mask[:, pick] if mask.any() else None,
        read=with_places(read, spectra, unplaced),
        refused=others | _refused_rows(spectra),
        positions=positions,
    )


def _is_all(pick: np.ndarray, flux: np.ndarray) -> bool:
    return len(pick) == flux.shape[1] and bool((np.diff(pick) == 1).all())


def _refused_rows(spectra: list[Table]) -> dict[int, str]:
    """The rows of all tables together that do not fit."""
    starts = np.cumsum([0, *(t.rows for t in spectra)])
    return {
        start + row: cause
        for start, t in zip(starts, spectra, strict=False)
        for row, cause in t.refused.items()
    }


def _ids_of_rows(spectra: list[Table], stem: str, checks: Checks) -> tuple[np.ndarray, tuple[str, ...]]:
    """(N,) ids, and the first and last of those that were made up. Rows without one are refused."""
    made_up, parts = [], []
    seen, alone = checks.first_row, not checks.part and sum(t.rows for t in spectra) == 1
    for table in spectra:
        if table.ids:
            parts.append(_known_ids(table, seen))
        else:
            names = [stem] if alone else [f"{stem}-{seen + i}" for i in range(table.rows)]
            parts.append(np.array(names, dtype=str))
            made_up += names
        seen += table.rows
    return np.concatenate(parts), tuple(dict.fromkeys(made_up[:1] + made_up[-1:]))


def _known_ids(table: Table, first_row: int) -> np.ndarray:
    """(R,) the ids of a table; a row without one is called by its number, and refused."""
    values = star_ids.joined(table.ids)
    lacking = star_ids.missing(values)
    if not lacking.any() or lacking.all():
        return star_ids.as_strings(values)
    names = np.array([f"row {first_row + k + 1}" for k in range(len(lacking))], dtype=object)
    names[~lacking] = star_ids.as_strings(values[~lacking])
    cause = f"{int(lacking.sum())} rows have no id: give each star its own"
    table.refused |= dict.fromkeys(np.flatnonzero(lacking).tolist(), cause)
    return names.astype(str)


# --- one row per sample ---


def _from_samples(spectra: list[Table], tables: list[Table], stem: str) -> Found:
    """INDIVIDUAL and COMBINED: one row per sample, in any order; missing samples of a star are masked."""
    wavelength, star, ids, made_up = _samples(spectra, stem)
    padded = ~(np.isfinite(wavelength) & (wavelength > 0))
    good = ~padded & (star >= 0)
    if not good.any():
        raise SpectraError(f"none of the {len(good)} rows has a wavelength")
    grid, pixel, others = grid_of_samples(wavelength[good], star[good], len(ids))
    taken, pixel = np.flatnonzero(good)[pixel >= 0], pixel[pixel >= 0]
    put = partial(_scatter, taken=taken, star=star[taken], pixel=pixel, shape=(len(ids), len(grid)))
    has_error, lost = _errors_known(spectra)
    names, remarks = usable_labels(spectra)
    remarks = [*remarks, *lost]
    if (star < 0).any():
        remarks = [*remarks, f"{int((star < 0).sum()):,} rows have no id and are left out"]
    labels, refused = _labels_of_samples(spectra, names, star, len(ids))
    mask = np.concatenate([mask_of(t) for t in spectra])
    read = understood(spectra, tables, names, made_up=made_up, padding=int(padded.sum()), remarks=remarks)
    positions, unplaced = positions_of_samples(spectra, star, len(ids))
    return Found(
        put(np.concatenate([floats(t, FLUX) for t in spectra])),
        grid,
        ids,
        labels,
        names,
        put(np.concatenate([errors_of(t) for t in spectra])) if has_error else None,
        put(mask) > 0 if mask.any() else None,
        read=with_places(read, spectra, unplaced),
        refused=refused | _given_twice(star[taken], pixel, grid, ids) | others,
        positions=positions,
    )


def _samples(spectra: list[Table], stem: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """(R,) wavelengths and numbers of the stars (−1: no id); (N,) ids; the first and last made-up id."""
    import pandas as pd

    if any(WAVELENGTH not in t.columns for t in spectra):
        raise SpectraError(
            "no column 'wavelength' beside flux: expected wavelength [nm, vacuum], flux, flux_error"
        )
    values, made_up = _ids_of_samples(spectra, stem)
    star, stars = pd.factorize(values)
    if not len(star):
        raise SpectraError("the table has no rows")
    named = ~star_ids.missing(np.asarray(stars))
    star = np.append(np.where(named, np.cumsum(named) - 1, -1), -1)[star]  # the last: of no star at all
    if (star < 0).all():
        raise SpectraError(f"{len(star)} rows have no source_id")
    wavelength = np.concatenate([wavelengths_of(t) for t in spectra])
    return wavelength, star, star_ids.as_strings(np.asarray(stars)[named]), made_up


def _ids_of_samples(spectra: list[Table], stem: str) -> tuple[Any, tuple[str, ...]]:
    """(R,) ids, and the first and last of those that were made up."""
    made_up, parts = [], []
    for k, table in enumerate(spectra):
        if table.ids:
            ids = star_ids.joined(table.ids)
            if np.ma.is_masked(ids) or ids.dtype.kind == "f":
                lacking = star_ids.missing(ids)
                known = star_ids.as_strings(np.ma.getdata(ids)[~lacking])
                ids = np.full(table.rows, None, dtype=object)
                ids[~lacking] = known
        else:
            own = table.meta.get(ID)
            if own is None:
                own = stem if len(spectra) == 1 else f"{stem}-{k}"
                made_up.append(own)
            ids = np.full(table.rows, star_ids.as_strings(np.array([own]))[0])
        parts.append(ids)
    ids = parts[0] if len(parts) == 1 else np.concatenate([star_ids.as_strings(p) for p in parts])
    return ids, tuple(dict.fromkeys(made_up[:1] + made_up[-1:]))


def _given_twice(star: np.ndarray, pixel: np.ndarray, grid: np.ndarray, ids: np.ndarray) -> dict[int, str]:
    """{row: cause} of the stars that give a sample more than once. SpectraError when these are all stars."""
    seen, place = np.zeros(len(ids) * len(grid), bool), star * len(grid) + pixel
    seen[place] = True
    if seen.sum() == len(place):
        return {}
    places, counts = np.unique(place, return_counts=True)
    twice: dict[int, str] = {}
    for at in places[counts > 1].tolist():
        row, sample = divmod(at, len(grid))
        twice.setdefault(
            row, f"samples given twice, first the one at {grid[sample]:.8g} nm: keep one of them"
        )
    if len(twice) == len(ids):
        row, cause = next(iter(twice.items()))
        raise SpectraError(f"{len(ids)} of {len(ids)} stars have {cause} (star {ids[row]})")
    return twice


def _labels_of_samples(
    spectra: list[Table], names: tuple[str, ...], star: np.ndarray, n_stars: int
) -> tuple[np.ndarray, dict[int, str]]:
    """(N, P) labels of stars whose rows repeat them, and {row: cause} of stars whose rows disagree."""
    columns, refused = [], {}
    for name in names:
        values = np.concatenate([label_of(t, name, t.rows) for t in spectra])
        known = np.isfinite(values) & (star >= 0)
        low, high = np.full(n_stars, np.inf), np.full(n_stars, -np.inf)
        np.minimum.at(low, star[known], values[known])
        np.maximum.at(high, star[known], values[known])
        for row in np.flatnonzero(high > low):
            refused[int(row)] = f"its rows disagree on {name}: {low[row]:.7g} and {high[row]:.7g}"
        columns.append(np.where(np.isfinite(low), low, np.nan))
    return _matrix(columns, n_stars), refused


def _scatter(
    values: np.ndarray, taken: np.ndarray, star: np.ndarray, pixel: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
    out = np.full(shape, np.nan, np.float32)
    out[star, pixel] = values[taken]
    return out


def _matrix(columns: list[np.ndarray], rows: int) -> np.ndarray:
    return np.stack(columns, 1) if columns else np.empty((rows, 0))
