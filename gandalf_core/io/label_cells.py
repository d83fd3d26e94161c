"""The cells of a column of labels as numbers, whatever a format keeps them in. Shapes: R rows."""

from typing import Any

import numpy as np

from ..errors import SpectraError
from ..parameters import LABELS
from .lines import is_missing


def label_cells(values: Any, name: str, source: str, null: Any = None) -> np.ndarray:
    """(R,) numbers of the label `name`, NaN where missing; one value of a keyword is (1,).

    Missing are masked cells, None, NaN, the least integer of integers, `null` (as the file declares it), and
    words that stand for nothing in texts (`...`, `N/A`). source: what holds the values, for messages, such as
    `column Teff`. Raises SpectraError for a cell that is no number, for true and false where a parameter of
    stars is expected, and for more than one value per row.
    """
    cells = np.ma.atleast_1d(np.ma.asarray(values))
    if cells.ndim != 1:
        raise SpectraError(f"{source} has more than one value per star")
    if cells.dtype.kind not in ("iuf" if _is_known(name) else "biuf"):
        plain = np.ma.filled(cells.astype(object), None).tolist()
        return np.array([_number(cell, name, source, row) for row, cell in enumerate(plain)], np.float64)
    if cells.dtype.kind == "i":
        cells = np.ma.masked_equal(cells, np.iinfo(cells.dtype).min)
    if null is not None:
        cells = np.ma.masked_where(np.ma.getdata(cells) == null, cells)
    return np.ma.filled(cells.astype(np.float64), np.nan)


def _number(cell: Any, name: str, source: str, row: int) -> float:
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if cell is None or (isinstance(cell, str) and is_missing(cell)):
        return float("nan")
    if np.ndim(cell):
        raise SpectraError(f"{source} has more than one value per star")
    if isinstance(cell, bool | np.bool_) and _is_known(name):
        raise _no_number(source, cell, row)
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise _no_number(source, cell, row) from None


def _is_known(name: str) -> bool:
    """Whether a label is a parameter of stars, or the error of one; others may be true or false."""
    return name.removesuffix("_error") in LABELS


def _no_number(source: str, cell: Any, row: int) -> SpectraError:
    place = "" if source.startswith("keyword") else f" in row {row + 1}"
    return SpectraError(f"{source} is not numeric: '{str(cell)[:40]}'{place}")
