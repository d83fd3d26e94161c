"""The columns of FITS tables as arrays: in the machine's byte order, masked where the file declares a null.

Shapes: R rows, L pixels.
"""

from typing import Any

import numpy as np
from astropy.io import fits

from ..errors import SpectraError
from .columns import RawColumn
from .raw import Wanted
from .sniff import Budget

_CELL = 130  # bytes of a cell of variable length, beside its values: it becomes an array of its own


def columns_of(hdu: Any, wanted: Wanted, budget: Budget) -> tuple[RawColumn, ...]:
    """The columns of a table. SpectraError where arrays that share one place would take too much memory."""
    found = []
    for k, column in enumerate(hdu.columns):
        ucd = str(hdu.header.get(f"TUCD{k + 1}", "")).strip() or None
        about = hdu.header.get(f"TCOMM{k + 1}") or hdu.header.comments[f"TTYPE{k + 1}"]
        values = _values(hdu, k, budget) if wanted(column.name, ucd) else None
        null = None if _is_scaled(column) else column.null  # TNULL is what stands in the file, before scaling
        found.append(RawColumn(column.name, values, column.unit or None, ucd, str(about) or None, null))
    return tuple(found)


def _is_scaled(column: fits.Column) -> bool:
    return column.bscale not in (None, "", 1) or column.bzero not in (None, "", 0)


def _values(hdu: Any, k: int, budget: Budget) -> np.ndarray:
    column, stored = hdu.columns[k], np.recarray.field(hdu.data, k)
    if isinstance(hdu, fits.TableHDU):
        return _from_text(hdu.data.field(k), stored, column.null)
    if "P" in column.format or "Q" in column.format:
        counts = stored[:, 0].astype(np.float64)  # a sum of damaged integers may overflow
        if (counts < 0).any():
            raise SpectraError(f"damaged FITS: arrays of negative length in {column.name}: fetch it again")
        budget.spend(_CELL * len(counts) + 8 * int(counts.sum()))
        cells = [_cell(row, column.null) for row in hdu.data.field(k)]
        return np.array([*cells, None], dtype=object)[:-1]
    values = _native(hdu.data.field(k))
    return values if column.null in (None, "") else _masked(values, stored, column.null)


def _native(values: np.ndarray) -> np.ndarray:
    return np.array(values, dtype=values.dtype.newbyteorder("="))


def _masked(values: np.ndarray, stored: np.ndarray, null: Any) -> np.ndarray:
    """Values with a mask where the stored integers are TNULL."""
    return np.ma.array(values, mask=stored == null) if stored.dtype.kind in "iu" else values


def _cell(row: Any, null: Any) -> Any:
    """One cell of variable length: text, or numbers with NaN for TNULL."""
    values = np.asarray(row)
    if values.dtype.kind in "SU":
        return "".join(values.astype(str).ravel())
    missing = (
        values == null
        if null not in (None, "") and values.dtype.kind in "iu"
        else np.zeros(len(values), bool)
    )
    return np.where(missing, np.nan, values.astype(np.float64))


def _from_text(values: np.ndarray, stored: np.ndarray, null: Any) -> np.ndarray:
    """A column of a text table, where astropy reads what is blank or TNULL as 0: here it is masked."""
    texts = np.char.strip(np.asarray(stored).astype(str))
    missing = (texts == "") | (texts == str(null or "").strip())
    plain = _native(values)
    return np.ma.array(plain, mask=missing) if missing.any() and plain.dtype.kind != "U" else plain
