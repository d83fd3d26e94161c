"""The numbers of an audit's report as a table of texts, for the page; the words are in verdict.py."""

from collections.abc import Mapping
from typing import Any

from ..parameters import parameter
from .sentence import is_number
from .slider_verdict import slider_entries
from .verdict import REMOVED_LIMIT, probe_words, signed

READING = (
    "The interval is that of the excess, or of the R² below the plain auto-encoder where the parameter was "
    "kept. The p value says whether the latent tells anything at all beyond the other parameters, the excess "
    "how much: among many stars a test finds even a trace, and up to "
    f"{REMOVED_LIMIT} we call a parameter removed."
)


def table_rows(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row per parameter; keys are the heads of the columns, a missing number is an empty text."""
    sliders = slider_entries(report)
    parts = ("removed", "kept", "untouched")
    labels = [(part, n, entry) for part in parts for n, entry in (report.get(part) or {}).items()]
    return [_row(part, n, entry, sliders.get(n, {})) for part, n, entry in labels]


def _row(part: str, name: str, entry: Mapping[str, Any], slider: Mapping[str, Any]) -> dict[str, str]:
    ends = entry.get("interval") or []
    p_value, probe = entry.get("p_value"), entry.get("probe") or ""
    return {
        "Parameter": parameter(name).in_text,
        "It was": part,
        "Excess R²": _text(entry.get("excess")),
        "95 % interval": " to ".join(map(signed, ends)) if all(map(is_number, ends)) else "",
        "p value": f"{p_value:.1e}" if is_number(p_value) else "",
        "R² from the latent": _text(entry.get("r2")),
        "Best probe": probe_words(probe),
        "R² from the other parameters": _text(entry.get("floor")),
        "R² below plain": _text(entry.get("loss")),
        "Slider's error": _text(slider.get("relative_error")),
    }


def _text(value: Any) -> str:
    return signed(value) if is_number(value) else ""
