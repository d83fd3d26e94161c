"""Words and looks of Plotly figures in matplotlib's terms: markup, colours, dashes, symbols, sizes."""

import re
from collections.abc import Sequence
from html import unescape
from typing import Any

POINTS = 0.75  # of a pixel
DASHES = {"solid": "-", "dot": ":", "dash": "--", "dashdot": "-.", "longdash": (0, (8, 3))}
SYMBOLS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "cross": "P",
    "x": "X",
    "star": "*",
    "triangle-up": "^",
    "triangle-right": ">",
    "triangle-left": "<",
    "triangle-down": "v",
    "line-ns": "|",
    "line-ew": "_",
}
OPEN = "-open"
BLANK = (0.0, 0.0, 0.0, 0.0)


def words(text: Any) -> str:
    """A text with <sub>, <sup>, <b>, <br> and entities as matplotlib's mathtext shows it."""
    plain = str(text or "").replace("$", r"\$")
    plain = re.sub(r"<br\s*/?>", "\n", plain)
    plain = re.sub(r"<(sub|sup)>(.*?)</\1>", _raised, plain)
    return unescape(re.sub(r"</?(b|i|span|a)\b[^>]*>", "", plain))


def plain(text: Any) -> str:
    """A text without its markup."""
    return unescape(re.sub(r"<[^>]*>", "", str(text or "")))


def _raised(match: re.Match[str]) -> str:
    sign = "_" if match[1] == "sub" else "^"
    return f"$\\mathregular{{{sign}{{{match[2]}}}}}$"


def colour(value: Any) -> Any:
    """A colour of Plotly's: #rrggbb, rgb(…), rgba(…) or a name."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"rgba?\(([^)]*)\)", value.replace(" ", ""))
    if not match:
        return value
    numbers = [float(part) for part in match[1].split(",")]
    return (*(number / 255 for number in numbers[:3]), *(numbers[3:] or [1.0]))


def colour_map(scale: Sequence[tuple[float, str]] | None) -> Any:
    """A colour scale of Plotly's as matplotlib's; without one Viridis."""
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    if not scale:
        return colormaps["viridis"]
    stops = [(place, colour(shade)) for place, shade in scale]
    return LinearSegmentedColormap.from_list("scale", stops)


def dash(value: str | None) -> Any:
    """The style of a line."""
    return DASHES.get(value or "solid", "-")


def symbol(value: str | None) -> tuple[str, bool]:
    """The mark of a point, and whether it is an outline alone."""
    name = value or "circle"
    return SYMBOLS.get(name.removesuffix(OPEN), "o"), name.endswith(OPEN)
