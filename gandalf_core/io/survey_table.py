"""A table of labels beside spectra: ids, labels with errors and limits, and which survey they are of.

Shapes: R rows, P labels.
"""

from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from ..errors import SpectraError
from ..parameters import LABELS
from . import ids as star_ids
from . import limits
from .columns import Chosen, RawColumn, best
from .formats import NAMES, raw_tables
from .label_cells import label_cells
from .lines import is_missing
from .names import ERROR_SUFFIX, ID, SPECTRAL, meaning_of
from .raw import RawTable, every
from .read import open_stream
from .sniff import only_member, parsing
from .understanding import listed, times_of
from .values import implausible, label_in_own_unit, label_without_fillers

SURVEY = ("survey", "catalogue", "catalog", "label_source")  # names of the column that says whose labels are
UNNAMED = "the table"
_ALONE = "a table of labels, with a row for each star, alone"


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
    two columns of one label between which nothing decides.
    """
    name = str(path)
    with open_stream(path) as stream:
        member = only_member(name, stream, _ALONE)
        if member.format == "npz":
            raise SpectraError(f"{name}: arrays of an npz: give {_ALONE}")
        with parsing(name, NAMES[member.format]):
            tables = raw_tables(member.stream, member.format, every, member.budget)
            largest = max(tables, key=lambda t: len(t.columns))
            return _read(largest.alone_of(tables), PurePath(name).name)


def _read(table: RawTable, file: str) -> SurveyTable:
    found = [Chosen(c, m) for c in table.columns if c.values is not None and (m := meaning_of(c.name, c.ucd))]
    ids = star_ids.choose([c for c in found if c.meaning.role == ID])
    if not ids:
        raise SpectraError("no column of ids (source_id): the labels cannot be matched with stars")
    joined = star_ids.joined(ids)
    lacking = star_ids.missing(joined)
    names = np.full(len(joined), "", dtype=object)
    names[~lacking] = star_ids.as_strings(np.ma.getdata(joined)[~lacking])
    columns, used, notes = _labels(table, found, names)
    if not any(name in LABELS or not name.endswith(ERROR_SUFFIX) for name in columns):
        raise SpectraError(f"no column of labels (columns: {', '.join(c.name for c in table.columns)[:200]})")
    if lacking.any():
        notes.append(f"{int(lacking.sum()):,} rows have no id and are left out")
    keep = ~lacking
    of_survey, survey = _survey(table, len(joined))
    used |= {c.column.name for c in ids} | of_survey
    unused = [c.name for c in table.columns if c.name not in used]
    notes += [f"columns not used: {listed(unused)}"] if unused else []
    kept = {name: values[keep] for name, values in columns.items()}
    known = SurveyTable(names[keep].astype(str), survey[keep], kept)
    notes += [*table.remarks, *star_ids.doubts(known.ids, [c.column.name for c in ids])]
    notes += _repeats(known)
    return replace(known, notes=tuple(f"{file}: {n}" for n in notes))


def _labels(
    table: RawTable, found: list[Chosen], names: np.ndarray
) -> tuple[dict[str, np.ndarray], set[str], list[str]]:
    """(R,) values of each label, the columns that were used, and sentences; names: (R,) of the stars.

    Raises SpectraError for two columns of one label between which nothing decides.
    """
    flags = {c.name.strip().lower(): c for c in table.columns if limits.is_flag(c.name)}
    columns, used, notes = dict[str, np.ndarray](), set[str](), list[str]()
    for role in dict.fromkeys(c.meaning.role for c in found if c.meaning.role not in SPECTRAL):
        column, meaning = best(role, [c for c in found if c.meaning.role == role])
        flag = flags.get(limits.PREFIX + column.name.strip().lower())
        used |= {column.name, *({flag.name} if flag else ())}
        values, bounds = _numbers(column, flag, role)
        unit = column.unit or meaning.unit
        converted = label_in_own_unit(role, values, unit)
        if not np.array_equal(converted, values, equal_nan=True):
            notes.append(f"{column.name} converted from {unit}")
        columns[role], fillers = label_without_fillers(role, converted)
        notes += [f"{what} {times_of(times)}: taken as missing" for what, times in fillers.items()]
        if bounds.any():
            notes.append(limits.said(column.name, [str(n) for n in names[bounds]]))
        if remark := implausible(role, columns[role]):
            notes.append(remark)
    return columns, used, notes


def _repeats(table: SurveyTable) -> list[str]:
    """Sentences on labels of stars that differ between several rows of one survey."""
    stars, first, group = np.unique(
        np.char.add(np.char.add(table.survey, "\n"), table.ids), return_index=True, return_inverse=True
    )
    said = []
    for name, values in table.columns.items():
        if len(stars) == len(group) or name.endswith(ERROR_SUFFIX):
            continue
        known = np.isfinite(values)
        low, high = np.full(len(stars), np.inf), np.full(len(stars), -np.inf)
        np.minimum.at(low, group[known], values[known])
        np.maximum.at(high, group[known], values[known])
        spread = np.where(np.isfinite(low), high - low, 0.0)
        if (count := int((spread > 0).sum())) > 0:
            star = table.ids[first[spread.argmax()]]
            said.append(
                f"{name} of {count:,} star{'s' if count > 1 else ''} differs between rows of one survey, by "
                f"up to {spread.max():.4g} (star {star}): the mean is taken"
            )
    return said


def _survey(table: RawTable, rows: int) -> tuple[set[str], np.ndarray]:
    """The column, if any, that says whose labels each row has, and (R,) whose they are."""
    for name in SURVEY:
        for column in table.columns:
            if column.name.strip().lower() == name and column.values is not None:
                cells = np.ma.filled(np.ma.asarray(column.values).astype(object), None)
                texts = star_ids.as_text(cells).tolist()
                return {column.name}, np.array([UNNAMED if is_missing(t) else t.strip() for t in texts])
    return set(), np.full(rows, UNNAMED)


def _numbers(column: RawColumn, flag: RawColumn | None, role: str) -> tuple[np.ndarray, np.ndarray]:
    """(R,) values, NaN where missing or a limit, and (R,) true for limits. SpectraError for other words."""
    bounds = limits.among(column.values, None if flag is None else flag.values)
    values = np.ma.masked_where(bounds, column.values) if bounds.any() else column.values
    numbers = label_cells(values, role, f"column {column.name}", column.null)
    return np.where(bounds | np.isinf(numbers), np.nan, numbers), bounds
