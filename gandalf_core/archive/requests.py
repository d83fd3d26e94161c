"""Requests to the archives: at a polite rate, repeated when they fail, with what has arrived kept."""

import contextlib
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import ArchiveError
from ..jobs.progress import Progress, silent
from ..simulator import PIXELS_800
from .clients import GAIA_SERVER, Answer, gaia_client
from .releases import DEFAULT, MEAN, Release, release
from .surveys import PAPERS, Survey, surveys_named

T = TypeVar("T")
LONGEST_PAUSE = 600.0  # seconds, also when the archive asks for more


@dataclass
class Pace:
    """When the last request was made, so that the next one does not come too soon."""

    last: float = -np.inf

    def wait(self, seconds: float) -> None:
        """Sleep until that many seconds have passed since the last request."""
        time.sleep(max(0.0, self.last + seconds - time.monotonic()))
        self.last = time.monotonic()


@dataclass(frozen=True)
class Fetch:
    """What to fetch and how: the folder that keeps what has arrived, the release, patience, and the clients.

    release, product: of Gaia, and `mean` or `epoch` spectra.  surveys: of labels; a star in several takes
    those of the first.  magnitudes: G, from and to.  most: at most this many stars, drawn by `seed`; None:
    all.  chunk: stars per call.  wavelength_nm: (L,) the grid to write.  format: of what DataLink delivers.
    every: seconds between two requests at least.  vizier, gaia: astroquery's clients, or others instead.
    """

    folder: Path
    release: Release = field(default_factory=lambda: release(DEFAULT))
    product: str = MEAN
    surveys: tuple[Survey, ...] = field(default_factory=lambda: surveys_named(PAPERS))
    magnitudes: tuple[float, float] = (8.0, 14.0)  # paper, section 2
    most: int | None = None
    chunk: int = 2000
    seed: int = 0
    wavelength_nm: np.ndarray = field(default_factory=lambda: PIXELS_800)
    format: str = "votable"
    tries: int = 3
    pause: float = 5.0  # seconds before the second try, doubled for each further one
    every: float = 1.0
    server: str = GAIA_SERVER
    vizier: Any = None
    gaia: Any = None
    progress: Progress = silent
    pace: Pace = field(default_factory=Pace)

    def ask(self, what: str, call: Callable[[], T]) -> T:
        """The result of the call, which is repeated when it fails. Raises ArchiveError after the last try.

        What the archive refuses (a name it does not know, a query it cannot read) is not asked for again.
        Whatever the client prints goes to standard error.
        """
        cause, tries = "", 0
        for attempt in range(self.tries):
            try:
                self.pace.wait(self.every)
                tries += 1
                with contextlib.redirect_stdout(sys.stderr):
                    return call()
            except Exception as error:
                cause = _cause(error)
                if isinstance(error, Answer) and error.final:
                    break
                if attempt + 1 < self.tries:
                    time.sleep(self._pause_after(error, attempt))
        advice = f"what has arrived is kept in {self.folder}: run the same command again"
        times = f"{tries} tries" if tries > 1 else "1 try"
        raise ArchiveError(f"{what}: no answer after {times} ({cause}); {advice}")

    def _pause_after(self, error: Exception, attempt: int) -> float:
        asked = error.seconds if isinstance(error, Answer) else 0.0
        return min(max(self.pause * 2**attempt, asked), LONGEST_PAUSE)

    def client(self) -> Any:
        """The client of the Gaia archive."""
        return self.gaia or gaia_client(self.server)


def _cause(error: Exception) -> str:
    """An error as a clause; a machine without a network is told so."""
    if _is_offline(error):
        return "no connection; is this machine online?"
    return " ".join(str(error).split())[:200] or type(error).__name__


def _is_offline(error: Exception) -> bool:
    """Whether no connection could be made at all: no name server, no route, nobody listens."""
    signs = ("NameResolutionError", "NewConnectionError", "Network is unreachable")
    none = isinstance(error, socket.gaierror | ConnectionRefusedError)
    return none or (isinstance(error, OSError) and any(sign in str(error) for sign in signs))
