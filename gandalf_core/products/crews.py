"""Who works through the partitions of a catalogue: a crew, hired for one run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from .tasks import Task
from .work import Done, Job, Step, work_through


class Crew(Protocol):
    """Works through partitions. address: of the cluster's scheduler; "" for this process."""

    address: str

    def outcomes(self, jobs: Sequence[Job], step: Step) -> Iterator[Done]:
        """What became of each job, once, in any order; `step` is told what is done of it meanwhile.

        Raises GandalfError where nothing can be done any more, such as on a full disk.
        """
        ...


# from the folder of a catalogue, and the rows of each partition that is to be done, to the crew for it
Hire = Callable[[Path, Mapping[str, int]], AbstractContextManager[Crew]]


class Here:
    """This process: one partition after the other, as the networks use every core by themselves."""

    address = ""

    def __init__(self, task: Task) -> None:
        self.task = task

    @contextmanager
    def hired(self, folder: Path, rows: Mapping[str, int]) -> Iterator[Crew]:
        """This crew, whatever there is to do."""
        yield self

    def outcomes(self, jobs: Sequence[Job], step: Step) -> Iterator[Done]:
        """See `Crew`."""
        for job in jobs:
            yield work_through(self.task, job, step)
