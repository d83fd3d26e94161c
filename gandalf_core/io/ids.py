"""Star ids: a 64-bit integer becomes its decimal digits and never passes through a float. Shapes: N stars."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SpectraError
from .names import PLATE_ID, STRONG_IDS, letters, plate_part

if TYPE_CHECKING:
    from .columns import Chosen

_FLOAT_LIKE = re.compile(r"[+-]?\d+(\.\d*|(\.\d*)?[eE][+-]?\d+)")
_SOURCE_ID = re.compile(r"(?<!\d)\d{15,19}(?!\d)")
_EXACT_IN_FLOAT = 2**53
_CURE = "write source_id as a 64-bit integer or as a string"
# of a designation: `Gaia DR3 5853498713190525696`
_PREFIX = re.compile(r"Gaia[\s_-]*E?DR\d[\s_-]+(?=\d+$)", re.IGNORECASE)
# that keeps a spreadsheet from rounding an id: `="5853498713190525696"`, or an apostrophe before it
_GUARD = re.compile(r"""=?["'](\d{15,20})["']?|=(\d{15,20})""")
_LONG = 10**14  # an id of a survey has 15 digits or more, the number of a row does not
_NO_ID = (-99, -999, -9999, -(2**63))  # what catalogues write where they know no id
LONGEST_TEXT = 1000  # characters of an id, or of a word in a mask
_LOOK_AT = 1000  # rows whose values decide between columns
_TESTED = 100  # ids of a file that are tested for having been rounded
UNLIKELY = 1e-4  # a chance that is not believed in
BIT_IS_ZERO = 0.65  # the share of Gaia's ids in which each of the three bits above the last seven is 0


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
    if values.dtype.kind == "b":
        raise SpectraError(f"ids are true and false, which name no star: {_CURE}")
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind == "O":
        values = as_text(values)
    text = np.char.strip(values.astype(str))
    if (text == "").any():
        raise SpectraError(f"{int((text == '').sum())} rows have no id")
    if np.char.startswith(np.char.lower(text), "gaia").any():
        text = np.array([_PREFIX.sub("", t) for t in text.tolist()], dtype=str)
    if np.isin(text.astype("U1"), ("=", "'", '"')).any():
        guarded = ((t, _GUARD.fullmatch(t)) for t in text.tolist())
        text = np.array([(m[1] or m[2]) if m else t for t, m in guarded], dtype=str)
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


def as_text(values: np.ndarray) -> np.ndarray:
    """(N,) objects as text, bytes decoded; None and NaN, put for a missing one by pandas and Arrow, as "".

    Raises SpectraError for a text that is too long: numpy gives every row the room of the longest.
    """
    plain = (v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values)
    texts = ["" if v is None or v != v else str(v) for v in plain]
    check_lengths(texts)
    return np.array(texts, dtype=str)


def check_lengths(values: Iterable[Any]) -> None:
    """SpectraError where one of the values is too long a text to be a name or a word."""
    longest = max((len(v) for v in values if isinstance(v, str)), default=0)
    if longest > LONGEST_TEXT:
        raise SpectraError(f"a cell of {longest:,} characters where a name is expected: shorten it")


def as_integers(ids: np.ndarray) -> np.ndarray | None:
    """(N,) int64 of ids that are all plain decimal integers; None when any is a name."""
    try:
        numbers = np.asarray(ids, dtype=str).astype(np.int64)
    except (ValueError, OverflowError):
        return None
    return numbers if np.array_equal(numbers.astype(str), ids) else None


def doubts(ids: np.ndarray, columns: Sequence[str]) -> list[str]:
    """A sentence where Gaia's ids (N,), given in these columns, seem to have been rounded; else none.

    A source_id is a multiple of 128 (Gaia's data model: its last seven bits number components, and are 0).
    Double precision leaves multiples of 256 to 1024 of the longest ids, spreadsheets leave 15 digits. Said
    where chance would do that to all ids of a file less often than UNLIKELY.
    """
    if not any(re.search("sourceid|gaia|dr[23]", letters(name)) for name in columns):
        return []
    numbers = [int(text) for text in np.unique(ids[:_TESTED]).tolist() if re.fullmatch(r"\d{16,19}", text)]
    zeros = [len(str(number)) - 15 for number in numbers]  # digits that a spreadsheet makes 0
    bits = [max(0, number.bit_length() - 53 - 7) for number in numbers]  # and bits beyond the last seven
    ways = (
        (
            "a spreadsheet",
            all(n % 10**z == 0 for n, z in zip(numbers, zeros, strict=True)),
            0.2 ** sum(zeros),
        ),
        ("floating-point numbers", all(int(float(n)) == n for n in numbers), BIT_IS_ZERO ** sum(bits)),
    )
    said = [how for how, fits, chance in ways if fits and chance < UNLIKELY]
    return [f"the ids look as if {said[0]} had rounded them: compare some with the archive's"] if said else []


def from_file_name(name: str) -> str:
    """The id of a star whose file gives none: the source_id in the file's name, else the name's stem."""
    stem = PurePath(name).name.split(".")[0] or PurePath(name).name
    source_id = _SOURCE_ID.search(stem)
    return source_id.group() if source_id else stem


def distinct_stems(names: Iterable[str]) -> dict[str, str]:
    """The id of a star without one for each file, with its folders where two files have one name.

    A source_id in a file's name stays what it is: that is the same star.
    """
    stems = {name: from_file_name(name) for name in names}
    depth, shared = 1, _shared(stems)
    while shared and depth < max(len(PurePath(name).parts) for name in shared):
        for name in shared:
            stems[name] = "/".join((*PurePath(name).parts[-1 - depth : -1], from_file_name(name)))
        depth, shared = depth + 1, _shared(stems)
    return stems


def _shared(stems: dict[str, str]) -> list[str]:
    """The files whose star has the id of another's."""
    times = Counter(stems.values())
    return [name for name, stem in stems.items() if times[stem] > 1 and not _SOURCE_ID.fullmatch(stem)]


# --- which column holds the ids ---


def choose(found: "Sequence[Chosen]") -> "list[Chosen]":
    """The column of the ids, by its values first and its name second; the three of an SDSS id; or none.

    An integer of 15 to 19 digits is an id whatever its column is called, and beats a row number; fractions,
    such as the probability to be a star, are none.
    """
    plates = {plate_part(c.column.name): c for c in found if c.meaning.kind == "plate"}
    named = sorted((c for c in found if c.meaning.kind != "plate"), key=lambda c: c.meaning.rank)
    strong = [c for c in named if c.meaning.key in STRONG_IDS]
    weak = [c for c in named if c.meaning.key not in STRONG_IDS and _may_be_ids(c)]
    for chosen in ([c for c in named if _are_long(c.column.values)], strong):
        if chosen:
            return chosen[:1]
    if len(plates) == len(PLATE_ID):
        return [plates[part] for part in PLATE_ID]
    return weak[:1]


def joined(columns: "Sequence[Chosen]") -> Any:
    """The values of the chosen column; the parts of an SDSS id as plate-mjd-fiber, with its leading zeros."""
    if len(columns) > 1:
        parts = [as_strings(c.column.values) for c in columns]
        return np.array([f"{p:0>4}-{m}-{f:0>4}" for p, m, f in zip(*parts, strict=True)], dtype=str)
    return columns[0].column.values


def missing(values: Any) -> np.ndarray:
    """(N,) true where there is no id: masked, empty, None, NaN, or a number that stands for none (-9999)."""
    if isinstance(values, np.ma.MaskedArray):
        return np.ma.getmaskarray(values) | missing(np.ma.getdata(values))
    values = np.asarray(values)
    if values.dtype.kind in "iu":
        return np.isin(values, (*_NO_ID, np.iinfo(values.dtype).min)) & (values < 0)
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind == "O":
        values = as_text(values)
    if values.dtype.kind != "U":
        return np.zeros(len(values), bool)
    return np.isin(np.char.strip(values), ("", *map(str, _NO_ID)))


def _sample(values: Any) -> np.ndarray:
    """The first values of a column that are not missing."""
    first = values[:_LOOK_AT]
    if isinstance(first, np.ma.MaskedArray):
        first = first.compressed()
    first = np.asarray(first)
    if first.dtype.kind == "S":
        first = np.char.decode(first, "utf-8", "replace")
    if first.dtype.kind == "O":
        return np.char.strip(as_text(np.array([v for v in first if v is not None and v == v], object)))
    if first.dtype.kind == "f":
        return first[~np.isnan(first)]
    return np.char.strip(first) if first.dtype.kind == "U" else first


def _are_long(values: Any) -> bool:
    sample = _sample(values)
    if sample.dtype.kind in "iu":
        return bool(len(sample) and (sample >= _LONG).all())
    if sample.dtype.kind != "U" or not len(sample):
        return False
    return all(re.fullmatch(r"\d{15,20}", _PREFIX.sub("", text)) for text in sample.tolist())


def _may_be_ids(chosen: "Chosen") -> bool:
    """False for fractions; `source`, which is mostly a reference, must hold long integers."""
    sample = _sample(chosen.column.values)
    if chosen.meaning.key == "source" or not len(sample):
        return False
    if sample.dtype.kind == "f":
        return bool((sample == np.trunc(sample)).all())
    if sample.dtype.kind == "U":
        return not all(_FLOAT_LIKE.fullmatch(text) and not text.isdigit() for text in sample.tolist())
    return sample.dtype.kind in "iu"
