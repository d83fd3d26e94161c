"""Figures of the audit's certificate: how it finds planted leaks, and its p values on innocent latents."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from . import style

LEVEL, WANTED = 0.025, 0.8
BINS = 20


def power_curves(found: Mapping[str, Mapping[float, float]], stars: int) -> go.Figure:
    """Share of draws in which each kind of leak is found, against its size: kind -> size -> share."""
    title = f"Planted leaks that the test finds, {stars:,} stars"
    if not found:
        return style.empty_figure(title)
    figure = go.Figure()
    for i, (kind, shares) in enumerate(found.items()):
        sizes = sorted(shares)
        figure.add_scatter(
            x=sizes,
            y=[shares[size] for size in sizes],
            name=kind,
            mode="lines+markers",
            line={
                "color": style.CYCLE[i % len(style.CYCLE)],
                "dash": "dash" if i >= len(style.CYCLE) else None,
            },
        )
    figure.add_hline(y=WANTED, line={"color": style.GREY, "dash": "dot"})
    figure.update_xaxes(title_text="Size of the leak", type="log")
    figure.update_yaxes(title_text="Found in this share of draws", range=[-0.03, 1.03])
    return style.finish(figure, title, 430)


def null_histograms(p_values: Mapping[str, Sequence[float]], stars: int) -> go.Figure:
    """Histograms of p on innocent latents, one panel for each kind; flat where the test holds its level."""
    title = f"p values where there is nothing to find, {stars:,} stars"
    if not p_values:
        return style.empty_figure(title)
    columns = 3
    rows = -(-len(p_values) // columns)
    figure = make_subplots(
        rows, columns, subplot_titles=list(p_values), horizontal_spacing=0.07, vertical_spacing=0.28 / rows
    )
    for i, values in enumerate(p_values.values()):
        counts, edges = np.histogram(values, BINS, (0, 1))
        cell = {"row": i // columns + 1, "col": i % columns + 1}
        middle = (edges[:-1] + edges[1:]) / 2
        figure.add_bar(x=middle, y=counts / len(values) * BINS, marker_color=style.BLUE, **cell)
        figure.add_hline(y=1, line={"color": style.GREY, "dash": "dot"}, **cell)  # pyright: ignore[reportArgumentType]
    figure.update_layout(showlegend=False, bargap=0.02)
    figure.update_annotations(font_size=11)
    figure.update_yaxes(rangemode="tozero")
    figure.update_xaxes(range=[0, 1])
    return style.finish(figure, title, 100 + 190 * rows)
