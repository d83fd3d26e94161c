"""Do the error bars of the shipped models hold under right and under wrong physics, and how wide are they?

Judged on stars that calibrated nothing: of the simulator, and of nature b with lines of other depths.
Shapes: N stars, P labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.calibration import evidence
from gandalf_core.models.estimates import LATENT, SPECTRUM, regressor_of
from gandalf_core.models.store import load_model
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import LABELS
from gandalf_core.regression.calibration import Evidence, calibrated
from gandalf_core.regression.correlation import squared_radius
from gandalf_core.regression.regressor import Reading, Regressor
from gandalf_core.regression.residuals import interval_coverage
from gandalf_core.seeds import COVERAGE_SEED, JUDGING_SEED
from gandalf_core.simulator import simulate, simulate_kind
from gandalf_core.simulator.other_physics import with_depth_errors

from .markdown import number, plain, table
from .stored import MODELS, STORED, load, store

PATH = STORED / "physics-coverage.json"
JUDGED, LEAST = 40_000, 2000  # stars of either physics, and in a bin
DEPTH_ERROR = 0.06  # rms of the field that multiplies the depth of lines under wrong physics
ALONE = 16_000  # stars of right physics, by which the width of error bars is compared
ALONE_SEED = COVERAGE_SEED + 100
SNR_EDGES = (0, 25, 35, 50, 70, 100, np.inf)
LEVELS = (0.6827, 0.95)
PAIRS = (("teff", "logg"), ("mh", "alphafe"))  # whose ellipses the page draws
ELLIPSE = (
    2.2957  # squared radius of the ellipse that holds 68.27 % of a normal distribution in two dimensions
)
GOALS = {("right", 0.6827): ".62-.74", ("right", 0.95): ".93-.97", ("wrong", 0.6827): ".58-.80"}
SHOWN = ("autoencoder", LATENT)  # whose bins stand in docs/results.md one by one


def measure_physics(only: Sequence[str] = (), seed: int = JUDGING_SEED, path: Any = PATH) -> None:
    """Store what the error bars of the shipped models hold; a model that is there is not measured again."""
    stored = load(path)
    if stored.get("seed") != seed:
        stored = {"seed": seed, "stars": JUDGED, "models": {}}
    todo = [name for name in only or MODELS if name not in stored["models"]]
    if not todo:
        return
    judged = judged_stars(seed)
    alone = simulate(ALONE, ALONE_SEED)
    for name in todo:
        stored["models"][name] = model_coverage(load_model(name), judged, alone)
        store(path, stored)


def judged_stars(seed: int) -> dict[str, SpectraSet]:
    """The stars of `right` and of `wrong` physics, with the same labels, S/N and nuisances."""
    wrong = simulate_kind("b", JUDGED, seed)
    return {
        "right": simulate(JUDGED, seed),
        "wrong": with_depth_errors(wrong[wrong.usable], DEPTH_ERROR),
    }


def model_coverage(model: TrainedModel, judged: dict[str, SpectraSet], alone: SpectraSet) -> dict[str, Any]:
    """Source → what `source_coverage` finds, for each regressor whose error bars know the fit."""
    stars, calibrating = {k: evidence(model, s) for k, s in judged.items()}, evidence(model, alone)
    found = {}
    for source in (LATENT, SPECTRUM):
        regressor = regressor_of(model, source)
        if isinstance(regressor, Regressor):
            read = [n for n in model.label_names if source == SPECTRUM or n not in model.removed]
            of_source = {k: e[source] for k, e in stars.items()}
            found[source] = source_coverage(regressor, of_source, calibrating[source], read)
    return found


def source_coverage(
    regressor: Regressor, judged: dict[str, Evidence], alone: Evidence, read: Sequence[str]
) -> dict[str, Any]:
    """Of `right` and `wrong` physics: shares held per level and bin, mean widths, shares inside ellipses.

    `width_ratio`: mean half-width of each label over that of error bars calibrated under right physics alone.
    read: the labels that count.
    """
    parts = np.split(np.arange(len(alone)), [3 * len(alone) // 4, 7 * len(alone) // 8])
    narrow = calibrated(regressor, *(alone[rows] for rows in parts))
    columns = [regressor.names.index(name) for name in read]
    found: dict[str, Any] = {"held": {}, "all": {}, "width_ratio": {}, "ellipse": {}}
    for physics, stars in judged.items():
        readings = {level: _read(regressor, stars, level) for level in LEVELS}
        for level, reading in readings.items():
            values, errors = reading.values[:, columns], reading.errors[:, columns]
            true, key = stars.y[:, columns], f"{physics} {level}"
            edges = {"more_than": LEAST - 1, "snr_edges": SNR_EDGES}
            found["held"][key] = interval_coverage(values, true, read, errors, stars.snr, **edges)
            held = (np.abs(values - true) <= errors).mean(0)
            found["all"][key] = dict(zip(read, held.tolist(), strict=True))
        ratio = readings[LEVELS[0]].errors.mean(0) / _read(narrow, stars, LEVELS[0]).errors.mean(0)
        found["width_ratio"][physics] = dict(zip(read, ratio[columns].tolist(), strict=True))
        found["ellipse"][physics] = _inside_ellipses(readings[LEVELS[0]], stars.y, regressor.names, read)
    return found


def _read(regressor: Regressor, stars: Evidence, level: float) -> Reading:
    return regressor.read(stars.x, stars.snr, level, stars.quality)


def _inside_ellipses(
    reading: Reading, true: np.ndarray, names: Sequence[str], read: Sequence[str]
) -> dict[str, float]:
    """Share of stars whose truth lies in the 68 % ellipse of each pair of labels that are read."""
    shares = {}
    scaled = (reading.values - true) / reading.errors
    for pair in PAIRS:
        if set(pair) <= set(read):
            i, j = (names.index(name) for name in pair)
            rho, a, b = reading.correlations[:, i, j], scaled[:, i], scaled[:, j]
            distance = (a**2 + b**2 - 2 * rho * a * b) / (1 - rho**2)
            shares[", ".join(pair)] = float((distance <= squared_radius(LEVELS[0])).mean())
    return shares


# --- in docs/results.md ---


def physics_table(stored: dict[str, Any]) -> str:
    """One row per model and source, then the bins of one of them; empty where nothing is stored."""
    models = {n: found for n, found in stored.get("models", {}).items() if found} if stored else {}
    if not models:
        return ""
    rows = [(name, source, found) for name, by in models.items() for source, found in by.items()]
    lines = [_row(*row) for row in rows if row[2]["width_ratio"]["right"]]  # of labels that are read at all
    sample, seed = f"{stored['stars']:,}", stored["seed"]
    text = (
        "## Do error bars hold under wrong physics?\n\n"
        "Share of true values inside the intervals, in the worst bins (least and greatest share of any label "
        f"in any bin of S/N or Teff with at least {LEAST:,} of {sample} stars). Right physics: "
        f"`simulated:{stored['stars']}:{seed}`; wrong physics: the same stars of nature b, the depth of "
        f"their lines multiplied by a random field of {100 * DEPTH_ERROR:.0f} % correlated over 0.05 nm. "
        "Removed labels are left out. Width: mean half-width over that of error bars calibrated under right "
        "physics alone, mean of the labels. Ellipse: share of true values inside the 68 % ellipses of (Teff, "
        "log g) and ([M/H], [α/Fe]) (`python -m reports coverage`).\n\n"
    )
    head = ["model", "read from", *(f"{p}, {100 * v:.0f} %" for p in ("right", "wrong") for v in LEVELS)]
    head += ["width, right", "width, wrong", "ellipse, right", "ellipse, wrong"]
    goals = ["goal", "", *(GOALS.get((p, v), "-") for p in ("right", "wrong") for v in LEVELS)]
    return text + table(head, [*lines, [*goals, "≤ 1.5", "≤ 1.5", "-", "-"]]) + "\n" + _bins(models)


def _row(name: str, source: str, found: dict[str, Any]) -> list[str]:
    worst = [_worst(found["held"][f"{p} {v}"]) for p in ("right", "wrong") for v in LEVELS]
    widths = [number(float(np.mean(list(found["width_ratio"][p].values()))), 2) for p in ("right", "wrong")]
    inside = [
        ", ".join(number(v, 2) for v in found["ellipse"][p].values()) or "-" for p in ("right", "wrong")
    ]
    return [f"`{name}`", source, *worst, *widths, *inside]


def _worst(bins: dict[str, list[dict[str, Any]]]) -> str:
    shares = [row[name] for rows in bins.values() for row in rows for name in LABELS if name in row]
    return f"{number(min(shares), 2)} to {number(max(shares), 2)}" if shares else "-"


def _bins(models: dict[str, Any]) -> str:
    """Every bin of the model that is shown one by one."""
    name, source = SHOWN
    found = models.get(name, {}).get(source)
    if not found:
        return ""
    lines = []
    for quantity, words in (("snr", "S/N"), ("teff", "Teff")):
        for level in LEVELS:
            right, wrong = (found["held"][f"{p} {level}"].get(quantity, []) for p in ("right", "wrong"))
            for row in right:
                other = next((w for w in wrong if w["low"] == row["low"]), {})
                lines.append([_limits(words, row), f"{100 * level:.0f} %", *_cells(row), *_cells(other)])
    head = ["bin", "level", *(f"{plain(n)}, {p}" for p in ("right", "wrong") for n in LABELS)]
    return f"The bins of `{name}`, from the {source}:\n\n" + table(head, lines)


def _limits(words: str, row: dict[str, Any]) -> str:
    end = f" to {row['high']:.0f}" if row["high"] else " and more"
    return f"{words} {row['low']:.0f}{end}"


def _cells(row: dict[str, Any]) -> list[str]:
    return [number(row.get(name), 2) for name in LABELS]
