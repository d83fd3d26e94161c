"""The values of a table's columns by what they mean: errors, masks, wavelengths and labels in our units.

Shapes: R rows, L pixels.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import SpectraError
from .columns import Chosen, Table
from .ids import check_lengths
from .medium import wavelengths_nm
from .names import ERROR, FLUX, GOOD, ID, INVERSE_VARIANCES, VARIANCES, WAVELENGTH
from .understanding import ASSUMED, Understanding
from .values import label_in_own_unit, unit_problem

MAX_LABELS = 1000  # beside spectra; every star of a file has a place for each
_FALSE_WORDS = ("", "0", "f", "false", "n", "no", "0.0")
_USABLE_WORDS = ("good", "ok", "valid", "usable", "clean")
_HIDDEN_WORDS = ("bad", "masked", "invalid", "rejected")
_ANSWERS = (*_FALSE_WORDS[1:], *_USABLE_WORDS, *_HIDDEN_WORDS, "1", "t", "true", "y", "yes", "1.0")
OBSERVED = (
    "by their name the wavelengths are those of the observer: models expect the star's rest frame, "
    "without its radial velocity"
)


def floats(table: Table, role: str, dtype: type = np.float32) -> np.ndarray:
    """A column as floats, masked cells as NaN. SpectraError names a column that is not numeric."""
    values = table.columns[role]
    if values.dtype.kind not in "fiub":
        raise SpectraError(f"column {role} is not numeric")
    with np.errstate(over="ignore", invalid="ignore"):  # out of float32's range becomes infinite: masked
        return np.ma.filled(np.ma.asarray(values).astype(dtype), np.nan)


def errors_of(table: Table) -> np.ndarray:
    """One standard deviation of each flux, in float32, whatever the file gives; NaN where there is none."""
    kind = table.chosen[ERROR].meaning.kind
    if kind not in (VARIANCES, INVERSE_VARIANCES):
        return floats(table, ERROR)
    values = floats(table, ERROR, np.float64)
    with np.errstate(all="ignore"):
        sigma = np.sqrt(values if kind == VARIANCES else 1 / values)
    return np.where(values > 0, sigma, np.nan).astype(np.float32)


def mask_of(table: Table) -> np.ndarray:
    """True where a flux is not to be used, in the shape of the flux: by any column of masks.

    A weight of zero (inverse variance) masks, too. A mask that has one value per star of arrays is left out.
    """
    flux = table.columns[FLUX]
    mask = np.zeros(flux.shape, bool)
    for chosen in masks_in_use(table):
        mask |= hidden_by(chosen.column.values, chosen.meaning.kind == GOOD)
    if ERROR in table.chosen and table.chosen[ERROR].meaning.kind == INVERSE_VARIANCES:
        weights = floats(table, ERROR)
        mask |= (weights <= 0) if weights.shape == flux.shape else False
    return mask


def masks_in_use(table: Table) -> list[Chosen]:
    """The columns of masks that have a value for each sample."""
    return [c for c in table.masks if np.shape(_rectangle(c.column.values)) == table.columns[FLUX].shape]


def hidden_by(values: Any, good: bool) -> np.ndarray:
    """Where a column hides its samples: where it is true, not 0, or a word such as `bad`.

    good: it says which samples can be used, and hides the others. A missing cell hides, since nobody says
    that its sample can be used; but beside marks such as `*` for some samples, a blank is no mark.
    """
    missing = np.ma.getmaskarray(values) if isinstance(values, np.ma.MaskedArray) else False
    values = _rectangle(np.ma.getdata(values))
    if values.dtype.kind not in "SUO":
        unknown = np.isnan(values) if values.dtype.kind == "f" else False
        return (values.astype(bool) ^ good) | missing | unknown
    if values.dtype.kind == "S":
        values = np.char.decode(values, "ascii", "replace")
    if values.dtype.kind == "O":
        check_lengths(values.ravel())
        missing = missing | np.frompyfunc(lambda cell: cell is None or cell != cell, 1, 1)(values).astype(
            bool
        )
    words = np.char.lower(np.char.strip(values.astype(str)))
    hidden = ~np.isin(words, _FALSE_WORDS) ^ good
    hidden = np.where(np.isin(words, _USABLE_WORDS), False, np.isin(words, _HIDDEN_WORDS) | hidden)
    marks = not good and not np.isin(words[~np.broadcast_to(missing, words.shape)], _ANSWERS).any()
    some = not np.all(missing)
    return np.where(missing, not (marks and some), hidden)


_absent = np.frompyfunc(lambda cell: cell is None or cell != cell, 1, 1)  # None and NaN among objects


def _rectangle(values: Any) -> np.ndarray:
    values = np.asarray(values) if not isinstance(values, np.ma.MaskedArray) else values
    if values.dtype.kind == "O" and len(values) and np.ndim(values[0]) == 1:
        if len({np.size(v) for v in values}) > 1:
            return np.empty(0)
        return np.stack([np.asarray(v) for v in values])
    return values


def wavelengths_of(table: Table) -> np.ndarray:
    """Vacuum nanometres, in the shape of the column; zeros and NaN are padding and stay what they are."""
    chosen, values = table.chosen[WAVELENGTH], floats(table, WAVELENGTH, np.float64)
    padding = ~(np.isfinite(values) & (values > 0))
    known = np.where(padding, np.nan, values)
    nm = wavelengths_nm(known, chosen.unit, chosen.meaning.kind, table.medium)
    return np.where(padding, np.nan, nm) if padding.any() else nm


def label_of(table: Table, name: str, rows: int) -> np.ndarray:
    """(R,) values of a label in the project's unit; NaN where missing."""
    values = table.label(name, rows)
    return label_in_own_unit(name, values, table.chosen[name].unit) if name in table.chosen else values


