"""Which edition of the audit a stored report is from, and what is said of the first one.

The first edition gave intervals but no limits, missed whole kinds of leaks and accused innocent latents: what
it said of removed labels is not shown any more.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from ..parameters import parameter


def is_first_edition(audit: Mapping[str, Any]) -> bool:
    """Whether a report of an audit, or a card's summary of one, says of removed labels what is outdated."""
    if "removed" in audit:
        partial = [entry.get("partial") for entry in (audit["removed"] or {}).values()]
    else:
        partial = [(audit.get("partial") or {}).get(name) for name in audit.get("excess") or {}]
    return None in partial


def on_first_edition(names: Iterable[str]) -> str:
    """The sentence on labels that were removed, and audited by the first edition."""
    plain = [parameter(n).in_text for n in names]
    listed = " and ".join(filter(None, [", ".join(plain[:-1]), plain[-1]]))
    were = "was" if len(plain) == 1 else "were"
    return f"{listed} {were} audited by the first edition: run the audit again."
