"""Deleted jobs, which can be brought back for a while: their folders lie aside until it is over."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import JobError
from .job import Job, read_job

FOLDER = "deleted"  # in the folder of jobs, whose own folders have a `job.json` one level higher
KEPT_SECONDS = 600


class Deleted:
    """The deleted jobs of a folder of jobs."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / FOLDER
        self.empty()

    def put(self, folder: Path) -> None:
        """Delete a job's folder, for now. OSError where it cannot be moved."""
        self.empty()
        self.folder.mkdir(exist_ok=True)
        place = self.folder / folder.name
        shutil.rmtree(place, ignore_errors=True)
        folder.rename(place)
        (place / "job.json").touch()  # from now on its time counts

    def has(self, name: str) -> bool:
        """Whether a job can still be restored."""
        return self._age(self.folder / name) < KEPT_SECONDS

    def take(self, name: str, allowed: Callable[[Job], bool]) -> Path | None:
        """Put a job back; None where it is gone, or not allowed. OSError where it cannot be moved."""
        with suppress(OSError, JobError):
            if self.has(name) and allowed(read_job(self.folder / name)):
                return (self.folder / name).rename(self.root / name)
        return None

    def empty(self) -> None:
        """Remove for good what was deleted long ago."""
        for place in self.folder.glob("*"):
            if self._age(place) >= KEPT_SECONDS:
                shutil.rmtree(place, ignore_errors=True)

    @staticmethod
    def _age(place: Path) -> float:
        """Seconds since a job was deleted; infinite for what is no job."""
        try:
            return time.time() - (place / "job.json").stat().st_mtime
        except OSError:
            return float("inf")
