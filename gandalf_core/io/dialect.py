"""How a text is laid out: where its rows begin, what separates and names its columns, its decimal mark."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import SEEK_END
from typing import BinaryIO

from ..errors import SpectraError
from .headers import (
    BLANKS,
    BY_POSITION,
    is_rule,
    is_units,
    names_in_comments,
    names_of_header,
    plain_units,
    split_line,
)
from .lines import check_number, data_lines, fields, is_comment, is_number, separator_line
from .names import role_of
from .sniff import check_columns

SAMPLE = 2**18  # bytes at the beginning that decide
PLAIN_COLUMNS = ("wavelength", "flux", "flux_error")
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_COMMA = re.compile(r"[+-]?\d*,\d+(?:[eEdD][+-]?\d+)?")
_POINT = re.compile(r"[+-]?\d*\.\d*(?:[eEdD][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_CURE_COMMAS = "decimal commas between columns that commas separate: write 846.01, or separate by semicolons"


@dataclass(frozen=True)
class Dialect:
    """Where the rows of a text begin, what separates them, and what their columns are called.

    start: offset of the first row, in bytes. separator: a character, or BLANKS. names, units: of each column.
    comments: the lines above the rows. remarks: what users must know.
    """

    start: int
    separator: str
    decimal: str = "."
    names: tuple[str, ...] = ()
    units: tuple[str | None, ...] = ()
    comments: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def dialect_of(stream: BinaryIO, separator: str | None = None) -> Dialect:
    """The layout of a text in UTF-8, from its beginning.

    separator: where it is declared. Raises SpectraError when there are only comments, when nothing names the
    columns, and for a layout that cannot be told.
    """
    comments, first, offset, declared = preamble(stream)
    separator = separator or declared
    stream.seek(offset)
    lines = list(data_lines(_sample(stream)))
    words = fields(first)
    header = not all(map(is_number, words))
    rows = lines[1:] if header else lines
    if header and not rows:
        separator = separator or _separator_in(first)
        names = tuple(split_line(first, separator))
        check_columns(len(names))
        return Dialect(stream.seek(0, SEEK_END), separator, names=names, comments=comments)
    separator = separator or _separator(first if header else None, rows)
    count = len(_bare_fields(rows[0], separator))
    check_columns(count)
    if header and any(map(is_number, words)) and not any(map(role_of, words)):
        return _without_header(offset, separator, count, rows, comments, first)
    if not header:
        return _without_header(offset, separator, count, rows, comments)
    return _under_header(stream, offset, separator, first, rows, comments)


def preamble(stream: BinaryIO) -> tuple[tuple[str, ...], str, int, str | None]:
    """The comments above the first line that is none, that line and its offset, and Excel's separator."""
    stream.seek(0)
    comments, declared, number = [], None, 0
    while raw := stream.readline():
        number += 1
        check_number(number)
        line = raw.decode("utf-8", "replace")
        named = separator_line(line)
        if named is not None:
            declared = named
        elif is_comment(line) or re.match(r"\s*;[^;]*$", line):  # of IDL; a row would have more semicolons
            comments.append(line.strip())
        elif line.strip():
            return tuple(comments), line, stream.tell() - len(raw), declared
    raise SpectraError("only comments, no data")


def _sample(stream: BinaryIO) -> list[str]:
    """The first lines of header and rows; what is quoted stands there as `""`, so that it splits nothing."""
    offset, size = stream.tell(), SAMPLE
    while True:
        stream.seek(offset)
        data = stream.read(size)
        bare = _QUOTED.sub('""', data.decode("utf-8", "replace"))
        if opened := re.search(r'(?<!")"(?!")', bare):  # a cell that goes on beyond the sample
            bare = bare[: bare.rfind("\n", 0, opened.start()) + 1] if len(data) == size else bare
        lines = [line for line in bare.split("\n") if line.strip() and not is_comment(line)]
        if len(data) < size:
            return lines[:50]
        if len(lines) > 2:
            return lines[:-1][:50]
        size *= 4


def _bare_fields(line: str, separator: str) -> list[str]:
    """The fields of a line of `_sample`."""
    line = line.strip("\r\n")
    return line.split() if separator == BLANKS else [f.strip() for f in line.split(separator)]


def _separator(header: str | None, rows: Sequence[str]) -> str:
    """The separator under which most rows, and the header, have equally many columns."""
    header = None if header is None else _QUOTED.sub('""', header)
    for candidate in (";", "\t", ",", "|"):
        counts = [len(_bare_fields(row, candidate)) for row in rows]
        usual = max(set(counts), key=counts.count)
        if usual < 2 or (candidate == "," and _commas_are_decimal(rows)):
            continue
        if header is None or abs(len(_bare_fields(header, candidate)) - usual) <= 1:
            return candidate
    if any(len(row.split()) > 1 for row in rows) or header is None:
        return BLANKS
    return _separator_in(header)


def _separator_in(line: str) -> str:
    return next((s for s in (",", ";", "\t", "|") if s in line), BLANKS)


def _commas_are_decimal(rows: Sequence[str]) -> bool:
    """Whether blanks separate numbers with a decimal comma, as in `846,01 0,99`."""
    parts = [part for row in rows for part in row.split()]
    return all(map(is_number, parts)) and any(map(_COMMA.fullmatch, parts))


