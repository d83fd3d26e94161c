"""Columns of a Parquet file as arrays, with their units; nested ones are laid open, nothing copied in vain.

Shapes: R rows, L samples.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import SpectraError
from .columns import RawColumn
from .sniff import Budget

NO_NUMBERS = "lists that are not of numbers where a spectrum is expected"
_ASTROPY = b"table_meta_yaml"  # where astropy notes units and keywords


def raw_columns(table: pa.Table, schema: pa.Schema) -> list[RawColumn]:
    """The columns of a table of a file with this schema; those of structures under their own names."""
    units = _astropy_header(schema)[0]
    open_table = unnested(table)
    names = leaf_names(open_table.column_names)
    columns = []
    for leaf, name in zip(names, open_table.column_names, strict=True):
        notes = {
            k.decode(): v.decode("utf-8", "replace")
            for k, v in (open_table.field(name).metadata or {}).items()
        }
        unit = notes.get("unit") or units.get(name)
        about = notes.get("description")
        columns.append(RawColumn(leaf, values_of(open_table[name]), unit, notes.get("ucd"), about))
    return columns


def keywords(schema: pa.Schema) -> dict[str, Any]:
    """What the file says beside its columns, except what pandas, astropy and we note for ourselves."""
    own = (b"pandas", _ASTROPY, b"ARROW:schema")
    notes = {
        k.decode(): v.decode("utf-8", "replace") for k, v in (schema.metadata or {}).items() if k not in own
    }
    return _astropy_header(schema)[1] | notes


def unnested(table: pa.Table) -> pa.Table:
    """The table with structures laid open: a list of structures becomes lists, `spectrum.flux` a column."""
    while any(pa.types.is_struct(f.type) or _is_list_of_structs(f.type) for f in table.schema):
        for position, about in enumerate(table.schema):
            if _is_list_of_structs(about.type):
                table = table.set_column(position, about.name, _struct_of_lists(one_array(table[position])))
        table = table.flatten()
    return table


def leaf_names(names: list[str]) -> list[str]:
    """Names of the columns of structures, `spectrum.flux`, without the structure's where that is clear."""
    last = [name.rpartition(".")[2] for name in names]
    times = Counter(last)
    clear = [times[leaf] == 1 and leaf != "mask" for leaf in last]
    return [leaf if plain else name for leaf, name, plain in zip(last, names, clear, strict=True)]


class Leaf(NamedTuple):
    """A column that is no structure: its name, the column of the file that holds it, whether of arrays."""

    name: str
    column: str
    is_list: bool


def leaves(schema: pa.Schema) -> list[Leaf]:
    """The columns of a file, those inside structures included."""
    found: list[tuple[str, str, bool]] = []
    for about in schema:
        _open(about, about.name, about.name, False, found)
    names = leaf_names([path for path, _, _ in found])
    return [Leaf(name, column, of_arrays) for name, (_, column, of_arrays) in zip(names, found, strict=True)]


def _open(about: pa.Field, path: str, column: str, in_list: bool, found: list[tuple[str, str, bool]]) -> None:
    kind, of_arrays = about.type, in_list
    if is_list(kind):
        kind, of_arrays = kind.value_type, True
    if not pa.types.is_struct(kind):
        found.append((path, column, of_arrays))
        return
    for k in range(kind.num_fields):
        inner = kind.field(k)
        _open(inner, f"{path}.{inner.name}", column, of_arrays, found)


def _is_list_of_structs(kind: pa.DataType) -> bool:
    return is_list(kind) and pa.types.is_struct(kind.value_type)


def _struct_of_lists(array: Any) -> Any:
    """A list of structures, such as {flux, wavelength} for each sample, as a structure of lists."""
    inner = array.flatten()
    lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()  # pyright: ignore[reportAttributeAccessIssue]
    offsets = pa.array(np.cumsum(np.r_[0, lengths]), pa.int32())
    lists = [pa.ListArray.from_arrays(offsets, inner.field(k)) for k in range(inner.type.num_fields)]
    return pa.StructArray.from_arrays(lists, [inner.type.field(k).name for k in range(inner.type.num_fields)])


def _astropy_header(schema: pa.Schema) -> tuple[Mapping[str, str], dict[str, Any]]:
    """Units by column, and keywords, of a table that astropy wrote."""
    text = (schema.metadata or {}).get(_ASTROPY)
    if text is None:
        return {}, {}
    from .ecsv import units_and_keywords

    return units_and_keywords(text.decode("utf-8", "replace"))


def is_list(kind: pa.DataType) -> bool:
    """Whether the cells of a column hold arrays."""
    return pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)


def values_of(column: pa.ChunkedArray) -> Any:
    """(R,) or (R, L) values; one array per cell, None where there is none, when the lengths differ."""
    return arrays(column) if is_list(column.type) else scalars(column)


def scalars(column: pa.ChunkedArray) -> np.ndarray:
    """(R,) values; missing integers and booleans are masked, missing floats are NaN, missing texts None."""
    if pa.types.is_dictionary(column.type):
        Budget(column.nbytes).check(_length_of_texts(column))
        column = column.cast(column.type.value_type)
    if column.null_count and (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        filled = column.fill_null(False if pa.types.is_boolean(column.type) else 0)
        return np.ma.array(filled.to_numpy(), mask=column.is_null().to_numpy())
    return column.to_numpy()


def _length_of_texts(column: pa.ChunkedArray) -> int:
    """Bytes of all texts of a column that keeps each of them once; 0 where it keeps none."""
    kind = column.type.value_type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    if not any(is_kind(kind) for is_kind in texts):
        return 0
    lengths = (pc.binary_length(c.dictionary).take(c.indices) for c in column.chunks)  # pyright: ignore[reportAttributeAccessIssue]
    return sum(pc.sum(pc.cast(length, pa.int64())).as_py() or 0 for length in lengths)  # pyright: ignore[reportAttributeAccessIssue]


def arrays(column: pa.ChunkedArray) -> np.ndarray:
    """(R, L) values of a column of lists; an array of arrays and None when not all have one length.

    Raises SpectraError when they are not lists of numbers.
    """
    array = one_array(column)
    if not len(array):
        width = array.type.list_size if pa.types.is_fixed_size_list(array.type) else 0
        return np.empty((0, width), np.float32)
    kind = array.type.value_type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise SpectraError(NO_NUMBERS)
    if array.null_count or not _same_length(array):
        cells = [_numbers(cell.values) if cell.is_valid else None for cell in array]
        return np.array([*cells, None], dtype=object)[:-1]
    return _numbers(array.flatten()).reshape(len(array), -1)


def one_array(column: pa.ChunkedArray) -> Any:
    """The chunks of a column as one array."""
    array = column.combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array


def _same_length(array: Any) -> bool:
    if pa.types.is_fixed_size_list(array.type):
        return True
    lengths = pc.min_max(pc.list_value_length(array)).as_py()  # pyright: ignore[reportAttributeAccessIssue]
    return lengths["min"] == lengths["max"]


def _numbers(values: Any) -> np.ndarray:
    """Numbers as an array; missing floats are NaN, missing integers too (then they are floats)."""
    return values.to_numpy(zero_copy_only=False)
