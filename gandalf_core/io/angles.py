"""One coordinate of a position in the sky, as files write it, in degrees.

Numbers, and sexagesimal text: `05:34:31.97` of a right ascension is hours, `83d38m` degrees. Shape: R rows.
"""

import re
from typing import Any, Protocol

import numpy as np

_DEGREES = ("deg", "degree", "degrees", "degs", "°")
_HOURS = ("h", "hour", "hours", "hr", "hrs", "hourangle", "h:m:s", "hms", '"h:m:s"')
_SCALES = {**dict.fromkeys(_DEGREES, 1.0), "rad": 180 / np.pi, "radian": 180 / np.pi, "radians": 180 / np.pi}
_SEXAGESIMAL_DEGREES = ("dms", "d:m:s", '"d:m:s"')
_NOTHING = ("", "nan", "null", "none", "n/a", "--", "-", "unknown")
SEXAGESIMAL = re.compile(
    r"([+-]?)(\d{1,3})(?:\s*(:|h|d|°)\s*|(\s+))(\d{1,2})(?:\s*[:m'′]\s*|\s+)(\d{1,2}(?:\.\d*)?)\s*[s\"″]?"
)
FIRST_HOURS = 24.0  # numbers below it may be hours


class Column(Protocol):
    """A column of a file (`columns.RawColumn`)."""

    @property
    def name(self) -> str: ...
    @property
    def values(self) -> Any: ...
    @property
    def unit(self) -> str | None: ...
    @property
    def ucd(self) -> str | None: ...
    @property
    def null(self) -> Any: ...


class Unclear(Exception):
    """Why a position is left out."""


def degrees_of_column(column: Column, *, right_ascension: bool) -> np.ndarray:
    """(R,) degrees, NaN where missing. Raises Unclear for another unit, and for text that is no angle."""
    values = np.ma.atleast_1d(np.ma.asarray(column.values))
    if values.ndim != 1:
        raise Unclear(f"{column.name} is not one number per row")
    missing = np.ma.getmaskarray(values)
    if column.null is not None:
        missing = missing | (np.ma.getdata(values) == column.null)
    plain, unit = np.ma.getdata(values), (column.unit or "").strip().lower()
    if plain.dtype.kind in "fiu":
        degrees = plain.astype(np.float64) * _scale(unit, column.name, right_ascension)
        return np.where(missing, np.nan, degrees)
    texts = [v.decode("latin-1") if isinstance(v, bytes) else v for v in plain.tolist()]
    given = [np.nan if gone else v for v, gone in zip(texts, missing, strict=True)]
    if any(map(is_sexagesimal, given)):
        if unit not in ("", *(_HOURS if right_ascension else ()), *_SEXAGESIMAL_DEGREES):
            raise Unclear(f"{column.name} is text like {given[0]}, and its unit is '{unit}'")
        usual = right_ascension and unit not in _SEXAGESIMAL_DEGREES
        return np.array([degrees_of_value(v, right_ascension=usual) for v in given])
    scale = _scale(unit, column.name, right_ascension)
    return scale * np.array([degrees_of_value(v, right_ascension=right_ascension) for v in given])


def _scale(unit: str, name: str, right_ascension: bool) -> float:
    if unit in ("", *_SCALES):
        return _SCALES.get(unit, 1.0)
    if right_ascension and unit in _HOURS:
        return 15.0
    raise Unclear(f"{name} is given in '{unit}'")


def degrees_of_value(value: Any, *, right_ascension: bool) -> float:
    """Degrees of a number, or of text: `05:34:31.97` is hours where it is a right ascension."""
    if isinstance(value, bool) or value is None:
        return np.nan
    text = str(value).strip().replace("\N{MINUS SIGN}", "-")
    if text.lower() in _NOTHING:
        return np.nan
    match = SEXAGESIMAL.fullmatch(text)
    if match is not None:
        return _degrees_of_match(match, text, right_ascension)
    try:
        return float(text)
    except ValueError:
        raise Unclear(f"'{text[:40]}' is no angle") from None


def _degrees_of_match(match: re.Match[str], text: str, right_ascension: bool) -> float:
    sign, whole, mark, _, minutes, seconds = match.groups()
    hours = mark == "h" or (right_ascension and mark not in ("d", "°"))
    if float(minutes) >= 60 or float(seconds) >= 60 or (hours and float(whole) >= FIRST_HOURS):
        raise Unclear(f"'{text[:40]}' is no {'time' if hours else 'angle'}")
    if hours and not right_ascension:
        raise Unclear(f"'{text[:40]}' is in hours")
    size = float(whole) + float(minutes) / 60 + float(seconds) / 3600
    return (-size if sign == "-" else size) * (15.0 if hours else 1.0)


def is_sexagesimal(value: Any) -> bool:
    """Whether a value is sexagesimal text, which says itself whether it is hours or degrees."""
    return isinstance(value, str) and SEXAGESIMAL.fullmatch(value.strip()) is not None
