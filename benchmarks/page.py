"""The part of a document that a program writes: what stands between two marks."""

from pathlib import Path

MARKS = ("<!-- measured -->\n", "<!-- /measured -->")


def replace_measured(page: Path, text: str) -> None:
    """Put the text between the marks of a page."""
    old = page.read_text(encoding="utf-8")
    first, last = (old.index(mark) for mark in MARKS)
    page.write_text(old[: first + len(MARKS[0])] + text + old[last:], encoding="utf-8")
