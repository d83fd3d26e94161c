"""Figures of a training run, drawn from its epoch records (dictionaries with the fields of
`train.EpochRecord`).
"""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from . import style

TERMS = {
    "reconstruction": "reconstruction",
    "adversary": "adversary (λ · CE)",
    "heads": "heads of kept labels",
    "loss": "total",
}


def rms_error(history: list[dict]) -> go.Figure:
    """Rms error of the reconstruction of the validation stars, in units of the continuum, epoch by epoch."""
    title = "Reconstruction error of stars not trained on"
    if not history:
        return style.empty_figure(title, "The first epoch is under way.")
    figure = go.Figure(
        _curve(history, [np.sqrt(r["reconstruction_mse"]) for r in history], "rms error", style.BLUE)
    )
    figure.update_xaxes(title_text="Epoch")
    figure.update_yaxes(title_text="Rms error [flux]", type="log")
    figure.update_layout(showlegend=False)
    return style.finish(figure, title, 320)


def losses(history: list[dict]) -> go.Figure:
    """The terms of the loss in the network's units; a term that is 0 throughout is left out."""
    title = "Terms of the loss"
    if not history:
        return style.empty_figure(title, "The first epoch is under way.")
    figure = go.Figure()
    for (key, name), colour in zip(TERMS.items(), style.CYCLE, strict=False):
        values = [r.get(key) or 0.0 for r in history]
        if any(values):
            figure.add_trace(_curve(history, values, name, colour))
    figure.update_xaxes(title_text="Epoch")
    figure.update_yaxes(title_text="Loss (scaled units)")
    return style.finish(figure, title, 320)


def discriminators(history: list[dict]) -> go.Figure:
    """Accuracy of each parameter's discriminator; dashed, that of the best guess without z, which it should
    not beat once the parameter is gone."""
    title = "What the discriminators still read"
    names = list(history[-1]["discriminator_accuracy"]) if history else []
    if not names:
        return style.empty_figure(
            title,
            "This recipe trains no discriminator: every λ is 0."
            if history
            else "The first epoch is under way.",
        )
    figure = go.Figure()
    for name, colour in zip(names, style.CYCLE * len(names), strict=False):
        figure.add_trace(
            _curve(
                history,
                [r["discriminator_accuracy"].get(name, np.nan) for r in history],
                style.symbol(name),
                colour,
            )
        )
        chance = [r["chance"].get(name, np.nan) for r in history]
        figure.add_trace(
            _curve(history, chance, name, colour, dash="dash", width=1, showlegend=False, mode="lines")
        )
    figure.update_xaxes(title_text="Epoch")
    figure.update_yaxes(title_text="Accuracy (dashed: guessing)", rangemode="tozero")
    return style.finish(figure, title, 320)


def what_they_read(sees_kept: bool, history: Sequence[dict] = ()) -> str:
    """The sentences under `discriminators`: what the dashed lines are, where the curves ended, and what that
    is worth.

    sees_kept: the discriminators are also given the true kept labels.
    """
    cause = (
        "the kept parameters tell more of one than of another"
        if sees_kept
        else "some of the ranges to choose from are fuller than others"
    )
    guessing = (
        f"Dashed: guessing without the latent, which is not equally easy for all parameters, since {cause}."
    )
    return " ".join(filter(None, (guessing, _ends(history), "A fresh probe is the real test: see Audit.")))


def _ends(history: Sequence[dict]) -> str:
    """Each discriminator's last accuracy beside that of guessing."""
    if not history or not history[-1]["discriminator_accuracy"]:
        return ""
    last = history[-1]
    ends = (
        f"{style.words(n)} {a:.2f} (guessing {last['chance'][n]:.2f})"
        for n, a in last["discriminator_accuracy"].items()
    )
    return f"The last epoch: {', '.join(ends)}."


def _curve(
    history,
    values,
    name: str,
    colour: str,
    dash: str = "solid",
    width: float = 2,
    mode: str = "lines+markers",
    **more,
) -> go.Scatter:
    epochs = np.array([r["epoch"] for r in history], np.int32)
    line = {"color": colour, "width": width, "dash": dash}
    return go.Scatter(
        x=epochs, y=style.f4(values), mode=mode, name=name, line=line, marker={"size": 4}, **more
    )
