"""The cells of a column of text as an array: numbers in every common spelling, and arrays within cells."""

import re

import numpy as np
import pandas as pd

from ..errors import SpectraError
from .lines import is_missing

_LONG_EXPONENT = r"^([+-]?\d*\.\d+)([+-]\d{3})$"  # Fortran leaves out the E before three digits
_COMMA = r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?"
_THOUSANDS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"
_BRACKETS = ("[", "(", "{", "array(")
_NUMPY = re.compile(r"np\.(?:float|int)\d+\(([^()]*)\)|(?:masked_)?array\(|,?\s*dtype=[\w.']+")
_TOO_WIDE = r"\*+"  # what Fortran writes where a number is wider than its field: missing
_TRUTHS = {"true": 1.0, "false": 0.0}


def numbers(column: pd.Series, name: str) -> np.ndarray:
    """A column of text as numbers (R,), truths (R,), or an object array of arrays; missing cells are NaN.

    Raises SpectraError naming the first cell that is none of them.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy()
    cells = column.dropna()
    if len(cells) and str(cells.iloc[0]).lstrip().startswith(_BRACKETS):
        return np.array([*(_array(cell, name) for cell in column), None], dtype=object)[:-1]
    if len(cells) and cells.astype(str).str.fullmatch("true|false", case=False).all():
        return np.array([str(cell).lower() == "true" for cell in column])
    values, strange = _parsed(column)
    bad = np.flatnonzero(strange)
    if len(bad):
        cell = str(column.iloc[bad[0]])[:40]
        hint = ": is its comma decimal, or between thousands?" if re.fullmatch(_THOUSANDS, cell) else ""
        raise SpectraError(f"column {name} is not numeric: '{cell}' in row {bad[0] + 1}{hint}")
    return values


def _parsed(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """(R,) floats of cells, and (R,) which of them are no numbers; Fortran and decimal commas are known."""
    values = _to_floats(column)
    strange = np.isnan(values) & column.notna().to_numpy()
    if not strange.any():
        return values, strange
    cells = pd.Series(column[strange].astype(str)).str.strip().str.replace("−", "-")  # of typesetters
    cells = cells.str.replace(_LONG_EXPONENT, r"\1e\2", regex=True)
    cells = cells.str.replace(r"(?<=[\d.,])[dDqQ](?=[+-]?\d)", "e", regex=True)
    commas = cells.str.fullmatch(_COMMA)
    if commas.any() and not column.astype(str).str.contains(".", regex=False).any():
        between_thousands = cells[commas].str.fullmatch(_THOUSANDS).all()
        cells = cells if between_thousands else cells.mask(commas, cells.str.replace(",", "."))
    values[strange] = _to_floats(cells)
    nothing = cells.str.fullmatch(_TOO_WIDE) | cells.map(is_missing)
    strange[strange] = np.isnan(values[strange]) & ~nothing.to_numpy(bool)
    return values, strange


def _to_floats(column: pd.Series) -> np.ndarray:
    return np.array(pd.to_numeric(column, errors="coerce"), np.float64)


def _array(cell: object, name: str) -> np.ndarray:
    """The numbers in one cell: `[1.0, null]` of JSON, `(1.0, null)` of the archive, or what numpy prints."""
    text = _NUMPY.sub(lambda match: match[1] or "", " ".join(str(cell).split()))
    if "..." in text or "…" in text:
        raise SpectraError(
            f"column {name}: numpy left out the middle of an array ('...'), its values are lost: write "
            "one row per sample, or Parquet"
        )
    if sum(map(text.count, "[({")) > 1:
        raise SpectraError(f"column {name} holds arrays within arrays: write one row per sample, or Parquet")
    parts = re.sub(r"[\[\](){}\"']", " ", text).replace(",", " ").split()
    if parts and all(part.lower() in _TRUTHS for part in parts):  # a mask
        return np.array([_TRUTHS[part.lower()] for part in parts])
    try:
        return np.array([np.nan if is_missing(p) else float(p) for p in parts])
    except ValueError as error:
        raise SpectraError(f"column {name} holds arrays that are not of numbers ({error})") from None
