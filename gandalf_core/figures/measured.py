"""Figures of docs/results.md: the spread over seeds and the effect of each switch, from audits."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..parameters import LABELS
from . import style

Report = Mapping[str, Any]
Runs = Mapping[str, Sequence[Report]]  # model name -> reports, one per seed
RECIPES = {  # prefix of a model's name -> words, colour, symbol
    "paper-": ("the paper's recipe", style.GREY, "square-open"),
    "": ("this project's", style.VERMILION, "circle"),
}
EXERCISES = ("physical-removed", "chemical-removed")
GOAL_EXCESS, GOAL_SLIDER = 0.02, 0.15
SMALLEST = 0.003  # on the logarithmic axis; a smaller excess is drawn here
SLIDERS = (  # model, key of the report, words, colour, symbol
    ("paper-physical-removed", "relative_error", "the paper's recipe", style.GREY, "square-open"),
    ("generator", "relative_error", "generator, everywhere", style.VERMILION, "circle-open"),
    ("generator", "within", "generator, within the sample's range", style.VERMILION, "circle"),
)


def leakage(runs: Runs) -> go.Figure:
    """Excess R² of each removed parameter of the two exercises, one mark per seed, by either recipe."""
    figure = go.Figure()
    for prefix, (name, colour, mark) in RECIPES.items():
        points = [
            (f"{style.symbol(n)}, {model}", entry["excess"])
            for model in EXERCISES
            for report in runs.get(prefix + model, [])
            for n, entry in report["removed"].items()
        ]
        figure.add_trace(_marks([x for _, x in points], [y for y, _ in points], name, colour, mark))
    _add_goal(figure, GOAL_EXCESS)
    figure.update_xaxes(title_text="Excess R² of the best fresh probe", zeroline=True)
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, "What a fresh probe still reads of the removed parameters", 330)


def sliders(runs: Runs) -> go.Figure:
    """Relative error of each slider's change, one mark per seed: the generator's and the paper's recipe.

    The generator's everywhere, and within the sample's range.
    """
    figure = go.Figure()
    for model, key, name, colour, mark in SLIDERS:
        points = [
            (style.symbol(n), report["counterfactual"][n][key])
            for report in runs.get(model, [])
            for n in LABELS
            if n in report["counterfactual"]
        ]
        figure.add_trace(_marks([x for _, x in points], [y for y, _ in points], name, colour, mark))
    _add_goal(figure, GOAL_SLIDER)
    figure.update_xaxes(
        title_text="Relative error of the change (1: the slider does nothing)", rangemode="tozero"
    )
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, "Sliders against the true spectra", 330)


def ablation(reports: Sequence[Report]) -> go.Figure:
    """Per variant: total excess of the removed parameters (left) and mean R² of the others (right)."""
    names = [r["name"] for r in reports]
    leaks = [max(SMALLEST, sum(max(0.0, v["excess"]) for v in r["removed"].values())) for r in reports]
    reads = [mean(v["r2"] for v in {**r["kept"], **r["untouched"]}.values()) for r in reports]
    colours = [style.GREY if n.startswith("paper") else style.VERMILION for n in names]
    figure = make_subplots(1, 2, shared_yaxes=True, horizontal_spacing=0.04)
    for column, values in ((1, leaks), (2, reads)):
        figure.add_trace(_marks(values, names, "", colours, "circle"), 1, column)
    figure.update_xaxes(title_text="Excess R² of the removed ones, added up", type="log", row=1, col=1)
    figure.update_xaxes(title_text="Mean R² of the kept ones", row=1, col=2)
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(showlegend=False)
    return style.finish(figure, "One switch changed at a time", 140 + 24 * len(reports))


def _add_goal(figure: go.Figure, x: float) -> None:
    line = {"color": style.GREEN, "width": 1.5, "dash": "dash"}
    figure.add_vline(x=x, line=line, annotation_text="the aim")


def _marks(x: list[float], y: list[str], name: str, colour: str | list[str], mark: str) -> go.Scatter:
    marker = {"color": colour, "symbol": mark, "size": 10, "opacity": 0.8, "line": {"width": 1.5}}
    return go.Scatter(x=style.f4(x), y=y, mode="markers", name=name, marker=marker)
