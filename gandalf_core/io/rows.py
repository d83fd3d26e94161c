"""Rows of text, checked to be equally long before they are parsed: no value slides into another column."""

import io
import re
from collections.abc import Iterator
from os import SEEK_END
from typing import BinaryIO, NamedTuple

import numpy as np

from ..errors import SpectraError
from .headers import BLANKS
from .lines import COMMENT_MARKS, is_comment

_PIECE = 2**24  # bytes of text that are checked at once
MANY = 10  # rows whose last values have equally many decimals: then all should have
_TAIL = 2**16  # bytes at the end of a text that show how long its last values are
_QUOTED = re.compile(rb'"(?:[^"]|"")*"')
_RULE = re.compile(rb"\s*\+?[-=]{2,}[-=+ ]*\s*")
_EMPTY = np.frombuffer(b" \t\r\n", np.uint8)
_MARKS = np.frombuffer("".join({mark[0] for mark in COMMENT_MARKS}).encode() + b"\x1a", np.uint8)
_SPECIAL = np.concatenate([_EMPTY, _MARKS])


class _Lines(NamedTuple):
    """The lines of a piece of text: where they end, their fields, whether they are blank or comments."""

    ends: np.ndarray
    fields: np.ndarray
    blank: np.ndarray
    comment: np.ndarray

    def line(self, piece: bytes, number: int) -> bytes:
        """One line of the piece."""
        return piece[self.ends[number - 1] + 1 if number else 0 : self.ends[number]]


class Rows(NamedTuple):
    """A stream at the first row, the comments between rows, and what users must know."""

    stream: BinaryIO
    comments: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def rectangular(stream: BinaryIO, start: int, separator: str, count: int) -> Rows:
    """The rows that begin at `start`, each of `count` values.

    Raises SpectraError for a row that has another number, above all the last one, where a download broke off.
    """
    stream.seek(start)
    row, last, commented, left_out = 0, (count, b""), False, 0
    for piece in _pieces(stream):
        lines = _lines(piece, separator)
        rows = np.flatnonzero(~lines.blank & ~lines.comment)
        commented |= bool(lines.comment.any())
        left_out += int((lines.fields[lines.comment] == count).sum()) if count > 1 else 0
        if last[0] != count:
            raise _ragged(row, *last, count)
        wrong = rows[lines.fields[rows] != count]
        if len(wrong) and (wrong[0] != rows[-1]):
            number = row + int(np.searchsorted(rows, wrong[0])) + 1
            raise _ragged(number, int(lines.fields[wrong[0]]), lines.line(piece, wrong[0]), count)
        if len(rows):
            row += len(rows)
            last = int(lines.fields[rows[-1]]), lines.line(piece, rows[-1]) if len(wrong) else b""
    if last[0] < count:
        raise SpectraError(
            f"the last row, '{_shown(last[1])}', has {last[0]} of {count} values: "
            "the file seems cut, fetch it again"
        )
    if last[0] > count:
        raise _ragged(row, *last, count)
    remarks = _end(stream, start, separator)
    if left_out:
        remarks = (f"rows that begin like a comment are left out: {left_out:,}", *remarks)
    stream.seek(start)
    return Rows(*(_without_comments(stream) if commented else (stream, ())), remarks)


def _end(stream: BinaryIO, start: int, separator: str) -> tuple[str, ...]:
    """What must be said of a last row that has no line end: its last value may be cut.

    Raises SpectraError when the last values of many rows have equally many decimals, and this one has fewer.
    """
    end = stream.seek(0, SEEK_END)
    stream.seek(max(start, end - _TAIL))
    tail = _QUOTED.sub(b'""', stream.read())
    if tail.endswith((b"\n", b"\x1a")) or tail.count(b'"') > 2 * tail.count(b'""'):
        return ()
    *before, last = (line.decode("utf-8", "replace") for line in tail.split(b"\n")[-500:])
    rows = (line for line in before[1:] if line.strip() and not is_comment(line))
    decimals = [_decimals(line, separator) for line in rows]
    if len(decimals) < 3 or _decimals(last, separator) >= np.median(decimals):
        return ()
    if len(set(decimals)) == 1 and len(decimals) >= MANY:
        raise cut_within(last)
    return (f"the last row, '{last[:40]}', has no line end: if the file was cut, its last value is wrong",)


