"""A table of labels beside spectra: ids, labels with errors and limits, and which survey they are of.

Shapes: R rows, P labels.
"""

from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..errors import SpectraError
from ..parameters import LABELS
from . import ids as star_ids
from . import limits
from .columns import Chosen, RawColumn
from .formats import NAMES, raw_tables
from .names import ERROR_SUFFIX, ID, LABEL_PREFIX, meaning_of
from .raw import RawTable, every
from .read import open_stream
from .sniff import Unreadable, members, parsing
from .values import label_in_own_unit, label_without_fillers

SURVEY = ("survey", "catalogue", "catalog", "label_source")  # names of the column that says whose labels are
UNNAMED = "the table"


@dataclass(frozen=True, eq=False)
class SurveyTable:
    """Labels by name, (R,) each, NaN = missing; ids, survey: (R,) texts; notes: how it was read."""

    ids: np.ndarray
    survey: np.ndarray
    columns: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()

    def of(self, names: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Values and errors (R, P) of these labels."""
        blank = np.full(len(self.ids), np.nan)
        values = np.stack([self.columns.get(n, blank) for n in names], 1)
        errors = np.stack([self.columns.get(n + ERROR_SUFFIX, blank) for n in names], 1)
        return values.copy(), np.where(errors > 0, errors, np.nan)


def read_survey_table(path: str | Path) -> SurveyTable:
    """The labels in a table with one row for each star, or for each star and survey.

    Limits (a column `l_mh` with < or >, or a cell `<-2.1` in a column of texts) are no values: they are left
    out, counted and named. Raises SpectraError, naming the file, for what has no ids or no labels, and for
    a csv with such a cell among numbers.
    """
    name = str(path)
    with open_stream(path) as stream:
        member, *others = members(name, stream)
        if isinstance(member, Unreadable):
            raise member.error
        if others or member.format == "npz":
            raise SpectraError(f"{name}: give a table of labels, with a row for each star, alone")
        with parsing(name, NAMES[member.format]):
            tables = raw_tables(member.stream, member.format, every, member.budget)
            return _read(max(tables, key=lambda t: len(t.columns)), PurePath(name).name)


def _read(table: RawTable, file: str) -> SurveyTable:
    found = [(c, m) for c in table.columns if (m := meaning_of(c.name, c.ucd)) and c.values is not None]
    ids = star_ids.choose([Chosen(c, m) for c, m in found if m.role == ID])
    if not ids:
        raise SpectraError("no column of ids (source_id): the labels cannot be matched with stars")
    joined = star_ids.joined(ids)
    lacking = star_ids.missing(joined)
    names = np.full(len(joined), "", dtype=object)
    names[~lacking] = star_ids.as_strings(np.ma.getdata(joined)[~lacking])
    flags = {c.name.strip().lower(): c for c in table.columns if limits.is_flag(c.name)}
    columns, notes = {}, []
    for column, meaning in sorted(found, key=lambda pair: pair[1].rank):
        if not _is_label(meaning.role) or meaning.role in columns:
            continue
        values, bounds = _numbers(column, flags.get(limits.PREFIX + column.name.strip().lower()))
        values = label_in_own_unit(meaning.role, values, column.unit or meaning.unit)
        columns[meaning.role], fillers = label_without_fillers(meaning.role, values)
        notes += [f"{what} {times:,} times: taken as missing" for what, times in fillers.items()]
        if bounds.any():
            notes.append(limits.said(column.name, [str(n) for n in names[bounds]]))
    if not any(name in LABELS or not name.endswith(ERROR_SUFFIX) for name in columns):
        raise SpectraError(f"no column of labels (columns: {', '.join(c.name for c in table.columns)[:200]})")
    if lacking.any():
        notes.append(f"{int(lacking.sum()):,} rows have no id and are left out")
    keep = ~lacking
    survey = _survey(table, len(joined))
    kept = {name: values[keep] for name, values in columns.items()}
    return SurveyTable(names[keep].astype(str), survey[keep], kept, tuple(f"{file}: {n}" for n in notes))


def _is_label(role: str) -> bool:
    return role.removesuffix(ERROR_SUFFIX) in LABELS or role.startswith(LABEL_PREFIX)


def _survey(table: RawTable, rows: int) -> np.ndarray:
    """(R,) whose labels each row has."""
    for name in SURVEY:
        for column in table.columns:
            if column.name.strip().lower() == name and column.values is not None:
                texts = np.ma.filled(np.ma.asarray(column.values).astype(object), "")
                return np.array(
                    [str(limits.as_text(t)).strip() or UNNAMED for t in texts.tolist()], dtype=str
                )
    return np.full(rows, UNNAMED)


def _numbers(column: RawColumn, flag: RawColumn | None) -> tuple[np.ndarray, np.ndarray]:
    """(R,) values, NaN where missing or a limit, and (R,) true for limits. SpectraError for other words."""
    cells = np.ma.filled(np.ma.asarray(column.values).astype(object), np.nan)
    if cells.ndim != 1:
        raise SpectraError(f"column {column.name} has more than one value per star")
    out, bounds = np.full(len(cells), np.nan), np.zeros(len(cells), bool)
    if flag is not None and flag.values is not None:
        bounds |= limits.are_limits(flag.values)
    for row, cell in enumerate(map(limits.as_text, cells.tolist())):
        word = cell.strip() if isinstance(cell, str) else cell
        bounds[row] |= isinstance(word, str) and bool(limits.SIGN.fullmatch(word))
        if not bounds[row]:
            out[row] = _number(word, column.name, row)
    return out, bounds


def _number(word: Any, name: str, row: int) -> float:
    if word is None or (isinstance(word, str) and word.lower() in MISSING):
        return float("nan")
    try:
        value = float(word)
    except (TypeError, ValueError):
        raise SpectraError(f"column {name} is not numeric: '{str(word)[:40]}' in row {row + 1}") from None
    return value if np.isfinite(value) else float("nan")


MISSING = ("", "nan", "null", "na", "n/a", "--", "none", "indef")
