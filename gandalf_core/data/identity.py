"""The identity of content: a digest of everything that a result depends on, for caches and checkpoints."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

LETTERS = 16  # 64 bits: among a million different sets two share an identity with a chance of 3 in 10⁸
# in the provenance of stars: where and how they were read, which says nothing about what they are
READING = ("file", "format", "read", "upload")

Update = Callable[[Any], None]


def identity(*parts: Any) -> str:
    """Sixteen letters that differ wherever any of the parts differs in type, shape or value.

    parts: None, numbers, texts, bytes, arrays, and lists, tuples, dictionaries and dataclasses of these; the
    order of a dictionary does not matter. An object with an `identity` of its own is taken by that. Raises
    TypeError for anything else.
    """
    digest = hashlib.sha256()
    _feed(digest.update, parts)
    return digest.hexdigest()[:LETTERS]


def file_identity(path: Path) -> str:
    """Sixteen letters of the SHA-256 of a file's content, whose size does not matter. Raises OSError."""
    return file_sha256(path)[:LETTERS]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's content in hexadecimal digits, as `sha256sum` prints it. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def without_reading(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The provenance of stars without the notes on the file that they were read from."""
    kept = {key: value for key, value in provenance.items() if key not in READING}
    if "parts" in kept:
        kept["parts"] = [without_reading(part) for part in kept["parts"]]
    return kept


def _feed(update: Update, value: Any) -> None:
    """Add a value to a digest, its type and length first: no two values are written alike."""
    own = getattr(value, "identity", None)
    if isinstance(own, str) and own:
        _feed_bytes(update, type(value).__name__, own.encode())
    elif isinstance(value, np.ndarray):
        _feed_array(update, value)
    elif isinstance(value, Mapping):
        _feed_items(update, "dict", [item for pair in sorted(value.items()) for item in pair])
    elif isinstance(value, list | tuple):
        _feed_items(update, "list", value)
    elif is_dataclass(value) and not isinstance(value, type):
        _feed_items(update, type(value).__name__, [getattr(value, f.name) for f in fields(value)])
    elif isinstance(value, bytes):
        _feed_bytes(update, "bytes", value)
    elif value is None or isinstance(value, bool | int | float | str | np.generic):
        plain = value.item() if isinstance(value, np.generic) else value
        _feed_bytes(update, type(plain).__name__, repr(plain).encode("utf-8", "backslashreplace"))
    else:
        raise TypeError(f"a {type(value).__name__} has no identity")


def _feed_bytes(update: Update, kind: str, content: bytes) -> None:
    update(f"{kind} {len(content)}:".encode())
    update(content)


def _feed_items(update: Update, kind: str, items: list[Any] | tuple[Any, ...]) -> None:
    update(f"{kind} {len(items)}:".encode())
    for item in items:
        _feed(update, item)


def _feed_array(update: Update, array: np.ndarray) -> None:
    if array.dtype.kind in "USO":  # the same texts whatever width their array reserves for them
        update(f"texts {array.shape}:".encode())
        _feed_bytes(update, "json", json.dumps(array.tolist()).encode())
        return
    update(f"{array.dtype.str} {array.shape}:".encode())
    update(np.ascontiguousarray(array).data)
