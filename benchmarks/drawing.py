"""The picture of docs/performance.md: what a step of a training is made of."""

from pathlib import Path

import plotly.graph_objects as go

from benchmarks.rows import Row
from reports.pictures import Picture, draw

FOLDER, NAME = Path("docs/images/performance"), "steps"
PARTS = {  # of a step, in the order in which they are stacked
    "products": ("matrix products", "#0072B2"),
    "optimisers": ("optimisers", "#E69F00"),
    "launches": ("launches", "#56B4E9"),
    "left": ("all else", "#999999"),
}


def draw_steps(rows: list[Row]) -> None:
    """Write the picture, if the steps have been measured."""
    steps = [row for row in rows if row.name.startswith("step-")]
    if steps:
        draw({NAME: Picture(figure(steps), "")}, FOLDER)


def figure(steps: list[Row]) -> go.Figure:
    """One bar for each kind of step, in milliseconds."""
    names = [row.what.partition(":")[0] for row in steps]
    drawn = go.Figure()
    for part, (words, colour) in PARTS.items():
        times = [row.beside["step_ms"] * _share(row, part) for row in steps]
        drawn.add_bar(y=names, x=times, name=words, orientation="h", marker_color=colour)
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "traceorder": "normal"}
    drawn.update_layout(barmode="stack", height=280, legend=legend, yaxis_autorange="reversed")
    drawn.update_layout(xaxis_title="milliseconds of a step", margin={"t": 40, "b": 50, "l": 150, "r": 20})
    return drawn


def _share(row: Row, part: str) -> float:
    """Of the step; what is left cannot be less than nothing."""
    return max(0.0, 1 - row.value) if part == "left" else row.beside[part]
