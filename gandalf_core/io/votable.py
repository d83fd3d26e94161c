"""VOTable: the archive's (an id in a PARAM, one table per star when COMBINED) and our own."""

import io
import re
import warnings
from typing import BinaryIO

import numpy as np
from astropy.io import votable

from ..errors import SpectraError
from .columns import Table, role_of


def read(stream: BinaryIO) -> list[Table]:
    """Every table of every resource. Raises SpectraError for an error report of a server or a file without
    tables.
    """
    data = stream.read()
    if b"<!ENTITY" in data:
        raise SpectraError("a VOTable that defines XML entities is refused: write it without")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = votable.parse(io.BytesIO(data), verify="ignore")
        tables = [_table(t) for t in document.iter_tables() if t.array is not None and len(t.fields)]
    if not tables:
        report = re.search(rb'value="ERROR"[^>]*>([^<]{0,160})', data)
        said = f": the server said '{report.group(1).decode('utf-8', 'replace').strip()}'" if report else ""
        raise SpectraError(f"a VOTable without a table{said}")
    return tables


def _table(table: votable.tree.TableElement) -> Table:
    keyed = zip(table.fields, table.array.dtype.names or (), strict=False)
    known = {f.name: _filled(table.array[key]) for f, key in keyed if role_of(f.name)}
    columns = [(f.name, known.get(f.name), None if f.unit is None else str(f.unit)) for f in table.fields]
    meta = {p.name: p.value for p in table.params if isinstance(p.value, str | int | float | np.number)}
    return Table.build(columns, meta)


def _filled(values: np.ma.MaskedArray) -> np.ndarray:
    """Missing floats as NaN; missing integers and text stay masked."""
    if values.dtype.kind == "f":
        return np.ma.filled(values, np.nan)
    return values if np.ma.is_masked(values) else np.asarray(values)
