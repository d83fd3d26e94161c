"""What each visitor uses of the server, and whether there is room for more."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import JobError
from .disk import pieces, remove, size_of, too_many
from .job import Job
from .ledger import Ledger, Thing
from .quotas import MB, Quotas, quotas
from .visitors import SERVER, Visitor

SIMULATED = re.compile(r"simulated:(\d+)")  # in the arguments of a command


@dataclass(frozen=True)
class Usage:
    """What a visitor uses now: unfinished jobs, bytes on the disk, stars simulated within 24 hours."""

    jobs: int
    disk: int
    simulated_stars: int


class Accounts:
    """Usage and quotas of all visitors. jobs: lists the jobs of the server."""

    def __init__(self, folder: Path, jobs: Callable[[], list[Job]]) -> None:
        self.ledger, self._jobs = Ledger(folder), jobs
        self._sizes: dict[str, tuple[float, int]] = {}  # of a finished job: when it ended, its bytes

    def usage(self, owner: str) -> Usage:
        """What somebody uses now."""
        own = [job for job in self._jobs() if job.owner == owner]
        kept = sum(map(self._size, own)) + sum(thing.bytes for thing in self.ledger.of(owner))
        return Usage(sum(job.active for job in own), kept, sum(self.ledger.stars(owner).values()))

    def _size(self, job: Job) -> int:
        ended, size = self._sizes.get(job.id, (0.0, 0))
        if job.active or ended != job.ended:
            size = size_of(job.folder)
            self._sizes[job.id] = job.ended, size
        return size

    # --- is there room? each raises JobError with what to do where there is none ---

    def check_job(self, owner: str, arguments: Iterable[str]) -> None:
        """Whether somebody may start another job."""
        limits, jobs = quotas(), self._jobs()
        if sum(job.active for job in jobs) >= limits.total_jobs:
            raise JobError(
                f"{limits.total_jobs} jobs wait or run on this server: come again when some have ended."
            )
        if is_server(owner):
            return
        if sum(job.active and job.owner == owner for job in jobs) >= limits.jobs:
            raise JobError(
                f"You have {_jobs(limits.jobs)} waiting or running: wait for one, or stop one on its page."
            )
        self.check_disk(owner)
        self._check_stars(owner, samples_in(arguments), limits)

    def check_disk(self, owner: str, size: int = 0) -> None:
        """Whether somebody may keep `size` more bytes; the oldest things of all make room for them."""
        limits = quotas()
        kept = self.usage(owner).disk
        if kept + size > limits.disk:
            raise JobError(
                f"You keep {megabytes(kept)} of the {megabytes(limits.disk)} that you may keep on this server"
                + (f", and this needs {megabytes(size)} more" if size else "")
                + ": remove uploads, trainings, sweeps or models of yours first."
            )
        if self.prune(size) + size > limits.total_disk:
            raise JobError(
                f"The {megabytes(limits.total_disk)} that this server keeps for all visitors are used up: "
                "remove what you no longer need, or ask who runs it."
            )

    def ask_stars(self, owner: str, samples: dict[str, int]) -> None:
        """Note that somebody has these samples (name → stars) simulated, if there is room for them."""
        self._check_stars(owner, samples, quotas())
        for sample, count in samples.items():
            self.ledger.ask_stars(owner, sample, count)

    def _check_stars(self, owner: str, samples: dict[str, int], limits: Quotas) -> None:
        had = self.ledger.stars(owner)
        new = sum(count for sample, count in samples.items() if sample not in had)
        if new and sum(had.values()) + new > limits.simulated_stars:
            raise JobError(
                f"{new:,} more simulated stars are too many: you had {sum(had.values()):,} of "
                f"{limits.simulated_stars:,} within 24 hours. Take fewer, or come again tomorrow."
            )

    def prune(self, needed: int = 0) -> int:
        """Remove the oldest things while all take more than there is, less `needed` bytes; the bytes left."""
        limits = quotas()
        found = pieces(self._jobs(), self.ledger.all("model"))
        going, left = too_many(found, limits.total_disk - needed, permanent=limits.prune_trainings)
        for piece in going:
            remove(piece.path, self.ledger)
        return left

    # --- things ---

    def keep(self, kind: str, name: str, owner: str, title: str, path: Path) -> None:
        """Note that somebody owns what lies at a path."""
        self.ledger.add(Thing(kind, name, owner, title, path, size_of(path), time.time()))

    def remove(self, kind: str, name: str, by: Visitor) -> None:
        """Take a thing from a visitor; with its last owner it goes. JobError for what belongs to others.

        Who sits at the server's machine takes it from everybody.
        """
        things = [thing for thing in self.ledger.all(kind) if thing.name == name]
        own = [thing for thing in things if by.may_change(thing.owner)]
        if not own:
            raise JobError(
                "This belongs to another visitor: only who brought it, or the server's owner, may remove it."
            )
        for thing in own:
            if self.ledger.drop(thing):
                remove(thing.path, self.ledger)


def samples_in(arguments: Iterable[str]) -> dict[str, int]:
    """The samples of simulated stars that a command works with, and how many stars each has."""
    found = (SIMULATED.match(argument) for argument in arguments)
    return {match.string: int(match[1]) for match in found if match}


def is_server(owner: str) -> bool:
    """Whether the server itself owns something: what it does once for all visitors."""
    return owner.split(" ")[0] == SERVER


def megabytes(size: int) -> str:
    """A number of bytes in words."""
    return f"{size / MB:,.0f} MB" if size >= 10 * MB or size < MB / 20 else f"{size / MB:.1f} MB"


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"
