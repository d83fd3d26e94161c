"""What a cluster's workers are given once, and how they work with it. This module needs Dask distributed."""

import threading
from collections.abc import Callable
from typing import Any, Protocol

from distributed import Worker, WorkerPlugin, get_worker


class Parcel(Protocol):
    """What travels to each worker: small plain values, from which `unpacked` makes what it works with."""

    def unpacked(self) -> Any:
        """Called once on each worker, when its first task comes."""
        ...


class Luggage(WorkerPlugin):
    """A parcel on a worker. Dask sends it once to each one, also to those that come later."""

    def __init__(self, name: str, parcel: Parcel) -> None:
        self.name, self.parcel = name, parcel

    def setup(self, worker: Worker) -> None:
        """Called when it has arrived."""
        self.turn, self.content = threading.Lock(), None


def work_with(name: str, work: Callable[[Any, Any, Callable[[Any], None]], Any], item: Any) -> Any:
    """On a worker: `work(content of the parcel, item, tell)`, where `tell` sends news to whoever asked.

    One item at a time, however many threads a worker has: so its memory is bounded.
    """
    worker = get_worker()
    luggage = worker.plugins[name]
    assert isinstance(luggage, Luggage)
    with luggage.turn:
        if luggage.content is None:
            luggage.content = luggage.parcel.unpacked()
        return work(luggage.content, item, lambda news: worker.log_event(name, news))
