"""Tables of labels, one row per star, in every format that spectra are read from.

Shapes: R rows, P labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..errors import SpectraError
from ..parameters import canonical_name
from . import limits
from .columns import RawColumn
from .formats import NAMES, raw_tables
from .label_cells import label_cells
from .names import FLUX, SPECTRAL, WAVELENGTH, label_name, meaning_of
from .raw import RawTable, every
from .read import open_stream
from .sniff import Budget, only_member, parsing
from .understanding import listed, times_of
from .values import implausible, label_in_own_unit, label_without_fillers

# columns of catalogues that are no labels; the first is an index without a name
NOT_LABELS = ("", "index", "ra", "dec", "raj2000", "dej2000", "_raj2000", "_dej2000", "solution_id")

Numbers = tuple[RawColumn, np.ndarray]  # a column, and its (R,) values


@dataclass(frozen=True)
class LabelTable:
    """Labels of many stars.

    values: (R, P) in the project's units, NaN = missing. names: the P labels. notes: sentences on how the
    table was read.
    """

    values: np.ndarray
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_labels(path: str | Path) -> LabelTable:
    """The labels in a csv, ecsv, FITS, VOTable, Parquet, npz or text table with named columns.

    Every numeric column is a label, but ids, positions and spectra; what else is left out is noted, and so
    are values that were taken as missing or converted. Raises SpectraError, naming the file, for what cannot
    be read, for a table of spectra, and for two columns of one label with equally clear names.
    """
    name = str(path)
    with open_stream(path) as stream:
        member = only_member(name, stream, "the table of labels alone")
        with parsing(name, NAMES[member.format]):
            if member.format == "npz":
                return _from_npz(member.stream, name, member.budget)
            tables = raw_tables(member.stream, member.format, every, member.budget)
            return labels_in(_first_with_labels(tables).alone_of(tables), PurePath(name).name)


def _first_with_labels(tables: list[RawTable]) -> RawTable:
    """The first table with a known label, or else the first with any. SpectraError without rows."""
    known = [t for t in tables if any(_role(c) not in (None, *SPECTRAL) for c in t.columns)]
    chosen = next(iter([*known, *tables]), None)
    if chosen is None or not chosen.columns or not len(_values_of(chosen.columns[0])):
        raise SpectraError("no rows of labels under a header")
    return chosen


def labels_in(table: RawTable, file: str) -> LabelTable:
    """The labels in a table of a file. SpectraError as from `read_labels`."""
    roles = {_role(c) for c in table.columns}
    if {FLUX, WAVELENGTH} <= roles:
        raise SpectraError("holds spectra, one row for each sample: give a table with one row for each star")
    columns, bounds = without_limits(table.columns)
    numbers = [(column, numbers_of(column)) for column in columns]
    found = [(column, values) for column, values in numbers if values is not None]
    if not found:
        raise SpectraError(f"no column of labels (columns: {', '.join(c.name for c in table.columns)[:200]})")
    chosen = _best(found)
    used = {column.name for column, _ in chosen.values()}
    left_out = [column.name for column in columns if column.name not in used]
    notes = [f"columns not used: {listed(left_out)}"] if left_out else []
    labels = np.empty((len(found[0][1]), len(chosen)))
    for k, (name, (column, values)) in enumerate(chosen.items()):
        labels[:, k], remarks = _meant(name, column, values)
        notes += remarks
    notes += [
        *(bounds[column.name] for column, _ in chosen.values() if column.name in bounds),
        *table.remarks,
    ]
    return LabelTable(labels, tuple(chosen), tuple(f"{file}: {note}" for note in notes))


def _best(found: list[Numbers]) -> dict[str, Numbers]:
    """Each label and its column, of several the one with the clearest name. SpectraError where two are."""
    chosen: dict[str, Numbers] = {}
    for column, values in sorted(found, key=lambda one: _rank(one[0])):
        name = label_of(column)
        first, _ = chosen.setdefault(name, (column, values))
        if first is not column and _rank(first) == _rank(column):
            raise SpectraError(f"columns {first.name} and {column.name} are both {name}: keep one of them")
    order = [label_of(column) for column, _ in found]
    return {name: chosen[name] for name in dict.fromkeys(order)}


def _meant(name: str, column: RawColumn, numbers: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """(R,) values in the project's unit, fillers as NaN; and sentences on what was changed."""
    meaning = meaning_of(column.name, column.ucd)
    unit = column.unit or (meaning.unit if meaning else "")
    converted = label_in_own_unit(name, numbers, unit)
    values, fillers = label_without_fillers(name, converted)
    notes = []
    if not np.array_equal(converted, numbers, equal_nan=True):
        notes.append(f"{column.name} converted from {unit}")
    notes += [f"{what} {times_of(times)}: taken as missing" for what, times in fillers.items()]
    remark = implausible(name, values)
    return values, [*notes, remark] if remark else notes


# --- columns ---


def without_limits(columns: Sequence[RawColumn]) -> tuple[tuple[RawColumn, ...], dict[str, str]]:
    """The columns, without the limits that cells or a column of flags (`l_mh`) name, and remarks by name.

    The flags themselves are no longer among them.
    """
    flags = {c.name.strip().lower(): c for c in columns if limits.is_flag(c.name) and c.values is not None}
    kept, remarks, used = [], dict[str, str](), []
    for column in columns:
        flag = flags.get(limits.PREFIX + column.name.strip().lower())
        if np.ndim(column.values) == 1 and not limits.is_flag(column.name):
            bounds = limits.among(column.values, None if flag is None else flag.values)
            used += [] if flag is None else [flag]
            if bounds.any():
                column = replace(column, values=np.ma.masked_where(bounds, np.ma.asarray(column.values)))
                rows = [f"row {row + 1}" for row in np.flatnonzero(bounds).tolist()]
                remarks[column.name] = limits.said(column.name, rows)
        kept.append(column)
    return tuple(c for c in kept if not any(c is flag for flag in used)), remarks


def _role(column: RawColumn) -> str | None:
    meaning = meaning_of(column.name, column.ucd)
    return None if meaning is None else meaning.role


def _rank(column: RawColumn) -> int:
    """How clear the name of a column is: the lower, the clearer."""
    meaning = meaning_of(column.name, column.ucd)
    return meaning.rank if meaning else 0


def label_of(column: RawColumn) -> str:
    """The label that a column holds: a known one, or the name of the column in lower case."""
    role = _role(column)
    return role if role is not None else label_name(canonical_name(column.name))


def numbers_of(column: RawColumn) -> np.ndarray | None:
    """(R,) the values of a column of labels, NaN where missing; None for a column that holds no label.

    Raises SpectraError for a known label that is not a number in some row.
    """
    role = _role(column)
    values = _values_of(column)
    if role in SPECTRAL or column.name.strip().lower() in NOT_LABELS or values.ndim != 1:
        return None
    try:
        numbers = label_cells(values, role or column.name, f"column {column.name}", column.null)
    except SpectraError:
        if role is None:
            return None
        raise
    if role is None and values.dtype.kind in "OSU" and not np.isfinite(numbers).any():
        return None  # texts that say nothing
    return np.where(np.isinf(numbers), np.nan, numbers)


def _values_of(column: RawColumn) -> Any:
    return column.values if isinstance(column.values, np.ma.MaskedArray) else np.asarray(column.values)


def _from_npz(stream: Any, name: str, budget: Budget) -> LabelTable:
    """The labels of the stars in an npz of ours."""
    from .npz import read_labels as labels_of

    values, names = labels_of(stream, name, budget)
    return LabelTable(values, names)
