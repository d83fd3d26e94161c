"""A Parquet file of plain columns, such as a table of predictions, written piece by piece."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import atomic
from ..errors import SpectraError
from .ids import as_integers
from .parquet_writing import CHECKSUMS, NO_COLUMNS

Columns = Mapping[str, np.ndarray]  # equally long arrays (N,) by name, the ids under `id`


class ColumnWriter:
    """Appends columns of equal length to a file, which appears when the block ends without an error.

    integer_ids: whether `id` is a 64-bit integer or text; None: the first piece decides.  like: columns, of
    any length, whose types those of the file are; None: those of the first piece.
    """

    def __init__(self, path: Path, *, integer_ids: bool | None = None, like: Columns | None = None) -> None:
        self.path, self.integer_ids, self.like = path, integer_ids, like
        self._stack = ExitStack()
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> "ColumnWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._stack.__exit__(kind, error, traceback)

    def write(self, columns: Columns, more: Columns = NO_COLUMNS) -> None:
        """Append columns, and behind them `more`, whose types are those of the first piece.

        Raises SpectraError for other columns than before, and for names among integer ids.
        """
        table = self._table({**columns, **more})
        if self._file is None:
            own = self._table(columns if self.like is None else self.like).schema
            self._file = self._open(pa.schema([*own, *(table.schema.field(name) for name in more)]))
        if table.column_names != self._file.schema.names:
            raise SpectraError(f"{self.path}: a later piece has other columns")
        if table.num_rows:
            self._file.write_table(table.cast(self._file.schema))

    def _table(self, columns: Columns) -> pa.Table:
        ids = columns["id"]
        integers = None if self.integer_ids is False else as_integers(ids)
        if self.integer_ids is None:
            self.integer_ids = integers is not None
        if self.integer_ids and integers is None:
            raise SpectraError(f"{self.path}: some ids are integers, others names: give them separately")
        own = integers if self.integer_ids else pa.array(ids.tolist(), pa.string())
        return pa.table({name: own if name == "id" else values for name, values in columns.items()})

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        stream = self._stack.enter_context(atomic(self.path))
        return self._stack.enter_context(pq.ParquetWriter(stream, schema, **CHECKSUMS))
