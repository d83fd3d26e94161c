"""A file appears under its name when it is complete, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from .errors import SpectraError


@contextmanager
def atomic(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose content replaces `path` if the block ends without an error. SpectraError when it cannot
    be written.
    """
    path = Path(path)
    check_place(path)
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    with _named(path):
        stream = part.open("wb")
    try:
        with stream:
            yield stream
        with _named(path):
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """SpectraError for a path where no file can come to stand: a folder, or a name in a folder that does not
    exist.
    """
    if os.path.isdir(path):  # unlike Path.is_dir, no error for a name too long to be one
        raise SpectraError(f"{path}: is a folder: give the name of a file")
    if not os.path.isdir(path.parent):
        raise SpectraError(f"{path}: cannot be written: does its folder exist?")


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What the system refuses, said of `path` and not of the file that is to become it."""
    try:
        yield
    except OSError as error:
        raise SpectraError(f"{path}: cannot be written ({error.strerror})") from error


def write_text(path: str | Path, text: str) -> None:
    """Replace a text file (UTF-8) as a whole. SpectraError as from `atomic`."""
    with atomic(path) as stream:
        stream.write(text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Replace a file as a whole. SpectraError as from `atomic`."""
    with atomic(path) as stream:
        stream.write(content)
