"""Figures of docs/results.md: what seeds and switches do, drawn from the reports of `audit`.

Runs: model name -> reports, one a seed.
"""

import plotly.graph_objects as go

from ..config import LABELS
from . import style

RECIPES = {"paper-": ("the paper's recipe", style.GREY, "square-open"), "": ("this project's", style.VERMILION, "circle")}
EXERCISES = ("physical-removed", "chemical-removed")
GOAL_EXCESS, GOAL_SLIDER = 0.02, 0.15


def leakage(runs: dict[str, list[dict]]) -> go.Figure:
    """Excess R² of each removed parameter of the two exercises, a mark a seed, the paper's recipe beside ours."""
    figure = go.Figure()
    for prefix, (name, colour, mark) in RECIPES.items():
        points = [
            (f"{style.symbol(n)}, {model}", entry["excess"])
            for model in EXERCISES for report in runs.get(prefix + model, []) for n, entry in report["removed"].items()
        ]  # fmt: skip
        figure.add_trace(_marks([x for _, x in points], [y for y, _ in points], name, colour, mark))
    figure.add_vline(x=GOAL_EXCESS, line={"color": style.GREEN, "width": 1.5, "dash": "dash"}, annotation_text="the aim")
    figure.update_xaxes(title_text="Excess R² of the best fresh probe", zeroline=True)
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, "What a fresh probe still reads of the removed parameters", 330)


def sliders(runs: dict[str, list[dict]]) -> go.Figure:
    """Relative error of each slider's change, a mark a seed: of the generator, within the sample's range and everywhere, and of
    the paper's recipe."""
    figure = go.Figure()
    shown = (
        ("paper-physical-removed", "relative_error", "the paper's recipe", style.GREY, "square-open"),
        ("generator", "relative_error", "generator, everywhere", style.VERMILION, "circle-open"),
        ("generator", "within", "generator, within the sample's range", style.VERMILION, "circle"),
    )
    for model, key, name, colour, mark in shown:
        found = [(n, r["counterfactual"][n][key]) for r in runs.get(model, []) for n in LABELS if n in r["counterfactual"]]
        figure.add_trace(_marks([x for _, x in found], [style.symbol(n) for n, _ in found], name, colour, mark))
    figure.add_vline(x=GOAL_SLIDER, line={"color": style.GREEN, "width": 1.5, "dash": "dash"}, annotation_text="the aim")
    figure.update_xaxes(title_text="Relative error of the change (1: the slider does nothing)", rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, "Sliders against the true spectra", 330)


def ablation(reports: list[dict]) -> go.Figure:
    """Total excess of the removed parameters against the mean R² of the kept ones, a mark a variant, named."""
    leaks = [sum(max(0.0, v["excess"]) for v in r["removed"].values()) for r in reports]
    reads = [_mean([v["r2"] for v in {**r["kept"], **r["untouched"]}.values()]) for r in reports]
    names = [r["name"] for r in reports]
    figure = go.Figure(
        go.Scatter(
            x=style.f4(leaks), y=style.f4(reads), mode="markers", text=names, showlegend=False,
            marker={"size": 9, "color": [style.GREY if n.startswith("paper") else style.VERMILION for n in names]},
            hovertemplate="%{text}<br>leaks %{x:.3f}<br>keeps %{y:.3f}<extra></extra>",
        )
    )  # fmt: skip
    for k, (name, x, y) in enumerate(sorted(zip(names, leaks, reads, strict=True), key=lambda p: p[2])):
        figure.add_annotation(x=x, y=y, text=name, showarrow=True, arrowhead=0, arrowwidth=0.6, arrowcolor=style.GREY,
                              ax=60 if k % 2 else 130, ay=0, xanchor="left", font={"size": 10})  # fmt: skip
    figure.update_xaxes(title_text="Excess R² of the removed parameters, added up", range=style.span([*leaks, 1.6 * max(leaks)]))
    figure.update_yaxes(title_text="Mean R² of the kept parameters")
    return style.finish(figure, "Each piece of the recipe left out in turn", 640)


def _marks(x: list[float], y: list[str], name: str, colour: str, mark: str) -> go.Scatter:
    marker = {"color": colour, "symbol": mark, "size": 10, "opacity": 0.8, "line": {"width": 1.5}}
    return go.Scatter(x=style.f4(x), y=y, mode="markers", name=name, marker=marker)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
