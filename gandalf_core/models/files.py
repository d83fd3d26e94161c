"""The files of a model folder: their names, and reading and writing them one by one.

config.json · weights.safetensors (encoder and decoder) · scaling.npz (scaling, label ranges, reference for
outliers) · split.npz (ids by what the stars serve) · regressor-latent.npz · regressor-spectrum.npz ·
projections/<name>.npz · history.jsonl · card.json · CARD.md · audit.json where the model was audited
"""

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from ..atomic import atomic
from ..data.identity import file_identity, identity
from ..errors import ModelError

CONFIG, WEIGHTS, SCALING, SPLIT = "config.json", "weights.safetensors", "scaling.npz", "split.npz"
HISTORY, CARD, CARD_TEXT, AUDIT = "history.jsonl", "card.json", "CARD.md", "audit.json"
REGRESSORS = {"latent": "regressor-latent.npz", "spectrum": "regressor-spectrum.npz"}
PROJECTIONS = "projections"
NEEDED = (CONFIG, WEIGHTS, SCALING, SPLIT, CARD)
ABOUT = (SPLIT, CARD, AUDIT)  # files that describe a model: no result depends on them
IDS = ("train_ids", "check_ids", "calibration_ids", "reference_ids", "test_ids")  # in split.npz
ELSEWHERE = ".in"  # after the name of an array that another map's file holds
FAILURES = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
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
        raise error if str(error).startswith(str(path.parent)) else ModelError(f"{path}: {error}") from None
    except FAILURES as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        cure = "copy the model again, or train it again"
        raise ModelError(f"{path}: cannot be used ({cause}); {cure}") from None


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an npz file; pickled objects are refused. ModelError names the file."""
    with naming(path), np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An npz file, complete or not at all."""
    with atomic(path) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def read_card(path: Path) -> dict[str, Any]:
    """A card's dictionary. OSError or ValueError for a file that is not one."""
    card = json.loads(path.read_text(encoding="utf-8"))
    missing = {"removed", "kept", "lambdas", "labels", "data", "figures"} - set(card)
    if missing:
        raise ValueError(f"without {', '.join(sorted(missing))}")
    return card


def with_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays as `prefix.name`, several objects in one file."""
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def under_prefix(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse of `with_prefix`; empty where nothing has this prefix."""
    start = f"{prefix}."
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def digest(path: Path) -> str:
    """Identity of a file's content, as short as it stands in a model's id."""
    return file_identity(path)[:12]


def folder_identity(folder: Path) -> str:
    """Identifies what a model computes: all files of its folder that its results depend on."""
    paths = [p for p in folder.iterdir() if p.suffix in (".json", ".npz", ".safetensors") and p.is_file()]
    return identity({p.name: digest(p) for p in paths if p.name not in ABOUT and p.name[0] != "."})
