"""Files of strangers, read by another process under hard limits: what fools a library does not fool the app.

One process stays warm for all files; while it is busy, a second one helps out. A process that dies, hangs or
answers nonsense is ended, the file is refused in one line, and the next file finds a new process. What comes
back is checked like a file (`frames`); nothing is unpickled. SECURITY.md says which limits hold where.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..places import PACKAGE
from . import frames
from .confinement import OUT_OF_MEMORY
from .latent_tables import LatentTable
from .parcels import unpacked_latents, unpacked_stars

MAX_PROCESSES = 2
WAIT_SECONDS = 60.0  # for a process that is free, and for one to start
_KEPT = ("PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT", "WINDIR", "TEMP", "TMP")
_SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS")

_OUT_OF_TIME = tuple(-getattr(signal, name) for name in ("SIGXCPU", "SIGKILL") if hasattr(signal, name))

Parts = list[tuple[str, SpectraSet | SpectraError]]
Message = tuple[dict[str, Any], dict[str, np.ndarray]]


@dataclass(frozen=True)
class Limits:
    """What reading a file may take.

    memory: bytes, of the whole process. cpu_seconds: of processor time for a file, and for each file of a
    bundle. bundle_seconds: for a bundle in all. slack: how many times longer it may take by the clock, on a
    busy machine. answer: bytes of the arrays that come back.
    """

    memory: int = 3 * 2**29
    cpu_seconds: float = 20.0
    bundle_seconds: float = 120.0
    slack: float = 3.0
    answer: int = 2**28


class Reader:
    """One process that reads files. `held` says which limits its system keeps (`confinement`)."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.held, self._late = limits, [], False
        numbers = (limits.memory, limits.cpu_seconds, limits.bundle_seconds)
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.worker", *map(str, numbers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=PACKAGE.parent,
            env=_environment(),
            start_new_session=True,
        )
        with self._no_longer_than(WAIT_SECONDS):
            answer = self._receive()
        self.held = [] if answer is None else [str(limit) for limit in answer[0].get("held", ())]

    @property
    def alive(self) -> bool:
        """Whether it can read a further file."""
        return self._process.poll() is None

    def ask(self, task: str, name: str, content: bytes, obsm: str | None = None) -> list[Message]:
        """The answers to a request. SpectraError, naming the file, where the process did not survive it."""
        seconds = self.limits.bundle_seconds * self.limits.slack
        answers, left = list[Message](), self.limits.answer
        values = {"task": task, "name": name, "obsm": obsm}
        try:
            with self._no_longer_than(seconds):
                frames.send(self._stdin, values, {"content": np.frombuffer(content, np.uint8)})
            while True:
                with self._no_longer_than(self.limits.cpu_seconds * self.limits.slack):
                    message = frames.receive(self._stdout, left)
                if message is None:
                    raise SpectraError(f"{name}: {self._cause_of_death()}")
                if message[0].get("done"):
                    return answers
                answers.append(message)
                left -= sum(array.nbytes for array in message[1].values())
        except frames.FrameError as error:
            raise SpectraError(f"{name}: {self._cause_of_death(str(error))}") from None
        except OSError:  # a pipe that nobody reads any more
            raise SpectraError(f"{name}: {self._cause_of_death()}") from None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass

    @property
    def _stdin(self) -> BinaryIO:
        assert self._process.stdin is not None
        return self._process.stdin  # type: ignore[return-value]

    @property
    def _stdout(self) -> BinaryIO:
        assert self._process.stdout is not None
        return self._process.stdout  # type: ignore[return-value]

    def _receive(self) -> Message | None:
        try:
            return frames.receive(self._stdout, 0)
        except frames.FrameError:
            return None

    @contextmanager
    def _no_longer_than(self, seconds: float) -> Iterator[None]:
        """End the process when the block takes longer: the block then finds its pipe closed."""
        timer = threading.Timer(seconds, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end_late(self) -> None:
        self._late = True
        self._process.kill()

    def _cause_of_death(self, nonsense: str = "") -> str:
        """Why there is no answer, in words; the process has ended then."""
        try:
            status = self._process.wait(0.0 if nonsense else 5.0)
        except subprocess.TimeoutExpired:
            status = None
        self.close()
        if (nonsense and status is None) or status == OUT_OF_MEMORY:
            return "reading it takes more memory than a page may have: split the file"
        if self._late or status is None or status in _OUT_OF_TIME:
            return f"reading it took longer than {self.limits.cpu_seconds:g} s: split the file"
        return f"reading it failed ({_words(status)}): it is damaged, fetch or write it again"


def _words(status: int) -> str:
    """How a process ended."""
    if status >= 0:
        return f"the reader ended with status {status}"
    return f"the reader ended by {signal.Signals(-status).name}"


def _environment() -> dict[str, str]:
    """The environment of a reader: nothing of the server's own, one thread."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    single = dict.fromkeys(_SINGLE, "1")
    # other allocators reserve far more addresses than they use, and the limit counts these
    return kept | single | {"PYTHONUTF8": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}


# --- one process for all ---


class Readers:
    """The processes of a server: one that stays, another while that is busy."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._idle: list[Reader] = []
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MAX_PROCESSES)

    def stars(self, name: str, content: bytes) -> Parts:
        """As `read.each_file` for one upload: (name, stars or error) of every file in it."""
        parts: Parts = []
        try:
            for values, arrays in self._ask("stars", name, content):
                part = str(values.get("part", name))
                if "error" in values:
                    parts.append((part, SpectraError(str(values["error"]))))
                else:
                    parts.append((part, unpacked_stars(values, arrays)))
        except SpectraError as error:
            return [(name, error)]
        except (KeyError, TypeError, ValueError):
            return [(name, SpectraError(f"{name}: cannot be read (an answer that is none)"))]
        return parts

    def latents(self, name: str, content: bytes, obsm: str | None = None) -> LatentTable:
        """As `latent_tables.read_latent_table` for an upload; it has the columns that may be labels."""
        values, arrays = self._one("latents", name, content, obsm)
        return unpacked_latents(values, arrays)

    def obsm_keys(self, name: str, content: bytes) -> tuple[str, ...]:
        """As `latent_tables.obsm_keys` for an upload."""
        return tuple(map(str, self._one("obsm", name, content)[0]["keys"]))

    def close(self) -> None:
        """End the processes that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def _one(self, task: str, name: str, content: bytes, obsm: str | None = None) -> Message:
        answers = self._ask(task, name, content, obsm)
        if not answers:
            raise SpectraError(f"{name}: cannot be read (no answer)")
        if "error" in answers[0][0]:
            raise SpectraError(str(answers[0][0]["error"]))
        return answers[0]

    def _ask(self, task: str, name: str, content: bytes, obsm: str | None = None) -> list[Message]:
        if not self._free.acquire(timeout=WAIT_SECONDS):
            raise SpectraError(f"{name}: others' files are being read: try again in a minute")
        try:
            reader = self._take(name)
            try:
                return reader.ask(task, name, content, obsm)
            finally:
                self._put_back(reader)
        finally:
            self._free.release()

    def _take(self, name: str) -> Reader:
        """A process that is alive, for the file `name`."""
        while True:
            with self._lock:
                reader = self._idle.pop() if self._idle else None
            if reader is None:
                return self._started(name)
            if reader.alive:
                return reader
            reader.close()

    def _started(self, name: str) -> Reader:
        try:
            return Reader(self.limits)
        except OSError as error:
            cause = f"no process can be started for it ({error.strerror})"
            raise SpectraError(f"{name}: cannot be read now, {cause}: try again in a minute") from error

    def _put_back(self, reader: Reader) -> None:
        """Keep one process; others end."""
        with self._lock:
            kept = reader.alive and not self._idle
            if kept:
                self._idle.append(reader)
        if not kept:
            reader.close()


readers = Readers()
atexit.register(readers.close)
