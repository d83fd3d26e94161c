"""The lines of a text: comments, rows, fields, numbers as people and programs write them."""

import re
from collections.abc import Iterable, Iterator

from ..errors import SpectraError

MAX_LINE = 2**22  # characters
MAX_WORDS = 40_000  # of a line that may be a header: names may be of several
MAX_COMMENT = 1000  # characters of a line of comment that are looked at
MAX_COMMENTS = 2**18  # characters of all comments of a file that are looked at
MAX_COMMENT_LINES = 200_000  # above the rows
COMMENT_MARKS = ("#", "%", "!", "//")
MISSING = [
    *["", "--", "---", "null", "NULL", "None", "masked", "nan", "NaN", "-nan", "-NaN", "NAN", "Null", "none"],
    *["NA", "N/A", "n/a", "#N/A", "#NA", "<NA>", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "INDEF"],
    *["...", "…", "-", "?", "\\N", "(null)", "n.a.", "#DIV/0!", "#NUM!", "#VALUE!"],
]
_MISSING = {word.lower() for word in (*MISSING, "nan()")}
_FLOAT = r"[+\-−]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eEdDqQ][+-]?\d+)?|[+-]?inf(?:inity)?"
_NUMBER = re.compile(_FLOAT, re.IGNORECASE)
_LONG_EXPONENT = re.compile(r"[+-]?\d*\.\d+[+-]\d{3}")  # Fortran leaves out the E before three digits
_STARS = re.compile(r"\*+")  # Fortran, where a number is wider than its field


def is_comment(line: str) -> bool:
    """Whether a line is a comment."""
    return line.lstrip().startswith((*COMMENT_MARKS, "\x1a"))  # the last is the end of a text of DOS


def data_lines(lines: Iterable[str]) -> Iterator[str]:
    """Those of some lines that are neither blank nor comments, nor Excel's `sep=;`.

    Raises SpectraError for a line that is too long to be looked at, and for very many before the first row.
    """
    for number, line in enumerate(lines):
        if len(line) > MAX_LINE:
            raise SpectraError(f"a line of {len(line):,} characters: no text of rows and columns")
        if line.strip() and not is_comment(line) and separator_line(line) is None:
            yield line
        else:
            check_number(number)


def check_number(comments: int) -> None:
    """SpectraError for more lines of comment and blank ones than are read."""
    if comments > MAX_COMMENT_LINES:
        raise SpectraError(f"more than {MAX_COMMENT_LINES:,} lines of comments: take them out")


def clipped(comments: Iterable[str]) -> Iterator[str]:
    """The comments of a file as far as they are looked at: each, and all together, to a bounded length."""
    left = MAX_COMMENTS
    for line in comments:
        yield line[:MAX_COMMENT]
        left -= len(line) + 1
        if left < 0:
            return


def separator_line(line: str) -> str | None:
    """The separator that Excel's first line names, as in `sep=;`."""
    match = re.fullmatch(r'\s*"?sep=(\\t|[^\r\n"])"?\s*', line, re.IGNORECASE)
    return None if match is None else match[1].replace("\\t", "\t")


def fields(line: str) -> list[str]:
    """The fields of a line under whichever separator it uses; a comma within a number stays.

    Raises SpectraError for more than any table has.
    """
    bare = line.replace('"', " ").strip()
    parts = [f for f in re.split(r"[;|\s]+", bare) if f]
    words = max(len(parts), bare.count(","))
    if words > MAX_WORDS:
        raise SpectraError(f"a line of {words:,} words: no text of rows and columns")
    if all(is_number(f) for f in parts):
        return parts
    return [f for f in re.split(r"[,;|\s]+", bare) if f]


def is_missing(word: str) -> bool:
    """True for what stands for a missing number, in any case: `null`, `N/A`, `...`, nothing."""
    return word.strip().lower() in _MISSING


def is_number(field: str) -> bool:
    """True for a number in any common spelling, and for what stands for a missing one."""
    text = field.strip()
    return is_missing(text) or any(p.fullmatch(text) for p in (_NUMBER, _LONG_EXPONENT, _STARS))
