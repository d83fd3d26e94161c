"""Tables of docs/results.md and of the README on what was removed."""

from typing import Any

from gandalf_core.auditing.table import LEAK_HEADS, leak_rows

from .markdown import number, plain, table

Report = dict[str, Any]


def removed_table(audits: dict[str, Report]) -> str:
    """What is read, found and ruled out of each removed label, alone and given the other removed ones."""
    rows = [
        [f"`{model}`", *(text.replace("[", r"\[").replace("]", r"\]") or "-" for text in row.values())]
        for model, report in audits.items()
        for row in leak_rows(report)
    ]
    return "## What was removed\n\n" + table(["model", *LEAK_HEADS], rows) if rows else ""


def claims_table(audits: dict[str, Report]) -> str:
    """One row per label that a shipped model claims to remove: verdict, what is read, what may be there."""
    rows = [
        [f"`{model}`", plain(n), entry["verdict"], number(entry["partial"]), number(entry["upper"])]
        for model, report in audits.items()
        for n, entry in report["removed"].items()
    ]
    return table(["model", "claims to remove", "verdict", "partial R² read", "at most"], rows)
