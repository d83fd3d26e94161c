"""The rows of a Parquet file in tables of bounded size: a damaged row group does not spoil the others."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

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
