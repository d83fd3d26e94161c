"""Which of several servers on one folder of jobs runs them: the one that holds the lock of a file there."""

import os
from contextlib import suppress
from pathlib import Path

from ..locks import try_lock

LOCK = "queue.lock"


class Lead:
    """The lock of a folder of jobs; the others call whoever holds it, and one of them follows when it ends.

    Where the platform or the file system has no locks, every server leads: only one may use the folder there.
    """

    def __init__(self, root: Path) -> None:
        self._path, self._file, self._seen = root / LOCK, -1, 0
        self.held = False

    def take(self) -> bool:
        """Lead where nobody else does; true where that is new."""
        if self.held:
            return False
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            self.held = try_lock(self._file)
        except OSError:
            self.held = True
        if not self.held:
            self._close()
        return self.held

    def call(self) -> None:
        """Tell whoever leads that there is something to do."""
        with suppress(OSError):
            os.utime(self._path)

    def called(self) -> bool:
        """Whether somebody has called since the last look."""
        with suppress(OSError):
            before, self._seen = self._seen, self._path.stat().st_mtime_ns
            return before != self._seen
        return False

    def leave(self) -> None:
        """Lead no longer."""
        self.held = False
        self._close()

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
