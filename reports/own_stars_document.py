"""The measured part of docs/own-stars.md, and its picture, from what `reports own-stars` has stored."""

from typing import Any

import numpy as np

from gandalf_core.auditing.decisions import REMOVED_LIMIT
from gandalf_core.figures.own_stars import learning_curves
from gandalf_core.parameters import parameter

from .markdown import replace_between, table
from .own_stars import (
    BAD_SIGMAS,
    COARSE,
    COUNTS,
    FILE,
    MODEL,
    NOISIER,
    OWN,
    PIXELS,
    REMOVED,
    SECONDS,
    USUAL,
    noisier,
)
from .pictures import Picture
from .stored import ROOT, load

PAGE = ROOT / "docs" / "own-stars.md"
MARKS = ("<!-- measured: `python -m reports own-stars` -->", "<!-- end of what is measured -->")
PICTURE, FOLDER = "learning-curves", "own-stars"
CAPTION = (
    "Root mean square error beside that of a model trained on 51,444 stars of the same physics, mean of the "
    "four labels, against the number of own stars."
)
Cells = dict[str, dict[str, Any]]


def write_own_stars() -> None:
    """Put the measured tables into docs/own-stars.md, between its two marks."""
    found = load(FILE)
    if not found.get("cells"):
        return
    replace_between(PAGE, MARKS, f"\n\n{own_stars_tables(found)}\n")


def own_stars_picture() -> dict[str, Picture]:
    """The learning curves; nothing before they are measured."""
    curves = _curves(load(FILE).get("cells", {}))
    return {PICTURE: Picture(learning_curves(curves), CAPTION)} if curves else {}


def own_stars_tables(found: dict[str, Any]) -> str:
    """What is measured, as Markdown; what is not measured yet is left out."""
    cells: Cells = found["cells"]
    parts = [
        _errors(found, cells),
        _picture(cells),
        _coarse(cells),
        _leaks(found, cells),
        _calibrations(cells),
        _seconds(cells),
    ]
    return "\n".join(part for part in parts if part)


# --- errors ---


def _errors(found: dict[str, Any], cells: Cells) -> str:
    if not {"before", "reference"} <= set(cells):
        return ""
    said = {"reference": "trained on 51,444 of them", "before": f"`{MODEL}`, as it is shipped"}
    said |= {f"adapted {n}": f"`{MODEL}` adapted to {n:,} (`{OWN.format(n)}`)" for n in COUNTS}
    said |= {f"nothing {n}": f"trained from nothing on {n:,}" for n in COUNTS}
    head = (
        f"Judged on `{found['others']}`: root mean square error of each label read from the latent, and in "
        "brackets beside that of a model trained on 51,444 stars of that physics "
        f"(`{found['reference']}`).\n"
    )
    return f"{head}\n{_rows(cells, said, 'reference')}"


def _rows(cells: Cells, said: dict[str, str], best: str) -> str:
    """A table of errors, those of `best` for comparison."""
    names, ideal, rows = list(cells[best]["latent"]), cells[best]["latent"], []
    for key, text in said.items():
        own = cells.get(key, {})
        if "latent" in own:
            rows.append(
                [text, *(f"{own['latent'][n]:.3g} ({own['latent'][n] / ideal[n]:.2f})" for n in names)]
            )
        elif "refused" in own:
            rows.append([f"{text}: {own['refused'].partition(':')[0]}", *["–"] * len(names)])
    return _table("model", names, rows)


def _coarse(cells: Cells) -> str:
    best = "coarse reference" if "coarse reference" in cells else "reference"
    if not {"coarse before", best} <= set(cells):
        return ""
    said = {
        "coarse reference": "trained on 51,444 of them, seen by this instrument",
        "coarse before": f"`{MODEL}`, as it is shipped",
        f"coarse adapted {USUAL}": f"`{MODEL}` adapted to {USUAL}",
        f"coarse nothing {USUAL}": f"trained from nothing on {USUAL}",
    }
    beside = (
        "the first row" if best == "coarse reference" else "the model trained on 51,444 at full resolution"
    )
    head = f"The same stars on another instrument, R = {COARSE:,.0f} and {PIXELS} pixels, beside {beside}:\n"
    return f"{head}\n{_rows(cells, said, best)}"


