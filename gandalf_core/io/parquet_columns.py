"""A Parquet file of plain columns, such as a table of predictions, written piece by piece."""

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import atomic
from ..errors import SpectraError
from .ids import as_integers


class ColumnWriter:
    """Appends columns of equal length to a file, which appears when the block ends without an error.

    Ids (the column `id`) that are integers stay integers.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
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

    def write(self, columns: dict[str, np.ndarray]) -> None:
        """Append columns, name → (N,). SpectraError when ids change from integers to names."""
        ids = as_integers(columns["id"])
        table = pa.table(columns | {"id": columns["id"].tolist() if ids is None else ids})
        file = self._file = self._file or self._open(table.schema)
        if table.schema != file.schema:
            raise SpectraError(f"{self.path}: some ids are integers, others names: give them separately")
        file.write_table(table)

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        stream = self._stack.enter_context(atomic(self.path))
        return self._stack.enter_context(pq.ParquetWriter(stream, schema))
