"""Work on a Dask cluster: one function over many items, the outcome of each exactly once, whoever dies.

Whoever runs this needs the extra `survey` (Dask distributed), and so do the workers, where gandalf_core must
be installed in the same version.
"""

import logging
import queue
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from ..errors import ClusterError

if TYPE_CHECKING:
    from distributed import Client, Future

    from .luggage import Parcel

T = TypeVar("T")
LOCAL, NONE = "local", "none"  # instead of a scheduler's address
MISSING = "Dask is not installed: pip install 'gandalf-explorer[survey]'"
PATIENCE_SECONDS = 30  # for an answer of a scheduler
LOST_WORKERS = 4  # of one item, each after Dask itself has tried it on several: then it is given up
TICK_SECONDS = 1.0
# settings of the processes of a local cluster: what dies is told by us; nobody looks at profiles
OF_WORKERS = {"logging.distributed": "critical", "distributed.worker.profile.enabled": False}
# they keep the memory of one chunk for the next: to give it back and ask for it again is a fifth of the work
_KEPT_BYTES = {
    "MALLOC_MMAP_THRESHOLD_": 1 << 25,
    "MALLOC_TRIM_THRESHOLD_": 1 << 28,
    "MALLOC_TOP_PAD_": 1 << 22,
}
OF_WORKERS |= {f"distributed.nanny.pre-spawn-environ.{name}": size for name, size in _KEPT_BYTES.items()}
MOST_SHOWN = 200  # letters of a message of others


class WorkersLostError(ClusterError):
    """An item that ends every worker which takes it."""


def is_installed() -> bool:
    """Whether there is Dask distributed."""
    return find_spec("distributed") is not None


@contextmanager
def connected(address: str, workers: int) -> Iterator["Client"]:
    """A client of the cluster whose scheduler has this address, or of a local one, which ends with the block.

    address: such as tcp://10.0.0.1:8786, the name of a file that `dask scheduler --scheduler-file` wrote, or
    `local`. workers: processes of a local cluster, one core each. Raises ClusterError without Dask, and where
    no scheduler answers.
    """
    if not is_installed():
        raise ClusterError(MISSING)
    from dask import config as dask_config
    from distributed import Client, LocalCluster

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # a worker that dies is told by us
    if address != LOCAL:
        by_file = address.endswith(".json")
        given: dict[str, Any] = {"scheduler_file" if by_file else "address": address}
        try:
            client = Client(timeout=PATIENCE_SECONDS, set_as_default=False, **given)
        except (OSError, ValueError, TypeError) as error:
            cause = " ".join(str(error).split()) or type(error).__name__
            raise ClusterError(f"{address}: no scheduler answers ({cause})") from None
        with client:
            yield client
        return
    settings: dict[str, Any] = {"n_workers": workers, "threads_per_worker": 1}
    with ExitStack() as stack:
        stack.enter_context(dask_config.set(OF_WORKERS))
        try:
            cluster = stack.enter_context(LocalCluster(dashboard_address="127.0.0.1:0", **settings))
            client = stack.enter_context(Client(cluster, set_as_default=False))
        except (OSError, RuntimeError) as error:
            cause = " ".join(str(error).split())[:MOST_SHOWN] or type(error).__name__
            cure = "give --scheduler none to do without"
            raise ClusterError(f"workers of this machine cannot be started ({cause}): {cure}") from None
        yield client


@dataclass
class Team:
    """The workers of a cluster with a parcel.

    work: see `luggage.work_with`; a function of a module. hear: told what workers say meanwhile. tick: called
    about once a second while nothing comes.
    """

    client: "Client"
    parcel: "Parcel"
    work: Callable[[Any, Any, Callable[[Any], None]], Any]
    hear: Callable[[Any], None] = lambda news: None
    tick: Callable[[], None] = lambda: None
    name: str = field(default_factory=lambda: f"gandalf-{uuid4().hex[:12]}")

    def outcomes(
        self, items: Iterable[T], ahead: Callable[[], int] = lambda: sys.maxsize
    ) -> Iterator[tuple[T, Any]]:
        """Each item with its outcome, in the order in which they come.

        ahead: how many items may be under way; the next ones are fetched when there is room for them. The
        outcome of an item that ends all its workers is a WorkersLostError. What the work raises is raised
        here, and ends all. Raises ClusterError where the scheduler is gone.
        """
        coming, waiting, news = iter(items), {}, queue.SimpleQueue()
        with self._equipped(news):
            try:
                while True:
                    for item in islice(coming, max(0, ahead() - len(waiting))):
                        waiting[self._submit(item, news)] = item, 1
                    if not waiting:
                        return
                    arrived = self._next(news)
                    item, tries = waiting.pop(arrived)
                    outcome = _outcome(arrived)
                    if isinstance(outcome, WorkersLostError) and tries < LOST_WORKERS:
                        waiting[self._submit(item, news)] = item, tries + 1
                    else:
                        yield item, outcome
            finally:
                with suppress(Exception):  # of a scheduler that is gone
                    self.client.cancel(list(waiting))

    @contextmanager
    def _equipped(self, news: queue.SimpleQueue) -> Iterator[None]:
        """Within the block the workers have the parcel, and what they say comes to `news`."""
        from .luggage import Luggage

        try:
            self.client.register_plugin(Luggage(self.name, self.parcel))
        except Exception as error:  # of many kinds: what a worker raises that does not know the class
            cause = " ".join(str(error).split())[:MOST_SHOWN]
            where = address_of(self.client)
            raise ClusterError(f"{where}: is gandalf_core installed on its workers? ({cause})") from None
        self.client.subscribe_topic(self.name, lambda event: news.put((None, event[1])))
        try:
            yield
        finally:
            with suppress(Exception):  # of a scheduler that is gone
                self.client.unsubscribe_topic(self.name)
                self.client.unregister_worker_plugin(self.name)

    def _submit(self, item: Any, news: queue.SimpleQueue) -> "Future":
        from .luggage import work_with

        key = f"{self.name}-{uuid4().hex}"
        future = self.client.submit(work_with, self.name, self.work, item, key=key, pure=False)
        future.add_done_callback(lambda future: news.put((future, None)))
        return future

    def _next(self, news: queue.SimpleQueue) -> "Future":
        """The next future that is done. ClusterError where none can come any more."""
        while True:
            try:
                future, said = news.get(timeout=TICK_SECONDS)
            except queue.Empty:
                if self.client.status in ("closed", "closing"):
                    raise ClusterError(f"{address_of(self.client)}: the scheduler is gone") from None
                self.tick()
                continue
            if future is not None:
                return future
            self.hear(said)


def _outcome(future: "Future") -> Any:
    """What came of a future. WorkersLostError where its workers died, ClusterError where it was lost."""
    from distributed import KilledWorker

    try:
        return future.result(timeout=PATIENCE_SECONDS)
    except KilledWorker:
        return WorkersLostError("every worker that took it died: too little memory?")
    except Exception as error:
        if future.status in ("cancelled", "lost"):
            raise ClusterError("the scheduler has lost what it was asked for: is it still there?") from None
        raise error from None


def worker_count(client: "Client") -> int:
    """How many workers there are now."""
    return len(client.scheduler_info(n_workers=-1)["workers"])


def address_of(client: "Client") -> str:
    """The address of a client's scheduler."""
    return str(client.scheduler.address) if client.scheduler else "the cluster"
