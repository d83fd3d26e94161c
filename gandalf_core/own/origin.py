"""The model that an adapted one came from, found again by its weights."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..models import files
from ..models.folder import read_file
from ..models.listing import list_models


def was_adapted(card: Mapping[str, Any]) -> bool:
    """Whether a card is that of a model which went on learning from a user's own stars."""
    return isinstance(card.get("adapted"), dict)


def original_among(card: Mapping[str, Any], folders: Mapping[str, Path]) -> str | None:
    """The name of the folder whose weights an adapted model started from; None where none has them.

    card: of the adapted model.  folders: name → model folder.
    """
    known = str((card.get("adapted") or {}).get("from", {}).get("model_id", ""))
    digest = known.partition("@")[2]
    if not digest:
        return None
    for name, folder in folders.items():
        if _weights_hash(folder).startswith(digest):
            return name
    return None


def _weights_hash(folder: Path) -> str:
    """The hash of a model's weights as its manifest says; empty where it has none that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, ModelError):
        return str(json.loads(read_file(folder, files.MANIFEST))["files"][files.WEIGHTS])
    return ""


def find_original(card: Mapping[str, Any]) -> Path:
    """The folder of the original among the models here. ModelError where it is none of them."""
    if not was_adapted(card):
        raise ModelError("this model was not adapted from another one: name the one to compare with")
    folders = {info.name: info.path for info in list_models()}
    name = original_among(card, folders)
    if name is None:
        before = card["adapted"].get("from", {})
        told = before.get("model_id") or before.get("name") or "a model that was not stored"
        raise ModelError(f"it was adapted from {told}, which is not among the models here: name its folder")
    return folders[name]
