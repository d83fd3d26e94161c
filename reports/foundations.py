"""Do models hold on spectra that they were not trained on: points of the grid kept back, and another nature.

Shapes: N stars, L pixels, P labels.
"""

from typing import Any

import numpy as np

from gandalf_core.auditing import audit
from gandalf_core.data.instruments import KEY
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.loading import load_model
from gandalf_core.parameters import LABELS
from gandalf_core.seeds import CHOICE_SEED, JUDGING_SEED
from gandalf_core.simulator import PIXELS_800, population, simulate, truth
from gandalf_core.simulator.effects import apply_nuisances
from gandalf_core.simulator.emulator import EMULATOR_FILES
from gandalf_core.simulator.grids import grid_flux, grid_labels, observe
from gandalf_core.simulator.nuisances import DEFAULT, OFF, draw
from gandalf_core.sources import load_stars

from .markdown import number, plain, table
from .stored import STORED, load, store

FILE = STORED / "foundations.json"
READER = "autoencoder"
THIRDS = ((-9.0, -1.0), (-1.0, -0.4), (-0.4, 9.0))  # of [M/H]
SNR = 100.0
DRAWS = 20  # of the noise of each point
NEAR = np.array([200.0, 0.3, 0.3, 0.1])  # of a star of the mock sample: on a usual sequence
SEQUENCES = 20_000  # stars of the mock sample among which a neighbour is sought
WRONG = f"simulated:6000:{JUDGING_SEED}:b"
RIGHT = f"simulated:6000:{JUDGING_SEED}"
CLAIMS = ("physical-removed", "chemical-removed", "generator")
GOALS = {"teff": 60.0, "logg": 0.15, "mh": 0.08, "alphafe": 0.06}


def measure_foundations(only: list[str]) -> None:
    """Both parts, or only those named; a part that is stored is not made again."""
    parts = {"kept-back": kept_back, "natures": natures}
    unknown = [name for name in only if name not in parts]
    if unknown:
        raise SystemExit(f"no part '{unknown[0]}'; there are: {', '.join(parts)}")
    for name in only or parts:
        stored = load(FILE)
        if name not in stored:
            store(FILE, stored | {name: parts[name]()})


# --- points of the grid that the emulator has not seen ---


def kept_back_points() -> tuple[np.ndarray, np.ndarray]:
    """(N, 5) labels and (N, 2421) spectra of the points that were held out, those on usual sequences."""
    with np.load(EMULATOR_FILES["a"]) as stored:
        rows = stored["held_out"]
    labels, flux = grid_labels()[rows], grid_flux()[rows]
    sequences = population.labels(CHOICE_SEED, np.arange(SEQUENCES)) / NEAR
    distance = [np.square(sequences - point).sum(1).min() for point in labels[:, :4] / NEAR]
    usual = np.array(distance) < 1
    return labels[usual], flux[usual]


def observed_points(labels: np.ndarray, flux: np.ndarray) -> SpectraSet:
    """(N · DRAWS) spectra at S/N 100, the Ca II cores deepened as NLTE does on average, nothing else."""
    n = len(labels)
    values = draw(0, np.arange(n), OFF, labels[:, :4], None)
    values = {name: np.zeros_like(value) for name, value in values.items()} | {"cn": labels[:, 4]}
    for line in ("calcium_854", "calcium_866"):
        values[line] = np.full(n, DEFAULT.calcium_nlte)
    clean = np.repeat(observe(apply_nuisances(flux, values), 800), DRAWS, axis=0)
    sun = np.tile([5772.0, 4.44, 0.0, 0.0], (len(clean), 1))
    noisy = simulate(len(clean), CHOICE_SEED, labels=sun, snr=(SNR, SNR))
    noise = noisy.flux - truth(noisy).flux
    ids = [f"point{i}-{d}" for i in range(n) for d in range(DRAWS)]
    provenance = {KEY: noisy.provenance[KEY]}
    known = np.repeat(labels[:, :4], DRAWS, axis=0)
    return SpectraSet(clean + noise, PIXELS_800, ids, known, LABELS, noisy.flux_error, provenance=provenance)


def kept_back() -> dict[str, Any]:
    """Median errors of each label in each third of [M/H], and the share of points called outside."""
    stars = observed_points(*kept_back_points())
    predictions = load_model(READER).predict(stars)
    error, mh = predictions.values - stars.labels, stars.label("mh")
    rows = []
    for low, high in THIRDS:
        here = (mh >= low) & (mh < high)
        signed, size = np.median(error[here], 0), np.median(np.abs(error[here]), 0)
        rows.append(
            {
                "mh": [low, high],
                "points": int(here.sum()) // DRAWS,
                "median": dict(zip(LABELS, signed.tolist(), strict=True)),
                "median_absolute": dict(zip(LABELS, size.tolist(), strict=True)),
                "outside": float(predictions.outside[here].mean()),
            }
        )
    return {"model": READER, "snr": SNR, "thirds": rows}


# --- another nature ---


