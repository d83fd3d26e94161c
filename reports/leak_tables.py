"""Tables of docs/results.md on what was removed, by the audit of today and by its first edition."""

from typing import Any

from gandalf_core.auditing.table import LEAK_HEADS, leak_rows
from gandalf_core.models.edition import is_first_edition

from .markdown import interval_text, number, plain, table

Report = dict[str, Any]
FIRST_EDITION = (
    "Audited by the first edition of the audit, which knew no limits: its interval is that of the best "
    "probe, not of what can be read, and *detected* misses whole kinds of leaks.\n\n"
)


def removed_table(audits: dict[str, Report]) -> str:
    """One row per model and removed label; audits of the first edition have a table of their own."""
    first = {model: report for model, report in audits.items() if is_first_edition(report)}
    second = {model: report for model, report in audits.items() if model not in first}
    parts = ["## What was removed\n", _leak_table(second), _first_edition_table(first)]
    return "\n".join(part for part in parts if part)


def _leak_table(audits: dict[str, Report]) -> str:
    """What is read, found and ruled out of each removed label, alone and given the other removed ones."""
    rows = [
        [f"`{model}`", *(text.replace("[", r"\[").replace("]", r"\]") or "-" for text in row.values())]
        for model, report in audits.items()
        for row in leak_rows(report)
    ]
    return table(["model", *LEAK_HEADS], rows) if rows else ""


def claims_table(audits: dict[str, Report]) -> str:
    """One row per label that a shipped model claims to remove: verdict, what is read, what may be there."""
    rows = [
        [f"`{model}`", plain(n), entry["verdict"], number(entry["partial"]), number(entry["upper"])]
        for model, report in audits.items()
        if not is_first_edition(report)
        for n, entry in report["removed"].items()
    ]
    return table(["model", "claims to remove", "verdict", "partial R² read", "at most"], rows)


def _first_edition_table(audits: dict[str, Report]) -> str:
    rows = [
        [
            f"`{model}`",
            plain(n),
            *(number(entry[key]) for key in ("r2", "floor", "excess")),
            interval_text(entry["interval"]),
            "yes" if entry["flagged"] else "no",
            entry["probe"],
        ]
        for model, report in audits.items()
        for n, entry in report["removed"].items()
    ]
    head = ["model", "removed", "R² from z", "from the kept labels", "excess", "95 % interval", "detected"]
    return FIRST_EDITION + table([*head, "best probe"], rows) if rows else ""


def calibration_table(rates: list[Report]) -> str:
    """How often the audit's first edition flagged a latent that leaks, and one of noise."""
    rows = [
        [number(v["attainable_r2"], 2), f"{v['stars']:,}", str(v["draws"]), number(v["flagged"], 2)]
        for v in rates
    ]
    text = (
        "## Did the first edition of the audit find a leak, and acquit noise?\n\n"
        "A latent of 25 dimensions of unit noise into which Teff is mixed, drawn again and again. Goal: "
        "every leak is flagged, and at most .05 of the latents of pure noise.\n\n"
    )
    head = ["R² that a perfect reader attains", "stars", "draws", "share flagged"]
    return text + table(head, rows) if rows else ""
