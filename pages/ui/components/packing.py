"""Arrays for the browser: a JSON header and one block of float32 numbers, as canvas.js unpacks them."""

import base64
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np


def pack(header: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """Bytes: length of the header (uint32), the header with `arrays` = {name: [start, length]}, the numbers."""
    flat = {name: np.ascontiguousarray(array, np.float32).ravel() for name, array in arrays.items()}
    places, start = {}, 0
    for name, array in flat.items():
        places[name] = [start, len(array)]
        start += len(array)
    text = json.dumps({**header, "arrays": places}).encode()
    return struct.pack("<I", len(text)) + text + b"".join(array.tobytes() for array in flat.values())


def text_of(array) -> str:
    """float32 numbers as base64, for the small arrays inside a component's JSON."""
    return base64.b64encode(np.ascontiguousarray(array, np.float32).tobytes()).decode()
