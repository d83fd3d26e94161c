"""The partitions of a catalogue on a Dask cluster: each is a task, and each worker gets the model once."""

import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .. import __version__
from ..data.noise_key import NoiseKey
from ..errors import ClusterError
from ..jobs.cluster import LOCAL, Team, WorkersLostError, address_of, connected, worker_count
from .crews import Crew, Here
from .staging import staging
from .tasks import Order, Task
from .work import Done, Job, Step, given_up, work_through

if TYPE_CHECKING:
    from distributed import Client

# stars from which on workers, which take seconds to start, are faster than one process: docs/scale.md
WORTH_A_CLUSTER, JUDGED_WORTH_A_CLUSTER = 500_000, 20_000


@dataclass(frozen=True)
class Shipment:
    """A model and what to do with it, as they travel to a worker.

    packed: the model as one file. name: of the model. secret: of the key of its latents' noise. about: what
    the task is identified by here, which must be the same there.
    """

    packed: bytes
    name: str
    secret: bytes | None
    order: Order
    about: dict[str, Any]
    version: str = __version__

    def unpacked(self) -> Task:
        """The task, on a worker. ClusterError where it would not be the same task."""
        from ..models.loading import load_model
        from ..models.packing import add_packed

        if self.version != __version__:
            raise ClusterError(
                f"{_here()} has gandalf_core {__version__}, not {self.version}: install that one"
            )
        with tempfile.TemporaryDirectory(prefix="gandalf-") as root:
            model = load_model(add_packed(self.packed, self.name, root))
        task = self.order.task(model.under(NoiseKey(self.secret) if self.secret else None))
        if task.about != self.about:
            raise ClusterError(f"{_here()} makes something else of the model: is it another installation?")
        return task


@dataclass(frozen=True)
class Site:
    """Where a catalogue is worked through: `hired` is its `Hire`.

    scheduler: an address, `local`, or "" for a local cluster where that is worth it, from so many stars on.
    shipment: made when it is needed. say: told the address of the dashboard.
    """

    task: Task
    shipment: Callable[[], Shipment]
    scheduler: str
    workers: int
    say: Callable[[str], None]
    worth: int = WORTH_A_CLUSTER

    @contextmanager
    def hired(self, folder: Path, rows: Mapping[str, int]) -> Iterator[Crew]:
        """The crew for so much work."""
        workers = min(self.workers, len(rows))
        if not self.scheduler and (workers < 2 or sum(rows.values()) < self.worth):
            yield Here(self.task)
            return
        with connected(self.scheduler or LOCAL, workers) as client, staging(folder) as unfinished:
            count = worker_count(client)
            crew = "1 worker" if count == 1 else f"{count:,} workers"
            self.say(f"{crew} of {address_of(client)}, dashboard {client.dashboard_link}")
            yield Abroad(self, client, unfinished.resolve(), rows)


class Abroad:
    """The workers of a cluster. unfinished: the folder into which they write. rows: of the partitions."""

    def __init__(self, site: Site, client: "Client", unfinished: Path, rows: Mapping[str, int]) -> None:
        self.site, self.client, self.unfinished, self.rows = site, client, unfinished, rows
        self.address = address_of(client)

    def outcomes(self, jobs: Sequence[Job], step: Step) -> Iterator[Done]:
        """See `Crew`. A partition that ends every worker has no result, and is tried by the next run."""
        team = Team(self.client, self.site.shipment(), _work, lambda news: step(*news), self._look)
        for job, outcome in team.outcomes([self._sent(job) for job in jobs]):
            if isinstance(outcome, WorkersLostError):
                own = replace(job, out=_alone(job.out))
                yield given_up(self.site.task, own, self.rows[job.name], str(outcome))
            else:
                yield outcome

    def _sent(self, job: Job) -> Job:
        """A job as a worker gets it: the paths are whole, and the result is unfinished."""
        return replace(job, path=job.path.resolve(), out=self.unfinished / job.out.name)

    def _look(self) -> None:
        """Say when there is nobody to do it."""
        if not worker_count(self.client):
            self.site.say(f"{self.address}: has no worker: waiting for one")


def _work(task: Task, job: Job, tell: Callable[[Any], None]) -> Done:
    """On a worker: work through a partition, into a file of a name that no other attempt has."""
    for path in (job.path.parent, job.out.parent):
        if not path.is_dir():
            raise ClusterError(f"{_here()} does not see {path}: give folders that all machines share")
    return work_through(task, replace(job, out=_alone(job.out)), lambda name, rows: tell((name, rows)))


def _alone(path: Path) -> Path:
    """A file beside `path` of a name that no other attempt has."""
    return path.with_name(f"{uuid4().hex}{path.suffix}")


def _here() -> str:
    """This worker, for messages."""
    return f"the worker on {socket.gethostname()} (process {os.getpid()})"
