"""What the reader of a format hands on: the tables of a file, before anybody says what they mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import SpectraError
from .columns import RawColumn, Table
from .limits import is_flag
from .lines import MAX_COMMENTS, clipped
from .names import role_of
from .sky import is_place, places_of
from .sniff import check_columns

LONGEST_TEXT = 1000  # characters of a column's name, unit or UCD
Wanted = Callable[[str, str | None], bool]  # whether anybody needs a column, by its name and UCD


def has_role(name: str, ucd: str | None = None) -> bool:
    """Whether a column is of a spectrum, a label or a position; the others are only named, not parsed."""
    return role_of(name, ucd) is not None or is_flag(name) or is_place(name, ucd)


def every(name: str, ucd: str | None = None) -> bool:
    """Every column is wanted, as in a table of labels of any name."""
    return True


def _check_texts(column: RawColumn) -> None:
    """SpectraError for a name, unit or UCD as long as none ever is: to understand it would take for ever."""
    for what, text in (("name", column.name), ("unit", column.unit), ("UCD", column.ucd)):
        if text is not None and len(text) > LONGEST_TEXT:
            raise SpectraError(
                f"column {column.name[:40]} has a {what} of {len(text):,} characters: shorten it to "
                f"{LONGEST_TEXT}"
            )


@dataclass(frozen=True)
class RawTable:
    """One table of a file.

    columns: all of them, in the order of the file; values are None where a column is not wanted. meta: the
    keywords beside the rows. comments: lines of text beside them. remarks: sentences on how it was read that
    users must know.
    """

    columns: tuple[RawColumn, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    comments: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_columns(len(self.columns))
        for column in self.columns:
            _check_texts(column)
        comments = tuple(clipped(self.comments))
        if len(comments) < len(self.comments):
            said = f"only the first {MAX_COMMENTS:,} characters of its comments were looked at"
            object.__setattr__(self, "remarks", (*self.remarks, said))
        object.__setattr__(self, "comments", comments)

    def alone_of(self, tables: "Sequence[RawTable]") -> "RawTable":
        """The table, chosen of those of a file, with a remark on the others that have rows."""
        others = [t for t in tables if t is not self and any(np.size(c.values) for c in t.columns)]
        said = f"further tables in the file are not used: {len(others)}, of " + "; ".join(
            ", ".join(c.name for c in t.columns)[:80] for t in others[:3]
        )
        return replace(self, remarks=(*self.remarks, said)) if others else self

    def with_meaning(self) -> Table:
        """Its columns by what they mean."""
        table = Table.build(self.columns, self.meta, self.comments)
        table.remarks = (*self.remarks, *table.remarks)
        table.places = places_of(self.columns, self.meta)
        return table

    def has(self, role: str) -> bool:
        """Whether a column of this role has values."""
        return any(role_of(c.name, c.ucd) == role and c.values is not None for c in self.columns)
