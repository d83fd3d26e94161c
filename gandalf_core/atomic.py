"""Files that appear under their name when they are complete, or not at all.

A file is written under a hidden name beside it, which is locked meanwhile: what a killed process left there
is overwritten by the next one that writes the file.
"""

import itertools
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO

from .errors import SpectraError
from .locks import can_lock, try_lock

NAME_LETTERS = 40  # of a file's name in that of its temporary file: file systems take 255 bytes in all
# on Windows a file that somebody reads just now cannot be replaced; nobody reads for long
PAUSES = (0.01, 0.05, 0.2, 0.5, 1.0) if os.name == "nt" else ()  # seconds before further attempts
WRITERS = 100  # of one file at once, that look for a free temporary name


@contextmanager
def atomic(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose content replaces the file `path` if the block ends without an error.

    A link is followed: the file that it names is replaced. Raises SpectraError, naming `path`, when the file
    cannot be written, in the block, too.
    """
    path = Path(path)
    check_place(path)
    target = Path(os.path.realpath(path))
    with _naming(path):
        part, stream, lock = _begin(target)
    done = False
    try:
        with _naming(path, part), stream:
            yield stream
            stream.flush()
        with _naming(path, part):
            _replace(part, target)
            done = True
    finally:
        if not done:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        if lock is not None:
            os.close(lock)


def _begin(target: Path) -> tuple[Path, BinaryIO, int | None]:
    """A temporary file for the content of `target`, the stream into it, and what keeps it locked.

    The first free one of the names that writers of this file use, so that nothing a killed one left stays.
    Raises OSError.
    """
    for number in range(WRITERS):
        part = target.with_name(f".{target.name[:NAME_LETTERS]}.{number}.part")
        if (lock := _locked(part)) is not None:
            _remove_left(target, number + 1)
            os.ftruncate(lock, 0)
            return part, open(part, "wb", opener=partial(_copy, lock)), lock
        if not part.exists():  # a place, or a platform, without such locks
            break
    part = _temporary(target)
    return part, part.open("xb"), None


def _locked(part: Path) -> int | None:
    """The descriptor of a temporary file that this process alone writes; None where there is no such file."""
    if not can_lock():
        return None
    with suppress(OSError):
        # neither through a link nor into a device that somebody has put there
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        about = os.fstat(file)
        try:
            plain = stat.S_ISREG(about.st_mode) and about.st_nlink == 1
            if plain and try_lock(file) and _is_still(part, file):
                return file
        except OSError:  # a file system without locks
            if not about.st_size:
                part.unlink()
        os.close(file)
    return None


def _copy(file: int, *_: object) -> int:
    """An opener of a file that is open already."""
    return os.dup(file)


def _is_still(part: Path, file: int) -> bool:
    """Whether a name still belongs to an open file: the one that locked it before may have given it away."""
    with suppress(OSError):
        return os.path.samestat(os.lstat(part), os.fstat(file))
    return False


def _remove_left(target: Path, number: int) -> None:
    """Remove the temporary files from this number on that nobody writes any more."""
    for k in itertools.count(number):
        part = target.with_name(f".{target.name[:NAME_LETTERS]}.{k}.part")
        if not part.exists() or k >= WRITERS:
            return
        if (lock := _locked(part)) is not None:
            with suppress(OSError):
                part.unlink()
            os.close(lock)


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
    """SpectraError where no file can be written.

    That is a folder, a path in one that does not exist, a bad name, and what is no file: a device, a pipe.
    """
    if os.path.isdir(path):  # unlike Path.is_dir, no error for a name that is too long
        raise SpectraError(f"{path}: is a folder: give the name of a file")
    if not os.path.isdir(os.path.dirname(os.path.realpath(path)) if os.path.islink(path) else path.parent):
        raise SpectraError(f"{path}: cannot be written: does its folder exist?")
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise SpectraError(f"{path}: is a device or a pipe: give the name of a file")
    except FileNotFoundError:
        pass  # as it should be: the file is new
    except (OSError, ValueError) as error:  # too long, or with characters that no name may have
        if isinstance(error, SpectraError):
            raise
        raise SpectraError(f"{path}: cannot be written ({cause_of(error)})") from None


def cause_of(error: Exception) -> str:
    """What the system says of an error, in few words, without the name of a file."""
    number = getattr(error, "errno", None)
    return getattr(error, "strerror", None) or (os.strerror(number) if number else str(error).strip() or "?")


@contextmanager
def _naming(path: Path, part: Path | None = None) -> Iterator[None]:
    """Errors of the system that concern `path`, or its temporary file `part`, as SpectraError about `path`.

    Those of other files, which a block may read meanwhile, are left as they are.
    """
    try:
        yield
    except OSError as error:
        named = error.filename
        if part is not None and named is not None and os.fspath(named) not in (str(part), str(path)):
            raise
        raise SpectraError(f"{path}: cannot be written ({cause_of(error)})") from error


def make_folder(path: str | Path) -> Path:
    """Make a folder, with those above it, where it is missing. Raises SpectraError where that cannot be."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        taken = isinstance(error, FileExistsError | NotADirectoryError)
        cause = "a file is in its place" if taken else cause_of(error)
        raise SpectraError(f"{folder}: cannot be made ({cause})") from None
    return folder


def write_text(path: str | Path, text: str) -> None:
    """Write or replace a text file in UTF-8, whole. Raises SpectraError as `atomic` does.

    What a path holds that is no text (bytes of another encoding) is written as an escape.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write or replace a file, whole. Raises SpectraError as `atomic` does."""
    with atomic(path) as stream:
        stream.write(content)


def append_line(path: str | Path, line: str) -> None:
    """Add a line to a text file in UTF-8, whole or not at all. Raises SpectraError where that cannot be.

    What an earlier writer left of a line that was cut short becomes a line of its own.
    """
    path = Path(path)
    with _naming(path), path.open("ab+") as file:
        end = file.seek(0, os.SEEK_END)
        cut_short = end > 0 and _last_byte(file, end) != b"\n"
        try:
            file.write((b"\n" if cut_short else b"") + line.encode("utf-8", "backslashreplace") + b"\n")
            file.flush()
        except OSError:
            with suppress(OSError):
                file.truncate(end)
            raise


def _last_byte(file: BinaryIO, end: int) -> bytes:
    file.seek(end - 1)
    return file.read(1)


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
