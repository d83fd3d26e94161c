"""The structure of a VOTable, checked by the XML parser alone before astropy believes what it promises.

Nothing but the file itself is opened: streams with an address, entities and data of other formats are
refused. A BINARY stream must end where a row ends, and rows must be as many as announced: then no bytes were
lost.
"""

import base64
import binascii
import re
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO
from xml.parsers import expat

from ..errors import SpectraError
from .sniff import Budget
from .units import check_units

_BYTES = {  # of one value in a stream, and in memory
    "boolean": (1, 1), "bit": (1, 1), "unsignedByte": (1, 1), "short": (2, 2), "int": (4, 4), "long": (8, 8),
    "char": (1, 4), "unicodeChar": (2, 4), "float": (4, 4), "double": (8, 8), "floatComplex": (8, 8),
    "doubleComplex": (16, 16),
}  # fmt: skip
_OLD_NAMES = {  # that astropy knows
    "string": "char",
    "unicodeString": "unicodeChar",
    "int16": "short",
    "int32": "int",
    "int64": "long",
    "float32": "float",
    "float64": "double",
    "unsignedInt": "long",
    "unsignedShort": "int",
}
MAX_FIELDS, MAX_TABLES = 5000, 20_000  # astropy's time goes with the square of the fields of a table
MAX_NAMESAKES = 100  # fields of one name in a table: it looks for another name for each
_ARRAY, _TEXT = (
    700,
    150,
)  # bytes of memory of an empty cell of variable length: astropy makes an object of each
_BINARY = ("BINARY", "BINARY2")


