"""VOTable: the archive's files (an id in a PARAM, one table per star when COMBINED) and our own."""

import io
import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from astropy.io import votable
from astropy.io.votable import tree

from ..errors import SpectraError
from .columns import PROVENANCE_KEY, RawColumn, Table, role_of
from .layouts import Columns, to_astropy


def read(stream: BinaryIO) -> list[Table]:
    """Every table of every resource. SpectraError for the error report of a server, or without a table."""
    data = stream.read()
    if b"<!ENTITY" in data:
        raise SpectraError("a VOTable that defines XML entities is refused: write it without")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = votable.parse(io.BytesIO(data), verify="ignore")
        tables = [_table(t) for t in document.iter_tables() if t.array is not None and len(t.fields)]
    if not tables:
        report = re.search(rb'value="ERROR"[^>]*>([^<]{0,160})', data)
        message = report.group(1).decode("utf-8", "replace").strip() if report else None
        raise SpectraError("a VOTable without a table" + (f": the server said '{message}'" if report else ""))
    return tables


def _table(table: tree.TableElement) -> Table:
    keys = zip(table.fields, table.array.dtype.names or (), strict=False)
    values = {f.name: _filled(table.array[key]) for f, key in keys if role_of(f.name)}
    columns = [
        RawColumn(f.name, values.get(f.name), None if f.unit is None else str(f.unit), f.ucd)
        for f in table.fields
    ]
    meta = {p.name: p.value for p in table.params if isinstance(p.value, str | int | float | np.number)}
    return Table.build(columns, meta)


def _filled(values: np.ma.MaskedArray) -> np.ndarray:
    """Missing floats as NaN; missing integers and text stay masked."""
    if values.dtype.kind == "f":
        return np.ma.filled(values, np.nan)
    return values if np.ma.is_masked(values) else np.asarray(values)


def write(stream: BinaryIO, tables: Sequence[Columns], provenance: Mapping[str, Any] | None = None) -> None:
    """One table for each set of columns; the first carries the provenance."""
    documents = [votable.from_table(to_astropy(t)) for t in tables]
    resource = documents[0].resources[0]
    resource.tables.extend(t for other in documents[1:] for t in other.resources[0].tables)
    if provenance:
        note = json.dumps(provenance)
        resource.tables[0].params.append(
            tree.Param(documents[0], name=PROVENANCE_KEY, datatype="char", arraysize="*", value=note)
        )
    documents[0].to_xml(stream, tabledata_format="binary2")
