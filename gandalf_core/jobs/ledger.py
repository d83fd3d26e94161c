"""What belongs to whom, beside the jobs, whose folders say so: uploads, added models, simulated stars."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from ..errors import JobError

FILE = "visitors.db"  # in the folder of the jobs
DAY = 24 * 3600
PATIENCE_SECONDS = 10
TABLES = """
CREATE TABLE IF NOT EXISTS things (
    kind TEXT, name TEXT, owner TEXT, title TEXT, path TEXT, bytes INTEGER, stored REAL,
    PRIMARY KEY (kind, name, owner)
);
CREATE TABLE IF NOT EXISTS stars (
    owner TEXT, sample TEXT, count INTEGER, asked REAL, PRIMARY KEY (owner, sample)
);
"""


class Thing(NamedTuple):
    """Something that a visitor keeps on the server.

    kind: `upload`, `latent` or `model`.  name: its key, or its folder's name.  title: what the visitor calls
    it.  stored: seconds since 1970.
    """

    kind: str
    name: str
    owner: str
    title: str
    path: Path
    bytes: int
    stored: float


class Ledger:
    """A database of things and their owners; several may own the same thing.

    Every method raises JobError where the database cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        with self._open() as database:
            database.executescript(TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=PATIENCE_SECONDS)) as database, database:
                yield database
        except sqlite3.Error as error:
            raise JobError(f"{self.path}: cannot be used ({error}): is the disk full?") from None

    # --- things ---

    def add(self, thing: Thing) -> None:
        """Note that somebody owns a thing; one that is known already counts as stored now."""
        with self._open() as database:
            values = (*thing[:4], str(thing.path), *thing[5:])
            database.execute("INSERT OR REPLACE INTO things VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def of(self, owner: str) -> list[Thing]:
        """What somebody keeps, newest first."""
        return self._things("owner = ?", owner)

    def owners(self, kind: str, name: str) -> set[str]:
        """Who owns a thing; nobody for one that was there before or came from the shell."""
        return {thing.owner for thing in self._things("kind = ? AND name = ?", kind, name)}

    def all(self, kind: str) -> list[Thing]:
        """Every thing of a kind, newest first."""
        return self._things("kind = ?", kind)

    def drop(self, thing: Thing) -> bool:
        """Take a thing from its owner; True where nobody else owns it."""
        with self._open() as database:
            key = (thing.kind, thing.name)
            database.execute(
                "DELETE FROM things WHERE kind = ? AND name = ? AND owner = ?", (*key, thing.owner)
            )
            (left,) = database.execute(
                "SELECT count(*) FROM things WHERE kind = ? AND name = ?", key
            ).fetchone()
        return not left

    def forget(self, path: Path) -> None:
        """Take what lay at a path, and is gone, from everybody."""
        with self._open() as database:
            database.execute("DELETE FROM things WHERE path = ?", (str(path),))

    def _things(self, where: str, *values: str) -> list[Thing]:
        with self._open() as database:
            rows = database.execute(
                f"SELECT * FROM things WHERE {where} ORDER BY stored DESC", values
            ).fetchall()
        return [Thing(*row)._replace(path=Path(row[4])) for row in rows]

    # --- simulated stars ---

    def ask_stars(self, owner: str, sample: str, count: int) -> None:
        """Note that somebody has a sample simulated; the same sample counts once a day."""
        with self._open() as database:
            database.execute("DELETE FROM stars WHERE asked < ?", (time.time() - DAY,))
            database.execute(
                "INSERT OR IGNORE INTO stars VALUES (?, ?, ?, ?)", (owner, sample, count, time.time())
            )

    def stars(self, owner: str) -> dict[str, int]:
        """The samples that somebody had simulated within the last day, and how many stars each has."""
        with self._open() as database:
            query = "SELECT sample, count FROM stars WHERE owner = ? AND asked >= ?"
            return dict(database.execute(query, (owner, time.time() - DAY)).fetchall())
