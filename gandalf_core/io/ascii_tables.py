"""Tables of text with a header of their own, as astropy reads them: IPAC, CDS and AAS (machine-readable)."""

import io
import itertools
from typing import Any, BinaryIO, cast

import numpy as np

from ..errors import SpectraError
from .columns import RawColumn
from .encodings import decoded
from .layouts import Columns, to_astropy
from .raw import RawTable
from .rows import cut_within
from .sniff import check_columns
from .units import check_units

_FORMATS = {"ipac": ("ipac",), "cds": ("mrt", "cds")}


def read(stream: BinaryIO, kind: str) -> list[RawTable]:
    """The one table of a file of kind `ipac` or `cds`. Raises SpectraError when it is damaged."""
    from astropy.io import ascii as reader
    from astropy.io.ascii import InconsistentTableError

    stream, remarks = decoded(stream)
    text = stream.read().decode("utf-8")
    _check_end(text)
    _check_header(text, kind)
    cause: Exception | None = None
    for name in _FORMATS[kind]:
        try:
            table = reader.read(text.splitlines(), format=name, guess=False)
        except (InconsistentTableError, ValueError) as error:
            cause = error
        else:
            return [_raw(table, remarks)]
    line = " ".join(str(cause).split())[:120]
    raise SpectraError(f"damaged {kind.upper()} table ({line}): fetch or write it again")


def _check_header(text: str, kind: str) -> None:
    """SpectraError for more columns than are read, and for units that would be worked out for ever."""
    if kind == "cds":
        header = text.rpartition("\n---")[0].splitlines()
    else:
        lines = (line for line in text.splitlines() if line.strip())
        header = list(itertools.takewhile(lambda line: line.startswith(("|", "\\")), lines))
    check_columns(max([len(header) if kind == "cds" else 0, *(line.count("|") for line in header)]))
    for line in header:
        check_units(line)


def _check_end(text: str) -> None:
    """SpectraError when the last row has no line end and is shorter than those before."""
    rows = text.rpartition("\n---")[2]  # of a CDS table, behind the last rule
    *before, last = (line.rstrip() for line in rows.split("\n")[-500:])
    lengths = [len(line) for line in before if line and not line.startswith(("|", "\\", "---"))]
    if last and lengths and len(last) < min(lengths):
        raise cut_within(last)


def _raw(table: Any, remarks: tuple[str, ...]) -> RawTable:
    columns = tuple(
        RawColumn(
            name,
            np.ma.asarray(column) if np.ma.is_masked(column) else np.asarray(column),
            None if column.unit is None else str(column.unit),
            description=column.description,
        )
        for name, column in table.columns.items()
    )
    keywords = table.meta.get("keywords", {})  # of IPAC: name → {"value": …}
    meta = {k: v["value"] for k, v in keywords.items() if isinstance(v, dict) and "value" in v}
    comments = [line for line in table.meta.get("comments", ()) if isinstance(line, str)]
    return RawTable(columns, meta, tuple(comments), remarks)


def write(stream: BinaryIO, columns: Columns) -> None:
    """An IPAC table of equally long columns, with units. SpectraError for signs that are not ASCII."""
    from astropy.io import ascii as writer

    table, out = to_astropy(columns), io.StringIO()
    table.meta = {}
    for name in table.colnames:
        cast(Any, table[name]).description = None
    writer.write(table, out, format="ipac")
    try:
        stream.write(out.getvalue().encode("ascii"))
    except UnicodeEncodeError:
        raise SpectraError("an IPAC table takes ASCII alone: choose .csv, .vot or .parquet") from None
