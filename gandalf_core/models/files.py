"""The files of a model folder: their names, how large they may be, and their arrays.

manifest.json (hashes of the others) · config.json · weights.safetensors (encoder and decoder) · scaling.npz
(scaling, label ranges, reference for outliers) · split.npz (ids by what the stars serve) ·
regressor-latent.npz · regressor-spectrum.npz · projections/<name>.npz · history.jsonl · card.json ·
audit.json where the model was audited · calibrations/<name>.npz on a user's own stars; CARD.md is the card
for people, and belongs to no manifest
"""

import hashlib
import io
import json
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from ..atomic import atomic
from ..data.identity import LETTERS, file_identity, identity
from ..errors import ModelError
from ..io.npy import read_header

CONFIG, WEIGHTS, SCALING, SPLIT = "config.json", "weights.safetensors", "scaling.npz", "split.npz"
HISTORY, CARD, CARD_TEXT, AUDIT = "history.jsonl", "card.json", "CARD.md", "audit.json"
MANIFEST = "manifest.json"
REGRESSORS = {"latent": "regressor-latent.npz", "spectrum": "regressor-spectrum.npz"}
PROJECTIONS = "projections"
MAP = re.compile(rf"{PROJECTIONS}/(\w[\w.+-]{{0,100}})\.npz", re.ASCII)
CALIBRATIONS = "calibrations"
CALIBRATION = re.compile(rf"{CALIBRATIONS}/(\w[\w+-]{{0,60}})\.npz", re.ASCII)
KINDS = {PROJECTIONS: MAP, CALIBRATIONS: CALIBRATION}  # folder → files of which a model has any number
NEEDED = (CONFIG, WEIGHTS, SCALING, SPLIT, CARD)
LISTED = (*NEEDED, *REGRESSORS.values(), HISTORY, AUDIT)  # in a manifest, beside maps
ABOUT = (SPLIT, CARD, AUDIT, MANIFEST)  # files that describe a model: no result depends on them
IDS = ("train_ids", "check_ids", "calibration_ids", "reference_ids", "test_ids")  # in split.npz
ELSEWHERE = ".in"  # after the name of an array that another map's file holds
COPY_AGAIN = "copy the model again, or train it again"
MB = 1_000_000
MOST_BYTES = 512 * MB  # of a model folder, and of the arrays in it: a stranger's must not fill the memory
MOST_TEXT = {CONFIG: 1 * MB, CARD: 1 * MB, MANIFEST: 1 * MB, AUDIT: 16 * MB, HISTORY: 64 * MB}
MOST_OF_A_KIND, MOST_ARRAYS = 50, 10_000
MOST_LETTERS = 300  # of what a message says of a stranger's file
FAILURES = (
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,  # RecursionError and NotImplementedError, too
    MemoryError,
    EOFError,
    SafetensorError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Whatever goes wrong in the block becomes one ModelError line that names the file."""
    try:
        yield
    except ModelError as error:
        if str(error).startswith(str(path.parent)):
            raise
        raise ModelError(f"{path}: {_line(error)}") from None
    except FAILURES as error:
        cause = _line(error) or type(error).__name__
        raise ModelError(f"{path}: cannot be used ({cause}); {COPY_AGAIN}") from None


def _line(error: Exception) -> str:
    """An error's message as one line of ordinary length."""
    line = " ".join(str(error).split())
    return line if len(line) <= MOST_LETTERS else f"{line[:MOST_LETTERS]} …"


def is_listed(name: str) -> bool:
    """Whether a file of this name, with / between its parts, belongs to a model and to its manifest."""
    return name in LISTED or any(kind.fullmatch(name) for kind in KINDS.values())


def most_bytes(name: str) -> int:
    """How large a model's file of this name may be."""
    return MOST_TEXT.get(name, MOST_BYTES)


# --- arrays ---


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file; pickled objects are refused. ModelError names the file."""
    with naming(path):
        return arrays_in(path.read_bytes())


def arrays_in(content: bytes, most: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name, whose sizes are checked before there is memory for them.

    Raises ValueError for objects and for more than `most` bytes, and the errors of zipfile.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if total > most or len(members) > MOST_ARRAYS:
            raise ValueError(f"{len(members)} arrays of {total / MB:,.0f} MB: more than any model has")
        arrays = {m.filename.removesuffix(".npy"): _array(archive, m) for m in members}
    if len(arrays) < len(members):
        raise ValueError("an array twice")
    return arrays


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One array, as large as its header says. ValueError where the file holds another number of bytes."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename}: of an unknown compression")
    with archive.open(member) as stream:
        header = read_header(stream)
        if header is None:
            raise ValueError(f"{member.filename}: of an unknown version of numpy's format")
        shape, dtype = header
        count = math.prod(shape)
        if dtype.hasobject or count * max(dtype.itemsize, 1) != member.file_size - stream.tell():
            raise ValueError(f"{member.filename}: not {count:,} numbers or texts, as its header says")
    with archive.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An npz file, complete or not at all."""
    with atomic(path) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def with_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays as `prefix.name`, several objects in one file."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def under_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `with_prefix`; empty where nothing has this prefix."""
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


# --- text ---


def json_in(content: bytes) -> Any:
    """The value of a JSON text. ValueError for what is none, or is nested too deeply."""
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


# --- identity ---


def digest(path: Path) -> str:
    """Identity of a file's content, as short as it stands in a model's id."""
    return file_identity(path)[:12]


def short_digest(content: bytes) -> str:
    """The `digest` of a file with this content."""
    return hashlib.sha256(content).hexdigest()[:LETTERS][:12]


def contents_identity(contents: Mapping[str, bytes]) -> str:
    """Identifies what a model computes: all files of its folder that its results depend on, by name."""
    return identity({name: short_digest(contents[name]) for name in decisive(contents)})


def decisive(names: Iterable[str]) -> list[str]:
    """Those of a model's files that its results depend on; maps are none of them."""
    suffixes = (".json", ".npz", ".safetensors")
    return [n for n in names if n.endswith(suffixes) and n not in ABOUT and "/" not in n]
