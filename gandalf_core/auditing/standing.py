"""How each label of a model stands by its audit, in a few words: what chips and lists have room for.

The sentences behind them are in verdict.py. `report` is as there; None where the model was not audited.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..models.edition import is_first_edition
from .decisions import REMOVED_LIMIT, removal, retention, telling_stratum, tells_more_together
from .sentence import is_number
from .verdict import signed, size

ASKED = {"removed": "to be removed", "kept": "to be kept", "untouched": "left alone"}


class Standing(NamedTuple):
    """grade: good, partly, bad or unsure; neutral where nothing was asked for or measured. text: in words."""

    grade: str
    text: str


def standings(signs: Mapping[str, str], report: Mapping[str, Any] | None) -> dict[str, Standing]:
    """Label → how it stands. signs: label → `removed`, `kept` or `untouched`, as the model was trained."""
    return {name: _standing(name, sign, report or {}) for name, sign in signs.items()}


def _standing(name: str, sign: str, report: Mapping[str, Any]) -> Standing:
    entry = (report.get(sign) or {}).get(name)
    if entry is None or (sign == "removed" and is_first_edition(report)):
        return Standing("neutral", f"{ASKED[sign]}, not measured")
    if sign == "removed":
        return _of_removed(entry)
    if sign == "kept":
        return _of_kept(entry)
    return Standing("neutral", f"left alone, R² {signed(entry['r2'])}")


def _of_removed(entry: Mapping[str, Any]) -> Standing:
    decision, partial = removal(entry), _leak(entry)
    if decision == "readable":
        small = is_number(entry.get("partial")) and entry["partial"] < REMOVED_LIMIT
        return Standing("bad", f"still {'in the latent' if small else 'readable'}{partial}")
    if decision == "cannot tell":
        return Standing("unsure", f"removed? cannot tell{partial}")
    if tells_more_together(entry) or telling_stratum(entry):
        return Standing("partly", f"removed, not everywhere{partial}")
    return Standing("good", f"removed{partial}")


def _leak(entry: Mapping[str, Any]) -> str:
    """What is read of a removed label; what may be there where that is too little for the verdict."""
    partial, upper = entry.get("partial"), entry.get("upper")
    if not is_number(partial):
        return ""
    if is_number(upper) and partial < REMOVED_LIMIT <= upper:
        return f", partial R² up to {size(upper)}"
    return f", partial R² {size(partial)}"


def _of_kept(entry: Mapping[str, Any]) -> Standing:
    decision, amount = retention(entry), f", R² {signed(entry['r2'])}"
    words = {"kept": ("good", "kept"), "lost": ("bad", "partly lost")}
    grade, text = words.get(decision, ("unsure", "kept? cannot tell"))
    return Standing(grade, f"{text}{amount}")
