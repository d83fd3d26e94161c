"""The server's queue of jobs, as the pages use it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core import places
from gandalf_core.errors import JobError
from gandalf_core.jobs.job import Job
from gandalf_core.jobs.queue import JobManager
from gandalf_core.jobs.quotas import quotas
from gandalf_core.jobs.sayings import for_visitors
from gandalf_core.jobs.visitors import SERVER
from gandalf_core.models.files import write_arrays
from pages.ui import show, visitor
from pages.ui.cache.keys import subfolder

NOT_YOURS = "Another visitor's: only they can stop or delete it."
_managers: dict[Path, JobManager] = {}  # here, not in a cache of Streamlit, which any browser can empty
_lock = threading.Lock()


def manager() -> JobManager:
    """The server's one queue."""
    root = places.runs_folder()
    with _lock:
        if root not in _managers:
            _managers[root] = JobManager(root, places.explorer_folder())
        return _managers[root]


def prepare(ids: np.ndarray, path: Path) -> str:
    """Queue the simulation of these stars (N,) into a file, once for everybody; returns the job's id."""
    for job in manager().list("prepare"):
        if job.active and job.arguments[1] == str(path):
            return job.id
    ids_file = subfolder("stars") / f"{path.stem}-ids.npz"
    write_arrays(ids_file, {"ids": ids})
    return manager().submit(
        "prepare",
        f"simulating {len(ids):,} stars",
        [str(ids_file), str(path)],
        f"{SERVER} {path.stem}",
        module="pages.ui.cache.prepare",
    )


def owner() -> str:
    """Whom a job belongs to that this visitor starts."""
    return visitor.current().id


def mark(job: Job) -> str:
    """What tells a job from others in a list: its number, and whether this visitor started it."""
    return f"{job.id[:6]}{' · yours' if job.owner == owner() else ''}"


def may_change(job: Job) -> bool:
    """Whether this visitor may stop, resume and delete a job."""
    return visitor.current().may_change(job.owner)


def may_delete(job: Job) -> bool:
    """Whether this visitor may delete a job when it has ended."""
    return may_change(job) and (visitor.current().here or quotas().deletion)


# --- what visitors keep, and ask for ---


@contextmanager
def keeping(kind: str, name: str, title: str, path: Path, size: int) -> Iterator[None]:
    """The block puts something of this visitor, of about `size` bytes, at a path; its last title counts.

    JobError, before the block, where their quota has no room for it.
    """
    accounts, own = manager().accounts, owner()
    if own not in accounts.ledger.owners(kind, name):
        accounts.check_disk(own, size)
    yield
    accounts.keep(kind, name, own, title, path)


def title_of(kind: str, name: str) -> str:
    """What this visitor calls something of theirs; empty where it is not theirs."""
    kept = manager().accounts.ledger.of(owner())
    return next((thing.title for thing in kept if (thing.kind, thing.name) == (kind, name)), "")


def ask_stars(sample: str, count: int) -> None:
    """This visitor wants a sample of simulated stars. JobError where their quota has no room for it."""
    manager().accounts.ask_stars(owner(), {sample: count})


def may_remove(kind: str, name: str) -> bool:
    """Whether this visitor may remove what lies under a name; uploads of one's own always."""
    owners, by = manager().accounts.ledger.owners(kind, name), visitor.current()
    return any(map(by.may_change, owners)) and (kind != "model" or by.here or quotas().deletion)


def remove(kind: str, name: str) -> None:
    """Remove something of this visitor's."""
    with telling():
        if not may_remove(kind, name):
            raise JobError("On this server visitors remove only their own uploads: ask who runs it.")
        manager().accounts.remove(kind, name, visitor.current())


# --- for buttons ---


def cancel(name: str) -> None:
    """Stop a job of this visitor."""
    with telling():
        manager().cancel(name, visitor.current())


def resume(name: str) -> None:
    """Queue a stopped job of this visitor again."""
    with telling():
        manager().resume(name, visitor.current())


def delete(name: str) -> bool:
    """Delete an ended job of this visitor, and its results; whether that was done."""
    with telling():
        manager().delete(name, visitor.current())
        return True
    return False


def restore(name: str) -> None:
    """Bring back a job of this visitor that was deleted just now."""
    by = visitor.current()
    with telling():
        if manager().deleted.take(name, lambda job: by.may_change(job.owner)) is None:
            raise JobError("It is gone: a deleted job can be brought back for ten minutes only.")


@contextmanager
def telling() -> Iterator[None]:
    """What is refused in the block as a message that stays while the page is drawn again."""
    try:
        yield
    except JobError as error:
        st.toast(show.escaped(for_visitors(str(error))), icon=":material/block:", duration="long")
