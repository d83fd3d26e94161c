"""Files opened for reading: regular ones alone. A pipe would wait for ever, and a device has no end."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from ..errors import SpectraError

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # to open a pipe waits for somebody who writes into it
_KINDS = (  # what is no regular file, and the cure
    (stat.S_ISDIR, "a folder: give its files"),
    (stat.S_ISFIFO, "a pipe: write what comes out of it to a file, and give that"),
    (stat.S_ISSOCK, "a socket, not a file"),
    (stat.S_ISCHR, "a device, not a file"),
    (stat.S_ISBLK, "a device, not a file"),
)


def open_regular(path: str | Path) -> BinaryIO:
    """A file as a stream of its bytes.

    Raises SpectraError, naming the file, for what is none, is not there, or cannot be opened.
    """
    try:
        _check_kind(path, os.stat(path).st_mode)  # before it is opened: some devices act on that
        handle = os.open(path, _FLAGS | _AT_ONCE)
    except SpectraError:  # of what it is
        raise
    except FileNotFoundError as error:
        raise SpectraError(f"{path}: no such file") from error
    except OSError as error:
        raise SpectraError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:  # a name with a zero byte
        raise SpectraError(f"{path!r}: cannot be read ({error})") from error
    stream = os.fdopen(handle, "rb")
    try:
        _check_kind(path, os.fstat(handle).st_mode)  # it may have been replaced meanwhile
    except SpectraError:
        stream.close()
        raise
    return stream


def is_special(path: str | Path) -> bool:
    """Whether there is something, maybe behind a link, that is neither a file nor a folder."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _check_kind(path: str | Path, mode: int) -> None:
    for is_kind, words in _KINDS:
        if is_kind(mode):
            raise SpectraError(f"{path}: is {words}")
