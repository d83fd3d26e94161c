"""Real stars of known parameters beside what the shipped models say of them. The spectra stay in ../shared.

Shapes: N stars, L pixels, P labels.
"""

import csv
from typing import Any

import numpy as np
import plotly.graph_objects as go

from gandalf_core.figures.style import CYCLE
from gandalf_core.models.loading import load_model
from gandalf_core.parameters import LABELS, parameter
from gandalf_core.seeds import CHOICE_SEED
from gandalf_core.simulator import simulate
from gandalf_core.sources import load_stars

from .markdown import number, plain, table
from .stored import MODELS, ROOT, STORED, store

SHARED = ROOT.parent / "shared" / "data"
FILE = STORED / "real-stars.json"
READER = "autoencoder"  # keeps every label
SAMPLE_SNR = 0.1  # dex around a star's S/N, for the errors of simulated stars like it


def measure_real_stars() -> None:
    """What every shipped model says of the stars of `shared/data/real/labels.csv`.

    SystemExit where the spectra are not there.
    """
    listing = SHARED / "real" / "labels.csv"
    if not listing.is_file():
        raise SystemExit(f"{listing} is missing: the real spectra are not part of this repository")
    with listing.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    store(FILE, {row["star"]: one_star(row) for row in rows})


def one_star(row: dict[str, str]) -> dict[str, Any]:
    """A star's literature, the predictions of the reader, and score and verdict of every model."""
    star = load_stars(str(SHARED / row["file"]))
    said = {name: load_model(name).predict(star).rows()[0] for name in MODELS}
    model = load_model(READER)
    on_grid = model.on_grid(star)
    residual = np.where(on_grid.mask, np.nan, on_grid.flux - model.reconstruct(star))[0]
    return {
        "literature": {n: _pair(row, n) for n in LABELS} | {"kind": row["kind"], "source": row["source"]},
        "predicted": said[READER],
        "usual_errors": usual_errors(float(on_grid.snr[0])),
        "snr": float(on_grid.snr[0]),
        "scores": {name: {k: s[k] for k in ("outlier_score", "verdict")} for name, s in said.items()},
        "residual": {
            "wavelength_nm": model.wavelength_nm.round(3).tolist(),
            "flux": [None if np.isnan(v) else round(float(v), 4) for v in residual],
        },
    }


def _pair(row: dict[str, str], name: str) -> list[float] | None:
    """Value and 1σ of a label in the literature; None where there is none."""
    return [float(row[name]), float(row[f"{name}_error"])] if row[name] else None


def usual_errors(snr: float) -> dict[str, float]:
    """Median claimed error of each label of simulated stars of about this S/N (per 0.03 nm pixel)."""
    limits = (snr * 10**-SAMPLE_SNR, snr * 10**SAMPLE_SNR)
    predictions = load_model(READER).predict(simulate(1000, CHOICE_SEED, snr=limits))
    return dict(zip(predictions.label_names, np.nanmedian(predictions.errors, 0).tolist(), strict=True))


def pulls(stars: dict[str, Any]) -> list[float]:
    """(predicted − literature) / √(claimed² + literature²) of each star and label of the literature."""
    out = []
    for star in stars.values():
        for name in LABELS:
            if star["literature"][name]:
                value, error = star["literature"][name]
                claimed = star["predicted"][f"{name}_error"]
                out.append((star["predicted"][name] - value) / float(np.hypot(claimed, error)))
    return out


def width_ratio(stars: dict[str, Any]) -> float:
    """The largest claimed error of a real star in units of that of simulated stars of the same S/N."""
    return max(
        star["predicted"][f"{n}_error"] / star["usual_errors"][n] for star in stars.values() for n in LABELS
    )


def real_star_table(stars: dict[str, Any], *, sources: bool = False) -> str:
    """Predictions of real stars beside the literature, its errors and (`sources`) where it comes from."""
    rows = []
    for name, star in stars.items():
        predicted = star["predicted"]
        said = [_with_error(n, predicted[n], predicted[f"{n}_error"]) for n in LABELS]
        known = [_with_error(n, *pair) if (pair := star["literature"][n]) else "-" for n in LABELS]
        quality = [number(predicted["chi2"], 2), number(predicted["outlier_score"], 2), predicted["verdict"]]
        rows.append([f"**{name}**", *said, *quality])
        rows.append([star["literature"]["source"] if sources else "literature", *known, "", "", ""])
    units = [f"{plain(n)} [{parameter(n).unit}]" for n in LABELS]
    return table(["star", *units, "chi²", "outlier score", "verdict"], rows)


def real_stars_section(stars: dict[str, Any]) -> str:
    """The section *Real stars* of docs/results.md; nothing where none were measured."""
    if not stars:
        return ""
    sigma = np.abs(pulls(stars))
    scores = [[s["outlier_score"] for s in star["scores"].values()] for star in stars.values()]
    apart = max(max(row) - min(row) for row in scores if None not in row)
    ratio = width_ratio(stars)
    return (
        f"## Real stars\n\nWhat `{READER}` says of spectra that no model was trained on "
        "(`python -m reports stars`; Gaia spectra: ESA/Gaia/DPAC). The three dwarfs tuned oscillator "
        "strengths of the grid, so their agreement is necessary and not sufficient.\n\n"
        + real_star_table(stars, sources=True)
        + f"\n{(sigma <= 2).sum()} of {len(sigma)} labels lie within 2 σ (σ² = claimed² + literature²), the "
        f"farthest at {sigma.max():.1f} σ. Claimed errors are at most {ratio:.2f} times those of simulated "
        f"stars of the same S/N. The six shipped models give one star scores that differ by at most "
        f"{apart:.2f}.\n"
    )


def _with_error(name: str, value: float, error: float) -> str:
    digits = parameter(name).decimals
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def residual_figure(stars: dict[str, Any]) -> go.Figure:
    """Observed minus reconstructed flux of each star, one row above the other."""
    figure, apart = go.Figure(), 0.08
    for i, (name, star) in enumerate(stars.items()):
        residual = star["residual"]
        flux = [None if v is None else v - i * apart for v in residual["flux"]]
        figure.add_scatter(
            x=residual["wavelength_nm"],
            y=flux,
            mode="lines",
            line={"width": 1, "color": CYCLE[i % len(CYCLE)]},
            name=name,
        )
        figure.add_hline(y=-i * apart, line={"width": 0.5, "color": "grey"})
    figure.update_layout(
        height=420,
        xaxis_title="wavelength in vacuum [nm]",
        yaxis_title=f"observed − reconstructed flux, each star {apart} lower",
        legend={"orientation": "h", "y": 1.08},
    )
    return figure
