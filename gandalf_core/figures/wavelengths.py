"""A figure of spectra on another axis of wavelengths: Ångström, or air, with its lines where they belong."""

from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..io.medium import vacuum_to_air
from . import style


def on_axis(figure: go.Figure, *, angstrom: bool, air: bool) -> go.Figure:
    """The figure, drawn over vacuum wavelengths in nm, over those that are asked for."""
    if not angstrom and not air:
        return figure

    def moved(nm: Any) -> np.ndarray:
        values = np.asarray(nm, float)
        return (vacuum_to_air(values) if air else values) * (10 if angstrom else 1)

    traces: list[Any] = list(figure.select_traces())
    for trace in traces:
        trace.x = moved(trace.x)
    for shape in figure.layout.shapes:
        if shape.xref == "x":
            shape.x0, shape.x1 = float(moved(shape.x0)), float(moved(shape.x1))
    for note in figure.layout.annotations:
        if note.xref == "x":
            note.x = float(moved(note.x))
    title = f"{'Air' if air else 'Vacuum'} wavelength [{'Å' if angstrom else 'nm'}]"
    return figure.for_each_xaxis(
        lambda axis: axis.title.update(text=title) if axis.title.text == style.WAVELENGTH_TITLE else None
    )