def _decimals(line: str, separator: str) -> int:
    """How many digits follow the decimal mark of a row's last value."""
    parts = line.split() if separator == BLANKS else line.split(separator)
    last = parts[-1].strip() if parts else ""
    return len(re.split(r"[.,]", last)[-1]) if re.search(r"[.,]", last) else 0


def cut_within(line: str) -> SpectraError:
    """The error of a last row that ends within a value."""
    return SpectraError(
        f"the last row, '{line.strip()[:40]}', ends within a value: the file seems cut, fetch it again"
    )


def _last_field(line: str, separator: str) -> str:
    parts = line.split() if separator == BLANKS else line.rstrip("\r\n").split(separator)
    return parts[-1].strip() if parts else ""


def _ragged(number: int, found: int, line: bytes, count: int) -> SpectraError:
    return SpectraError(
        f"row {number}, '{_shown(line)}', has {found} values where the columns are {count}: "
        "the file is damaged, or an empty cell has no mark (write nan)"
    )


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip("\r\n")[:40]


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Whole rows, about _PIECE bytes at once; a quoted cell may go over several lines."""
    while piece := stream.read(_PIECE):
        parts = [piece, stream.readline()]
        opened = sum(part.count(b'"') for part in parts) % 2
        while opened and (line := stream.readline()):
            parts.append(line)
            opened ^= line.count(b'"') % 2
        yield b"".join(parts)


def _lines(piece: bytes, separator: str) -> _Lines:
    text = np.frombuffer(piece if piece.endswith(b"\n") else piece + b"\n", np.uint8)
    quotes = np.flatnonzero(text == ord('"'))
    ends = _outside(quotes, np.flatnonzero(text == ord("\n")))
    starts = np.concatenate([[0], ends[:-1] + 1])
    if separator != BLANKS:
        marks = _outside(quotes, np.flatnonzero(text == ord(separator)))
        fields = np.diff(np.searchsorted(marks, np.concatenate([[0], ends]))) + 1
        if (fields == fields[0]).all() and fields[0] > 1 and not np.isin(text[starts], _SPECIAL).any():
            no = np.zeros(len(ends), bool)
            return _Lines(ends, fields, no, no)
    words = _outside(quotes, _words(text))
    first = np.searchsorted(words, starts)
    count = np.searchsorted(words, ends) - first
    blank = count == 0
    comment = np.zeros(len(ends), bool)
    at = words[first[~blank]]
    comment[~blank] = np.isin(text[at], _MARKS) & ((text[at] != ord("/")) | (text[at + 1] == ord("/")))
    if separator != BLANKS:
        return _Lines(ends, fields, blank & (fields == 1), comment)  # a line of tabs is a row of empty cells
    return _Lines(ends, count, blank, comment)


def _outside(quotes: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The positions that are not within quotes."""
    return positions[np.searchsorted(quotes, positions) % 2 == 0] if len(quotes) else positions


def _words(text: np.ndarray) -> np.ndarray:
    """Where words begin: what is not blank behind what is."""
    empty = np.isin(text, _EMPTY)
    return np.flatnonzero(np.concatenate([[True], empty[:-1]]) & ~empty)


def without_frame(stream: BinaryIO) -> BinaryIO:
    """A text without the lines around and between its rows that TOPCAT, databases and reST draw."""
    first = stream.readline()
    stream.seek(0)
    if not _RULE.fullmatch(first):
        return stream
    return io.BytesIO(b"".join(line for line in stream if not _RULE.fullmatch(line)))


def _without_comments(stream: BinaryIO) -> tuple[BinaryIO, tuple[str, ...]]:
    lines = list(stream)
    is_text = [is_comment(line.decode("utf-8", "replace")) for line in lines]
    comments = tuple(
        line.decode("utf-8", "replace").strip() for line, text in zip(lines, is_text, strict=True) if text
    )
    return io.BytesIO(b"".join(line for line, text in zip(lines, is_text, strict=True) if not text)), comments
