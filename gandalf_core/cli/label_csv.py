"""The table of labels that `simulate --labels` reads: a csv with a header, one row per star."""

import csv
from typing import TYPE_CHECKING, TextIO

from ..errors import SpectraError
from ..parameters import LABELS, canonical_name
from .console import Console

if TYPE_CHECKING:
    import numpy as np

# columns of the archive's tables that are not labels; the first is an index without a name
NOT_LABELS = ("", "ra", "dec", "solution_id")


def read_labels(path: str, console: Console) -> "tuple[np.ndarray, tuple[str, ...]]":
    """(N, P) labels and their P names from a csv with a header; an empty cell is NaN.

    Columns of ids, positions and spectra are left out, with a message. Raises SpectraError, naming the file
    and the column or row.
    """
    from ..io.columns import refuse_repeats
    from ..io.sniff import parsing

    with open(path, newline="", encoding="utf-8-sig") as file, parsing(path, "csv of labels"):
        header, rows = _header_and_rows(file)
        positions = [k for k, name in enumerate(header) if _is_label(name)]
        columns = [header[k] for k in positions]
        names = tuple(map(canonical_name, columns))
        missing = [name for name in LABELS if name not in names]
        if missing:
            raise SpectraError(f"no column {', '.join(missing)}: a simulated star needs {', '.join(LABELS)}")
        refuse_repeats(columns, names)
        labels = _numbers(rows, positions, columns)
    others = [name for name in header if not _is_label(name)]
    if others:
        console.say(f"{path}: these columns are not labels and are left out: {', '.join(others)}")
    return labels, names


def _header_and_rows(file: TextIO) -> tuple[list[str], list[list[str]]]:
    """SpectraError without rows, and for a row that does not fit the header."""
    header, *rows = [row for row in csv.reader(file) if row] or [[]]
    if not rows:
        raise SpectraError("no rows of labels under a header")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise SpectraError(f"row {number} has {len(row)} values, the header has {len(header)}")
    return header, rows


def _numbers(rows: list[list[str]], positions: list[int], columns: list[str]) -> "np.ndarray":
    """(N, P) the cells at these positions, NaN where empty. SpectraError for one that is not a number."""
    import numpy as np

    labels = np.full((len(rows), len(positions)), np.nan)
    for i, row in enumerate(rows):
        for j, position in enumerate(positions):
            try:
                labels[i, j] = float(row[position].strip() or "nan")
            except ValueError:
                cell = f"row {i + 2}, column {columns[j]}: '{row[position]}'"
                raise SpectraError(f"{cell} is not a number") from None
    return labels


def _is_label(column: str) -> bool:
    """False for ids, positions and spectra, which catalogues have beside labels."""
    from ..io.columns import SPECTRAL, role_of

    return role_of(column) not in SPECTRAL and column.strip().lower() not in NOT_LABELS
