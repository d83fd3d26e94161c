"""The explorer as a class meets it, `gandalf app --public`, and what it takes of the machine."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gandalf_core.cli.commands.app import environment_of, explorer_command
from gandalf_core.places import explorer_folder

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 120
MB = 1_000_000


@dataclass(frozen=True)
class Server:
    """A running server."""

    url: str
    process: subprocess.Popen

    def cpu_seconds(self) -> float | None:
        """Processor time of the server so far; None where the system does not say it."""
        with suppress(OSError, IndexError, ValueError):
            stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
            fields = stat.rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return None

    def memory_mb(self) -> float | None:
        """Memory that the server holds; None where the system does not say it."""
        with suppress(OSError, IndexError, ValueError):
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text(encoding="utf-8").split()[1])
            return pages * os.sysconf("SC_PAGE_SIZE") / MB
        return None


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A fresh server for many visitors, whose runs and caches are in `folder`."""
    port = _free_port()
    command = explorer_command(port, LOOPBACK, public=True)
    places = {"GANDALF_RUNS": str(folder / "runs"), "GANDALF_CACHE": str(folder / "cache")}
    environment = os.environ | environment_of(True, None, None) | places | {"OMP_NUM_THREADS": "1"}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=explorer_folder(), stdout=log, stderr=log, env=environment)
    try:
        _await(f"http://{LOOPBACK}:{port}/_stcore/health", process)
        yield Server(f"http://{LOOPBACK}:{port}", process)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _await(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server did not answer at {url} (exit status {process.poll()})")
