"""A model's card, which is written in the few marks of Markdown that cards use, as HTML."""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby
from typing import Any

from ..models.cards import card_text

ESCAPED = re.compile(r"\\([\\`*_{}\[\]<>()#+!|~$:-])")
LINK = re.compile(r"https?://[^\s)&<]+")


def card_html(name: str, card: dict[str, Any]) -> str:
    """The card as HTML: headings, lists, tables, quotations and paragraphs."""
    lines = card_text(name, card).splitlines()
    return "\n".join(_block(kind, list(block)) for kind, block in groupby(lines, _kind) if kind)


def _kind(line: str) -> str:
    """What a line is part of; empty for an empty line."""
    marks = {"#": "heading", "- ": "list", "|": "table", "> ": "quotation"}
    return next((kind for mark, kind in marks.items() if line.startswith(mark)), "text" if line else "")


def _block(kind: str, lines: list[str]) -> str:
    if kind == "heading":
        return "".join(_heading(line) for line in lines)
    if kind == "list":
        return f"<ul>{''.join(f'<li>{inline(line[2:])}</li>' for line in lines)}</ul>"
    if kind == "table":
        return f"<table>{''.join(_rows(lines))}</table>"
    if kind == "quotation":
        return f"<blockquote>{inline(' '.join(line[2:] for line in lines))}</blockquote>"
    return f"<p>{inline(' '.join(lines))}</p>"


def _heading(line: str) -> str:
    level = len(line) - len(line.lstrip("#"))
    return f"<h{level + 1}>{inline(line[level:].strip())}</h{level + 1}>"


def _rows(lines: list[str]) -> Iterator[str]:
    for k, line in enumerate(lines):
        cells = re.split(r"(?<!\\)\|", line.strip())[1:-1]
        if k == 1 and all(set(cell) <= set("-: ") for cell in cells):
            continue
        tag = "td" if k else "th"
        yield f"<tr>{''.join(f'<{tag}>{inline(cell.strip())}</{tag}>' for cell in cells)}</tr>"


def inline(text: str) -> str:
    """One line: code, bold, links and escaped signs; everything else is text."""
    parts = re.split(r"`([^`]*)`", text)
    return "".join(f"<code>{escape(part)}</code>" if k % 2 else _marked(part) for k, part in enumerate(parts))


def _marked(text: str) -> str:
    bold = re.split(r"\*\*(.+?)\*\*", text)
    plain = [escape(ESCAPED.sub(r"\1", part)) for part in bold]
    linked = [LINK.sub(lambda m: f'<a href="{m[0]}">{m[0]}</a>', part) for part in plain]
    return "".join(f"<b>{part}</b>" if k % 2 else part for k, part in enumerate(linked))
