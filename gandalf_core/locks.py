"""Locks on open files and folders, which end with the process that holds them, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def can_lock() -> bool:
    """Whether this platform has such locks."""
    return fcntl is not None


def try_lock(file: int) -> bool:
    """Lock an open file (its descriptor); False where somebody else holds it.

    Raises OSError where its file system knows no locks.
    """
    if fcntl is None:
        raise OSError("no locks on this platform")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Within the block no other process is in such a block of the same folder; wait for it.

    Where the platform or the file system knows no locks, the block simply runs.
    """
    if fcntl is None:
        yield
        return
    file = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
