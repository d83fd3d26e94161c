"""Figures of the audit's report (the dictionary that `audit` returns), and of what the cards say of probes.

What the numbers mean is said in words by auditing/verdict.py.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from ..auditing.decisions import REMOVED_LIMIT
from ..auditing.sentence import is_number
from ..auditing.slider_verdict import on_slider, slider_entries
from ..models.edition import is_first_edition, on_first_edition
from . import style

GRADE_COLOURS = {
    "good": style.GREEN,
    "partly": style.ORANGE,
    "bad": style.VERMILION,
    "unsure": style.PURPLE,
}
SLIDER_REFERENCES = {  # key in a slider's entry -> words, colour
    "without_latent": ("without the latent", style.SKY),
    "fixed_change": ("one fixed change", style.GREY),
}
ROW_NAMES = {
    "z": "the exported latent",
    "mean": "latent before its noise (never exported)",
    "reencoded_16": "mean of 16 exports",
    "spectrum": "the spectrum itself",
    "pca_25": "25 principal components",
    "plain": "plain auto-encoder",
    "plain_erased": "plain, its linear traces erased",
    "shuffled": "shuffled stars (nothing)",
    "labels_only": "the kept labels alone",
}
NUISANCES = {
    "shift_kms": "velocity shift",
    "calcium_depth": "Ca II core depth",
    "broadening_kms": "broadening",
    "dib_depth": "862 nm band",
}
LEAK_MARKS = {  # row -> colour, symbol, size
    "z": (style.VERMILION, "circle", 13),
    "mean": (style.BLUE, "diamond-open", 11),
    "plain": (style.GREY, "square-open", 11),
}
SMALLEST, LARGEST = 2e-4, 1.0  # of the logarithmic axis; a smaller partial R² is drawn at its end
TICKS = (0.001, 0.005, 0.02, 0.1, 0.5, 1)


def leaks(report: Mapping[str, Any]) -> go.Figure:
    """What the latent tells of each removed parameter beyond the kept ones, on a logarithmic axis.

    A marker: the partial R² that is read, a lower bound; of the exported latent, of the latent before its
    noise, and of a plain auto-encoder. For the exported latent a line to the upper limit, with an arrow where
    that is beyond the axis, and a tick where a leak would have been found.
    """
    title = "Leakage: what the latent adds to the kept parameters"
    removed = report.get("removed") or {}
    if not removed:
        return style.empty_figure(title, "This model removes nothing.")
    if is_first_edition(report):
        return style.empty_figure(title, on_first_edition(removed))
    rows = {"z": removed, **_references(report)}
    known = {k: rows[k] for k in LEAK_MARKS if k in rows and _has_partial(rows[k], removed)}
    figure = go.Figure([_upper_limits(removed), _detection_limits(removed)])
    figure.add_traces([_partial(list(removed), row, entries) for row, entries in known.items()])
    figure.add_vline(x=REMOVED_LIMIT, line={"color": style.GREEN, "width": 1.5, "dash": "dash"})
    ends = [np.log10(SMALLEST) - 0.1, np.log10(LARGEST) + 0.1]
    texts = [f"≤ {SMALLEST:g}", *(f"{v:g}" for v in TICKS)]
    figure.update_xaxes(title_text="Partial R² beyond the kept parameters", type="log", range=ends)
    figure.update_xaxes(tickvals=[SMALLEST, *TICKS], ticktext=texts)
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, title, 190 + 60 * len(removed))


def _has_partial(entries: Mapping[str, Any], names: Mapping[str, Any]) -> bool:
    return all(is_number(entries.get(n, {}).get("partial")) for n in names)


def _on_axis(value: Any) -> float:
    """A partial R² as far as the axis goes; its end for a limit that is not known."""
    return float(np.clip(value, SMALLEST, LARGEST)) if is_number(value) else LARGEST


def _partial(names: list[str], row: str, entries: Mapping[str, Any]) -> go.Scatter:
    colour, mark, size = LEAK_MARKS[row]
    values = [entries[n]["partial"] for n in names]
    return go.Scatter(
        x=[_on_axis(v) for v in values],
        y=[style.symbol(n) for n in names],
        mode="markers",
        name=ROW_NAMES[row],
        marker={"size": size, "color": colour, "symbol": mark, "line": {"width": 2}},
        customdata=values,
        hovertemplate="partial R² %{customdata:.4f}<extra></extra>",
    )


def _upper_limits(removed: Mapping[str, Any]) -> go.Scatter:
    """Lines from what is read to the upper limit of the exported latent; an arrow where there is none."""
    x, y, marks, said = [], [], [], []
    for name, entry in removed.items():
        upper = entry.get("upper")
        x += [_on_axis(entry["partial"]), _on_axis(upper), None]
        y += [style.symbol(name)] * 3
        marks += ["circle", "line-ns-open" if is_number(upper) else "triangle-right", "circle"]
        said += ["", f"at most {upper:.4f}" if is_number(upper) else "no upper limit", ""]
    return go.Scatter(
        x=x,
        y=y,
        mode="lines+markers",
        name="up to the 95 % limit",
        line={"color": style.VERMILION, "width": 3},
        marker={
            "symbol": marks,
            "size": [1, 12, 1] * len(removed),
            "color": style.VERMILION,
            "line_width": 3,
        },
        text=said,
        hovertemplate="%{text}<extra></extra>",
    )


def _detection_limits(removed: Mapping[str, Any]) -> go.Scatter:
    sizes = {n: entry["detectable"] for n, entry in removed.items() if is_number(entry.get("detectable"))}
    return go.Scatter(
        x=[_on_axis(size) for size in sizes.values()],
        y=[style.symbol(n) for n in sizes],
        mode="markers",
        name="found from here on",
        marker={"symbol": "line-ns-open", "size": 22, "color": style.GREY, "line_width": 2},
        customdata=list(sizes.values()),
        hovertemplate="a leak of %{customdata:.4f} is found in 80 % of trials<extra></extra>",
    )


def references(report: Mapping[str, Any]) -> go.Figure:
    """R² of the best fresh probe for every parameter, from the latent and from all it is compared with."""
    title = "What a fresh probe reads, and from what"
    parts = ("removed", "kept", "untouched")
    own = {n: entry for part in parts for n, entry in (report.get(part) or {}).items()}
    rows = {"z": own, **_references(report)}
    table = {ROW_NAMES.get(k, k): {n: _r2(v[n]) for n in own if n in v} for k, v in rows.items()}
    return r2_table(table, title)


def _references(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    rows = report.get("references") or {}
    return {k: v for k, v in rows.items() if k != "z" and isinstance(v, Mapping)}


def _r2(entry: Any) -> float:
    value = entry.get("r2") if isinstance(entry, Mapping) else entry
    return float(value) if is_number(value) else float("nan")


def r2_table(rows: Mapping[str, Mapping[str, float]], title: str) -> go.Figure:
    """R² as a coloured table: one row per representation, one column per parameter."""
    names = list(dict.fromkeys(n for values in rows.values() for n in values))
    if not names:
        return style.empty_figure(title)
    z = np.array([[values.get(n, np.nan) for n in names] for values in rows.values()], np.float32)
    figure = go.Figure(
        go.Heatmap(
            z=z,
            x=[style.symbol(n) for n in names],
            y=[escape(r) for r in rows],
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            xgap=3,
            ygap=3,
            text=[["" if np.isnan(v) else f"{v:z.2f}" for v in row] for row in z],
            texttemplate="%{text}",
            hovertemplate="%{y}, %{x}: R² = %{z:.3f}<extra></extra>",
            colorbar={"title": {"text": "R²", "side": "right"}, "thickness": 12, "tickvals": [0, 0.5, 1]},
        )
    )
    figure.update_xaxes(title_text="R² of the parameter", side="bottom")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return style.finish(figure, title, 150 + 42 * len(rows))


def counterfactual(report: Mapping[str, Any]) -> go.Figure:
    """Relative error of the change that each slider makes: 0 is exact, 1 might as well do nothing.

    Beside it, where they were measured, the error without the latent and that of one fixed change.
    """
    title = "Do the sliders tell the truth?"
    entries = slider_entries(report)
    if not entries:
        return style.empty_figure(
            title, "Not measured: the decoder receives no labels, or the stars have no known truth."
        )
    names = [style.symbol(n) for n in entries]
    errors = [entry["relative_error"] for entry in entries.values()]
    figure = _bars(names, errors, [GRADE_COLOURS[on_slider(n, e).grade] for n, e in entries.items()])
    for key, (words, colour) in SLIDER_REFERENCES.items():
        if all((entry.get(key) or {}).get("relative_error") is not None for entry in entries.values()):
            beside = [entry[key]["relative_error"] for entry in entries.values()]
            figure.add_traces(_bars(names, beside, [colour] * len(names), words).data)
            errors += beside
    figure.update_traces(name="the slider", selector=0)
    figure.add_hline(y=1, line={"color": style.GREY, "width": 1.5, "dash": "dash"})
    figure.update_traces(textfont_size=12 if len(list(figure.select_traces())) == 1 else 9)
    figure.update_layout(bargap=0.1)
    figure.update_xaxes(title_text="Slider")
    top = max(1.15, max(errors) * 1.15)
    figure.update_yaxes(title_text="Relative error of the change", range=[0, top])
    return style.finish(figure, title, 340)


def restoration(report: Mapping[str, Any]) -> go.Figure:
    """How much of each star's nuisances the generator restores: R² read back from its reconstructions."""
    title = "What else about the star survives"
    nuisances = (report.get("restoration") or {}).get("nuisances") or {}
    r2 = {n: value for n, value in nuisances.items() if is_number(value)}
    if not r2:
        return style.empty_figure(title, "Not measured for this model.")
    names = [NUISANCES.get(n, escape(n)) for n in r2]
    figure = _bars(names, [max(value, 0) for value in r2.values()], [style.BLUE] * len(r2))
    figure.update_xaxes(title_text="Nuisance")
    figure.update_yaxes(title_text="R² read from the reconstruction", range=[0, 1.1])
    return style.finish(figure, title, 340)


def _bars(names: list[str], heights: list[float], colours: list[str], words: str = "") -> go.Figure:
    bars = go.Bar(
        x=names,
        y=heights,
        name=words,
        marker_color=colours,
        text=[f"{v:z.2f}" for v in heights],
        textposition="outside",
        cliponaxis=False,
    )
    return go.Figure(bars)
