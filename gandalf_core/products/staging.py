"""Where workers elsewhere put their results until these are taken into the catalogue.

Of a worker that was given up for dead two may come: the one that writes under the final name is always the
process that keeps the ledger, so that a late result replaces nothing. A run has a folder of its own below
`_unfinished`, locked while it lasts; what a killed run has left there, the next one removes.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ..atomic import cause_of, make_folder
from ..errors import SpectraError
from ..locks import can_lock, try_lock

UNFINISHED = "_unfinished"


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """A folder for the unfinished results of one run, below `folder`; it is gone when the block ends."""
    root = folder / UNFINISHED
    _remove_left(root)
    own = make_folder(root / uuid4().hex)
    lock = _locked(own)
    try:
        yield own
    finally:
        _remove(own)
        if lock is not None:
            os.close(lock)
        with suppress(OSError):  # another run's folder is in it
            root.rmdir()


def take_in(file: Path, target: Path) -> None:
    """Give an unfinished result its final name. SpectraError where it is not to be found here."""
    if file == target:
        return
    make_folder(target.parent)
    try:
        os.replace(file, target)
    except OSError as error:
        cause = f"cannot be taken in ({cause_of(error)}): its file system must be that of this machine"
        raise SpectraError(f"{target}: a worker's result {cause}") from None


def _locked(folder: Path) -> int | None:
    """The descriptor of a folder that this process alone has locked; None where somebody else has, or may."""
    if not can_lock():
        return None
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            if try_lock(file):
                return file
        except OSError:  # a file system without locks
            pass
        os.close(file)
    return None


def _remove_left(root: Path) -> None:
    for folder in root.iterdir() if root.is_dir() else ():
        if (lock := _locked(folder)) is not None:
            _remove(folder)
            os.close(lock)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
