"""How much the visitors' things take on the disk, and which of them go when it is too much."""

import os
import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .. import places
from .job import Job
from .ledger import Ledger, Thing

# folders of the cache that grow with what visitors ask for
CACHED = ("stars", "uploads", "latents", "maps", "selections")
PERMANENT_KINDS = ("train", "sweep")  # of jobs: their results are work that cannot be repeated in a minute
KEPT_SECONDS = 3600  # nothing younger is removed


class Piece(NamedTuple):
    """Something on the disk. rank: lower ones go first; those of one rank by their age, the oldest first."""

    path: Path
    bytes: int
    changed: float
    rank: int


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; what vanishes meanwhile counts nothing."""
    total = 0
    with suppress(OSError):
        if not path.is_dir():
            return path.stat().st_size
        with os.scandir(path) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        total += size_of(Path(entry.path))
                    else:
                        total += entry.stat(follow_symlinks=False).st_size
    return total


def pieces(jobs: Iterable[Job], models: Iterable[Thing]) -> list[Piece]:
    """Everything that counts: cached files, jobs, and models that visitors have added."""
    found = []
    for name in CACHED:
        for path in (places.cache_folder() / name).glob("*"):
            with suppress(OSError):
                about = path.stat()
                # simulated stars are made again where they are missing
                found.append(Piece(path, about.st_size, about.st_mtime, 0 if name == "stars" else 1))
    for job in jobs:
        rank = 3 if job.active else 2 if job.kind in PERMANENT_KINDS else 1
        found.append(Piece(job.folder, size_of(job.folder), job.ended, rank))
    found += {
        thing.path: Piece(thing.path, size_of(thing.path), thing.stored, 2) for thing in models
    }.values()
    return found


def too_many(found: list[Piece], limit: int, *, permanent: bool) -> tuple[list[Piece], int]:
    """What must go so that the rest takes at most `limit` bytes, and the bytes that are left then.

    permanent: whether trainings, sweeps and added models may go, too. Nothing younger than an hour goes, and
    nothing that is still at work.
    """
    left, going = sum(piece.bytes for piece in found), []
    old = time.time() - KEPT_SECONDS
    order = sorted(found, key=lambda piece: (min(piece.rank, 1) if permanent else piece.rank, piece.changed))
    for piece in order:
        if left <= limit:
            break
        if piece.rank <= (2 if permanent else 1) and piece.changed < old:
            going.append(piece)
            left -= piece.bytes
    return going, left


def remove(path: Path, ledger: Ledger) -> None:
    """Remove a file or folder, and forget who owned it."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    ledger.forget(path)
