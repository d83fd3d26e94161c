"""Numbers and tables in Markdown."""

from pathlib import Path
from statistics import mean

from gandalf_core.atomic import write_text
from gandalf_core.parameters import parameter

MEASURED = ("<!-- measured -->\n", "<!-- /measured -->")  # marks of a part that a program writes


def replace_between(page: Path, marks: tuple[str, str], text: str) -> None:
    """Put the text between the two marks of a page. ValueError where one of them is missing."""
    old = page.read_text(encoding="utf-8")
    first, last = (old.index(mark) for mark in marks)
    write_text(page, old[: first + len(marks[0])] + text + old[last:])


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many digits after the point; a dash for none."""
    return "-" if value is None else f"{value:.{digits}f}"


def interval_text(ends: list[float] | None) -> str:
    """Both ends of an interval."""
    return f"{number(ends[0])} to {number(ends[1])}" if ends else "-"


def spread(values: list[float | None], digits: int = 3) -> str:
    """Mean of the seeds, and the least and the greatest."""
    known = [v for v in values if v is not None]
    if not known:
        return "-"
    ends = f" ({min(known):.{digits}f} to {max(known):.{digits}f})" if len(known) > 1 else ""
    return f"{mean(known):.{digits}f}{ends}"


def plain(name: str) -> str:
    """A label's name, its brackets escaped."""
    return parameter(name).plain.replace("[", r"\[").replace("]", r"\]")
