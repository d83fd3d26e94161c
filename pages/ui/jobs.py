"""Long work in niced subprocesses of `python -m gandalf_core … --job FOLDER`: one queue for the whole server.

The job folder is the only channel (gandalf_core/jobs/folder.py writes it, this file reads it), so a job
survives reruns, closed tabs and other sessions; when the server ends its jobs end too, and a training can be
resumed.
"""

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import streamlit as st

from pages.ui import cache

IDENTIFIER = re.compile(r"[0-9a-f]{12}")
RUNNING = ("queued", "running")
PER_OWNER = 3  # unfinished jobs one person may have
KEPT = 200  # finished jobs whose folders stay
LASTING = ("train", "sweep")  # kinds that are never pruned
GRACE_SECONDS = 8


class JobError(Exception):
    """A job that cannot be started or does not exist; the message is for the user."""


@dataclass(frozen=True)
class Job:
    """What is known of a job. state: queued, running, done, cancelled, failed or died."""

    id: str
    folder: Path
    kind: str
    title: str
    module: str
    arguments: tuple[str, ...]
    owner: str
    created: float
    status: dict[str, Any]

    @property
    def state(self) -> str:
        return self.status.get("state", "queued")

    @property
    def active(self) -> bool:
        return self.state in RUNNING

    def history(self) -> list[dict]:
        """The epochs so far; a line that is being written is left for the next look."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_text().split("\n")[:-1] if path.is_file() else []
        return [json.loads(line) for line in lines]


class JobManager:
    """A first-in, first-out queue over job folders under `root`; `max_running` at a time."""

    def __init__(self, root: Path, max_running: int = 1) -> None:
        self.root, self.max_running = root, max_running
        self.lock = threading.RLock()
        self.processes: dict[str, subprocess.Popen] = {}
        self.closing = False
        root.mkdir(parents=True, exist_ok=True)
        self._bury()
        atexit.register(self.close)
        threading.Thread(target=self._watch, daemon=True).start()

    # --- what pages ask ---

    def submit(
        self,
        kind: str,
        title: str,
        arguments: list[str],
        owner: str,
        config: str = "",
        module: str = "gandalf_core",
    ) -> str:
        """Queue `python -m <module> <arguments>`; `{folder}` in an argument becomes the job's folder. Returns
        its id.
        """
        if sum(job.active and job.owner == owner for job in self.list()) >= PER_OWNER:
            raise JobError(
                f"You have {PER_OWNER} jobs waiting or running: wait for one, or stop one on its page."
            )
        name = uuid4().hex[:12]
        folder = self.root / name
        folder.mkdir()
        if config:
            (folder / "config.json").write_text(config)
        arguments = [a.replace("{folder}", str(folder)) for a in arguments]
        facts = {"kind": kind, "title": title, "module": module, "arguments": arguments, "owner": owner}
        _write(folder / "job.json", facts | {"created": time.time()})
        _write(folder / "status.json", {"state": "queued", "message": "waiting for its turn"})
        self._prune()
        self._start_next()
        return name

    def job(self, name: str) -> Job:
        """A job by its id. JobError when there is none."""
        folder = self.root / name
        if not IDENTIFIER.fullmatch(name) or not (folder / "job.json").is_file():
            raise JobError(f"No job {name[:12]} on this server: it may have been deleted.")
        facts = json.loads((folder / "job.json").read_text())
        facts["arguments"] = tuple(facts["arguments"])
        return Job(name, folder, status=_read(folder / "status.json"), **facts)

    def list(self, kind: str = "") -> list[Job]:
        """All jobs (of a kind), newest first."""
        names = [path.parent.name for path in self.root.glob("*/job.json")]
        found = [self.job(name) for name in names if IDENTIFIER.fullmatch(name)]
        return sorted((job for job in found if kind in ("", job.kind)), key=lambda job: -job.created)

    def cancel(self, name: str) -> None:
        """Ask a job to stop after its epoch; one that does not obey in time is ended."""
        job = self.job(name)
        (job.folder / "cancel").touch()
        process = self.processes.get(name)
        if process is None and job.state == "queued":
            _write(
                job.folder / "status.json",
                job.status | {"state": "cancelled", "message": "stopped before it began"},
            )
        elif process is not None:
            threading.Timer(GRACE_SECONDS * 4, _end, [process]).start()

    def resume(self, name: str) -> None:
        """Put a stopped job back into the queue; a training goes on from its checkpoint, a sweep with what it
        lacks.
        """
        with self.lock:
            job = self.job(name)
            self._await_end(name)
            (job.folder / "cancel").unlink(missing_ok=True)
            facts = json.loads((job.folder / "job.json").read_text())
            if (job.folder / "model" / "checkpoint.safetensors").is_file() and "--resume" not in facts[
                "arguments"
            ]:
                facts["arguments"].append("--resume")
            _write(job.folder / "job.json", facts)
            _write(
                job.folder / "status.json", {**job.status, "state": "queued", "message": "waiting to go on"}
            )
        self._start_next()

    def _await_end(self, name: str) -> None:
        """A process that has said its last word still has to end; noted later, its end would pass for that of
        the next one.
        """
        process = self.processes.get(name)
        if process is not None:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._settle()

    def delete(self, name: str) -> None:
        """Remove a finished job with all it made."""
        job = self.job(name)
        if job.active:
            raise JobError("Stop the job first.")
        shutil.rmtree(job.folder)

    # --- the queue ---

    def _start_next(self) -> None:
        with self.lock:
            self._settle()
            if self.closing:
                return
            waiting = [job for job in reversed(self.list()) if job.state == "queued"]
            for job in waiting[: self.max_running - len(self.processes)]:
                self.processes[job.id] = self._launch(job)

    def _launch(self, job: Job) -> subprocess.Popen:
        _write(job.folder / "status.json", {**job.status, "state": "running", "message": "starting"})
        command = [sys.executable, "-m", job.module, *job.arguments, "--json", "--job", str(job.folder)]
        with (job.folder / "result.json").open("wb") as out, (job.folder / "log.txt").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                cwd=cache.ROOT,
                start_new_session=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
        if hasattr(os, "setpriority"):  # the pages' own work comes first
            os.setpriority(os.PRIO_PROCESS, process.pid, 10)
        return process

    def _settle(self) -> None:
        """Take note of processes that ended; one that did not say how it ended has died."""
        for name, process in list(self.processes.items()):
            if process.poll() is None:
                continue
            del self.processes[name]
            self._close_status(name, f"ended with status {process.returncode}")

    def _close_status(self, name: str, cause: str) -> None:
        path = self.root / name / "status.json"
        status = _read(path)
        if path.parent.is_dir() and status.get("state") in RUNNING:
            log = path.with_name("log.txt")
            last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.is_file() else []
            state = "cancelled" if path.with_name("cancel").exists() else "died"
            _write(path, status | {"state": state, "message": last[0] if last and state == "died" else cause})

    def _bury(self) -> None:
        """Jobs of an earlier server that nobody runs any more."""
        for job in self.list():
            if job.active:
                self._close_status(job.id, "the server was stopped; it can go on from its checkpoint")

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            if self.processes:
                self._start_next()

    def _prune(self) -> None:
        finished = [job for job in self.list() if not job.active and job.kind not in LASTING]
        for job in finished[KEPT:]:
            shutil.rmtree(job.folder, ignore_errors=True)

    def close(self) -> None:
        """End all jobs and start no other; called when the server ends."""
        self.closing = True
        ending = list(self.processes.values())
        for process in ending:
            process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for process in ending:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.terminate()


def _write(path: Path, values: dict) -> None:
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(values, ensure_ascii=False))
    partial.replace(path)


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


@st.cache_resource
def _manager(root: str) -> JobManager:
    return JobManager(Path(root))


def manager() -> JobManager:
    """The server's one queue."""
    return _manager(os.environ.get("GANDALF_RUNS", str(cache.ROOT / "runs")))


def prepare(ids: np.ndarray, path: Path) -> str:
    """The job that simulates these stars into a file; one for everybody who needs them."""
    for job in manager().list("prepare"):
        if job.active and job.arguments[1] == str(path):
            return job.id
    wanted = cache.folder("stars") / f"{path.stem}-ids.npz"
    np.savez(wanted, ids=ids)
    return manager().submit(
        "prepare",
        f"simulating {len(ids):,} stars",
        [str(wanted), str(path)],
        f"server {path.stem}",
        module="pages.ui.prepare",
    )


def owner() -> str:
    """Who this session is, for the limit per person."""
    if not st.session_state["owner"]:
        st.session_state["owner"] = uuid4().hex[:12]
    return st.session_state["owner"]
