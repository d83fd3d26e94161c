"""A queue of long work: each job is a subprocess `python -m gandalf_core … --job FOLDER` at low priority.

The job folder is the only channel (jobs/folder.py writes it, jobs/job.py reads it), so a job survives reruns
of a page, closed tabs and other sessions. When the server ends, its jobs end too; a training can be resumed.
"""

import atexit
import itertools
import re
import shutil
import subprocess
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from ..atomic import cause_of, make_folder, write_text
from ..errors import GandalfError, JobError
from .accounts import Accounts, is_server, samples_in
from .deleted import Deleted
from .disk import PERMANENT_KINDS, remove, size_of
from .folder import JobState
from .job import Job, read_job, write_record, write_status
from .leading import Lead
from .processes import GRACE_SECONDS, end_all, end_overdue, last_line, launch, refusing
from .quotas import quotas
from .visitors import Visitor

IDENTIFIER = re.compile(r"[0-9a-f]{12}")
MAX_FINISHED = 200  # older finished jobs are deleted
PATROL_SECONDS = 0.5
MEASURED_EVERY = 20  # patrols between two looks at what running jobs take on the disk


class JobManager:
    """A first-in, first-out queue over the job folders in `root`.

    Jobs run in `working_folder`, as many at a time as the quotas say. Of several servers on one folder, one
    runs the jobs of all (leading.py). Jobs that an earlier server left unfinished are marked as ended.
    """

    def __init__(self, root: Path, working_folder: Path) -> None:
        self.root, self.working_folder = root, working_folder
        self.processes: dict[str, subprocess.Popen] = {}
        self._lock = threading.RLock()
        self._closing = self._again = False
        make_folder(root)
        self.deleted = Deleted(root)
        self.accounts = Accounts(root, self.list)
        self._lead = Lead(root)
        if self._lead.take():
            self._end_orphans((JobState.QUEUED, JobState.RUNNING))
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
        content: see `Job`. Raises JobError where the owner's quotas leave no room for it (accounts.py), or
        where the job cannot be written.
        """
        self.accounts.check_job(owner, arguments)
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
        if not is_server(owner):
            self.accounts.ask_stars(owner, samples_in(arguments))
        self._prune()
        self._start_waiting()
        return name

    def _write(self, job: Job, config: str) -> None:
        """Make the folder of a new job; where that cannot be, nothing of it stays. JobError says why."""
        try:
            with refusing():
                job.folder.mkdir()
                if config:
                    write_text(job.folder / "config.json", config)
                write_status(job, JobState.QUEUED, "waiting for its turn")
                write_record(job)  # the last one: with it the job exists
        except JobError:
            shutil.rmtree(job.folder, ignore_errors=True)
            raise

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

    def cancel(self, name: str, by: Visitor) -> None:
        """Ask a job to stop after its epoch; one that does not stop in time is terminated.

        JobError for a job of somebody else.
        """
        job = self._own(name, by, "stop")
        self._cancel(job)

    def _cancel(self, job: Job) -> None:
        with refusing():
            (job.folder / "cancel").touch()
        if job.id not in self.processes and job.state == JobState.QUEUED:
            with refusing():
                write_status(job, JobState.CANCELLED, "stopped before it began")

    def resume(self, name: str, by: Visitor) -> None:
        """Queue a stopped job again.

        A training continues from its checkpoint, a sweep with its missing trials. JobError for a job of
        somebody else, and where its owner's quotas leave no room for it.
        """
        with self._lock, refusing():
            job = self._own(name, by, "resume")
            if job.active:
                return
            self.accounts.check_job(job.owner, ())
            self._await_end(name)
            (job.folder / "cancel").unlink(missing_ok=True)
            if job.has_checkpoint and "--resume" not in job.arguments:
                write_record(replace(job, arguments=(*job.arguments, "--resume")))
            write_status(job, JobState.QUEUED, "waiting to resume")
        self._start_waiting()

    def delete(self, name: str, by: Visitor) -> None:
        """Delete a finished job and its results; for a while `deleted` can bring them back.

        JobError while it waits or runs, for a job of somebody else, and where visitors delete nothing.
        """
        job = self._own(name, by, "delete")
        if job.active:
            raise JobError("Stop the job first.")
        if not (by.here or quotas().deletion):
            raise JobError("On this server visitors delete no jobs: ask who runs it.")
        with refusing():
            self.deleted.put(job.folder)

    def _own(self, name: str, by: Visitor, verb: str) -> Job:
        """A job that this visitor may change. JobError for any other."""
        job = self.job(name)
        if not by.may_change(job.owner):
            raise JobError(f"Another visitor started this: only they may {verb} it, or who is at the server.")
        return job

    def close(self) -> None:
        """Terminate all jobs and start no other; called when the server ends."""
        self._closing = True
        end_all(list(self.processes.values()))
        self._lead.leave()

    # --- processes ---

    def launch(self, job: Job) -> subprocess.Popen:
        """Start the process of a job."""
        return launch(job, self.working_folder)

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
                if not self._lead.held:
                    self._lead.call()
                    self._again = False
                    return
                queued = (job for job in reversed(self.list()) if job.state == JobState.QUEUED)
                waiting = [job for job in queued if job.id not in self.processes]
                for job in waiting[: max(0, quotas().running - len(self.processes))]:
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

    def _end_status(self, name: str, cause: str, resumed: bool = True) -> None:
        """Mark a job that still counts as active as cancelled, or as died with the last line of its log.

        resumed: one that says that it waits was resumed meanwhile, by another server.
        """
        try:
            job = self.job(name)
        except JobError:  # deleted meanwhile
            return
        if not job.active or (resumed and job.status.get("state") == JobState.QUEUED):
            return
        if (job.folder / "cancel").exists():
            write_status(job, JobState.CANCELLED, cause)
        else:
            write_status(job, JobState.DIED, last_line(job.folder / "log.txt") or cause)

    def _end_orphans(self, states: tuple[JobState, ...]) -> None:
        """Mark the jobs that an earlier server left unfinished: nobody runs them any more."""
        for job in self.list():
            if job.state in states:
                with suppress(GandalfError):  # on a full disk it stays as it is until the next start
                    self._end_status(job.id, "the server was stopped; the job can be resumed", resumed=False)

    def _patrol(self) -> None:
        for number in itertools.count(1):
            time.sleep(PATROL_SECONDS)
            try:
                if not self._closing and self._lead.take():  # from a server that has ended
                    self._end_orphans((JobState.RUNNING,))
                    self._again = True
                if self.processes or self._again or (self._lead.held and self._lead.called()):
                    self._start_waiting()
                    end_overdue(self.root, self.processes)
                    if number % MEASURED_EVERY == 0:
                        self._stop_large()
            except Exception:  # whatever it is, the queue goes on
                traceback.print_exc()

    def _stop_large(self) -> None:
        """Stop running jobs that take more than one visitor may keep, before they fill the disk."""
        limits = quotas()
        for name in list(self.processes):
            with suppress(OSError, JobError):
                job = self.job(name)
                if size_of(job.folder) > limits.disk and not (job.folder / "cancel").exists():
                    share = f"more than the {limits.disk_mb} MB that one visitor may keep"
                    with (job.folder / "log.txt").open("a", encoding="utf-8") as log:
                        log.write(f"stopped: it takes {share}\n")
                    self._cancel(job)

    def _prune(self) -> None:
        finished = [job for job in self.list() if not job.active and job.kind not in PERMANENT_KINDS]
        for job in finished[MAX_FINISHED:]:
            remove(job.folder, self.accounts.ledger)
