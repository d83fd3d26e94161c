"""The names of a text's columns: from its header line, or from its comments."""

import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from .lines import COMMENT_MARKS, MAX_COMMENTS, is_number
from .names import FLUX, WAVELENGTH, role_of

BLANKS = r"\s+"  # the separator of columns that are set apart by blanks
BY_POSITION = "no names of columns: taken as wavelength, flux and flux_error by their position"
_PROSE = {  # a comment with one of these words is a sentence, not names of columns
    *("a", "an", "and", "are", "as", "at", "by", "for", "from", "has", "have", "in", "is", "it", "of", "on"),
    *(
        "or",
        "per",
        "than",
        "that",
        "the",
        "this",
        "to",
        "units",
        "versus",
        "vs",
        "was",
        "were",
        "which",
        "with",
    ),
}
_UNIT = re.compile(
    r"nm|aa?|å|[aå]ngstr[oö]ms?|ang|[uµμ]m|microns?|m|k?k|dex|mag|deg|days?|yr|pc|mas\S*|km\s?/?\s?s\S*|cm\S*|jy|"
    r"erg\S*|w\s?/?\s?m\S*|counts?|adu|e-?|electrons?\S*|arb\S*|relative|none|normali[sz]ed|cgs|%|-+|"
    r"log\(.*\)|\[.*\]|\(.*\)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:col(?:umn)?\s*)?(\d+)\s*[:=.)-]?\s+(\S.*)", re.IGNORECASE)


class Names(NamedTuple):
    """Names of columns, what users must know about them, and their units where another comment has them."""

    names: tuple[str, ...]
    remark: str = ""
    units: tuple[str, ...] = ()


def split_line(line: str, separator: str) -> list[str]:
    """The fields of one line, without quotes and blanks around them."""
    line = line.strip("\r\n")
    if separator == BLANKS:
        found = re.findall(r'"((?:[^"]|"")*)"|(\S+)', line)
        return [quoted or plain for quoted, plain in found]
    return [f.strip() for f in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]


def is_rule(parts: Sequence[str]) -> bool:
    """Whether a line only underlines the header, as in VizieR's tables."""
    return any(parts) and all(re.fullmatch(r"[-=+:|]*", p) for p in parts)


def is_units(parts: Sequence[str]) -> bool:
    """Whether a line holds units of the columns."""
    filled = [p.strip() for p in parts if p.strip()]
    filled = [p for p in filled if p != "1"]  # of a normalised flux
    return bool(filled) and not is_rule(filled) and all(map(_UNIT.fullmatch, filled))


def names_of_header(line: str, separator: str, count: int) -> tuple[str, ...] | None:
    """The `count` names in a header line; None when they are not as many.

    Words in brackets are units of the word before; two words that are a name together (`log g`) are one.
    """
    names = [n.strip(" ,;") if separator == BLANKS else n for n in split_line(line, separator)]
    names = [n.strip("'") for n in names]
    if separator == BLANKS and count < len(names) <= most_words(count):
        names = _joined(names, count)
    if len(names) == count + 1 and not names[-1]:
        names = names[:-1]  # the header ends with a separator, the rows do not
    return tuple(names) if len(names) == count else None


def most_words(count: int) -> int:
    """Words that the names of `count` columns may have."""
    return 4 * count + 10


def _joined(words: list[str], count: int) -> list[str]:
    """Names made of several words, until no more than `count` are left."""
    parts: list[list[str]] = []
    opened = 0  # brackets in the last name that are not closed
    for word in words:
        change = sum(map(word.count, "[(")) - sum(map(word.count, "])"))
        if parts and (opened > 0 or (word[0] in "[(" and role_of(word) is None)):
            parts[-1].append(word)
            opened += change
        else:
            parts.append([word])
            opened = change
    names, k = [" ".join(part) for part in parts], 0
    while len(names) > count and k + 1 < len(names):
        together = f"{names[k]} {names[k + 1]}"
        if role_of(together) is not None:
            names[k : k + 2] = [together]
        k += 1
    return names


