"""The numbers of an audit's report as tables of texts, for the page; the words are in verdict.py."""

from collections.abc import Mapping
from typing import Any

from ..parameters import parameter
from .decisions import FALSE_ALARMS, REMOVED_LIMIT
from .sentence import is_number
from .slider_verdict import slider_entries
from .verdict import p_text, probe_words, signed, stratum_words

LIMITS = {"detectable": "Found from", "upper": "At most"}  # key of an entry -> head of its column
LEAK_HEADS = ("Parameter", "Partial R²", "p", *LIMITS.values(), "Bits", "R² from the latent")
LEAK_HEADS += ("R² from the other parameters",)
BEYOND = "beyond all sizes tried"
GIVEN = "given the other removed ones"
READING = (
    "Partial R² is the share of what the other parameters leave open that the best probe reads from the "
    "latent: 0 is nothing, 1 is all, and a better reader may read more. p says how often chance alone finds "
    f"as much; up to {FALSE_ALARMS:g} we call it found, so one innocent label in forty is. Found from: a "
    "linear leak of this partial R², planted where there is none, was found in 80 % of trials. At most: with "
    "95 % confidence no larger linear leak is there; where this and the size found are below "
    f"{REMOVED_LIMIT:g}, a parameter is removed. Bits count whatever the latent tells, such as how far a "
    "parameter scatters. Labels measured from the same spectrum share its noise, and what they share "
    "looks like a leak."
)
STRATA_READING = (
    "The same among the stars at either end of every known parameter, where a leak in few stars shows. Each "
    "row has a p of its own, so that among forty of them one is low by chance; errors of labels are not "
    "allowed for."
)


def table_rows(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row per parameter, and one per removed parameter given the other removed ones.

    Keys are the heads of the columns; a missing number is an empty text.
    """
    sliders, rows = slider_entries(report), []
    for part in ("removed", "kept", "untouched"):
        for name, entry in (report.get(part) or {}).items():
            plain = parameter(name).in_text
            rows.append(_row(plain, part, entry, sliders.get(name, {})))
            if together := entry.get("given_removed"):
                rows.append(_row(f"{plain}, {GIVEN}", part, together, {}))
    return rows


def leak_rows(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """The rows of the removed parameters alone: what was measured of the leak and what it rests on."""
    rows = table_rows({"removed": report.get("removed")})
    return [{head: row[head] for head in LEAK_HEADS} for row in rows]


def _row(what: str, part: str, entry: Mapping[str, Any], slider: Mapping[str, Any]) -> dict[str, str]:
    return {
        "Parameter": what,
        "It was": part,
        **leak_cells(entry),
        "R² from the latent": _text(entry.get("r2")),
        "Best probe": probe_words(entry.get("probe") or ""),
        "R² from the other parameters": _text(entry.get("floor")),
        "R² below plain": _text(entry.get("loss")),
        "Slider's error": _text(slider.get("relative_error")),
    }


def leak_cells(entry: Mapping[str, Any]) -> dict[str, str]:
    """What was measured of a leak: partial R², p, both limits and bits; empty texts for other labels."""
    p = entry.get("p")
    cells = {"Partial R²": _text(entry.get("partial")), "p": p_text(p) if is_number(p) else ""}
    for key, head in LIMITS.items():
        cells[head] = BEYOND if key in entry and entry[key] is None else _text(entry.get(key))
    return cells | {"Bits": _text(entry.get("bits"))}


def strata_rows(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row per removed parameter and tail of a known one, whose stars were looked at by themselves."""
    return [
        {
            "Parameter": parameter(name).in_text,
            "Among the stars with": stratum_words(part),
            "Stars": f"{part['stars']:,}",
            "Partial R²": signed(part["partial"]),
            "p": p_text(part["p"]),
        }
        for name, entry in (report.get("removed") or {}).items()
        for part in entry.get("strata") or ()
    ]


def _text(value: Any) -> str:
    return signed(value) if is_number(value) else ""
