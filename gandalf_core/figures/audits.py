"""Figures and words of the audit's report (the dictionary of `audit.report`), and of the probes that the
cards state.
"""

from html import escape

import numpy as np
import plotly.graph_objects as go

from ..auditing.report import TRACE
from . import style

REMOVED_LIMIT, KEPT_LIMIT = TRACE, 0.02  # what the verdict calls removed and kept
SLIDER_GRADES = (  # up to which relative error a slider is called what
    (0.2, "good", "follows the simulator"),
    (0.5, "partly", "follows the simulator in part"),
    (np.inf, "bad", "hardly follows the simulator"),
)
GRADE_COLOURS = {"good": style.GREEN, "partly": style.ORANGE, "bad": style.VERMILION}
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
PROBES = {
    "ridge": "a linear fit",
    "mlp": "a neural network",
    "trees": "decision trees",
    "neighbours": "nearest neighbours",
    "mean": "the mean",
    "floor": "the kept labels alone",
}
NUISANCES = {
    "shift_kms": "velocity shift",
    "calcium_depth": "Ca II core depth",
    "broadening_kms": "broadening",
    "dib_depth": "862 nm band",
}
LEAKING = {
    "z": (style.VERMILION, "circle", 13),
    "mean": (style.BLUE, "diamond-open", 11),
    "plain": (style.GREY, "square-open", 11),
}


def excess(report: dict) -> go.Figure:
    """The excess R² of the best fresh probe over what the kept labels tell, for each removed parameter, with
    95 % intervals: of the exported latent, of the latent before its noise, and of a plain auto-encoder."""
    title = "Leakage: what the latent adds to the kept labels"
    removed = report.get("removed") or {}
    if not removed:
        return style.empty_figure(title, "This model removes nothing.")
    rows = {
        "z": removed,
        **{k: v for k, v in (report.get("references") or {}).items() if k in LEAKING and k != "z"},
    }
    figure = go.Figure(
        [
            _excesses(list(removed), k, v)
            for k, v in rows.items()
            if all("excess" in v.get(n, {}) for n in removed)
        ]
    )
    figure.add_vline(x=0, line={"color": style.GREY, "width": 1.5})
    figure.add_vline(x=REMOVED_LIMIT, line={"color": style.GREEN, "width": 1.5, "dash": "dash"})
    figure.update_xaxes(title_text="Excess R² = R²(z and kept labels) − R²(kept labels)")
    figure.update_yaxes(autorange="reversed")
    return style.finish(figure, title, 190 + 60 * len(removed))


def _excesses(names: list[str], row: str, found: dict) -> go.Scatter:
    colour, mark, size = LEAKING[row]
    middle = np.array([found[n]["excess"] for n in names], float)
    ends = np.array([found[n].get("interval") or [np.nan] * 2 for n in names], float)
    bars = {
        "type": "data",
        "symmetric": False,
        "array": ends[:, 1] - middle,
        "arrayminus": middle - ends[:, 0],
        "thickness": 2,
    }
    return go.Scatter(
        x=middle,
        y=[style.symbol(n) for n in names],
        error_x=bars,
        mode="markers",
        name=ROW_NAMES[row],
        marker={"size": size, "color": colour, "symbol": mark, "line": {"width": 2}},
        hovertemplate="excess %{x:.3f}<extra></extra>",
    )


def references(report: dict) -> go.Figure:
    """R² of the best fresh probe for every parameter, from the latent and from everything it is compared
    with.
    """
    title = "What a fresh probe reads, and from what"
    own = {n: v for part in ("removed", "kept", "untouched") for n, v in (report.get(part) or {}).items()}
    rows = {"z": own, **(report.get("references") or {})}
    rows = {
        ROW_NAMES.get(k, k): {n: _r2(v[n]) for n in own if n in v}
        for k, v in rows.items()
        if isinstance(v, dict)
    }
    return r2_table(rows, title)


def _r2(value) -> float:
    value = value.get("r2") if isinstance(value, dict) else value
    return float(value) if _number(value) else float("nan")


def r2_table(rows: dict[str, dict[str, float]], title: str) -> go.Figure:
    """R² as a coloured table: a row a representation, a column a parameter."""
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
            showscale=False,  # the cells say their numbers
        )
    )
    figure.update_xaxes(title_text="R² of the parameter", side="bottom")
    figure.update_yaxes(autorange="reversed", automargin=True)
    return style.finish(figure, title, 150 + 42 * len(rows))


def counterfactual(report: dict) -> go.Figure:
    """Relative error of the change that each slider makes: 0 tells the truth, 1 might as well do nothing."""
    title = "Do the sliders tell the truth?"
    found = {n: v["relative_error"] for n, v in _acting(report).items()}
    if not found:
        return style.empty_figure(
            title, "Not measured: the decoder receives no labels, or the stars have no known truth."
        )
    colours = [GRADE_COLOURS[_grade(e)[0]] for e in found.values()]
    figure = _bars([style.symbol(n) for n in found], list(found.values()), colours)
    figure.add_hline(y=1, line={"color": style.GREY, "width": 1.5, "dash": "dash"})
    figure.update_xaxes(title_text="Slider")
    figure.update_yaxes(
        title_text="Relative error of the change", range=[0, max(1.15, max(found.values()) * 1.15)]
    )
    return style.finish(figure, title, 340)


