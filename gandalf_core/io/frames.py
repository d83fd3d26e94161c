"""Messages between two processes through pipes: JSON and arrays. Nothing in them is executed or unpickled.

A message is the length of its JSON (8 bytes), the JSON, and the bytes of the arrays that it describes.
Whoever reads it believes nothing: every length is checked before anything is allocated.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

MAX_JSON = 2**25  # bytes
_LENGTH = 8
_DTYPE = re.compile(r"[<>|=](?:[biuf]\d{1,2}|U\d{1,9})")
_ARRAYS, _VALUES = "arrays", "values"


class FrameError(Exception):
    """Something that is no message, or too large a one."""


def send(stream: BinaryIO, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray] | None = None) -> None:
    """Write a message: values that JSON can hold, and arrays of numbers or text."""
    whole = {name: np.asarray(array, order="C") for name, array in (arrays or {}).items()}
    about = [[name, array.dtype.str, list(array.shape)] for name, array in whole.items()]
    head = json.dumps({_VALUES: dict(values), _ARRAYS: about}).encode()
    stream.write(len(head).to_bytes(_LENGTH, "little") + head)
    for array in whole.values():
        stream.write(array.data.cast("B") if array.nbytes and array.dtype.kind != "U" else array.tobytes())
    stream.flush()


def receive(stream: BinaryIO, most: int) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """The next message, whose arrays have at most so many bytes; None where the other side has ended.

    Raises FrameError for anything else.
    """
    head = stream.read(_LENGTH)
    if not head:
        return None
    length = int.from_bytes(head, "little")
    if len(head) < _LENGTH or length > MAX_JSON:
        raise FrameError(f"a message of {length:,} bytes")
    try:
        message = json.loads(_exactly(stream, length))
        values, about = message[_VALUES], message[_ARRAYS]
        arrays = {}
        for name, kind, shape in about:
            size = _size(kind, shape)
            most -= size
            if most < 0:
                raise FrameError("more arrays than are taken")
            data = bytearray(_exactly(stream, size))
            arrays[str(name)] = np.frombuffer(data, np.dtype(kind)).reshape(shape)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FrameError(f"no message ({type(error).__name__})") from error
    return dict(values), arrays


def _size(kind: str, shape: list[int]) -> int:
    """Bytes of an array. FrameError for one that cannot be."""
    if not _DTYPE.fullmatch(kind) or not all(isinstance(n, int) and 0 <= n < 2**40 for n in shape):
        raise FrameError("an array of no known kind")
    size = math.prod(shape) * np.dtype(kind).itemsize
    if not size and math.prod(max(1, n) for n in shape) > 2**24:
        raise FrameError("an array of very many empty rows")
    return size


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise FrameError("a message that is cut")
    return data
