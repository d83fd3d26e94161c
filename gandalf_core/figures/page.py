"""A page that stands alone: sentences, tables and figures in one HTML file that needs no network."""

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

Table = Sequence[Mapping[str, str]]  # rows; the first one names the columns
Part = str | go.Figure | Table

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em;
       color: #1b1b1b; background: #fff; }
table { border-collapse: collapse; margin: 1em 0; display: block; overflow-x: auto; }
th, td { border-bottom: 1px solid #ccc; padding: .3em .8em .3em 0; text-align: left; vertical-align: top; }
h1 { font-size: 1.5em; }
"""


def html_page(title: str, parts: Sequence[Part]) -> str:
    """The page as HTML; texts are shown as they are, without markup."""
    drawn = [part for part in parts if isinstance(part, go.Figure)]
    body = [f"<h1>{escape(title)}</h1>"]
    for part in parts:
        if isinstance(part, str):
            body.append(f"<p>{escape(part)}</p>")
        elif isinstance(part, go.Figure):
            body.append(_drawn(part, first=part is drawn[0]))
        else:
            body.append(_table(part))
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    start = f'<!doctype html>\n<html lang="en"><head>{head}</head>'
    return f"{start}\n<body>\n{chr(10).join(body)}\n</body></html>\n"


def _drawn(figure: go.Figure, first: bool) -> str:
    """The figure; the first one brings the library along that draws all of them."""
    config = {"displaylogo": False, "toImageButtonOptions": {"format": "svg"}, "responsive": True}
    plain = go.Figure(figure).update_layout(template="plotly_white")
    return plain.to_html(include_plotlyjs=first, full_html=False, config=config)


def _table(rows: Table) -> str:
    if not rows:
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    lines = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.values()) + "</tr>" for row in rows]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"
