"""A Parquet file of others as one raw table, and how much memory a Parquet file may take."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import SpectraError
from .columns import RawColumn
from .parquet_arrays import NO_NUMBERS, is_list, keywords, leaves, raw_columns
from .raw import RawTable, Wanted, has_role
from .sniff import MAX_SAMPLES, Budget, check_columns

CELL = 30  # values of four bytes that the array of a row takes, beside what is in it


def read(stream: BinaryIO, budget: Budget, wanted: Wanted = has_role) -> list[RawTable]:
    """The one table of a Parquet file. Raises SpectraError when it would not fit into memory."""
    file = with_dictionaries(stream)
    inside = leaves(file.schema_arrow)
    taken = list(dict.fromkeys(leaf.column for leaf in inside if wanted(leaf.name, None)))
    check_size(file, budget, taken)
    found = raw_columns(file.read(columns=taken), file.schema_arrow)
    columns = {column.name: column for column in found if wanted(column.name, column.ucd)}
    names = [leaf.name for leaf in inside]
    return [RawTable(tuple(columns.get(n, RawColumn(n, None)) for n in names), keywords(file.schema_arrow))]


def with_dictionaries(source: Any, **settings: Any) -> pq.ParquetFile:
    """A Parquet file whose columns of text keep each text once, as the file does: a long one costs little.

    Pages with a checksum are compared with it when they are read. Raises SpectraError for more columns than
    are read, for two of one name, and for columns that are in another file.
    """
    settings |= {"page_checksum_verification": True}
    file = pq.ParquetFile(source, **settings)
    check_columns(file.metadata.num_columns)
    repeated = [name for name, times in Counter(file.schema_arrow.names).items() if times > 1]
    if repeated:
        raise SpectraError(f"several columns are called {repeated[0]}: keep one of them")
    if file.metadata.num_row_groups and file.metadata.num_columns:
        elsewhere = file.metadata.row_group(0).column(0).file_path
        if elsewhere:
            raise SpectraError(
                f"its columns are in another file ({elsewhere[:60]}), which is not opened: give that file"
            )
    stored = (file.schema.column(k) for k in range(len(file.schema)))
    texts = [leaf.path for leaf in stored if leaf.physical_type == "BYTE_ARRAY"]
    return pq.ParquetFile(source, read_dictionary=texts, **settings) if texts else file


def check_size(file: pq.ParquetFile, budget: Budget, columns: Sequence[str] | None = None) -> None:
    """SpectraError when columns of a file hold too many values, or grow out of proportion.

    columns: those that will be read; None for all.
    """
    fields = _fields(file, columns)
    starts = tuple(f"{field.name}." for field in fields)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    parts = [g.column(j) for g in groups for j in range(g.num_columns)]
    parts = [part for part in parts if f"{part.path_in_schema}.".startswith(starts)]
    slots = file.metadata.num_rows * sum(_slots(field.type) for field in fields)
    values = max(sum(part.num_values for part in parts), slots)
    if values > 2 * MAX_SAMPLES:
        raise SpectraError(f"{values:,} values are too many to hold at once: stream the file, or split it")
    budget.spend(max(4 * values, sum(part.total_uncompressed_size for part in parts)))


def check_rows(file: pq.ParquetFile, rows: int, size: int, columns: Sequence[str] | None = None) -> None:
    """SpectraError when `rows` rows of a file of `size` bytes grow out of proportion, as empty ones can."""
    slots = sum(_slots(field.type) for field in _fields(file, columns))
    Budget(size).check(4 * slots * min(rows, file.metadata.num_rows))


def _fields(file: pq.ParquetFile, columns: Sequence[str] | None) -> list[pa.Field]:
    return [field for field in file.schema_arrow if columns is None or field.name in columns]


def _slots(kind: pa.DataType) -> int:
    """Values of four bytes that Arrow holds for each row of a type of fixed size, also where it is null."""
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_fixed_size_binary(kind):
        return -(-kind.byte_width // 4)
    if pa.types.is_fixed_size_list(kind):
        return kind.list_size * max(1, _slots(kind.value_type))
    if is_list(kind):
        if pa.types.is_dictionary(kind.value_type):
            raise SpectraError(NO_NUMBERS)
        if _slots(kind.value_type):
            raise SpectraError("lists of lists: write one list of numbers per star")
        return CELL
    return sum(_slots(kind.field(k).type) for k in range(kind.num_fields)) if pa.types.is_struct(kind) else 0
