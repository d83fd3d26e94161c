"""VOTable: the archive's files (an id in a PARAM, one table per star when COMBINED) and our own."""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from astropy.io import votable
from astropy.io.votable import tree

from ..errors import SpectraError
from .columns import RawColumn
from .layouts import Columns, to_astropy
from .provenance import PROVENANCE_KEY
from .raw import RawTable, Wanted, has_role
from .sniff import Budget
from .values import keyword_in_unit
from .votable_structure import check_structure


def read(stream: BinaryIO, budget: Budget, wanted: Wanted = has_role) -> list[RawTable]:
    """Every table of every resource.

    Raises SpectraError for the error report of a server, for a file without a table, that refers to others,
    or whose rows are not whole.
    """
    check_structure(stream, budget)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = votable.parse(stream, verify="ignore")
        tables = [
            _table(t, resource, wanted)
            for resource in _resources(document.resources)
            for t in resource.tables
            if t.array is not None and len(t.fields)
        ]
    if not tables:
        stream.seek(0)
        report = re.search(rb'value="ERROR"[^>]*>([^<]{0,160})', stream.read())
        message = report.group(1).decode("utf-8", "replace").strip() if report else None
        raise SpectraError("a VOTable without a table" + (f": the server said '{message}'" if report else ""))
    return tables


def _resources(resources: Sequence[tree.Resource]) -> list[tree.Resource]:
    """Resources and those within them."""
    return [inner for r in resources for inner in (r, *_resources(r.resources))]


def _table(table: tree.TableElement, resource: tree.Resource, wanted: Wanted) -> RawTable:
    keys = zip(table.fields, table.array.dtype.names or (), strict=False)
    columns = tuple(
        RawColumn(
            field.name,
            _filled(table.array[key]) if wanted(field.name, field.ucd) else None,
            None if field.unit is None else str(field.unit),
            field.ucd,
            field.description,
            field.values.null,
        )
        for field, key in keys
    )
    params = (p for owner in (resource, table) for p in owner.params)
    meta = {
        p.name: keyword_in_unit(p.name, p.value, "" if p.unit is None else str(p.unit))
        for p in params
        if isinstance(p.value, str | int | float | np.number)
    }
    infos = [i for owner in (resource, table) for i in owner.infos]
    told = [resource.description, table.description, *(f"{i.name}: {i.value}" for i in infos)]
    cut = any(i.name == "QUERY_STATUS" and i.value == "OVERFLOW" for i in infos)
    remarks = ("the service cut its answer (QUERY_STATUS = OVERFLOW): rows are missing",) * cut
    return RawTable(columns, meta, tuple(str(t) for t in told if t), remarks)


def _filled(values: np.ma.MaskedArray) -> np.ndarray:
    """Missing floats as NaN; missing integers and text stay masked."""
    if values.dtype.kind == "f":
        return np.ma.filled(values, np.nan)
    return values if np.ma.is_masked(values) else np.asarray(values)


# --- writing ---


def write(
    stream: BinaryIO,
    tables: Sequence[Columns],
    provenance: Mapping[str, Any] | None = None,
    about: Mapping[str, str] | None = None,
) -> None:
    """One table for each set of columns; the first carries the provenance, and `about` as INFO."""
    documents = [votable.from_table(to_astropy(_widened(t))) for t in tables]
    resource = documents[0].resources[0]
    resource.tables.extend(t for other in documents[1:] for t in other.resources[0].tables)
    if provenance:
        note = json.dumps(provenance)
        resource.tables[0].params.append(
            tree.Param(documents[0], name=PROVENANCE_KEY, datatype="char", arraysize="*", value=note)
        )
    infos = [tree.Info(name=key, value=told) for key, told in (about or {}).items()]
    resource.tables[0].infos.extend(infos)
    documents[0].to_xml(stream, tabledata_format="binary2")


def _widened(columns: Columns) -> Columns:
    """Columns of single letters with room for two: the length 1 is no array's in VOTable 1.3 (erratum 3)."""
    return {k: v.astype("U2") if v.dtype == np.dtype("U1") else v for k, v in columns.items()}
