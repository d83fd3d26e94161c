"""Figures of a training, drawn from the records of its epochs (`EpochRecord` as a dictionary)."""

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import Any

import numpy as np
import plotly.graph_objects as go

from . import style

Records = Sequence[Mapping[str, Any]]
NO_OTHERS: Mapping[str, Records] = MappingProxyType({})
TERMS = {
    "reconstruction": "reconstruction",
    "adversary": "adversary (λ · CE)",
    "heads": "heads of kept labels",
    "loss": "total",
}
FEW_EPOCHS = 8  # each of which has a tick
FIRST_EPOCH = "The first epoch is under way."


def rms_error(history: Records, others: Mapping[str, Records] = NO_OTHERS) -> go.Figure:
    """Rms error of the reconstruction of the validation stars, in units of the continuum, epoch by epoch.

    others: name -> records of further trainings, which are drawn beside it.
    """
    title = "Reconstruction error of stars not trained on"
    if not history:
        return style.empty_figure(title, FIRST_EPOCH)
    figure = go.Figure()
    runs = {"this training" if others else "rms error": history, **others}
    for (name, records), colour in zip(runs.items(), style.CYCLE, strict=False):
        errors = [np.sqrt(r["reconstruction_mse"]) for r in records]
        figure.add_trace(_curve(records, errors, escape(name), colour))
    figure.update_xaxes(**_epochs(max(runs.values(), key=len)))
    figure.update_yaxes(title_text="Rms error [flux]", type="log", dtick="D2", tickformat="~g")
    figure.update_layout(showlegend=bool(others))
    return style.finish(figure, title, 320)


def losses(history: Records) -> go.Figure:
    """The terms of the loss in the network's units; a term that is 0 throughout is left out."""
    title = "Terms of the loss"
    if not history:
        return style.empty_figure(title, FIRST_EPOCH)
    figure = go.Figure()
    for (key, name), colour in zip(TERMS.items(), style.CYCLE, strict=False):
        values = [r.get(key) or 0.0 for r in history]
        if any(values):
            figure.add_trace(_curve(history, values, name, colour))
    figure.update_xaxes(**_epochs(history))
    figure.update_yaxes(title_text="Loss (scaled units)")
    return style.finish(figure, title, 320)


def discriminators(history: Records) -> go.Figure:
    """Accuracy of each parameter's discriminator; dashed, that of the best guess without z.

    Once the parameter is gone, the discriminator should not beat that guess.
    """
    title = "What the discriminators still read"
    names = list(history[-1]["discriminator_accuracy"]) if history else []
    if not names:
        empty = "This recipe trains no discriminator: every λ is 0." if history else FIRST_EPOCH
        return style.empty_figure(title, empty)
    figure = go.Figure()
    for name, colour in zip(names, style.CYCLE * len(names), strict=False):
        accuracy = [r["discriminator_accuracy"].get(name, np.nan) for r in history]
        figure.add_trace(_curve(history, accuracy, style.symbol(name), colour))
        chance = _curve(history, [r["chance"].get(name, np.nan) for r in history], name, colour)
        figure.add_trace(
            chance.update(mode="lines", line={"dash": "dash", "width": 1}, marker=None, showlegend=False)
        )
    figure.update_xaxes(**_epochs(history))
    figure.update_yaxes(title_text="Accuracy (dashed: guessing)", rangemode="tozero")
    return style.finish(figure, title, 320)


def _epochs(history: Records) -> dict[str, Any]:
    """The axis of epochs, which are whole numbers."""
    return {"title_text": "Epoch", "dtick": 1 if len(history) <= FEW_EPOCHS else None, "tickformat": "d"}


def _curve(history: Records, values: Sequence[float], name: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=np.array([r["epoch"] for r in history], np.int32),
        y=style.f4(values),
        mode="lines+markers",
        name=name,
        line={"color": colour, "width": 2},
        marker={"size": 4},
    )
