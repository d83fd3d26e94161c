"""A job folder: how a running command and the app (or a queue) follow each other. The folder is the only
channel.

    status.json    {state, pid, command, message, fraction, epoch, epochs, seconds_left, started, updated,
    result, error},
                   replaced in one move; state is `running`, then `done`, `cancelled` or `failed`
    metrics.jsonl  one line per finished epoch: the fields of `train.EpochRecord`
    cancel         the command stops within about a second once this file exists; training can be resumed

A command whose parent has died stops as well: nobody is left to stop it.
"""

import json
import os
import signal
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import GandalfError

PATROL_SECONDS = 0.5


class Stopped(BaseException):
    """Somebody asked for an end. Not a KeyboardInterrupt: scikit-learn swallows that one and goes on with a
    half-made fit.
    """


def raise_stopped(*_: Any) -> None:
    raise Stopped


@contextmanager
def handling(number: int, handler: Callable) -> Iterator[None]:
    """A signal's handler within the block; off the main thread, where there can be none, nothing is changed."""
    try:
        before = signal.signal(number, handler)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(number, before)


class Job:
    """Writes the folder and, while entered, obeys its `cancel` file by raising Stopped in the main thread."""

    def __init__(self, folder: str | Path, command: str) -> None:
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise GandalfError(f"{folder}: cannot be a job folder ({error.strerror})") from None
        self._finished = threading.Event()
        self._status: dict[str, Any] = {
            "state": "running",
            "command": command,
            "pid": os.getpid(),
            "started": time.time(),
        }
        self._parent = os.getppid()

    def __enter__(self) -> "Job":
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
        """Replace `status.json`, never half written."""
        self._status |= values | {"updated": time.time()}
        partial = self.folder / "status.partial"
        partial.write_text(json.dumps(self._status, ensure_ascii=False))
        partial.replace(self.folder / "status.json")

    def metric(self, record: dict[str, Any]) -> None:
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")

    def restart_metrics(self, records: list[dict[str, Any]]) -> None:
        """The epochs that a resumed training already has, in place of what an earlier run wrote."""
        (self.folder / "metrics.jsonl").write_text(
            "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
        )
