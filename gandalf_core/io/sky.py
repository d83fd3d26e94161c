"""Right ascension and declination in a file: in columns, or in keywords beside the spectrum of one star.

A position that may be meant in two ways is left out, and that is said. docs/files.md prints the names.
Shapes: R rows, N stars.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from .angles import FIRST_HOURS, Column, Unclear, degrees_of_column, degrees_of_value, is_sexagesimal
from .names import letters
from .understanding import Understanding

# pairs of names by their letters and digits, the clearest first
PAIRS = (
    *(("raicrs", "deicrs"), ("raicrs", "decicrs"), ("radeg", "dedeg"), ("radeg", "decdeg"), ("ra", "dec")),
    *(("ra", "de"), ("raj2000", "dej2000"), ("raj2000", "decj2000"), ("rightascension", "declination")),
    *(("alphaj2000", "deltaj2000"), ("plugra", "plugdec"), ("ratarg", "dectarg"), ("targetra", "targetdec")),
    *(("targra", "targdec"), ("raobj", "decobj"), ("objra", "objdec"), ("objctra", "objctdec")),
)
IN_DEGREES = ("radeg", "raicrs", "plugra", "alphaj2000")  # names under which no hours are given
POINTING = ("ra", "rightascension")  # keywords that may say where the telescope pointed
UCDS = {"pos.eq.ra": "ra", "pos.eq.dec": "dec"}
_WORDS = {word for pair in PAIRS for word in pair}
SAME_DEG = 1e-3  # rows of one star that differ by more contradict each other


class _Table(Protocol):
    places: "Places"

    @property
    def rows(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Places:
    """What a table says of the positions of its stars.

    degrees: (R, 2), NaN where missing; (1, 2) from keywords; None without. names: of its columns or keywords.
    remarks: why a position is left out.
    """

    degrees: np.ndarray | None = None
    names: tuple[str, ...] = ()
    keywords: bool = False
    remarks: tuple[str, ...] = ()


NOWHERE = Places()


def is_place(name: str, ucd: str | None = None) -> bool:
    """Whether a column may hold a right ascension or a declination, by its name or its UCD."""
    return letters(name) in _WORDS or _by_ucd(ucd) is not None


def _by_ucd(ucd: str | None) -> str | None:
    words = (ucd or "").lower().replace(",", ";").split(";")
    return next((UCDS[w] for w in words if w in UCDS), None) if "stat.error" not in words else None


def places_of(columns: Sequence[Column], meta: Mapping[str, Any]) -> Places:
    """The positions in the columns of a table, or else in its keywords."""
    there = [c for c in columns if c.values is not None]
    found = _pair([(letters(c.name), c) for c in there]) or _pair([(_by_ucd(c.ucd), c) for c in there])
    if found is not None:
        return _from_columns(found, meta)
    said = {letters(key): (key, value) for key, value in reversed(list(meta.items()))}
    given = next((pair for pair in PAIRS[::-1] if _both(pair, said) and pair[0] not in POINTING), None)
    given = given or next((pair for pair in PAIRS if _both(pair, said)), None)
    return NOWHERE if given is None else _from_keywords(given, said, meta)


def _pair(columns: Sequence[tuple[str | None, Column]]) -> tuple[list[Column], list[Column]] | None:
    """The columns of the clearest pair of words, those of one word in the order of the file; None without."""
    there: dict[str, list[Column]] = {}
    for word, column in columns:
        there.setdefault(word or "", []).append(column)
    pair = next((pair for pair in PAIRS if _both(pair, there)), None)
    return None if pair is None else (there[pair[0]], there[pair[1]])


def _both(pair: tuple[str, str], there: Mapping[str, Any]) -> bool:
    return pair[0] in there and pair[1] in there


def _from_columns(pair: tuple[list[Column], list[Column]], meta: Mapping[str, Any]) -> Places:
    names = (pair[0][0].name, pair[1][0].name)
    try:
        _check_frame(meta)
        ra, dec = (_agreed(columns, right_ascension=k == 0) for k, columns in enumerate(pair))
        if ra.shape != dec.shape:
            raise Unclear("they are not equally many")
    except Unclear as cause:
        return Places(remarks=(f"{' and '.join(names)}: no positions taken, {cause}",))
    every = tuple(c.name for columns in pair for c in columns)
    return _within(ra, dec, names, every)


def _agreed(columns: list[Column], *, right_ascension: bool) -> np.ndarray:
    """(R,) degrees of the first of several columns of one meaning. Unclear where another differs."""
    first, *others = (degrees_of_column(c, right_ascension=right_ascension) for c in columns)
    for column, other in zip(columns[1:], others, strict=True):
        if other.shape != first.shape or (np.abs(other - first) > SAME_DEG).any():
            raise Unclear(f"{columns[0].name} and {column.name} differ")
    return first


def _from_keywords(
    pair: tuple[str, str], said: Mapping[str, tuple[str, Any]], meta: Mapping[str, Any]
) -> Places:
    names = (said[pair[0]][0], said[pair[1]][0])
    try:
        _check_frame(meta)
        ra, dec = (degrees_of_value(said[word][1], right_ascension=k == 0) for k, word in enumerate(pair))
        sure = pair[0] in IN_DEGREES or is_sexagesimal(said[pair[0]][1])
        if np.isfinite(ra) and not sure and 0 <= ra < FIRST_HOURS:
            raise Unclear(f"{ra:g} may be hours or degrees: write it as h:m:s")
    except Unclear as cause:
        return Places(remarks=(f"keywords {' and '.join(names)}: no position taken, {cause}",))
    found = replace(_within(np.array([ra]), np.array([dec]), names), keywords=True)
    if found.degrees is None or pair[0] not in POINTING:
        return found
    pointed = (
        f"position from the keywords {' and '.join(names)}: where the telescope pointed, if not the star's"
    )
    return replace(found, remarks=(*found.remarks, pointed))


def _check_frame(meta: Mapping[str, Any]) -> None:
    """Unclear where keywords say that positions are of another equinox than J2000."""
    told = {key.upper(): value for key, value in meta.items()}
    frame = str(told.get("RADESYS", told.get("RADECSYS", ""))).strip().upper()
    if frame and frame not in ("ICRS", "FK5", "GAIA-CRF3", "GAIA-CRF2"):
        raise Unclear(f"they are of the system {frame}")
    try:
        equinox = float(str(told.get("EQUINOX", told.get("EPOCH", 2000.0))).strip().lstrip("JjBb") or 2000)
    except ValueError:
        return
    if ("EQUINOX" in told and abs(equinox - 2000) > 0.01) or 1800 < equinox < 1984:  # EPOCH: in old files
        raise Unclear(f"they are of the equinox {equinox:g}")


def _within(ra: np.ndarray, dec: np.ndarray, names: tuple[str, str], every: tuple[str, ...] = ()) -> Places:
    """Positions that there can be; the others, and the origin itself, are missing, and counted.

    every: the columns that say the same.
    """
    given = np.isfinite(ra) | np.isfinite(dec)
    good = np.isfinite(ra) & np.isfinite(dec)
    with np.errstate(invalid="ignore"):
        good &= (ra >= 0) & (ra <= 360) & (np.abs(dec) <= 90) & ((ra != 0) | (dec != 0))
    lost = int((given & ~good).sum())
    called = " and ".join(names)
    if not good.any():
        return Places(remarks=(f"{called}: no positions in degrees",) if lost else ())
    remarks = (f"{called} {lost:,} times no position: taken as missing",) if lost else ()
    degrees = np.where(good[:, None], np.stack([np.where(ra == 360, 0.0, ra), dec], 1), np.nan)
    return Places(degrees, every or names, remarks=remarks)


# --- of stars ---


def positions_of_rows(tables: Sequence[_Table]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(N, 2) positions of tables with one row per star, and further remarks."""
    parts, remarks = zip(*(_of_rows(table) for table in tables), strict=True)
    found = np.concatenate(parts)
    return (found if np.isfinite(found).any() else None), tuple(r for each in remarks for r in each)


