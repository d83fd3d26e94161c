"""Page runs take turns, a few at a time: many that run at once would all wait for each other.

Python runs one thread at a time, and every look at a file hands the turn to another: with thirty runs at once
each of a hundred looks costs a round through all. Within a turn, what does not change is found out once.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

SLOTS = max(2, os.cpu_count() or 1)  # page runs at a time
PATIENCE_SECONDS = 1.0  # a run that has waited so long goes on: others wait for a file or a job
SWITCH_SECONDS = 0.001  # after which a busy thread lets the server's own go on

P, R = ParamSpec("P"), TypeVar("R")

_slots = threading.BoundedSemaphore(SLOTS)
_here = threading.local()


@contextmanager
def turn() -> Iterator[None]:
    """The block is one page run: wait for a place, but not for long."""
    sys.setswitchinterval(SWITCH_SECONDS)
    placed = _slots.acquire(timeout=PATIENCE_SECONDS)
    _here.found = {}
    try:
        yield
    finally:
        del _here.found
        if placed:
            _slots.release()


def once(function: Callable[P, R]) -> Callable[P, R]:
    """A function of hashable arguments that is called once within a turn, and every time outside of one."""

    @wraps(function)
    def found(*arguments: P.args, **options: P.kwargs) -> R:
        kept: dict[Any, Any] | None = getattr(_here, "found", None)
        if kept is None:
            return function(*arguments, **options)
        key = (function, arguments, tuple(options.items()))
        if key not in kept:
            kept[key] = function(*arguments, **options)
        return kept[key]

    return found
