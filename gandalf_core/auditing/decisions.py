"""What an audit's numbers decide: removed or readable, kept or lost, or that the stars cannot tell.

The sentences that say so are in verdict.py. An `entry` is that of one label in a report (see entries.py), or
the same read back from JSON, where a number that could not be measured is None or missing.
"""

from collections.abc import Mapping
from typing import Any

from .sentence import is_number

REMOVED_LIMIT = 0.02  # the partial R² below which a parameter counts as removed
SPREAD_BITS = 0.015  # from here on it counts as readable where only its spread is told
SMALLEST_P = 0.004  # about what 300 deals can show: no smaller one is asked of any test
FALSE_ALARMS = 0.025  # the share of innocent labels that the test may flag: one in forty
KEPT_LIMIT = 0.02  # the R² below the plain auto-encoder's up to which a parameter counts as kept
NOTHING_OPEN = 1e-5  # of a label's variance: where the other labels leave less open, they tell it all
R2_DIGITS = 3  # as printed; decisions on kept labels take the numbers as they are printed


def removal(entry: Mapping[str, Any]) -> str:
    """The decision on one removed label: `removed`, `readable` or `cannot tell`.

    Removed: the upper limit is below REMOVED_LIMIT, a leak of that size would have been found, and no more
    is told of the label's spread than SPREAD_BITS. Readable: the test rejects and it is not removed. A value
    that was read decides nothing by itself, but more than REMOVED_LIMIT read is never called removed.
    """
    if does_not_vary(entry):
        return "removed"
    upper, detectable = entry.get("upper"), entry.get("detectable")
    small = is_number(upper) and max(upper, entry.get("partial") or 0.0) < REMOVED_LIMIT
    sensitive = is_number(detectable) and detectable <= REMOVED_LIMIT
    spread = is_found(entry) and not entry.get("label_errors") and (entry.get("bits") or 0.0) >= SPREAD_BITS
    if small and sensitive and not spread:
        return "removed"
    found = is_found(entry) and (spread or not small)
    return "readable" if found and not may_be_the_floor(entry) else "cannot tell"


def is_found(entry: Mapping[str, Any]) -> bool:
    """Whether the test finds the label in the latent."""
    return is_number(entry.get("p")) and entry["p"] <= FALSE_ALARMS


def may_be_the_floor(entry: Mapping[str, Any]) -> bool:
    """Whether all that was read may be what the floor did not learn of the other labels."""
    return (entry.get("unlearned") or 0.0) >= max(entry.get("partial") or 0.0, REMOVED_LIMIT / 2)


def is_known(entry: Mapping[str, Any]) -> bool:
    """Whether the other labels alone tell a label to within rounding, and leave the latent nothing."""
    return "reader" in entry and entry["reader"] is None and entry["floor"] > 1 - NOTHING_OPEN


def does_not_vary(entry: Mapping[str, Any]) -> bool:
    """Whether no reader found anything in the latent to look at: it is the same for all stars."""
    return "reader" in entry and entry["reader"] is None and not is_known(entry)


def telling_stratum(entry: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The tail of a kept label whose stars tell much more than all of them together, if there is one.

    None where errors of labels were allowed for, which among few stars they are not.
    """
    parts = [] if entry.get("label_errors") else entry.get("strata") or []
    worst = max(parts, key=lambda s: s["partial"], default=None)
    if worst is None or worst["p"] > max(FALSE_ALARMS / len(parts), SMALLEST_P):
        return None
    return worst if worst["partial"] >= 2 * max(REMOVED_LIMIT, entry["partial"]) else None


def tells_more_together(entry: Mapping[str, Any]) -> bool:
    """Whether a reader who also knows the other removed labels reads much more of this one.

    Never where errors of labels were allowed for: those of the other removed ones are not.
    """
    together = None if entry.get("label_errors") else entry.get("given_removed")
    if not together or removal(together) != "readable":
        return False
    alone = entry["partial"] if removal(entry) == "readable" else 0.0
    return together["partial"] >= max(REMOVED_LIMIT, 2 * alone)


def retention(entry: Mapping[str, Any]) -> str:
    """The decision on one kept label: `kept`, `lost`, `cannot tell`, or `no reference` to compare with."""
    if not is_number(entry.get("loss")):
        return "no reference"
    low, high = (round(end, R2_DIGITS) for end in ends_of(entry, "loss"))
    return "lost" if low > KEPT_LIMIT else "kept" if high <= KEPT_LIMIT else "cannot tell"


def ends_of(entry: Mapping[str, Any], key: str) -> tuple[float, float]:
    """The ends of the entry's interval; the value of `key` itself where there is none."""
    low, high = entry.get("interval") or (None, None)
    return (low, high) if is_number(low) and is_number(high) else (entry[key], entry[key])
