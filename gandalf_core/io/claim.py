"""What a folder was begun for: results of different work never mix in it."""

import json
from pathlib import Path
from typing import Any

from ..atomic import write_text
from ..errors import ClaimError
from .plain import to_json


def claim(folder: Path, name: str, purpose: dict[str, Any], *, changeable: tuple[str, ...] = ()) -> None:
    """Note in `folder`/`name` what the folder is for, or check that it was begun for the same.

    purpose: JSON-able; its keys `changeable` may differ from the note's, which is then replaced. Makes the
    folder. Raises ClaimError when it was begun for something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note, text = folder / name, to_json(purpose)
    if note.exists():
        known, wanted = _read(note), json.loads(text)
        differing = sorted(k for k in {*known, *wanted} - {*changeable} if known.get(k) != wanted.get(k))
        if differing:
            what = ", ".join(differing)
            raise ClaimError(
                f"{folder}: was begun with another choice of {what} ({name}): repeat that one or choose another folder"
            )
        if known == wanted:
            return
    write_text(note, text)


def _read(note: Path) -> dict[str, Any]:
    try:
        known = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if not isinstance(known, dict):
        raise ClaimError(
            f"{note}: does not say what its folder is for: choose another folder, or remove this one"
        )
    return known
