"""Tables of results as LaTeX: a value with its error in one cell, rounded to what the error lets one say.

The table is a `tabular` inside a `table`, with units in a row of its own, and below it what the numbers come
from. Shapes: N rows.
"""

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from ..data.column_notes import note_on
from ..parameters import STELLAR, parameter
from .layouts import Columns

SYMBOLS = {  # in LaTeX's mathematics
    "teff": "T_\\mathrm{eff}",
    "logg": "\\log g",
    "mh": "[\\mathrm{M/H}]",
    "alphafe": "[\\alpha/\\mathrm{Fe}]",
    "chi2": "\\chi^2",
    "velocity_kms": "v",
    "snr": "\\mathrm{S/N}",
}
UNITS = {"km.s-1": "km\\,s$^{-1}$"}
ERROR = "_error"
ERROR_DIGITS = 2  # significant ones
PLAIN_DIGITS = 4  # significant ones of a number without an error
MOST_DECIMALS = 6
MISSING = "\\ldots"
SPECIAL = {
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "<": "\\textless{}",
    ">": "\\textgreater{}",
    "±": "$\\pm$",
    "−": "$-$",
    "–": "--",
    "×": "$\\times$",
    "²": "$^2$",
    "≥": "$\\geq$",
    "≤": "$\\leq$",
    "α": "$\\alpha$",
    "σ": "$\\sigma$",
    "χ": "$\\chi$",
    "λ": "$\\lambda$",
    "Δ": "$\\Delta$",
    "√": "$\\surd$",
}


def write(stream: BinaryIO, columns: Columns, about: Mapping[str, Any] | None = None) -> None:
    """Equally long columns (N,) by name. about: what the numbers come from, said below the table."""
    stream.write("\n".join(_lines(columns, about or {})).encode() + b"\n")


def _lines(columns: Columns, about: Mapping[str, Any]) -> Iterator[str]:
    names = [name for name in columns if not _is_error(name, columns)]
    kinds = "".join("l" if columns[name].dtype.kind in "UO" else "r" for name in names)
    told = dict(about)
    caption = told.pop("caption", "")
    yield "\\begin{table}"
    yield "\\centering"
    if caption:
        yield f"\\caption{{{text(str(caption))}}}"
    yield f"\\begin{{tabular}}{{{kinds}}}"
    yield "\\hline"
    yield _row(map(_head, names))
    if any(map(_unit, names)):
        yield _row(f"({unit})" if (unit := _unit(name)) else "" for name in names)
    yield "\\hline"
    cells = [_cells(name, columns) for name in names]
    yield from map(_row, zip(*cells, strict=True))
    yield "\\hline"
    yield "\\end{tabular}"
    if told:
        yield f"\\par\\smallskip\\footnotesize {text('; '.join(f'{k}: {v}' for k, v in told.items()))}."
    yield "\\end{table}"


def text(words: str) -> str:
    """Text in which every sign that means something to LaTeX stands for itself."""
    return "".join(SPECIAL.get(c, c) for c in words)


def _row(cells: Any) -> str:
    return " & ".join(cells) + " \\\\"


def _is_error(name: str, columns: Columns) -> bool:
    return name.endswith(ERROR) and name.removesuffix(ERROR) in columns


def _head(name: str) -> str:
    return f"${SYMBOLS[name]}$" if name in SYMBOLS else text(name.replace("_", " "))


def _unit(name: str) -> str:
    unit = parameter(name).unit or note_on(name).unit
    return UNITS.get(unit, unit)


def _cells(name: str, columns: Columns) -> list[str]:
    values = columns[name]
    if values.dtype.kind == "b":
        return ["yes" if value else "no" for value in values.tolist()]
    if values.dtype.kind not in "f":
        return [text(str(value)) for value in values.tolist()]
    errors = columns.get(f"{name}{ERROR}", np.full(len(values), np.nan))
    return [
        _number(name, v, e) for v, e in zip(values.tolist(), np.asarray(errors, float).tolist(), strict=True)
    ]


def _number(name: str, value: float, error: float) -> str:
    """A value in mathematics, with its error where that is known."""
    if not np.isfinite(value):
        return MISSING
    if not np.isfinite(error) or error <= 0:
        known = name in STELLAR
        decimals = parameter(name).decimals if known else _decimals(value, PLAIN_DIGITS)
        return f"${_fixed(value, decimals)}$"
    decimals = _decimals(error, ERROR_DIGITS)
    return f"${_fixed(value, decimals)} \\pm {_fixed(error, decimals)}$"


def _decimals(value: float, digits: int) -> int:
    """Decimals that leave so many significant digits of a value; negative before the point."""
    if not value:
        return digits - 1
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
    return min(digits - 1 - exponent, MOST_DECIMALS)


def _fixed(value: float, decimals: int) -> str:
    return f"{round(value, decimals):.{max(decimals, 0)}f}"
