"""The purpose of a folder: results of different work never mix in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..atomic import make_folder, write_text
from ..errors import ClaimError
from .plain import to_json

NO_NAMES: Mapping[str, str] = {}


def claim(
    folder: Path,
    name: str,
    purpose: dict[str, Any],
    *,
    changeable: tuple[str, ...] = (),
    names: Mapping[str, str] = NO_NAMES,
) -> None:
    """Make `folder` and note its purpose in the file `name`, or check that it was begun for the same purpose.

    purpose: JSON-able. Its keys `changeable` may differ from the note, which is then replaced. names: what
    the message calls a key, where that is not the key itself. Raises ClaimError when the folder was begun for
    something else.
    """
    make_folder(folder)
    note, text = folder / name, to_json(purpose)
    if (old := noted(folder, name)) is not None:
        new = json.loads(text)
        differing = sorted(k for k in {*old, *new} - {*changeable} if old.get(k) != new.get(k))
        if differing:
            words = ", ".join(dict.fromkeys(names.get(key, key) for key in differing))
            raise ClaimError(
                f"{folder}: was begun with another choice of {words} ({name}): "
                "repeat that one or choose another folder"
            )
        if old == new:
            return
    write_text(note, text)


def noted(folder: Path, name: str) -> dict[str, Any] | None:
    """The purpose that the file `name` of a folder notes; None without such a file.

    Raises ClaimError for a file that says nothing.
    """
    note = folder / name
    if not note.exists():
        return None
    try:
        purpose = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        purpose = None
    if not isinstance(purpose, dict):
        raise ClaimError(
            f"{note}: does not say what its folder is for: choose another folder, or remove this one"
        )
    return purpose
