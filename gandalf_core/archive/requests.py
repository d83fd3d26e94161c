"""Requests to the archives: repeated when they fail, with what has arrived kept in a folder."""

import contextlib
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

T = TypeVar("T")


@dataclass(frozen=True)
class Fetch:
    """How to fetch: the folder that keeps what has arrived, patience, and the clients.

    most: at most this many stars, drawn by `seed`; None: all. chunk: spectra per call. wavelength_nm: (L,)
    the grid to write. vizier, gaia: astroquery's, unless others are given.
    """

    folder: Path
    most: int | None = None
    chunk: int = 2000
    seed: int = 0
    wavelength_nm: np.ndarray = field(default_factory=lambda: PIXELS_800)
    tries: int = 3
    pause: float = 5.0  # seconds before the second try, doubled for each further one
    vizier: Any = None
    gaia: Any = None
    progress: Progress = silent

    def ask(self, what: str, call: Callable[[], T]) -> T:
        """The result of the call, which is repeated when it fails. Raises ArchiveError after the last try.

        Whatever the client prints goes to standard error.
        """
        cause = ""
        for attempt in range(self.tries):
            try:
                with contextlib.redirect_stdout(sys.stderr):
                    return call()
            except Exception as error:
                cause = " ".join(str(error).split())[:160] or type(error).__name__
                if attempt + 1 < self.tries:
                    time.sleep(self.pause * 2**attempt)
        advice = f"what has arrived is kept in {self.folder}: run the same command again"
        raise ArchiveError(f"{what}: no answer after {self.tries} tries ({cause}); {advice}")


def not_empty(answer: T) -> T:
    """The answer of an archive; an empty one is none. Raises ArchiveError, so that `Fetch.ask` asks again."""
    if not len(answer):  # type: ignore[arg-type]
        raise ArchiveError("an empty answer")
    return answer


# --- clients ---


def vizier_client() -> Any:
    from astroquery.vizier import Vizier

    return Vizier


def gaia_client() -> Any:
    with contextlib.redirect_stdout(sys.stderr):  # it prints news on import
        from astroquery.gaia import GaiaClass

        return GaiaClass(show_server_messages=False)
