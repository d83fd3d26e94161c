"""Limits among labels, which are no values: flags in a column `l_mh`, as of the CDS, or `<` in a cell."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from .names import SPECTRAL, role_of

SIGN = re.compile(r"\s*([<>≤≥]=?|&[lg]t;)\s*(\S*)\s*")
PREFIX = "l_"  # before the name of a label: a column of < and >
NAMED = 5  # stars that a sentence on limits names


def is_flag(name: str) -> bool:
    """Whether a column says which values of a label are limits."""
    plain = name.strip().lower()
    if not plain.startswith(PREFIX):
        return False
    role = role_of(plain.removeprefix(PREFIX))
    return role is not None and role not in SPECTRAL


def are_limits(values: Any) -> np.ndarray:
    """(R,) true where a column of flags, or of texts, has a sign of a limit."""
    cells = np.ma.filled(np.ma.asarray(values).astype(object), "")
    return np.array([bool(SIGN.match(str(as_text(cell)))) for cell in cells.ravel().tolist()], bool)


def among(values: Any, flags: Any = None) -> np.ndarray:
    """(R,) true where a value is a limit: by a column of flags beside it, or as a text such as `<-2.1`."""
    cells = np.ma.asarray(values)
    marked = np.zeros(len(cells), bool) if flags is None else are_limits(flags)
    marked = marked if marked.shape == cells.shape else np.zeros(len(cells), bool)
    if cells.dtype.kind not in "OSU" or cells.ndim != 1:
        return marked
    texts = map(as_text, np.ma.filled(cells.astype(object), "").tolist())
    return marked | np.array([isinstance(t, str) and bool(SIGN.fullmatch(t)) for t in texts], bool)


def as_text(cell: Any) -> Any:
    """A cell whose bytes are decoded."""
    return cell.decode("utf-8", "replace") if isinstance(cell, bytes) else cell


def said(column: str, stars: Sequence[str]) -> str:
    """The sentence on limits of these stars in a column."""
    named = ", ".join(stars[:NAMED])
    more = f" and {len(stars) - NAMED:,} more" if len(stars) > NAMED else ""
    count = (
        "1 limit is no value and is" if len(stars) == 1 else f"{len(stars):,} limits are no values and are"
    )
    return f"{column}: {count} left out ({named}{more})"
