"""Star ids: a 64-bit integer becomes its decimal digits and never passes through a float. Shapes: N stars."""

import re
from pathlib import PurePath

import numpy as np

from ..errors import SpectraError

_FLOAT_LIKE = re.compile(r"[+-]?\d+(\.\d*|(\.\d*)?[eE][+-]?\d+)")
_SOURCE_ID = re.compile(r"(?<!\d)\d{15,19}(?!\d)")
_EXACT_IN_FLOAT = 2**53
_CURE = "write source_id as a 64-bit integer or as a string"


def as_strings(values: np.ndarray) -> np.ndarray:
    """(N,) ids as strings, from the integers or text that a file holds.

    Raises SpectraError for a missing id, and for one that was a float: its last digits are lost.
    """
    if np.ma.is_masked(values):
        raise SpectraError(f"{int(np.ma.getmaskarray(values).sum())} rows have no id")
    values = np.asarray(values)
    if values.dtype.kind in "iu":
        return values.astype(str)
    if values.dtype.kind == "f":
        return _from_float(values)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "O":  # None and NaN are what pandas and Arrow put for a missing text
        values = np.array(["" if v is None or v != v else str(v) for v in values], dtype=str)
    text = np.char.strip(values.astype(str))
    if (text == "").any():
        raise SpectraError(f"{int((text == '').sum())} rows have no id")
    lossy = next((t for t in text if not t.isdigit() and _FLOAT_LIKE.fullmatch(t)), None)
    if lossy is not None:
        raise SpectraError(
            f"id {lossy} was written as a floating-point number, its last digits are lost: {_CURE}"
        )
    return text


def _from_float(values: np.ndarray) -> np.ndarray:
    if not np.isfinite(values).all():
        raise SpectraError(f"{int((~np.isfinite(values)).sum())} rows have no id")
    if (np.abs(values) >= _EXACT_IN_FLOAT).any() or (values != np.trunc(values)).any():
        raise SpectraError(f"ids are stored as floating-point numbers, their last digits are lost: {_CURE}")
    return values.astype(np.int64).astype(str)


def as_integers(ids: np.ndarray) -> np.ndarray | None:
    """(N,) int64 of ids that are all plain decimal integers; None when any is a name."""
    try:
        numbers = np.asarray(ids, dtype=str).astype(np.int64)
    except (ValueError, OverflowError):
        return None
    return numbers if np.array_equal(numbers.astype(str), ids) else None


def from_file_name(name: str) -> str:
    """The id of a star whose file gives none: the source_id in the file's name, else the name's stem."""
    stem = PurePath(name).name.split(".")[0] or PurePath(name).name
    source_id = _SOURCE_ID.search(stem)
    return source_id.group() if source_id else stem
