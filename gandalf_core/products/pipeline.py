"""Reading, writing and checking in threads of their own, so that they overlap with the work between them."""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def read_ahead(items: Iterable[T]) -> Generator[T, None, None]:
    """The items, each fetched by a thread while the one before it is in use.

    An error of the source is raised here.
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(_take, source)
        while items := coming.result():
            coming = reader.submit(_take, source)
            yield from items


def _take(source: Iterator[T]) -> list[T]:
    """The next item of the source, or nothing at its end."""
    return list(islice(source, 1))


@contextmanager
def in_background(work: Callable[[S], T], argument: S) -> Iterator[Callable[[], T]]:
    """A function that waits for the result of `work(argument)`, which a thread computes meanwhile."""
    with ThreadPoolExecutor(1) as worker:
        yield worker.submit(work, argument).result


@contextmanager
def write_behind(write: Callable[[T], None]) -> Iterator[Callable[[T], None]]:
    """A `write` that returns at once while a thread writes, one item at a time and in order.

    An error of the writer is raised by the next call, or when the block ends.
    """
    pending: list[Future] = []

    def submit(item: T) -> None:
        while pending:
            pending.pop().result()
        pending.append(writer.submit(write, item))

    with ThreadPoolExecutor(1) as writer:
        yield submit
        for last in pending:
            last.result()
