"""What the jobs of the pages' own modules share: how they begin, tell how far they are, and end."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from gandalf_core.errors import GandalfError
from gandalf_core.jobs.folder import JobState, JobWriter, Stopped, handling, raise_stopped
from gandalf_core.jobs.progress import Progress

EARLY = 0.03  # of the work; before, nothing is said of the time left


def run_job(folder: Path, command: str, work: Callable[[Progress], None]) -> None:
    """Do the work and write to the job's folder how far it is and how it ended.

    The process ends with status 1 where it was stopped, with 2 after an error of the package.
    """
    with handling(signal.SIGTERM, raise_stopped), JobWriter(folder, command) as job:
        try:
            work(with_time_left(job))
            job.update(state=JobState.DONE, message="ready", fraction=1.0, seconds_left=None)
        except Stopped:
            job.update(state=JobState.CANCELLED, message="stopped")
            sys.exit(1)
        except GandalfError as error:
            job.update(state=JobState.FAILED, message=" ".join(str(error).split()))
            sys.exit(2)


def with_time_left(job: JobWriter, clock: Callable[[], float] = time.monotonic) -> Progress:
    """A progress that also writes how long the rest will take, if it goes on as before."""
    begun = clock()

    def report(fraction: float, text: str) -> None:
        spent = clock() - begun
        left = spent * (1 - fraction) / fraction if EARLY < fraction < 1 else None
        job.update(fraction=fraction, message=text, seconds_left=left)

    return report
