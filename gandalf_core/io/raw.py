"""What the reader of a format hands on: the tables of a file, before anybody says what they mean."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .columns import RawColumn, Table
from .names import role_of

Wanted = Callable[[str, str | None], bool]  # whether anybody needs a column, by its name and UCD


def has_role(name: str, ucd: str | None = None) -> bool:
    """Whether a column is part of a spectrum or one of its labels; the others are only named, not parsed."""
    return role_of(name, ucd) is not None


def every(name: str, ucd: str | None = None) -> bool:
    """Every column is wanted, as in a table of labels of any name."""
    return True


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

    def with_meaning(self) -> Table:
        """Its columns by what they mean."""
        table = Table.build(self.columns, self.meta, self.comments)
        table.remarks = (*self.remarks, *table.remarks)
        return table

    def has(self, role: str) -> bool:
        """Whether a column of this role has values."""
        return any(role_of(c.name, c.ucd) == role and c.values is not None for c in self.columns)