def _table(first: str, names: list[str], rows: list[list[str]]) -> str:
    """A table with a column for each label."""
    return table([first, *(parameter(n).in_text for n in names)], rows)


def _curves(cells: Cells) -> dict[str, dict[int, float]]:
    """Words → number of own stars → mean ratio; only curves of two points or more."""
    if not {"before", "reference"} <= set(cells):
        return {}
    found = {
        "adapted": {n: _ratio(cells, f"adapted {n}") for n in COUNTS},
        "from nothing": {n: _ratio(cells, f"nothing {n}") for n in COUNTS},
        "not adapted": {n: _ratio(cells, "before") for n in COUNTS},
    }
    known = {w: {n: v for n, v in points.items() if np.isfinite(v)} for w, points in found.items()}
    return {words: points for words, points in known.items() if len(points) > 1}


def _ratio(cells: Cells, key: str) -> float:
    """The mean over the labels of errors beside those of the reference; NaN where not measured."""
    own, best = cells.get(key, {}).get("latent"), cells["reference"]["latent"]
    return float(np.mean([own[n] / best[n] for n in best])) if own else float("nan")


def _picture(cells: Cells) -> str:
    if len(_curves(cells).get("adapted", {})) < 2:
        return ""
    return f"![{CAPTION}](images/{FOLDER}/{PICTURE}.png)\n\n*{CAPTION}*\n"


# --- leaks, calibrations, seconds ---


def _leaks(found: dict[str, Any], cells: Cells) -> str:
    said = {"leak before": f"`{REMOVED}`, as it is shipped"}
    said |= {f"leak adapted {n}": f"`{REMOVED}` adapted to {n:,} (`{OWN.format(n)}`)" for n in COUNTS}
    said |= {noisier(n, noise): f"adapted to {n:,} with `--noise {noise:g}`" for n, noise in NOISIER}
    known = [(text, cells[key]) for key, text in said.items() if key in cells]
    if not known:
        return ""
    first = known[0][1]
    removed, kept = list(first["removed"]), list(first["kept"])
    head = (
        f"What a fresh probe reads of the removed labels (partial R², its 95 % limit, and the verdict; "
        f"*removed* needs a limit below {REMOVED_LIMIT}), and the root mean square error of the kept ones, "
        f"read from the latent, on the stars of the other physics, `{found['others']}`:\n"
    )
    columns = ["model", "noise σ", *(parameter(n).in_text for n in [*removed, *kept])]
    return f"{head}\n{table(columns, [_leak_row(text, cell) for text, cell in known])}"


def _leak_row(text: str, cell: dict[str, Any]) -> list[str]:
    found = cell["removed"].values()
    told = [f"{own['partial']:.3f}, below {own['upper']:.3f}: {own['verdict']}" for own in found]
    return [text, f"{cell['noise']:g}", *told, *(f"{error:.3f}" for error in cell["kept"].values())]


def _calibrations(cells: Cells) -> str:
    own, bad = cells.get("calibration"), cells.get("bad labels")
    if not own or not bad:
        return ""
    names = list(own["mean"])
    rows = {"before": "before", "after, mean": "mean", "after, scatter of draws": "scatter"}
    lines = [
        f"What 68 % intervals hold of these stars, after `calibrate` of `{MODEL}` with {own['stars']} of "
        f"them ({own['draws']} draws):",
        "",
        _table("", names, [[text, *(f"{own[key][n]:.3f}" for n in names)] for text, key in rows.items()]),
        f"With a tenth of 500 labels wrong by + {BAD_SIGMAS:g} σ ({bad['draws']} draws) the offset of a "
        f"typical star moves by {bad['mean_move']:.2f} of its error on average, by less than one error in "
        f"{bad['moved_less']:.0%} of all cases; {bad['named']:.1%} of these stars are named, and "
        f"{bad['falsely_named']:.1%} of the others.",
        "",
    ]
    return "\n".join(lines)


def _seconds(cells: Cells) -> str:
    own = cells.get(SECONDS)
    if not own:
        return ""
    parts = [f"`{name}` adapted to {USUAL} stars {own[name]:.0f} s" for name in (MODEL, REMOVED)]
    return f"Seconds on two cores: {', '.join(parts)}, `calibrate` {own['calibrate']:.1f} s.\n"
