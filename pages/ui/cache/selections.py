"""Selections of stars that a link names by a key, and those that a visitor has given a name; kept on disk.

They belong to the visitor who made them; whoever has a link with the key sees the same stars.
"""

from pathlib import Path
from typing import Any

import numpy as np

from gandalf_core.data.identity import identity
from gandalf_core.errors import GandalfError, SpectraError
from gandalf_core.models.files import read_arrays, write_arrays
from pages.ui import jobs, visitor
from pages.ui.cache.keys import subfolder

KIND = "selection"  # in the ledger of what visitors keep
KEY_MARK = "key-"  # before a key in a link, which otherwise has the ids themselves
MOST = 100  # selections of one visitor; the oldest without a name go first
MOST_NAME = 60  # letters
UNNAMED = ""


def keep(ids: np.ndarray, name: str = UNNAMED) -> str:
    """Keep the selected ids (K,) and return their key. A name makes the selection stay.

    Raises JobError where the visitor's quota has no room for it.
    """
    ids = np.unique(np.asarray(ids, str))
    key = identity(ids)
    path = _path(key)
    known = {thing.name: thing for thing in _own()}
    if path.is_file() and key in known and (not name or known[key].title == name):
        return key
    title = name[:MOST_NAME] or (known[key].title if key in known else UNNAMED)
    accounts = jobs.manager().accounts
    if not path.is_file():
        accounts.check_disk(jobs.owner(), ids.nbytes)
        write_arrays(path, {"ids": ids})
    accounts.keep(KIND, key, jobs.owner(), title, path)
    _forget_oldest()
    return key


def load(key: str) -> np.ndarray:
    """(K,) ids of a selection. Raises SpectraError when this server does not have it (any more)."""
    if not key.isalnum() or not _path(key).is_file():
        raise SpectraError("the selection of this link is no longer on this server: select the stars again")
    return np.asarray(read_arrays(_path(key))["ids"], str)


def named() -> dict[str, str]:
    """The visitor's named selections: name → key, the newest first."""
    return {thing.title: thing.name for thing in _own() if thing.title and _path(thing.name).is_file()}


def forget(key: str) -> None:
    """Remove a selection of this visitor."""
    jobs.manager().accounts.remove(KIND, key, visitor.current())


def _own() -> list[Any]:
    return [thing for thing in jobs.manager().accounts.ledger.of(jobs.owner()) if thing.kind == KIND]


def _forget_oldest() -> None:
    unnamed = sorted((t for t in _own() if not t.title), key=lambda thing: thing.stored)
    for thing in unnamed[: max(0, len(unnamed) - MOST)]:
        try:
            forget(thing.name)
        except GandalfError:  # another visitor's process was faster
            continue


def _path(key: str) -> Path:
    return subfolder("selections") / f"{key}.npz"