def names_in_comments(comments: Sequence[str], count: int) -> Names | None:
    """What the comments above rows of `count` numbers call the columns; None when they name none.

    The last line that has one word for each column and is no sentence counts; or lines that number the
    columns, as SExtractor writes them.
    """
    comments = _last(comments)
    numbered = _numbered(comments, count)
    if numbered:
        return Names(numbered)
    units: tuple[str, ...] = ()
    for line in reversed(comments):
        parts = _split_comment(line)
        if len(parts) == count and is_units(parts):
            units = tuple(parts)
        elif (words := _words(line, count)) is not None and (names := _named(words, count)):
            return names._replace(units=units)
    return None


def _last(comments: Sequence[str]) -> list[str]:
    """The comments that stand closest to the rows, of a bounded length together."""
    kept, left = [], MAX_COMMENTS
    for line in reversed(comments):
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return kept[::-1]


def plain_units(units: Sequence[str], count: int) -> tuple[str | None, ...]:
    """A unit for each of `count` columns, without brackets; None where there is none."""
    bare = (unit.strip("[]() ") for unit in units)
    found = [unit if unit.strip("-") and unit.lower() != "none" else None for unit in bare]
    return (*found, *[None] * count)[:count]


def _words(comment: str, count: int) -> list[str] | None:
    """The words of a comment that may be names; None for a sentence, a keyword, a rule or units."""
    text = _without_mark(comment)
    if not text or re.match(r"[^\s,;|\t]+\s*[:=]\s", text) or text.endswith((":", ".")):
        return None
    words = _split_comment(comment)
    if count < len(words) <= most_words(count) and words == text.split():
        words = _joined(words, count)
    if is_rule(words) or is_units(words) or any(map(_is_prose, words)):
        return None
    return words


def _is_prose(word: str) -> bool:
    """Whether a word is part of a sentence, of `key: value`, or a number: no name of a column."""
    return word.lower() in _PROSE or word.endswith(":") or is_number(word)


def _without_mark(comment: str) -> str:
    text = comment.strip().lstrip("".join((*COMMENT_MARKS, ";"))).strip()
    return re.sub(r"^(?:columns?|cols?|fields|names|header|format)\s*[:=]\s*", "", text, flags=re.IGNORECASE)


def _split_comment(comment: str) -> list[str]:
    """The words of a comment, by whichever separator it has."""
    text = _without_mark(comment).strip("|")
    separator = next((s for s in ("\t", ";", ",", "|") if s in text), BLANKS)
    return [word for word in split_line(text, separator) if word]


def _named(words: list[str], count: int) -> Names | None:
    roles = [role_of(w) for w in words]
    known = len(set(roles) - {None})
    if role_of(" ".join(words)) is not None and len(words) > 1:  # one name of two words, for one column
        return None
    if len(words) == count and (known >= min(2, count) or (WAVELENGTH in roles and count > 1)):
        return Names(tuple(words))
    if len(words) == 2 and count == 3 and set(roles) == {WAVELENGTH, FLUX}:
        return Names((*words, "column 3"), "the comments name two columns: the third is not used")
    if len(words) == count == 3:
        unused = f"; the third is not used: the comment '{' '.join(words)[:60]}' does not call it an error"
        return Names((WAVELENGTH, FLUX, words[2]), BY_POSITION + (unused if roles[2] is None else ""))
    return None


def _numbered(comments: Sequence[str], count: int) -> tuple[str, ...] | None:
    """Names from lines such as `# 1 wavelength [nm]` or `# Column 2: flux`, one for each column."""
    names = {}
    for comment in comments:
        if match := _NUMBERED.fullmatch(_without_mark(comment)):
            text = match[2].strip()
            first = re.match(r"\S+(?:\s*[\[(][^\])]*[\])])?", text)
            names[int(match[1])] = text if role_of(text) or first is None else first[0].rstrip(",;:")
    found = tuple(names.get(k + 1, "") for k in range(count))
    return found if all(found) and sum(role_of(n) is not None for n in found) >= min(2, count) else None
