"""Arrays for the browser, as canvas.js unpacks them: a JSON header and one block of float32 numbers."""

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def pack(header: Mapping[str, Any], arrays: Mapping[str, npt.ArrayLike]) -> bytes:
    """The length of the header (uint32), the header with `arrays` = {name: [start, length]}, the numbers."""
    flat = {name: np.ascontiguousarray(array, np.float32).ravel() for name, array in arrays.items()}
    ends = np.cumsum([len(array) for array in flat.values()]).tolist()
    parts = {
        name: [end - len(array), len(array)] for (name, array), end in zip(flat.items(), ends, strict=True)
    }
    text = json.dumps({**header, "arrays": parts}).encode()
    return struct.pack("<I", len(text)) + text + b"".join(array.tobytes() for array in flat.values())


def base64_floats(array: npt.ArrayLike) -> str:
    """float32 numbers as base64, for the small arrays inside a component's JSON."""
    return base64.b64encode(np.ascontiguousarray(array, np.float32).tobytes()).decode()


def base64_bits(flags: np.ndarray) -> str:
    """Booleans (N,) as base64 bits; empty when none is true."""
    return base64.b64encode(np.packbits(flags, bitorder="little").tobytes()).decode() if flags.any() else ""


def bits_from_base64(text: str, count: int) -> np.ndarray:
    """(count,) booleans from `base64_bits`."""
    if not text:
        return np.zeros(count, bool)
    bits = np.frombuffer(base64.b64decode(text), np.uint8)
    return np.unpackbits(bits, bitorder="little", count=count).astype(bool)
