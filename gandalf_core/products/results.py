"""The Parquet file of a partition's results, which has the same columns for every partition."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..atomic import make_folder
from ..io import ParquetWriter
from ..io.parquet_columns import ColumnWriter
from .pipeline import write_behind
from .positions import Positions
from .tasks import Piece


@dataclass(frozen=True)
class Output:
    """A file of results.

    integer_ids: whether its ids are 64-bit integers; text otherwise.  nothing: the piece of no star, which
    says what the columns are.  positions: further columns that each star gets.
    """

    path: Path
    integer_ids: bool
    nothing: Piece
    positions: Positions


@contextmanager
def parquet_output(output: Output) -> Iterator[Callable[[Piece], None]]:
    """A function that appends pieces to a file, which appears when the block ends without an error.

    Without a piece it is a valid file without a row. Raises SpectraError where it cannot be written.
    """
    make_folder(output.path.parent)
    with ExitStack() as stack:
        writer: Any
        if isinstance(output.nothing, dict):
            writer = ColumnWriter(output.path, integer_ids=output.integer_ids, like=output.nothing)
        else:
            writer = ParquetWriter(output.path, integer_ids=output.integer_ids, id_name="id")
        stack.enter_context(writer)
        written = False

        def write(piece: Piece) -> None:
            nonlocal written
            written = True
            ids = piece["id"] if isinstance(piece, dict) else piece.ids
            writer.write(piece, output.positions.of(ids))

        with write_behind(write) as append:
            yield append
        if not written:
            write(output.nothing)