def _of_rows(table: _Table) -> tuple[np.ndarray, tuple[str, ...]]:
    found, nothing = table.places.degrees, np.full((table.rows, 2), np.nan)
    if found is None:
        return nothing, ()
    if len(found) != table.rows:
        which = "keywords" if table.places.keywords else "columns"
        return nothing, (f"{which} {' and '.join(table.places.names)}: not one position for each star",)
    return found, ()


def positions_of_samples(
    tables: Sequence[_Table], star: np.ndarray, count: int
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """(N, 2) positions of `count` stars whose rows repeat them, and remarks. star: (R,) of each row."""
    result, remarks, start = np.full((count, 2), np.nan), list[str](), 0
    for table in tables:
        rows, places = star[start : start + table.rows], table.places
        start += table.rows
        if places.degrees is None:
            continue
        here = np.unique(rows[rows >= 0])
        if len(places.degrees) == table.rows:
            remarks += _spread(result, places.degrees, rows)
        elif len(here) == 1:
            result[here[0]] = places.degrees[0]
        else:
            remarks.append(f"keywords {' and '.join(places.names)}: not one position for each star")
    return (result if np.isfinite(result).any() else None), tuple(remarks)


def _spread(result: np.ndarray, degrees: np.ndarray, rows: np.ndarray) -> Iterator[str]:
    """Put the position that all rows of a star have into the result; a remark where they contradict."""
    known = np.isfinite(degrees).all(1) & (rows >= 0)
    order = np.flatnonzero(known)[::-1]
    result[rows[order]] = degrees[order]  # the first row of each star comes last
    apart = np.abs(degrees[known] - result[rows[known]]).max(1, initial=0) > SAME_DEG
    wrong = np.unique(rows[known][apart])
    result[wrong] = np.nan
    if len(wrong):
        yield f"{len(wrong):,} stars whose rows have different positions: none taken"


def with_places(read: Understanding, tables: Sequence[_Table], remarks: Sequence[str]) -> Understanding:
    """How a file was read, and where its positions came from."""
    names = [n for t in tables if t.places.degrees is not None for n in t.places.names]
    more = [r for t in tables for r in t.places.remarks]
    every = dict.fromkeys((*more, *remarks))
    return replace(read, positions_from=tuple(dict.fromkeys(names)), remarks=(*read.remarks, *every))
