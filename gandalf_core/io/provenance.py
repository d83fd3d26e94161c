"""The provenance that a file of ours carries as JSON, read as anybody's: anybody may have written it."""

import json
from typing import Any

MAX_DEPTH, MAX_PARTS = 6, 10_000  # of sets that were joined
_OURS = ("simulated", "instrument", "parts")  # entries of a provenance that are more than text for people
PROVENANCE_KEY = "gandalf"  # the keyword under which a file carries the provenance of its stars


def parse_provenance(text: Any) -> dict[str, Any]:
    """The provenance that a file carries as JSON; empty when there is none, or none that can be read."""
    try:
        return sound_provenance(json.loads(str(text)))
    except (ValueError, RecursionError):
        return {}


def sound_provenance(value: Any, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """A provenance without what others than we have put where we look: it may come from anybody."""
    if not isinstance(value, dict) or depth == 0:
        return {}
    sound = {str(key): entry for key, entry in value.items() if key not in _OURS}
    if isinstance(value.get("simulated"), dict):
        sound["simulated"] = value["simulated"]
    if isinstance(value.get("instrument"), str):
        sound["instrument"] = value["instrument"]
    if isinstance(value.get("parts"), list):
        sound["parts"] = [sound_provenance(part, depth - 1) for part in value["parts"][:MAX_PARTS]]
    return sound