def _decimal(rows: Sequence[str], separator: str) -> str:
    """The decimal mark of the numbers in rows; a comma only where it cannot be one between thousands."""
    parts = [part for row in rows for part in _bare_fields(row, separator)]
    commas = [p for p in parts if _COMMA.fullmatch(p)]
    if any(map(_POINT.fullmatch, parts)) or all(map(_THOUSANDS.fullmatch, commas)):
        return "."
    return ","


def _without_header(
    offset: int, separator: str, count: int, rows: Sequence[str], comments: tuple[str, ...], first: str = ""
) -> Dialect:
    """Rows that begin at once: comments name the columns, or two or three are told by their position.

    first: the first line, where it is no row of numbers.
    """
    dialect = Dialect(offset, separator, _decimal(rows, separator), comments=comments)
    if first:
        count = len(split_line(first, separator))
    named = names_in_comments(comments, count)
    if named is not None:
        remarks = (named.remark,) if named.remark else ()
        return replace(dialect, names=named.names, units=plain_units(named.units, count), remarks=remarks)
    if first:
        raise SpectraError(
            f"the first line, '{' '.join(first.split())[:40]}', names no columns: put names such as "
            "wavelength,flux,flux_error above the rows"
        )
    if count > 10 and len(rows) < 5:
        raise SpectraError(
            f"{len(rows)} rows of {count:,} numbers: write one row per sample (np.c_ of numpy)"
        )
    if count not in (2, 3):
        integers = all(f.lstrip("+-").isdigit() for f in _bare_fields(rows[0], separator))
        if separator == "," and integers and count > 3:
            raise SpectraError(_CURE_COMMAS)
        raise SpectraError(
            f"{count} column{'s' * (count > 1)} of numbers and no header: put names above the rows, such as "
            "wavelength,flux,flux_error"
        )
    return replace(dialect, names=PLAIN_COLUMNS[:count], remarks=(BY_POSITION,))


def _under_header(
    stream: BinaryIO, offset: int, separator: str, first: str, rows: Sequence[str], comments: tuple[str, ...]
) -> Dialect:
    """Rows under a line of names, and perhaps a line of units and one that underlines them."""
    stream.seek(offset)
    start = offset + len(stream.readline())
    units: list[str] = []
    while len(rows) > 1:
        parts, below = (_bare_fields(row, separator) for row in rows[:2])
        underlined = is_rule(parts)
        if not underlined and (units or not _are_units(parts, below)):
            break
        units = units if underlined else parts
        start, rows = _after(stream, start), rows[1:]
    names = _names(first, separator, rows, len(_bare_fields(rows[0], separator)))
    named = tuple(name or _without_name(k, rows, separator) for k, name in enumerate(names))
    return Dialect(
        start, separator, _decimal(rows, separator), named, plain_units(units, len(names)), comments
    )


def _are_units(parts: Sequence[str], below: Sequence[str]) -> bool:
    """Whether a line under the names holds units: each stands over a number."""
    filled = [under for part, under in zip(parts, below, strict=False) if part.strip("-")]
    return is_units(parts) and (is_rule(below) or all(not under or is_number(under) for under in filled))


def _without_name(position: int, rows: Sequence[str], separator: str) -> str:
    """What a column without a name is called; nothing where it is empty, behind the last separator."""
    cells = [_bare_fields(row, separator)[position : position + 1] for row in rows]
    return f"column {position + 1}" if any(any(cell) for cell in cells) else ""


def _numbers(count: int) -> tuple[list[str], ...]:
    """The numbers of rows, from 1 as R has them or from 0 as pandas has."""
    return tuple([str(k + first) for k in range(count)] for first in (0, 1))


def _after(stream: BinaryIO, start: int) -> int:
    """The offset behind the next line of data from `start` on."""
    stream.seek(start)
    while raw := stream.readline():
        line = raw.decode("utf-8", "replace")
        if line.strip() and not is_comment(line):
            break
    return stream.tell()


def _names(first: str, separator: str, rows: Sequence[str], count: int) -> tuple[str, ...]:
    """The names in the header, one for each of `count` columns.

    One more column than names is the numbering that R writes, or a separator at the end of each row.
    """
    names = names_of_header(first, separator, count)
    if names is not None:
        return names
    fewer = names_of_header(first, separator, count - 1) if count > 1 else None
    if fewer is not None:
        if separator != BLANKS and all(not _bare_fields(row, separator)[-1] for row in rows):
            return (*fewer, "")
        numbering = [_bare_fields(row, separator)[0] for row in rows]
        if all(n == '""' for n in numbering) or numbering in _numbers(len(rows)):
            return ("", *fewer)
    given = split_line(first, separator)
    cells = _bare_fields(rows[0], separator)
    if separator == "," and all(c.lstrip("+-").isdigit() for c in cells) and count > len(given):
        raise SpectraError(_CURE_COMMAS)
    raise SpectraError(
        f"the first line, '{' '.join(first.split())[:40]}', is no header of the rows: they have {count} "
        f"values, as in '{rows[0].strip()[:40]}' (comments begin with #)"
    )
