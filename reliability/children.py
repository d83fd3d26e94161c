"""Work in a process of its own, forked from this one, that may be killed or limited. Linux alone.

The libraries are imported before the fork, so that a child begins to work at once.
"""

import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

KILLED = -int(signal.SIGKILL)
LONGEST = 300.0  # seconds that any of these children may take


class Ended(NamedTuple):
    """How a child ended: its status, or minus the signal; what it wrote to standard error; its group."""

    status: int
    said: str
    group: int


def warm_up() -> None:
    """Import what PyTorch imports with its first optimiser, seconds of which each child would spend."""
    import torch

    torch.set_num_threads(1)
    torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))])


def command(*argv: object) -> Callable[[], int]:
    """The command line of this package as work for a child."""
    from gandalf_core.cli import main

    return lambda: main([*map(str, argv), "--json"])


def run(work: Callable[[], int], seconds: float = LONGEST, largest: int | None = None) -> Ended:
    """Do work in a child that gets SIGKILL after some seconds; largest: bytes of a file that it writes."""
    sys.stdout.flush()
    sys.stderr.flush()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _in_child(work, writing, largest)
    os.close(writing)
    said = _heard(reading, time.monotonic() + seconds)
    if said is None:
        os.kill(child, signal.SIGKILL)
        said = _heard(reading, time.monotonic() + 1.0, whatever=True) or b""
    os.close(reading)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return Ended(status, said.decode("utf-8", "replace"), child)


def _in_child(work: Callable[[], int], writing: int, largest: int | None) -> None:
    """Do the work, and end without whatever the parent would do at its end."""
    status = 1
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(writing, 2)
        # the parent's own may be files, which a pipe is not
        sys.stdout, sys.stderr = (os.fdopen(n, "w", encoding="utf-8") for n in (1, 2))
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        status = work()
        sys.stderr.flush()
    except BaseException as error:
        os.write(2, f"Traceback: {error!r}\n".encode())
    finally:
        os._exit(status)


def _heard(reading: int, until: float, *, whatever: bool = False) -> bytes | None:
    """What comes through a pipe until it is closed; None where that is later (or what came till then)."""
    parts = []
    while (left := until - time.monotonic()) > 0:
        if select.select([reading], [], [], min(left, 0.5))[0]:
            part = os.read(reading, 2**16)
            if not part:
                return b"".join(parts)
            parts.append(part)
    return b"".join(parts) if whatever else None


def members(group: int) -> list[int]:
    """The processes of a session that a child began, which still live."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    state, _, _, session = file.read().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == group and state != "Z":
                found.append(int(entry))
    return found


def left_after(group: int, seconds: float) -> list[int]:
    """Those members of a session that are still there after some seconds."""
    until = time.monotonic() + seconds
    while (alive := members(group)) and time.monotonic() < until:
        time.sleep(0.2)
    return alive