def refuse_contradiction(table: Table, name: str) -> None:
    """SpectraError when a keyword and the column of the one star of a table disagree on a label."""
    said = table.meta.get(name)
    if name not in table.columns or not isinstance(said, int | float | np.number) or not np.isfinite(said):
        return
    values = label_of(table, name, table.rows)
    values = np.unique(values[np.isfinite(values)])
    if len(values) == 1 and not np.isclose(values[0], said, rtol=1e-6):
        both = f"column {table.chosen[name].column.name} and keyword {table.keywords[name]}"
        raise SpectraError(f"{both} disagree on {name}: {values[0]:.7g} and {said:.7g}")


def usable_labels(spectra: Sequence[Table]) -> tuple[tuple[str, ...], list[str]]:
    """The labels of tables whose units are understood, and remarks on those that are left out.

    Raises SpectraError for a label on which a column and a keyword disagree.
    """
    names, remarks = [], []
    found = list(dict.fromkeys(n for t in spectra for n in t.labels))
    if len(found) > MAX_LABELS:
        raise SpectraError(f"{len(found):,} labels beside the spectra: at most {MAX_LABELS:,} are read")
    for name in found:
        units = [t.chosen[name].unit for t in spectra if name in t.chosen]
        problem = next(filter(None, (unit_problem(name, unit) for unit in units)), None)
        if problem:
            remarks.append(f"left out: {problem}")
            continue
        for table in spectra:
            refuse_contradiction(table, name)
        names.append(name)
    return tuple(names), remarks


# --- the notes ---


def understood(
    spectra: Sequence[Table],
    tables: Sequence[Table],
    labels: Sequence[str],
    *,
    made_up: tuple[str, ...],
    padding: int,
    remarks: Sequence[str],
) -> Understanding:
    """How the tables of a file were read; `spectra` are those with a flux."""
    first = spectra[0]
    read = Understanding(
        flux_from=_name(first, FLUX),
        mask_from=tuple(dict.fromkeys(c.column.name for t in spectra for c in masks_in_use(t))),
        ids_from=_ids(spectra),
        made_up=made_up,
        labels_from={name: _label_source(spectra, name) for name in labels},
        ignored=_ignored(tables, labels),
        padding=padding,
        remarks=(*dict.fromkeys(r for t in tables for r in t.remarks), *remarks),
    )
    if all(ERROR in t.chosen for t in spectra):
        read = replace(read, errors_from=_name(first, ERROR), errors_were=first.chosen[ERROR].meaning.kind)
    grid = next((t for t in tables if WAVELENGTH in t.chosen), None)
    if grid is None:
        return replace(read, wavelength_from="the archive's grid", medium="vacuum", medium_from="Gaia DR3")
    chosen = grid.chosen[WAVELENGTH]
    return replace(
        read,
        wavelength_from=chosen.column.name,
        wavelength_unit=chosen.unit or chosen.meaning.kind,
        medium=grid.medium.medium if grid.medium else ASSUMED,
        medium_from=grid.medium.source if grid.medium else "",
        remarks=(*read.remarks, OBSERVED) if chosen.meaning.observed else read.remarks,
    )


def _name(table: Table, role: str) -> str:
    return table.chosen[role].column.name


def _ids(spectra: Sequence[Table]) -> tuple[str, ...]:
    names = [c.column.name for t in spectra for c in t.ids]
    names += [f"the keyword {t.keywords[ID]}" for t in spectra if not t.ids and ID in t.keywords]
    return tuple(dict.fromkeys(names))


def _label_source(spectra: Sequence[Table], name: str) -> str:
    chosen = next((t.chosen[name] for t in spectra if name in t.chosen), None)
    if chosen is None:
        return next((f"the keyword {t.keywords[name]}" for t in spectra if name in t.keywords), name)
    declared = chosen.column.unit
    return f"{chosen.column.name} [{declared}]" if declared else chosen.column.name


def _ignored(tables: Sequence[Table], labels: Sequence[str]) -> tuple[str, ...]:
    """Columns that nothing was taken from, labels in a strange unit and masks of another shape included."""
    names = [name for t in tables for name in t.unused]
    kept = set(labels)
    for table in tables:
        own = set(table.labels) - kept
        names += [c.column.name for r, c in table.chosen.items() if r in own]
        if FLUX in table.columns:
            used = set(map(id, masks_in_use(table)))
            names += [c.column.name for c in table.masks if id(c) not in used]
    return tuple(dict.fromkeys(names))
