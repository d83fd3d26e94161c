"""A file appears under its name when it is complete, or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from ..errors import SpectraError


@contextmanager
def atomic(path: str | Path) -> Iterator[BinaryIO]:
    """A stream whose content replaces `path` if the block ends without an error. SpectraError when it cannot be written."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        stream = part.open("wb")
    except OSError as error:
        raise SpectraError(f"{path}: cannot be written ({error.strerror}): does its folder exist?") from error
    try:
        with stream:
            yield stream
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
