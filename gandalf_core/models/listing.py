"""Which models there are: folders with a card, by name."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..places import model_roots
from .files import CARD, read_card


@dataclass(frozen=True)
class ModelInfo:
    """One model folder and its card."""

    name: str
    path: Path
    card: dict[str, Any]


def list_models(root: str | Path | None = None) -> list[ModelInfo]:
    """The model folders under `root` (default: `places.model_roots`) with their cards, by name.

    A folder without a usable card is skipped, and so is a name that an earlier root has, or one that begins
    with a dot: that is a copy in the making.
    """
    roots = model_roots() if root is None else (Path(root),)
    models: dict[str, ModelInfo] = {}
    for card in (path for folder in roots for path in sorted(folder.glob(f"[!.]*/{CARD}"))):
        with contextlib.suppress(OSError, ValueError, TypeError):
            models.setdefault(card.parent.name, ModelInfo(card.parent.name, card.parent, read_card(card)))
    return list(models.values())


def find_model(name_or_folder: str | Path) -> Path:
    """The folder of a model: a path, or a name in one of `places.model_roots`. ModelError lists the names."""
    path = Path(name_or_folder)
    roots = model_roots() if len(path.parts) == 1 else ()
    for folder in (path, *(root / path for root in roots)):
        if folder.is_dir():
            return folder.resolve()
    names = ", ".join(info.name for info in list_models()) or "none"
    raise ModelError(f"{name_or_folder}: no such model folder; the models are: {names}")
