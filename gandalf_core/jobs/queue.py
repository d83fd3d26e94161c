"""A queue of long work: each job is a subprocess `python -m gandalf_core … --job FOLDER` at low priority.

The job folder is the only channel (jobs/folder.py writes it, jobs/job.py reads it), so a job survives reruns
of a page, closed tabs and other sessions. When the server ends, its jobs end too; a training can be resumed.
"""

import atexit
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from ..atomic import cause_of, make_folder, write_text
from ..errors import GandalfError, JobError
from .folder import JobState
from .job import Job, read_job, write_record, write_status

IDENTIFIER = re.compile(r"[0-9a-f]{12}")
PER_OWNER = 3  # unfinished jobs that one person may have
MAX_FINISHED = 200  # older finished jobs are deleted
PERMANENT_KINDS = ("train", "sweep")  # never deleted by the queue
GRACE_SECONDS = 8
PATROL_SECONDS = 0.5
NICENESS = 10  # the pages' own work comes first


class JobManager:
    """A first-in, first-out queue over the job folders in `root`.

    Jobs run in `working_folder`, at most `max_running` at a time. Jobs that an earlier server left
    unfinished are marked as ended.
    """

    def __init__(self, root: Path, working_folder: Path, max_running: int = 1) -> None:
        self.root, self.working_folder, self.max_running = root, working_folder, max_running
        self.processes: dict[str, subprocess.Popen] = {}
        self._lock = threading.RLock()
        self._closing = self._again = False
        make_folder(root)
        self._end_orphans()
        atexit.register(self.close)
        threading.Thread(target=self._patrol, daemon=True).start()

    # --- what pages call ---

    def submit(
        self,
        kind: str,
        title: str,
        arguments: list[str],
        owner: str,
        config: str = "",
        module: str = "gandalf_core",
        content: str = "",
    ) -> str:
        """Queue `python -m MODULE ARGUMENTS` and return the job's id.

        `{folder}` in an argument becomes the job's folder, where `config` is written as `config.json`.
        content: see `Job`. Raises JobError when the owner has too many unfinished jobs, or where the job
        cannot be written.
        """
        self._check_number(owner)
        name = uuid4().hex[:12]
        folder = self.root / name
        job = Job(
            id=name,
            folder=folder,
            kind=kind,
            title=title,
            module=module,
            arguments=tuple(a.replace("{folder}", str(folder)) for a in arguments),
            owner=owner,
            created=time.time(),
            status={},
            content=content,
        )
        self._write(job, config)
        self._prune()
        self._start_waiting()
        return name

    def _write(self, job: Job, config: str) -> None:
        """Make the folder of a new job; where that cannot be, nothing of it stays. JobError says why."""
        try:
            with _refusing():
                job.folder.mkdir()
                if config:
                    write_text(job.folder / "config.json", config)
                write_status(job, JobState.QUEUED, "waiting for its turn")
                write_record(job)  # the last one: with it the job exists
        except JobError:
            shutil.rmtree(job.folder, ignore_errors=True)
            raise

    def _check_number(self, owner: str) -> None:
        """JobError when somebody has as many unfinished jobs as one may have."""
        if sum(job.active and job.owner == owner for job in self.list()) >= PER_OWNER:
            raise JobError(
                f"You have {PER_OWNER} jobs waiting or running: wait for one, or stop one on its page."
            )

    def job(self, name: str) -> Job:
        """A job by its id. JobError when there is none."""
        folder = self.root / name
        if IDENTIFIER.fullmatch(name):
            with suppress(OSError, JobError):
                return read_job(folder)
        raise JobError(f"No job {name[:12]} on this server: it may have been deleted.")

    def list(self, kind: str = "") -> list[Job]:
        """All jobs (of a kind), newest first; one that was deleted meanwhile, or is damaged, is none."""
        jobs = []
        for path in self.root.glob("*/job.json"):
            with suppress(JobError):
                jobs.append(self.job(path.parent.name))
        return sorted((job for job in jobs if kind in ("", job.kind)), key=lambda job: -job.created)

    def cancel(self, name: str) -> None:
        """Ask a job to stop after its epoch; one that does not stop in time is terminated."""
        job = self.job(name)
        with _refusing():
            (job.folder / "cancel").touch()
        process = self.processes.get(name)
        if process is None and job.state == JobState.QUEUED:
            with _refusing():
                write_status(job, JobState.CANCELLED, "stopped before it began")
        elif process is not None:
            threading.Timer(GRACE_SECONDS * 4, _terminate, [process]).start()

    def resume(self, name: str) -> None:
        """Queue a stopped job again.

        A training continues from its checkpoint, a sweep with its missing trials.
        """
        with self._lock, _refusing():
            job = self.job(name)
            self._await_end(name)
            (job.folder / "cancel").unlink(missing_ok=True)
            if job.has_checkpoint and "--resume" not in job.arguments:
                write_record(replace(job, arguments=(*job.arguments, "--resume")))
            write_status(job, JobState.QUEUED, "waiting to resume")
        self._start_waiting()

    def delete(self, name: str) -> None:
        """Delete a finished job and its results. JobError while it waits or runs."""
        job = self.job(name)
        if job.active:
            raise JobError("Stop the job first.")
        with _refusing():
            shutil.rmtree(job.folder)

    def close(self) -> None:
        """Terminate all jobs and start no other; called when the server ends."""
        self._closing = True
        processes = list(self.processes.values())
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()

    # --- processes ---

    def launch(self, job: Job) -> subprocess.Popen:
        """Start the process of a job: its result goes to `result.json`, its messages to `log.txt`.

        Both are UTF-8 whatever the locale.
        """
        command = [sys.executable, "-m", job.module, *job.arguments, "--json", "--job", str(job.folder)]
        with (job.folder / "result.json").open("wb") as out, (job.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                cwd=self.working_folder,
                start_new_session=True,
                env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
            )
        if hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        return process

    def _start_waiting(self) -> None:
        """Start the jobs that have waited longest, as many as may run.

        What cannot be done now, on a full disk for example, is tried again by the patrol.
        """
        with self._lock:
            self._again = True
            with suppress(OSError, GandalfError):
                self._collect()
                if self._closing:
                    return
                waiting = [job for job in reversed(self.list()) if job.state == JobState.QUEUED]
                for job in waiting[: max(0, self.max_running - len(self.processes))]:
                    self._start(job)
                self._again = False

    def _start(self, job: Job) -> None:
        """Start a job; one that cannot be started has failed, where that can be written."""
        write_status(job, JobState.RUNNING, "starting")
        try:
            self.processes[job.id] = self.launch(job)
        except OSError as error:
            cause = f"{error.filename or job.folder}: cannot be started ({cause_of(error)})"
            write_status(job, JobState.FAILED, cause)

    def _await_end(self, name: str) -> None:
        """Wait for the process of a job that has already said how it ended.

        Collected later, its end would pass for that of the job's next process.
        """
        process = self.processes.get(name)
        if process is not None:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._collect()

    def _collect(self) -> None:
        """Forget the processes that ended; a job that did not say how it ended has died.

        Raises SpectraError where that cannot be written; it is not forgotten then.
        """
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self._end_status(name, f"ended with status {process.returncode}")
                del self.processes[name]

    def _end_status(self, name: str, cause: str) -> None:
        """Mark a job that still counts as active as cancelled, or as died with the last line of its log."""
        folder = self.root / name
        try:
            job = self.job(name)
        except JobError:  # deleted meanwhile
            return
        if not job.active:
            return
        if (folder / "cancel").exists():
            write_status(job, JobState.CANCELLED, cause)
        else:
            write_status(job, JobState.DIED, _last_line(folder / "log.txt") or cause)

    def _end_orphans(self) -> None:
        """Mark the jobs that an earlier server left unfinished: nobody runs them any more."""
        for job in self.list():
            if job.active:
                with suppress(GandalfError):  # on a full disk it stays as it is until the next start
                    self._end_status(job.id, "the server was stopped; the job can be resumed")

    def _patrol(self) -> None:
        while True:
            time.sleep(PATROL_SECONDS)
            if self.processes or self._again:
                try:
                    self._start_waiting()
                except Exception:  # whatever it is, the queue goes on
                    traceback.print_exc()

    def _prune(self) -> None:
        finished = [job for job in self.list() if not job.active and job.kind not in PERMANENT_KINDS]
        for job in finished[MAX_FINISHED:]:
            shutil.rmtree(job.folder, ignore_errors=True)


@contextmanager
def _refusing() -> Iterator[None]:
    """What the system, or a full disk, refuses in the block as JobError."""
    try:
        yield
    except JobError:
        raise
    except (OSError, GandalfError) as error:
        cause = cause_of(error) if isinstance(error, OSError) else str(error)
        raise JobError(f"The server cannot do this now: {cause}") from None


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return lines[-1] if lines else ""


def _terminate(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()
