"""Do the error bars of a new fit hold what they promise? Small simulated samples, drawn again and again."""

from dataclasses import replace
from typing import Any

import numpy as np

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.parameters import LABELS
from gandalf_core.regression.inputs import InputNoise
from gandalf_core.regression.settings import FOR_SPECTRA
from gandalf_core.seeds import COVERAGE_SEED
from gandalf_core.simulator import simulate
from gandalf_core.training.fitting_regressors import fit_regressor

from .markdown import number, plain, table
from .stored import STORED, load, store

SAMPLES = (400, 3000)  # stars to fit: crossed, and split
DRAWS, TESTED = 20, 2000
LEVELS = (0.6827, 0.95)
PASSES = 80
METHODS = {"split": "split, on", "cross": "crossed, over"}


def measure_coverage() -> None:
    """Store the shares covered, one row per sample size and draw; rows that are there are not made again."""
    path = STORED / "coverage.json"
    rows = load(path).get("rows", []) if path.is_file() else []
    done = {(row["stars"], row["draw"]) for row in rows}
    test = simulate(TESTED, COVERAGE_SEED)
    for stars in SAMPLES:
        for draw in range(1, DRAWS + 1):
            if (stars, draw) not in done:
                rows.append(one_draw(stars, draw, test))
                store(path, {"tested": TESTED, "rows": rows})


def one_draw(stars: int, draw: int, test: SpectraSet) -> dict[str, Any]:
    """Share of the test stars within the intervals of a regressor fitted to spectra, per level and label."""
    sample = simulate(stars, COVERAGE_SEED + draw)
    settings = replace(FOR_SPECTRA, max_iter=PASSES, seed=draw)
    noise = InputNoise.of_flux(sample)
    regressor = fit_regressor(sample.flux, sample.labels, LABELS, settings, snr=sample.snr, noise=noise)
    shares = {}
    for level in LEVELS:
        values, errors = regressor.predict(test.flux, test.snr, level)
        inside = (np.abs(values - test.labels) <= errors).mean(0)
        shares[str(level)] = dict(zip(LABELS, inside.tolist(), strict=True))
    calibration = regressor.summary["calibration"]
    about = {
        "stars": stars,
        "draw": draw,
        "method": calibration["method"],
        "calibrating": calibration["stars"],
    }
    return about | {"shares": shares}


def coverage_table(stored: dict[str, Any]) -> str:
    """One row per sample size and level: the mean share covered, and its least and greatest draw."""
    if not stored:
        return ""
    lines = []
    for stars in sorted({row["stars"] for row in stored["rows"]}):
        rows = [row for row in stored["rows"] if row["stars"] == stars]
        for level in rows[0]["shares"]:
            shares = np.array([[row["shares"][level][n] for n in LABELS] for row in rows])
            cells = [
                f"{number(m, 3)} ({number(low, 2)} to {number(high, 2)})"
                for m, low, high in zip(shares.mean(0), shares.min(0), shares.max(0), strict=True)
            ]
            how = f"{METHODS[rows[0]['method']]} {rows[0]['calibrating']:,} stars"
            lines.append([f"{stars:,}", how, f"{100 * float(level):.0f} %", *cells])
    text = (
        "## Do the error bars of a new fit hold?\n\n"
        "Share of the true values inside the intervals of a regressor fitted to the spectra of so many "
        f"simulated stars: mean over {DRAWS} draws of the sample (least to greatest), on "
        f"{stored['tested']:,} other stars (`python -m reports coverage`). Split conformal intervals of "
        "level p hold p on average over draws; crossed ones (CV+) hold it or a little more, and are sure to "
        "hold about 2p − 1.\n\n"
    )
    head = ["stars fitted", "calibration", "level", *map(plain, LABELS)]
    return text + table(head, lines)
