"""Memory that is no longer used goes back to the system. Elsewhere than in glibc nothing is done."""

import ctypes
from contextlib import suppress

# of mallopt: numbers of its options, and from how many bytes on an array has memory of its own
MMAP_THRESHOLD, ARENA_MAX, OWN_MEMORY_BYTES = -3, -8, 250_000


def keep_little() -> None:
    """Let the system have the memory of large arrays as soon as they are gone, a tenth of the server's.

    By default the C library keeps it, in parts for each thread that no other can use.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(ARENA_MAX, 2)
        mallopt(MMAP_THRESHOLD, OWN_MEMORY_BYTES)


def give_back() -> None:
    """Give back what lies unused between small things. It takes some milliseconds."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
