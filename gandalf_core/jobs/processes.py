"""The processes of jobs: started at low priority, ended in time; what the system says when that fails."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..atomic import cause_of
from ..errors import GandalfError, JobError
from .job import Job

GRACE_SECONDS = 8
NICENESS = 10  # the pages' own work comes first


def launch(job: Job, working_folder: Path) -> subprocess.Popen:
    """Start the process of a job: its result goes to `result.json`, its messages to `log.txt`.

    Both are UTF-8 whatever the locale. Raises OSError.
    """
    command = [sys.executable, "-m", job.module, *job.arguments, "--json", "--job", str(job.folder)]
    with (job.folder / "result.json").open("wb") as out, (job.folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=log,
            cwd=working_folder,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        )
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
    return process


def end_overdue(root: Path, processes: dict[str, subprocess.Popen]) -> None:
    """Terminate the processes of jobs, by the names of their folders, that were asked to stop long ago."""
    for name, process in list(processes.items()):
        with suppress(OSError):
            asked = (root / name / "cancel").stat().st_mtime
            if time.time() - asked > 4 * GRACE_SECONDS and process.poll() is None:
                process.terminate()


def end_all(processes: list[subprocess.Popen]) -> None:
    """Ask all to end, and kill those that do not within the grace."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def last_line(log: Path) -> str:
    """The last line of a log; empty where there is none."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else ""


@contextmanager
def refusing() -> Iterator[None]:
    """What the system, or a full disk, refuses in the block as JobError."""
    try:
        yield
    except JobError:
        raise
    except (OSError, GandalfError) as error:
        cause = cause_of(error) if isinstance(error, OSError) else str(error)
        raise JobError(f"The server cannot do this now: {cause}") from None
