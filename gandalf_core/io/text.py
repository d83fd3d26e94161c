"""Text: rows under a header (csv, or separated by tabs, blanks, semicolons), and columns of numbers."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from ..errors import SpectraError
from .cells import numbers
from .columns import RawColumn
from .dialect import Dialect, dialect_of
from .encodings import decoded
from .headers import BY_POSITION
from .limits import are_limits
from .lines import COMMENT_MARKS, MISSING, clipped
from .names import ERROR, ID, MASK, role_of
from .raw import RawTable, Wanted, has_role
from .rows import rectangular, without_frame

LARGEST_ERROR = 0.5  # of the flux: beyond it, a column without a name holds something else than errors
_SIGNS = re.compile(r"[:=]")  # between a keyword and its value


def read(stream: BinaryIO, wanted: Wanted = has_role) -> list[RawTable]:
    """The one table of a text file. Comments may give keywords: `# source_id: …`, `# teff: 5700 K`.

    Raises SpectraError for a layout that cannot be told, for rows of different lengths, and for a wanted
    column that is not of numbers.
    """
    stream, remarks = decoded(stream)
    stream = without_frame(stream)
    dialect = dialect_of(stream)
    table = read_rows(stream, replace(dialect, remarks=(*remarks, *dialect.remarks)), wanted)
    return [_errors_by_position(table) if BY_POSITION in dialect.remarks else table]


def _errors_by_position(table: RawTable) -> RawTable:
    """A table whose third column has no name: what is too large for errors, or only 0 and 1, is none."""
    if len(table.columns) < 3 or table.columns[2].name != ERROR:
        return table
    flux, third = (np.asarray(c.values, np.float64) for c in table.columns[1:3])
    flux, third = (values[np.isfinite(values)] for values in (flux, third))
    if not len(flux) or not len(third):
        return table
    small = np.median(third) < LARGEST_ERROR * np.median(np.abs(flux))
    if small and not np.isin(third, (0, 1)).all():
        return table
    unused = replace(table.columns[2], name="column 3", values=None)
    remark = f"the third column is not used: it has no name, and values such as {third[0]:g} are no errors"
    return replace(table, columns=(*table.columns[:2], unused), remarks=(*table.remarks, remark))


def read_rows(
    stream: BinaryIO, dialect: Dialect, wanted: Wanted = has_role, meta: Mapping[str, Any] | None = None
) -> RawTable:
    """The rows of a text in UTF-8 whose layout is known; `meta` adds to the keywords in its comments."""
    names = dialect.names
    rows = rectangular(stream, dialect.start, dialect.separator, len(names))
    taken = [k for k, name in enumerate(names) if name and wanted(name, None)]
    frame = _frame(rows.stream, dialect, taken)
    columns = tuple(
        RawColumn(name, _values(pd.Series(frame[k]), name) if k in taken else None, unit)
        for k, (name, unit) in enumerate(zip(names, dialect.units or [None] * len(names), strict=True))
        if name
    )
    comments, remarks = (*dialect.comments, *rows.comments), (*dialect.remarks, *rows.remarks)
    return RawTable(columns, keywords(comments) | dict(meta or {}), comments, remarks)


def keywords(comments: Iterable[str]) -> dict[str, str]:
    """The keywords in lines of comment, such as `# teff = 5700`; the first of each name."""
    found: dict[str, str] = {}
    for line in clipped(comments):
        parts = _SIGNS.split(line.lstrip("".join(COMMENT_MARKS)), maxsplit=1)
        key, value = parts[0].strip(), parts[-1].strip()
        if len(parts) == 2 and key and value:
            found.setdefault(key, value)
    return found


def _frame(stream: BinaryIO, dialect: Dialect, taken: list[int]) -> pd.DataFrame:
    """The columns at these positions, parsed by pandas: text where a cell is no plain number."""
    here = stream.tell()
    if not stream.read(1) or not taken:
        return pd.DataFrame({k: np.empty(0) for k in taken})
    stream.seek(here)
    texts = [k for k in taken if role_of(dialect.names[k]) == ID]
    return pd.read_csv(
        stream,
        sep=dialect.separator,
        header=None,
        names=range(len(dialect.names)),
        usecols=taken,
        index_col=False,
        dtype=dict.fromkeys(texts, str),  # 007 stays 007, and a star may be called NaN
        na_values={k: [""] if k in texts else MISSING for k in taken},
        keep_default_na=False,
        low_memory=False,
        decimal=dialect.decimal,
        encoding="utf-8",
        encoding_errors="replace",
        skipinitialspace=True,
    )


def _values(column: pd.Series, name: str) -> Any:
    """A column as an array: ids as text, others as numbers; masks and limits among labels may be text."""
    role = role_of(name)
    if role == ID:
        return column.array
    try:
        values = numbers(column, name)
        if role == MASK and values.dtype.kind == "f" and (np.isnan(values) & column.notna()).any():
            return column.to_numpy(object)  # `*` is a mark here, and no number that is too wide
        return values
    except SpectraError:
        if role not in (None, MASK) and not are_limits(column.to_numpy(object)).any():
            raise
        return column.to_numpy(object)