def restoration(report: dict) -> go.Figure:
    """How much of each star's nuisances the generator restores: R² read back from its reconstructions."""
    title = "What else about the star survives"
    found = {
        n: v for n, v in ((report.get("restoration") or {}).get("nuisances") or {}).items() if _number(v)
    }
    if not found:
        return style.empty_figure(title, "Not measured for this model.")
    figure = _bars(
        [NUISANCES.get(n, escape(n)) for n in found],
        [max(v, 0) for v in found.values()],
        [style.BLUE] * len(found),
    )
    figure.update_xaxes(title_text="Nuisance")
    figure.update_yaxes(title_text="R² read from the reconstruction", range=[0, 1.1])
    return style.finish(figure, title, 340)


def _bars(names: list[str], heights: list[float], colours: list[str]) -> go.Figure:
    text = [f"{v:z.2f}" for v in heights]
    return go.Figure(
        go.Bar(x=names, y=heights, marker_color=colours, text=text, textposition="outside", cliponaxis=False)
    )


def _number(value) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


def _acting(report: dict) -> dict[str, dict]:
    found = report.get("counterfactual") or {}
    return {n: v for n, v in found.items() if isinstance(v, dict) and _number(v.get("relative_error"))}


# --- words ---


def verdict(report: dict) -> list[tuple[str, str]]:
    """The report in sentences: (good, partly, bad or unsure; sentence), one a parameter and one a slider."""
    return on_latent(report) + on_sliders(report)


def on_latent(report: dict) -> list[tuple[str, str]]:
    """What the latent holds of each parameter that was to be removed or kept."""
    said = [_said_removed(n, v) for n, v in (report.get("removed") or {}).items()]
    said += [_said_kept(n, v) for n, v in (report.get("kept") or {}).items()]
    return said


def on_sliders(report: dict) -> list[tuple[str, str]]:
    """Whether each slider does what the star would."""
    return [_said_slider(n, v["relative_error"]) for n, v in _acting(report).items()]


def _signed(value: float) -> str:
    return f"{value:z.3f}".replace("-", "−")


def _between(ends: list | None) -> str:
    return f"{_signed(ends[0])} to {_signed(ends[1])}" if ends and all(map(_number, ends)) else ""


def probe_words(probe: str) -> str:
    """What a probe is, in words."""
    kind, _, rest = probe.partition(" ")
    return f"{PROBES.get(kind, kind)} {rest}".rstrip()


def _grade(error: float) -> tuple[str, str]:
    """(good, partly or bad; words) of a slider's relative error."""
    return next((kind, words) for limit, kind, words in SLIDER_GRADES if error <= limit)


def _said_removed(name: str, found: dict) -> tuple[str, str]:
    plain, ends = style.words(name), found.get("interval") or [None, None]
    amount = _signed(found["excess"]) + (f" ({_between(ends)})" if _between(ends) else "")
    if found["excess"] <= REMOVED_LIMIT:
        return (
            "good",
            f"{plain} is removed: the latent adds R² = {amount} to what the kept labels tell anyway.",
        )
    kind = "unsure" if _number(ends[0]) and ends[0] <= REMOVED_LIMIT else "bad"
    probe = f", read by {probe_words(found['probe'])}" if found.get("probe") else ""
    return kind, f"{plain} is still in the latent: a fresh probe finds an excess R² of {amount}{probe}."


def _said_kept(name: str, found: dict) -> tuple[str, str]:
    plain, loss = style.words(name), found.get("loss")
    if not _number(loss):
        return (
            "unsure",
            f"{plain} reads with R² = {found['r2']:.3f}; there is no plain auto-encoder to compare with.",
        )
    kind, words = ("good", "is kept") if loss <= KEPT_LIMIT else ("bad", "lost information")
    return (
        kind,
        f"{plain} {words}: R² = {found['r2']:.3f}, {abs(loss):.3f} {'below' if loss > 0 else 'above'} the plain auto-encoder.",
    )


def _said_slider(name: str, error: float) -> tuple[str, str]:
    kind, words = _grade(error)
    return kind, f"The {style.words(name)} slider {words}: relative error {error:.2f}."


# --- numbers ---


def numbers(report: dict) -> list[dict]:
    """The report as a table of texts: a row a parameter, with what is known of it. Keys are the heads of the
    columns.
    """
    sliders = _acting(report)
    return [
        {
            "Parameter": style.words(name),
            "It was": part,
            "Excess R²": _text(v.get("excess")),
            "95 % interval": _between(v.get("interval")),
            "p value": f"{v['p_value']:.1e}" if _number(v.get("p_value")) else "",
            "R² from the latent": _text(v.get("r2")),
            "Best probe": probe_words(v.get("probe") or ""),
            "R² from the kept labels": _text(v.get("floor")),
            "R² below plain": _text(v.get("loss")),
            "Slider's error": _text(sliders.get(name, {}).get("relative_error")),
        }
        for part in ("removed", "kept", "untouched")
        for name, v in (report.get(part) or {}).items()
    ]


def _text(value: float | None) -> str:
    return _signed(value) if _number(value) else ""


def on_traces(report: dict) -> str:
    """Why a label can be called removed although a test finds it; empty where that is not so."""
    found = {
        n: v
        for n, v in (report.get("removed") or {}).items()
        if v.get("flagged") and v["excess"] <= REMOVED_LIMIT
    }
    if not found:
        return ""
    names = " and ".join(map(style.words, found))
    return (
        f"The test finds {names} among so many stars (a small p value), but so little of it that we call it removed: the p value "
        f"says whether anything is there, the excess how much, and removed means an excess of at most {REMOVED_LIMIT}."
    )
