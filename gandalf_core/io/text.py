"""csv with a header (the archive's INDIVIDUAL, COMBINED and RAW), and plain columns of numbers."""

import re
from codecs import BOM_UTF8 as BOM
from collections.abc import Mapping
from io import StringIO
from os import SEEK_CUR, SEEK_END
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from ..errors import SpectraError
from .columns import RawColumn, Table, role_of
from .sniff import fields

MISSING = [
    *["", "--", "null", "NULL", "None", "masked", "nan", "NaN", "-nan", "-NaN"],
    *["NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND"],
]
TAIL = 2**24  # bytes at a file's end within which its last row begins
_KEYWORD = re.compile(r"#\s*([^:=]*[^:=\s])\s*[:=]\s*(.*\S)")
PLAIN_COLUMNS = ("wavelength", "flux", "flux_error")


def read_csv(
    stream: BinaryIO, units: Mapping[str, str] | None = None, meta: Mapping[str, Any] | None = None
) -> list[Table]:
    """A csv with a header line, separated by commas, semicolons, tabs or blanks.

    Columns without a role are not parsed. `units` by column and `meta` come from elsewhere (an ECSV header).
    """
    header = skip_comments(stream)[1]
    separator = _separator(header)
    names = list(pd.read_csv(StringIO(header), sep=separator, skipinitialspace=True).columns)
    ids = [n for n in names if role_of(n) == "source_id"]
    _check_last_row(stream, separator, len(names))
    frame = pd.read_csv(
        stream,
        sep=separator,
        usecols=lambda c: role_of(c) is not None,
        dtype=dict.fromkeys(ids, str),  # 007 stays 007, and a star may be called NaN
        na_values={n: [""] if n in ids else MISSING for n in names},
        keep_default_na=False,
        low_memory=False,
        encoding="utf-8-sig",
        encoding_errors="replace",
        skipinitialspace=True,
    )
    table = Table.build(
        (
            RawColumn(str(name), _values(column), (units or {}).get(str(name)))
            for name, column in frame.items()
        ),
        meta,
    )
    table.names = tuple(names)
    return [table]


def skip_comments(stream: BinaryIO) -> tuple[bytes, str]:
    """Leave the stream at the first line that is not a comment; return the bytes before it, and that line."""
    comments = b""
    while line := stream.readline():
        if line.strip() and not line.removeprefix(BOM).lstrip().startswith(b"#"):
            stream.seek(-len(line), SEEK_CUR)
            return comments, line.decode("utf-8-sig", "replace")
        comments += line
    raise SpectraError("only comments, no data")


def read_text(stream: BinaryIO) -> list[Table]:
    """Two or three columns of numbers without a header: wavelength, flux and perhaps flux_error.

    Comment lines may give the id and labels: `# source_id: …`, `# teff: …`.
    """
    comments, line = skip_comments(stream)
    count = len(fields(line))
    if count not in (2, 3):
        raise SpectraError(
            f"{count} columns of numbers and no header: expected wavelength, flux and perhaps flux_error"
        )
    _check_last_row(stream, _separator(line), count)
    frame = pd.read_csv(
        stream,
        sep=_separator(line),
        header=None,
        comment="#",
        na_values=MISSING,
        encoding="utf-8-sig",
        skipinitialspace=True,
    )
    if frame.shape[1] != count:
        raise SpectraError(f"the first line has {count} columns, others have {frame.shape[1]}")
    lines = comments.decode("utf-8", "replace").splitlines()
    keywords = (match.groups() for match in map(_KEYWORD.match, lines) if match)
    # `5700 K` is a number
    meta = {key: text if role_of(key) == "source_id" else text.split()[0] for key, text in keywords}
    columns = zip(PLAIN_COLUMNS, frame.items(), strict=False)
    return [Table.build((RawColumn(name, _values(column)) for name, (_, column) in columns), meta)]


def _check_last_row(stream: BinaryIO, separator: str, count: int) -> None:
    """SpectraError when the last row has fewer than `count` values, as where a download broke off."""
    here, end = stream.tell(), stream.seek(0, SEEK_END)
    stream.seek(max(here, end - TAIL))
    last = stream.read().rstrip(b"\r\n").rpartition(b"\n")[2].decode("utf-8", "replace")
    stream.seek(here)
    # not a row, or the end of a row of several lines
    if not last.strip() or last.lstrip().startswith("#") or last.count('"') % 2:
        return
    values = re.split(separator, re.sub('"[^"]*"', "", last).strip(" "))
    if len(values) < count:
        raise SpectraError(
            f"the last row, '{last[:40]}', has {len(values)} of {count} values: "
            "the file seems cut, fetch it again"
        )


def _separator(line: str) -> str:
    return next((s for s in (",", ";", "\t") if s in line), r"\s+")


def _values(column: pd.Series) -> np.ndarray | pd.api.extensions.ExtensionArray:
    """A column as an array: ids as text, numbers as numbers, the archive's "(1.0, null, …)" as arrays."""
    if role_of(str(column.name)) == "source_id":
        return column.array
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy()
    cells = column.dropna()
    if len(cells) and str(cells.iloc[0]).lstrip()[:1] in ("[", "("):
        return np.array([*map(_cell, column), None], dtype=object)[:-1]
    numbers = np.asarray(pd.to_numeric(column, errors="coerce"), np.float64)
    bad = np.flatnonzero(np.isnan(numbers) & column.notna().to_numpy())
    if len(bad):
        raise SpectraError(
            f"column {column.name} is not numeric: '{str(column.iloc[bad[0]])[:40]}' in row {bad[0] + 1}"
        )
    return numbers


def _cell(text: str) -> np.ndarray:
    values = str(text).strip().strip("[]()").replace('"', "").split(",")
    return np.array([np.nan if v.strip() in ("", "null", "None") else float(v) for v in values])