@dataclass
class _Field:
    """The datatype and arraysize of a column: `count` values, or a variable number of at most `count`."""

    datatype: str
    count: int
    variable: bool

    @property
    def stored(self) -> int:
        """Bytes in a stream; of one value where their number is variable."""
        size = _BYTES[self.datatype][0]
        if self.variable:
            return size
        return -(-self.count // 8) if self.datatype == "bit" else size * self.count

    @property
    def in_memory(self) -> int:
        """Bytes in an array of rows; text of a bounded length takes that length."""
        text = self.datatype in ("char", "unicodeChar")
        if self.variable and (self.count == 0 or not text):
            return _TEXT if text else _ARRAY
        return _BYTES[self.datatype][1] * self.count + self.count


@dataclass
class _Table:
    announced: int | None
    fields: list[_Field] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    kind: str = ""
    rows: int = 0
    stream: list[str] = field(default_factory=list)


def check_structure(stream: BinaryIO, budget: Budget) -> None:
    """SpectraError for a VOTable that refers to anything outside, lost rows, or would grow; it is rewound."""
    reader = _Reader(budget)
    try:
        reader.parse(stream)
    except expat.ExpatError as error:
        raise SpectraError(f"damaged or truncated VOTable ({error}): fetch or write it again") from None
    finally:
        stream.seek(0)


class _Reader:
    """Follows the elements of a VOTable."""

    def __init__(self, budget: Budget) -> None:
        self.budget, self.tables = budget, list[_Table]()
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._refuse_entities
        self._depth = 0  # of open tables

    def parse(self, stream: BinaryIO) -> None:
        while chunk := stream.read(2**20):
            self._parser.Parse(chunk, False)
        self._parser.Parse(b"", True)

    def _refuse_entities(self, *_: object) -> None:
        raise SpectraError("a VOTable that defines XML entities is refused: write it without")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "TD":  # nearly all of them
            return
        check_units(attributes.get("unit", ""))
        tag = name.rpartition(":")[2]
        if tag == "TR" and self.tables:
            self.tables[-1].rows += 1
        elif tag == "TABLE":
            announced = attributes.get("nrows", "").strip()
            self.tables.append(_Table(int(announced) if announced.isdigit() else None))
        elif tag == "FIELD" and self.tables:
            self._add_field(self.tables[-1], attributes)
        elif tag in ("FITS", "PARQUET"):
            raise SpectraError(f"a VOTable with {tag} data inside is not read: give the {tag} file itself")
        elif tag in (*_BINARY, "TABLEDATA") and self.tables:
            self.tables[-1].kind = tag
        elif tag == "STREAM":
            self._begin_stream(attributes)

    def _add_field(self, table: _Table, attributes: dict[str, str]) -> None:
        table.fields.append(_field(attributes))
        table.names[attributes.get("name", "")] += 1
        if len(table.fields) > MAX_FIELDS or len(self.tables) > MAX_TABLES:
            raise SpectraError(f"more than {MAX_FIELDS:,} columns or {MAX_TABLES:,} tables: split the file")
        if table.names[attributes.get("name", "")] > MAX_NAMESAKES:
            name = attributes.get("name", "?")[:40]
            raise SpectraError(f"more than {MAX_NAMESAKES} columns are called {name}: give each its own name")

    def _begin_stream(self, attributes: dict[str, str]) -> None:
        if "href" in attributes:
            raise SpectraError(
                f"its data are elsewhere ({attributes['href'][:60]}), and nothing else is opened: "
                "fetch the VOTable with its data inside"
            )
        if attributes.get("encoding", "base64") != "base64":
            raise SpectraError(
                f"a stream in the encoding '{attributes['encoding'][:20]}' is not read: use base64"
            )
        if self.tables:
            self._parser.CharacterDataHandler = self.tables[-1].stream.append

    def _end(self, name: str) -> None:
        if name == "TD":
            return
        tag = name.rpartition(":")[2]
        if tag == "STREAM":
            self._parser.CharacterDataHandler = None
        elif tag == "TABLE" and self.tables:
            self._check(self.tables[-1], len(self.tables))

    def _check(self, table: _Table, number: int) -> None:
        """SpectraError when the rows of a table are not those announced, or take too much memory."""
        if table.kind in _BINARY:
            table.rows = _rows_in_stream(table, number)
        row = sum(f.in_memory for f in table.fields)
        self.budget.spend(row * max(table.rows, table.announced or 0))
        if table.announced is not None and table.kind and table.rows != table.announced:
            raise SpectraError(
                f"table {number} announces {table.announced:,} rows and holds {table.rows:,}: fetch it again"
            )


def _field(attributes: dict[str, str]) -> _Field:
    datatype = attributes.get("datatype", "char")
    datatype = _OLD_NAMES.get(datatype, datatype)
    text = attributes.get("arraysize", "").strip()
    match = re.fullmatch(r"((?:\d+x)*)(\d*)(\*?)", text)
    if datatype not in _BYTES or match is None:
        raise SpectraError(
            f"damaged VOTable: field {attributes.get('name', '?')[:40]} has datatype {datatype[:20]}, "
            f"arraysize {text[:20]}"
        )
    count = 1
    for part in [*match[1].split("x"), match[2]]:
        count *= int(part or 1)
    variable = bool(match[3])
    return _Field(datatype, 0 if variable and not match[2] else count, variable)


# --- rows in a stream ---


def _rows_in_stream(table: _Table, number: int) -> int:
    """How many rows a BINARY stream holds. SpectraError when it is damaged or ends within a row."""
    try:
        data = base64.b64decode("".join("".join(table.stream).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SpectraError(f"the stream of table {number} is damaged ({error}): fetch it again") from None
    head = -(-len(table.fields) // 8) if table.kind == "BINARY2" else 0
    fixed = head + sum(f.stored for f in table.fields if not f.variable)
    if not any(f.variable for f in table.fields):
        if fixed == 0:
            raise SpectraError(f"damaged VOTable: the fields of table {number} hold nothing")
        rows, rest = divmod(len(data), fixed)
    else:
        rows, rest = _walk(data, head, table.fields)
    if rest:
        raise SpectraError(
            f"the stream of table {number} ends within row {rows + 1:,}: bytes are missing, fetch it again"
        )
    return rows


def _walk(data: bytes, head: int, fields: list[_Field]) -> tuple[int, int]:
    """(complete rows, bytes left over) of rows with cells of variable length, each behind its count."""
    rows, position, size = 0, 0, len(data)
    length = struct.Struct(">i")
    while position < size:
        at = position + head
        for one in fields:
            if not one.variable:
                at += one.stored
            elif at + 4 > size:
                return rows, size - position
            else:
                (count,) = length.unpack_from(data, at)
                if count < 0:
                    return rows, size - position
                at += 4 + (-(-count // 8) if one.datatype == "bit" else count * one.stored)
        if at > size or at == position:
            return rows, size - position
        rows, position = rows + 1, at
    return rows, 0
