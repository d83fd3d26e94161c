"""Files that appear under their name when they are complete, or not at all."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import SpectraError

NAME_LETTERS = 40  # of a file's name in that of its temporary file: file systems take 255 bytes in all
# on Windows a file that somebody reads just now cannot be replaced; nobody reads for long
PAUSES = (0.01, 0.05, 0.2, 0.5, 1.0) if os.name == "nt" else ()  # seconds before further attempts


@contextmanager
def atomic(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose content replaces the file `path` if the block ends without an error.

    Raises SpectraError when the file cannot be written.
    """
    path = Path(path)
    check_place(path)
    part = _temporary(path)
    with _naming(path):
        stream = part.open("wb")
    try:
        with stream:
            yield stream
        with _naming(path):
            _replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """A name beside `path` that nobody else has; whoever reads folders passes over a name with a dot."""
    return path.with_name(f".{path.name[:NAME_LETTERS]}.{os.urandom(6).hex()}.part")


def _replace(part: Path, path: Path) -> None:
    """Give `part` the name `path`, which may be open for reading. Raises OSError."""
    for seconds in PAUSES:
        try:
            return os.replace(part, path)
        except PermissionError:
            time.sleep(seconds)
    os.replace(part, path)


def check_place(path: Path) -> None:
    """SpectraError where no file can be written: a folder, a path in one that does not exist, a bad name."""
    if os.path.isdir(path):  # unlike Path.is_dir, no error for a name that is too long
        raise SpectraError(f"{path}: is a folder: give the name of a file")
    if not os.path.isdir(path.parent):
        raise SpectraError(f"{path}: cannot be written: does its folder exist?")
    try:
        os.lstat(path)
    except FileNotFoundError:
        pass  # as it should be: the file is new
    except (OSError, ValueError) as error:  # too long, or with characters that no name may have
        cause = getattr(error, "strerror", None) or error
        raise SpectraError(f"{path}: cannot be written ({cause})") from None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of the system as SpectraError about `path`, not about its temporary file."""
    try:
        yield
    except OSError as error:
        raise SpectraError(f"{path}: cannot be written ({error.strerror})") from error


def write_text(path: str | Path, text: str) -> None:
    """Write or replace a text file in UTF-8, whole. Raises SpectraError as `atomic` does.

    What a path holds that is no text (bytes of another encoding) is written as an escape.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


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
    part = _temporary(path)
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
