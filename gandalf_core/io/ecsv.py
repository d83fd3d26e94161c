"""ECSV as the Gaia archive and astropy write it: units, types and keywords in a YAML header, rows as csv.

The header is read as plain data: no tag of it builds an object, and what it repeats is not written out.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, BinaryIO

import yaml

from ..errors import SpectraError
from .dialect import Dialect, preamble
from .encodings import decoded
from .headers import BLANKS, split_line
from .raw import RawTable, Wanted, has_role
from .text import read_rows

MAX_HEADER = 2**19  # characters of YAML: twelve thousand columns
MAX_KEYWORDS = 10_000
MAX_DIGITS = 400  # of a number in the header


_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C is ten times faster


class _PlainLoader(_Loader):  # pyright: ignore[reportGeneralTypeIssues]
    """YAML as dictionaries, lists, numbers and text, whatever its tags say."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys (`<<`) multiply what they repeat, and ECSV knows none: they stay keys."""

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[str, Any]:
        """Keys as text: numbers can be chosen so that a dictionary of them takes for ever."""
        pairs = node.value if isinstance(node, yaml.MappingNode) else ()
        return {
            key.value: self.construct_object(value, deep=True)
            for key, value in pairs
            if isinstance(key, yaml.ScalarNode)
        }


def _plain(loader: Any, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node)


def _number(loader: Any, node: yaml.Node) -> Any:
    """A number; as text where it is too long to be one, or no number after all."""
    kind = "int" if node.tag.endswith(":int") else "float"
    try:
        return node.value if len(node.value) > MAX_DIGITS else getattr(loader, f"construct_yaml_{kind}")(node)
    except (ValueError, TypeError, OverflowError):
        return str(node.value)


_PlainLoader.add_constructor(None, _plain)
for _kind in ("int", "float"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{_kind}", _number)


def read(stream: BinaryIO, wanted: Wanted = has_role) -> list[RawTable]:
    """The one table of an ECSV file; empty cells and `null` (in the archive's bulk files) are missing.

    Raises SpectraError for a header that is not that of a table.
    """
    stream, _ = decoded(stream)
    lines, first, offset, _ = preamble(stream)
    yaml_lines = (line[1:].removeprefix(" ") for line in lines if not line.startswith(("##", "# %ECSV")))
    header = _header("\n".join(yaml_lines))
    separator = BLANKS if header.get("delimiter") in (None, " ") else header["delimiter"]
    if separator not in (BLANKS, ",", ";", "\t", "|"):
        raise SpectraError("its header declares a delimiter that is neither a blank nor a comma")
    names = tuple(split_line(first, separator))
    if list(names) != [_text(column, "name") for column in header["datatype"]]:
        raise SpectraError("its header lists other columns than the line above the rows: fetch it again")
    stream.seek(offset)
    layout = Dialect(offset + len(stream.readline()), separator, names=names)
    return [_described(read_rows(stream, layout, wanted), header)]


def units_and_keywords(text: str) -> tuple[dict[str, str], dict[str, Any]]:
    """What the YAML header of an ECSV says, which astropy also puts into Parquet files: (units, keywords).

    Raises SpectraError for a header that is not that of a table.
    """
    header = _header(text)
    units = {_text(column, "name"): _text(column, "unit") for column in header["datatype"]}
    meta, comments = _keywords(header.get("meta"))
    return {k: v for k, v in units.items() if k and v}, meta | (
        {"comments": list(comments)} if comments else {}
    )


def _described(table: RawTable, header: Mapping[str, Any]) -> RawTable:
    declared = {_text(column, "name"): column for column in header["datatype"]}
    columns = (
        replace(c, unit=_text(said, "unit"), description=_text(said, "description"))
        if (said := declared.get(c.name))
        else c
        for c in table.columns
    )
    meta, comments = _keywords(header.get("meta"))
    return replace(table, columns=tuple(columns), meta=dict(table.meta) | meta, comments=comments)


def _header(text: str) -> dict[str, Any]:
    """The YAML header. SpectraError when it is too long, or not a header of ECSV."""
    if len(text) > MAX_HEADER:
        raise SpectraError(f"its header has {len(text):,} characters: at most {MAX_HEADER:,} are read")
    try:
        header = yaml.load(text, _PlainLoader)
    except yaml.YAMLError as error:
        raise SpectraError(f"its header is damaged ({' '.join(str(error).split())[:100]})") from None
    if isinstance(header, dict):
        columns = header.get("datatype")
        if isinstance(columns, list) and all(isinstance(c, Mapping) for c in columns):
            return header
    raise SpectraError("its header does not list the columns under `datatype`: it is damaged, fetch it again")


def _text(column: Mapping[str, Any], key: str) -> str | None:
    """One attribute of a column, if it has it. SpectraError when it is no text."""
    value = column.get(key)
    if value is None or isinstance(value, str | int | float):
        return None if value is None else str(value)
    raise SpectraError(f"its header is damaged: the {key} of a column is not text")


def _keywords(meta: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The keywords in `meta`, those within others too, and its comments."""
    plain = _scalars(_pairs(meta), [MAX_KEYWORDS])
    comments = next((value for key, value in _pairs(meta) if key == "comments"), ())
    lines = comments if isinstance(comments, list) else ()
    return plain, tuple(line for line in lines[:MAX_KEYWORDS] if isinstance(line, str))


def _pairs(meta: Any) -> list[tuple[str, Any]]:
    """(key, value) of a mapping, or of an ordered one, which is a list of pairs."""
    pairs = meta.items() if isinstance(meta, Mapping) else meta if isinstance(meta, list) else ()
    found = (p for p in pairs if isinstance(p, tuple | list) and len(p) == 2)
    return [(key, value) for key, value in found if isinstance(key, str)]


def _scalars(pairs: list[tuple[str, Any]], left: list[int], depth: int = 3) -> dict[str, Any]:
    """The texts and numbers under keys; `left` counts down, as YAML can repeat a part in no time."""
    plain: dict[str, Any] = {}
    for key, value in pairs:
        left[0] -= 1
        if left[0] < 0:
            break
        if isinstance(value, str | int | float):
            plain[key] = value
        elif depth > 1 and (inner := _scalars(_pairs(value), left, depth - 1)):
            plain[key] = inner
    return plain
