"""Arrays for the browser, as canvas.js unpacks them: a JSON header and two blocks of numbers."""

import base64
import json
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

MOST = 32767  # of a 16-bit integer
HIGH = 7  # bits of an integer, without its sign, that are in its first byte
LEADING = 4  # rows whose numbers are worth more than 16 bits: the first components count most
REMAINDER = " remainder"
NONE: Mapping[str, npt.ArrayLike] = MappingProxyType({})
NO_LIMIT: Mapping[str, float] = MappingProxyType({})


def pack(
    header: Mapping[str, Any],
    arrays: Mapping[str, npt.ArrayLike],
    coarse: Mapping[str, npt.ArrayLike] = NONE,
    finest: Mapping[str, float] = NO_LIMIT,
) -> bytes:
    """The length of the header (uint32), the header, float32 numbers, integers of up to 16 bits.

    Of these comes a byte with the high bits of each first, then their `low` other bits without a gap: the
    high ones, often alike, are easily compressed, the low ones are not. The header has `low`, and the number
    of `integers`.
    `arrays` in the header is {name: [start, length]} of an array in float32, and {name: [start, length,
    start of its scales, rows]} of one in `coarse`: every row of it as integers times a scale, which is right
    to 1/65,000 of the row's largest number, or to half of what `finest` has for its name. What is wrong with
    its LEADING first rows follows in the same way, as four more numbers.
    """
    coded = {}
    for name, array in coarse.items():
        rows = np.atleast_2d(np.asarray(array, float))
        coded[name] = _coded(rows, finest.get(name, 0.0))
        scales, integers = coded[name]
        wrong = (rows - integers.reshape(rows.shape) * scales[:, None].astype(float))[:LEADING]
        coded[name + REMAINDER] = _coded(wrong, finest.get(name, 0.0))
    exact = {**arrays, **{f"{name} scales": scales for name, (scales, _) in coded.items()}}
    floats = {name: np.ascontiguousarray(array, np.float32).ravel() for name, array in exact.items()}
    places = _places(floats)
    integers = {name: array for name, (_, array) in coded.items()}
    for name, place in _places(integers).items():
        places[name] = [*place, *places.pop(f"{name} scales")]
    for name in coarse:
        places[name] += places.pop(name + REMAINDER)
    whole = np.concatenate([np.empty(0, "<i2"), *integers.values()])
    high, low, bits = _split(whole)
    counts = {"floats": sum(map(len, floats.values())), "integers": len(whole), "low": bits}
    text = json.dumps({**header, **counts, "arrays": places}).encode()
    blocks = (array.tobytes() for array in (*floats.values(), high, low))
    return struct.pack("<I", len(text)) + text + b"".join(blocks)


def _split(integers: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Of integers (N,) one byte with the high bits of each, the low bits as bytes, and how many these are."""
    bits = max(0, int(np.abs(integers.astype(int)).max(initial=0)).bit_length() - HIGH)
    low = np.unpackbits((integers & ((1 << bits) - 1)).astype(np.uint8)[:, None], axis=1, bitorder="little")
    packed = np.packbits(low[:, :bits], bitorder="little")
    return (integers >> bits).astype(np.int8), np.append(packed, np.uint8(0)), bits


def _coded(array: np.ndarray, finest: float) -> tuple[np.ndarray, np.ndarray]:
    """The scale of each row (R,) of an array (R, C), `finest` or more, and its numbers as integers (R·C,)."""
    scales = np.maximum(np.abs(array).max(1, initial=0) / MOST, finest).astype(np.float32)
    scales[scales == 0] = 1
    integers = np.rint(array / scales[:, None].astype(float)).clip(-MOST, MOST)
    return scales, integers.astype("<i2").ravel()


def _places(arrays: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
    """[start, length] of each array (N,) in their row."""
    ends = np.cumsum([len(array) for array in arrays.values()]).tolist()
    return {n: [end - len(array), len(array)] for (n, array), end in zip(arrays.items(), ends, strict=True)}


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
