"""Linked diagrams as one Plotly figure, for pages that stand alone. Shapes: N stars."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from . import style
from .panels import LinkedPanels, Panel

MOST = 6000  # stars that a page draws in each panel
SIZE = 300  # pixels of a panel


def drawn(linked: LinkedPanels, title: str, columns: int) -> go.Figure:
    """The panels in rows of `columns`, each with its colours; of very many stars every k-th is drawn."""
    if not linked.panels or not len(linked.ids):
        return style.empty_figure(title)
    rows = -(-len(linked.panels) // columns)
    heads = ["<br>".join(filter(None, (p.title, p.note))) for p in linked.panels]
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=heads,
        horizontal_spacing=0.06,
        vertical_spacing=min(0.2, 0.3 / rows),
    )
    pick = np.unique(np.linspace(0, len(linked.ids) - 1, MOST).astype(int))
    for k, panel in enumerate(linked.panels):
        place = style.panel(k // columns + 1, k % columns + 1)
        figure.add_trace(_points(linked, panel, pick), **place)
        figure.update_xaxes(title_text=panel.x_title, range=panel.x_range, **place)
        figure.update_yaxes(title_text=panel.y_title, range=panel.y_range, **place)
    figure.update_layout(showlegend=False)
    style.finish(figure, title, 110 + (SIZE + 60) * rows)
    return figure.update_layout(margin_t=100)  # the panels have titles of their own


def _points(linked: LinkedPanels, panel: Panel, pick: np.ndarray) -> go.Scattergl:
    """One panel's stars in its colours."""
    x, y = (style.f4(linked.columns[name][pick]) for name in (panel.x, panel.y))
    marker: dict = {"size": 3, "opacity": 0.7}
    if panel.colour:
        low, high = panel.colour_range
        values = style.f4(linked.columns[panel.colour][pick])
        marker |= {"color": values, "colorscale": "Viridis", "cmin": low, "cmax": high}
    return go.Scattergl(x=x, y=y, mode="markers", marker=marker, hoverinfo="x+y")
