"""A job folder: how a running command and those who follow it (the app, a queue) talk to each other.

    status.json    {state, pid, command, message, fraction, epoch, epochs, seconds_left, started, updated,
                   result, error}, always replaced as a whole; the states are those of `JobState`
    metrics.jsonl  one line per finished epoch: the fields of an EpochRecord (training/records.py)
    cancel         the command stops within about a second once this file exists; a training can be resumed

A command whose parent process has died stops as well: nobody is left to stop it.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn

from ..atomic import append_line, make_folder, write_text
from ..errors import GandalfError, JobError

PATROL_SECONDS = 0.5


class JobState(StrEnum):
    """The states of a job, as `status.json` spells them."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"  # it said which error ended it
    DIED = "died"  # it ended without a word


class Stopped(BaseException):
    """Somebody asked for an end.

    Not a KeyboardInterrupt: scikit-learn catches that one and returns a fit that is not finished.
    """


def raise_stopped(*_: Any) -> NoReturn:
    """Signal handler: raises Stopped."""
    raise Stopped


@contextlib.contextmanager
def handling(number: int, handler: Callable) -> Iterator[None]:
    """Set a signal's handler within the block; off the main thread, where none can be set, do nothing."""
    try:
        before = signal.signal(number, handler)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, before)


class JobWriter:
    """Writes the folder of a running command.

    While entered, a `cancel` file in the folder raises Stopped in the main thread. JobError when the folder
    cannot be made.
    """

    def __init__(self, folder: str | Path, command: str) -> None:
        self.folder = Path(folder)
        try:
            make_folder(self.folder)
        except GandalfError as error:
            raise JobError(f"{folder}: cannot be a job folder: {error}") from None
        self._finished = threading.Event()
        self._status: dict[str, Any] = {
            "state": JobState.RUNNING,
            "command": command,
            "pid": os.getpid(),
            "started": time.time(),
        }
        self._parent = os.getppid()

    def __enter__(self) -> "JobWriter":
        self.update(message="starting")
        threading.Thread(target=self._patrol, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._finished.set()

    def _patrol(self) -> None:
        while not self._finished.wait(PATROL_SECONDS):
            if (self.folder / "cancel").exists() or os.getppid() != self._parent:
                interrupt_main(signal.SIGTERM)
                return

    def update(self, **values: Any) -> None:
        """Change these values of `status.json`."""
        self._status |= values | {"updated": time.time()}
        text = json.dumps(self._status, ensure_ascii=False)
        self._report(lambda: write_text(self.folder / "status.json", text))

    def add_metrics(self, record: dict[str, Any]) -> None:
        """Append the record of a finished epoch to `metrics.jsonl`."""
        self._report(lambda: append_line(self.folder / "metrics.jsonl", _line(record)))

    def restart_metrics(self, records: list[dict[str, Any]]) -> None:
        """Replace `metrics.jsonl` with the epochs that a resumed training already has."""
        text = "".join(_line(record) + "\n" for record in records)
        self._report(lambda: write_text(self.folder / "metrics.jsonl", text))

    def _report(self, write: Callable[[], None]) -> None:
        """Do it, or say why not: work that goes on does not end because nobody can be told how far it is."""
        try:
            write()
        except GandalfError as error:
            with contextlib.suppress(OSError):
                print(f"gandalf: {error}", file=sys.stderr)


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False)
