"""The rows of a Parquet file in tables of bounded size: what is damaged or cannot be used spoils no other."""

from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import SpectraError

PROBES, PROBED = 8, 64  # rows that are tried before a table of at least so many is divided
Stars = TypeVar("Stars")
Read = Callable[[pa.Table | Exception, int], Stars]  # from a table, and the number of its first row, to stars

DAMAGE = (pa.ArrowException, OSError)  # what a row group that cannot be read raises

Rows = tuple[int, int, pa.Table | Exception]  # number of the first, how many, and the table or what is wrong


def tables(file: pq.ParquetFile, columns: list[str], chunk: int) -> Iterator[Rows]:
    """The rows of a file in tables of at most `chunk` rows; the rows that cannot be read come as an error."""
    seen = 0
    try:
        for batch in file.iter_batches(batch_size=chunk, columns=columns):
            if batch.num_rows:
                yield seen, batch.num_rows, pa.Table.from_batches([batch])
            seen += batch.num_rows
    except DAMAGE:
        yield from _group_by_group(file, columns, chunk, seen)


def _group_by_group(file: pq.ParquetFile, columns: list[str], chunk: int, seen: int) -> Iterator[Rows]:
    """The rows from number `seen` on, each row group by itself."""
    end = 0
    for number in range(file.num_row_groups):
        start, end = end, end + file.metadata.row_group(number).num_rows
        if end > seen:
            yield from _one_group(file, number, start, columns, chunk, seen)


def _one_group(
    file: pq.ParquetFile, number: int, start: int, columns: list[str], chunk: int, seen: int
) -> Iterator[Rows]:
    """The rows of a row group, which begins with row `start` of the file, from number `seen` on."""
    end, position = start + file.metadata.row_group(number).num_rows, start
    try:
        for batch in file.iter_batches(batch_size=chunk, row_groups=[number], columns=columns):
            known = min(max(seen - position, 0), batch.num_rows)
            if batch.num_rows > known:
                yield position + known, batch.num_rows - known, pa.Table.from_batches([batch.slice(known)])
            position += batch.num_rows
    except DAMAGE as error:
        first = max(position, seen)
        yield first, end - first, error


# --- what can be made of the rows ---


class Part(NamedTuple, Generic[Stars]):
    """Some rows of a Parquet file: the number of the first, how many, and their stars or what is wrong."""

    first_row: int
    rows: int
    stars: Stars | SpectraError

    def name(self, file: str) -> str:
        """What the part is called in a file of this name; stars that can be read are those of the file."""
        if not isinstance(self.stars, SpectraError):
            return file
        if self.rows == 1:
            return f"{file}, row {self.first_row:,}"
        return f"{file}, rows {self.first_row:,} to {self.first_row + self.rows - 1:,}"


def undivided(table: pa.Table | Exception, first: int, rows: int, read: Read[Stars]) -> Part[Stars]:
    """All rows of a table as one part."""
    try:
        return Part(first, rows, read(table, first))
    except SpectraError as error:
        return Part(first, rows, error)


def divided(table: pa.Table, first: int, read: Read[Stars]) -> Iterator[Part[Stars]]:
    """The rows of a table in as few parts as can be read; a row that cannot be read is a part of its own.

    A large table is not divided where a few rows that are tried show that each of them is bad by itself.
    """
    whole = undivided(table, first, len(table), read)
    if not isinstance(whole.stars, SpectraError) or len(table) == 1 or not _some_are_good(table, first, read):
        yield whole
        return
    middle = len(table) // 2
    yield from divided(table.slice(0, middle), first, read)
    yield from divided(table.slice(middle), first + middle, read)


def _some_are_good(table: pa.Table, first: int, read: Read[Stars]) -> bool:
    """Whether it is worth the time to look at the rows of a table one by one."""
    if len(table) < PROBED:
        return True
    tried = np.linspace(0, len(table) - 1, PROBES).astype(int).tolist()
    parts = (undivided(table.slice(row, 1), first + row, 1, read) for row in tried)
    return any(not isinstance(part.stars, SpectraError) for part in parts)
