"""Files that appear under their name when they are complete, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import SpectraError


@contextmanager
def atomic(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose content replaces the file `path` if the block ends without an error.

    Raises SpectraError when the file cannot be written.
    """
    path = Path(path)
    check_place(path)
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    with _naming(path):
        stream = part.open("wb")
    try:
        with stream:
            yield stream
        with _naming(path):
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def check_place(path: Path) -> None:
    """SpectraError where no file can be written: `path` is a folder, or lies in one that does not exist."""
    if os.path.isdir(path):  # unlike Path.is_dir, no error for a name that is too long
        raise SpectraError(f"{path}: is a folder: give the name of a file")
    if not os.path.isdir(path.parent):
        raise SpectraError(f"{path}: cannot be written: does its folder exist?")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of the system as SpectraError about `path`, not about its temporary file."""
    try:
        yield
    except OSError as error:
        raise SpectraError(f"{path}: cannot be written ({error.strerror})") from error


def write_text(path: str | Path, text: str) -> None:
    """Write or replace a text file in UTF-8, whole. Raises SpectraError as `atomic` does."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write or replace a file, whole. Raises SpectraError as `atomic` does."""
    with atomic(path) as stream:
        stream.write(content)


def create_private(path: str | Path, content: bytes) -> bool:
    """Create a file that only its owner can read, with its folders; False where `path` exists already.

    Of several processes one creates it and the others find it whole. Raises OSError.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        _write_new(part, content)
        try:
            os.link(part, path)  # unlike a replacement, this fails where the file is there
        except FileExistsError:
            return False
        except (OSError, AttributeError):  # a file system or a platform without hard links
            return _created(path, content)
    finally:
        part.unlink(missing_ok=True)
    return True


def _created(path: Path, content: bytes) -> bool:
    try:
        _write_new(path, content)
    except FileExistsError:
        return False
    return True


def _write_new(path: Path, content: bytes) -> None:
    """Write a file of mode 0600. FileExistsError where there is one."""
    binary = getattr(os, "O_BINARY", 0)  # on Windows, without which a line's end would change
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | binary, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