def natures() -> dict[str, Any]:
    """Errors, scores, leakage and sliders of the shipped models under right and under wrong physics."""
    return {kind: one_nature(source) for kind, source in (("right", RIGHT), ("wrong", WRONG))}


def one_nature(source: str) -> dict[str, Any]:
    """Of one nature: what is said of its stars by the reader, and what the audit finds."""
    stars = load_stars(source)
    predictions = load_model(READER).predict(stars)
    error = predictions.values - stars.labels
    audits = {name: audit(load_model(name), stars, rows=(), workers=1) for name in CLAIMS}
    return {
        "source": source,
        "rms": dict(zip(LABELS, np.sqrt(np.mean(error**2, 0)).tolist(), strict=True)),
        "held": dict(zip(LABELS, np.mean(np.abs(error) <= predictions.errors, 0).tolist(), strict=True)),
        "width": dict(zip(LABELS, np.mean(predictions.errors, 0).tolist(), strict=True)),
        "score_above_95": float(np.mean(predictions.outlier_score > 0.95)),
        "outside": float(predictions.outside.mean()),
        "leaks": {name: _leaks(report) for name, report in audits.items()},
        "sliders": {n: e["relative_error"] for n, e in audits["generator"]["counterfactual"].items()},
    }


def _leaks(report: dict[str, Any]) -> dict[str, Any]:
    kept = ("partial", "upper", "verdict")
    return {name: {key: entry[key] for key in kept} for name, entry in report["removed"].items()}


# --- tables ---


def foundations_section(stored: dict[str, Any]) -> str:
    """The sections *Metal-poor stars* and *Right and wrong physics*; nothing where nothing was measured."""
    sections = (("kept-back", metal_poor_table), ("natures", natures_table))
    return "\n".join(write(stored[name]) for name, write in sections if name in stored)


def metal_poor_table(part: dict[str, Any]) -> str:
    """Median errors on points of the grid that were kept back, by [M/H]."""
    rows = []
    for row in part["thirds"]:
        low, high = row["mh"]
        name = f"below {high:g}" if low < -5 else f"above {low:g}" if high > 5 else f"{low:g} to {high:g}"
        cells = [
            f"{number(row['median'][n], 0 if n == 'teff' else 3)} "
            f"({number(row['median_absolute'][n], 0 if n == 'teff' else 3)})"
            for n in LABELS
        ]
        rows.append([name, str(row["points"]), *cells, f"{row['outside']:.0%}"])
    goals = [f"≤ {GOALS[n]:g}" for n in LABELS]
    rows.append(["goal", "", *goals, "≤ 30 %"])
    text = (
        "## Metal-poor stars\n\nPoints of the grid that the emulator was not fitted to, on usual sequences "
        "(within 200 K, 0.3, 0.3 and 0.1 dex of a star of the mock sample), Ca II cores deepened, at "
        f"S/N {part['snr']:.0f}: median error of what `{part['model']}` reads (median of its size), and the "
        "share of points that it calls outside its sample (`python -m reports foundations`).\n\n"
    )
    return text + table([r"\[M/H\]", "points", *map(plain, LABELS), "outside"], rows)


def natures_table(part: dict[str, Any]) -> str:
    """What changes where physics is not that of the training."""
    right, wrong = part["right"], part["wrong"]
    rows = []
    for n in LABELS:
        digits = 0 if n == "teff" else 3
        for key, words in (("rms", "rms error"), ("width", "mean half-width of 68 %")):
            values = [number(nature[key][n], digits) for nature in (right, wrong)]
            rows.append([f"{plain(n)}: {words} of `{READER}`", *values])
        rows.append([f"{plain(n)}: 68 % interval holds", *(number(p["held"][n], 3) for p in (right, wrong))])
    for key, words in (("score_above_95", "outlier score above .95"), ("outside", "called outside")):
        rows.append([words, *(f"{nature[key]:.1%}" for nature in (right, wrong))])
    for model, labels in right["leaks"].items():
        for n in labels:
            cells = [_leak(nature["leaks"][model][n]) for nature in (right, wrong)]
            rows.append([f"`{model}`: {plain(n)}", *cells])
    for n in right["sliders"]:
        cells = [number(nature["sliders"][n]) for nature in (right, wrong)]
        rows.append([f"`generator`: error of the {plain(n)} slider", *cells])
    text = (
        "## Right and wrong physics\n\nModels are trained on one nature and tried on two: `b` has other "
        "model photospheres, an uncalibrated line list, another solar mixture and other Ca II lines "
        "(data/README.md); it differs from the first about as much as real stars do "
        "(`python -m reports foundations`).\n\n"
    )
    return text + table(["", f"right, `{right['source']}`", f"wrong, `{wrong['source']}`"], rows)


def _leak(entry: dict[str, Any]) -> str:
    upper = "no limit" if entry["upper"] is None else f"at most {entry['upper']:.3f}"
    return f"{entry['verdict']}: partial R² {number(entry['partial'])}, {upper}"
