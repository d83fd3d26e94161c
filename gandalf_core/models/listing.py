"""Which models there are: folders with a card, by name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ModelError
from ..places import model_roots
from .card_schema import checked_card
from .files import CARD, json_in, naming
from .folder import read_file


@dataclass(frozen=True)
class ModelInfo:
    """One model folder and its card."""

    name: str
    path: Path
    card: dict[str, Any]


class Listing(NamedTuple):
    """The models of some folders, and of each folder that only seems to be one, what is wrong with it."""

    models: list[ModelInfo]
    unusable: dict[Path, str]


def list_models(root: str | Path | None = None) -> list[ModelInfo]:
    """The model folders under `root` (default: `places.model_roots`) with their cards, by name.

    A folder without a usable card is skipped (`listing` says why), and so is a name that an earlier root has,
    or one that begins with a dot: that is a copy in the making.
    """
    return listing(root).models


def listing(root: str | Path | None = None) -> Listing:
    """As `list_models`, with one line for each folder whose card cannot be used."""
    roots = model_roots() if root is None else (Path(root),)
    models: dict[str, ModelInfo] = {}
    unusable: dict[Path, str] = {}
    for folder in (path for root in roots for path in _folders(root)):
        try:
            models.setdefault(folder.name, ModelInfo(folder.name, folder, card_of(folder)))
        except FileNotFoundError:
            continue  # no model, or removed just now
        except ModelError as error:
            unusable[folder] = str(error)
    return Listing(list(models.values()), unusable)


def _folders(root: Path) -> list[Path]:
    """The folders in a folder, without hidden ones; none where it cannot be read."""
    try:
        return sorted(path for path in root.iterdir() if path.name[:1] != "." and path.is_dir())
    except OSError:
        return []


def card_of(folder: Path) -> dict[str, Any]:
    """The card of a model folder. FileNotFoundError without one, ModelError for one that is none."""
    content = read_file(folder, CARD)
    with naming(folder / CARD):
        return checked_card(json_in(content))


def find_model(name_or_folder: str | Path) -> Path:
    """The folder of a model: a path, or a name in one of `places.model_roots`. ModelError lists the names."""
    path = Path(name_or_folder)
    roots = model_roots() if len(path.parts) == 1 else ()
    for folder in (path, *(root / path for root in roots)):
        if _is_folder(folder):
            return folder.resolve()
    names = ", ".join(info.name for info in list_models()) or "none"
    shown = str(name_or_folder)[:200]
    raise ModelError(f"{shown}: no such model folder; the models are: {names}")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that is too long, or that no file can have
        return False
