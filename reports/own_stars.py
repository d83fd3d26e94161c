"""What a few hundred labelled stars of another physics do for a model: docs/own-stars.md, from a stored run.

Own stars are of seeds of their own, other stars judge; nothing here is reserved for judging. The model is
`autoencoder`, whose latent holds all four labels.
"""

import time
from dataclasses import replace
from typing import Any

import numpy as np

from gandalf_core.atomic import write_text
from gandalf_core.data.noise_key import NoiseKey
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.io.resampling import covering
from gandalf_core.models.fit import train
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.store import load_model, save_model
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.adapting import AdaptOptions, adapt
from gandalf_core.own.calibration import Labelled, calibrate
from gandalf_core.own.mixture import smoothed
from gandalf_core.parameters import parameter
from gandalf_core.seeds import OTHERS_SEED, OWN_STARS_SEED, REFERENCE_SEED
from gandalf_core.sources import load_stars

from .markdown import table
from .stored import ROOT, STORED, WORK, load, store

FILE, PAGE = STORED / "own-stars.json", ROOT / "docs" / "own-stars.md"
MODEL, OWN, OTHERS = "autoencoder", f"simulated:{{}}:{OWN_STARS_SEED}:b", f"simulated:5000:{OTHERS_SEED}:b"
REFERENCE = f"simulated:64305:{REFERENCE_SEED}:b"
COUNTS = (200, 500)
COARSE, PIXELS = 7500.0, 400  # another instrument: resolving power and pixels
DRAWS, CALIBRATING, BAD_DRAWS, BAD_SIGMAS, BAD_SHARE = 50, 300, 10, 5.0, 0.1
START, END = "<!-- measured: `python -m reports own-stars` -->", "<!-- end of what is measured -->"


def measure_own_stars(reference: str = "") -> None:
    """Measure and store. reference: a folder with a model trained on REFERENCE; by default it is trained."""
    model, others = load_model(MODEL).under(NoiseKey.from_seed(0)), load_stars(OTHERS)
    found: dict[str, Any] = {"model": model.model_id, "others": OTHERS, "reference": REFERENCE}
    found["rmse"] = {"reference": rmse(_reference(reference), others), "before": rmse(model, others)}
    found["seconds"], found["encoder"] = {}, {}
    for count in COUNTS:
        adapted, seconds = _adapted(model, load_stars(OWN.format(count)), AdaptOptions())
        found["rmse"][f"adapted {count}"] = rmse(adapted, others)
        found["seconds"][str(count)], found["encoder"][str(count)] = (
            seconds,
            adapted.card["adapted"]["encoder"],
        )
        store(FILE, found)
    coarse = coarser(load_stars(OWN.format(500))), coarser(others)
    found["rmse"]["coarse before"] = rmse(model, coarse[1])
    adapted, _ = _adapted(model, coarse[0], AdaptOptions(resolving_power=COARSE))
    found["rmse"]["coarse adapted 500"] = rmse(adapted, coarse[1])
    found["calibration"], found["bad labels"] = calibrations(model, others), bad_labels(model, others)
    store(FILE, found)


def _reference(folder: str) -> TrainedModel:
    if folder:
        return load_model(folder).under(NoiseKey.from_seed(0))
    place = WORK / "own-stars-reference"
    if not (place / "card.json").is_file():
        save_model(train(load_stars(REFERENCE), MODEL), place)
    return load_model(place).under(NoiseKey.from_seed(0))


def _adapted(model: TrainedModel, own: SpectraSet, options: AdaptOptions) -> tuple[TrainedModel, float]:
    began = time.perf_counter()
    adapted = adapt(model, own, options)
    return replace(adapted, name="adapted").under(NoiseKey.from_seed(0)), time.perf_counter() - began


def coarser(stars: SpectraSet) -> SpectraSet:
    """The stars as a spectrograph of R = 7,500 with 400 pixels sees them."""
    grid = stars.wavelength_nm.reshape(PIXELS, -1).mean(1)
    seen = covering(smoothed(stars, COARSE), grid)[0]
    return replace(seen, provenance=seen.provenance | {"instrument": "unknown"})


def rmse(model: TrainedModel, stars: SpectraSet) -> dict[str, dict[str, float]]:
    """Root mean square errors of labels, read from the latent and from the spectrum."""
    stars = model.on_grid(stars)
    read = {"latent": model.predict(stars, verdicts=False).values}
    read["spectrum"] = model.predict_from_spectrum(stars)[0]
    return {
        source: dict(
            zip(model.label_names, np.sqrt(np.mean((v - stars.labels) ** 2, axis=0)).tolist(), strict=True)
        )
        for source, v in read.items()
    }


# --- calibrations ---


def some_of(found: Predictions, rows: np.ndarray) -> Predictions:
    """The predictions of some of the stars."""
    return Predictions(
        found.ids[rows],
        found.label_names,
        found.values[rows],
        found.errors[rows],
        found.chi2[rows],
        found.outlier_score[rows],
        {},
        correlations=found.correlations[rows],
    )


def calibrations(model: TrainedModel, stars: SpectraSet) -> dict[str, Any]:
    """What 68 % intervals hold after calibrations on 300 stars, over draws of them."""
    found, shares = model.predict(stars, verdicts=False), []
    unknown = np.full((CALIBRATING, len(model.label_names)), np.nan)
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(len(stars))
        few, rest = order[:CALIBRATING], order[CALIBRATING:]
        known = Labelled(stars.labels[few], unknown, stars.snr[few])
        made = calibrate("draw", some_of(found, few), known, seed=draw)
        after = made.apply(some_of(found, rest), stars.snr[rest], model.label_ranges)
        shares.append((np.abs(after.values - stars.labels[rest]) < after.errors).mean(0))
    before = (np.abs(found.values - stars.labels) < found.errors).mean(0)
    rows = {"before": before, "mean": np.mean(shares, 0), "scatter": np.std(shares, 0)}
    named = {k: dict(zip(model.label_names, v.tolist(), strict=True)) for k, v in rows.items()}
    return {"draws": DRAWS, "stars": CALIBRATING} | named


def bad_labels(model: TrainedModel, stars: SpectraSet) -> dict[str, float]:
    """A tenth of 500 labels wrong by + 5 claimed errors: how far offsets move, and who is named."""
    found, moves, named, falsely = model.predict(stars, verdicts=False), [], [], []
    for draw in range(BAD_DRAWS):
        random = np.random.default_rng(1000 + draw)
        rows = random.permutation(len(stars))[:500]
        own, labels = some_of(found, rows), stars.labels[rows].copy()
        unknown = np.full(labels.shape, np.nan)
        clean = calibrate("clean", own, Labelled(labels, unknown, stars.snr[rows]), seed=draw)
        wrong = random.permutation(500)[: int(BAD_SHARE * 500)]
        labels[wrong] += BAD_SIGMAS * own.errors[wrong]
        spoilt = calibrate("spoilt", own, Labelled(labels, unknown, stars.snr[rows]), seed=draw)
        for name, one in clean.labels.items():
            moves.append(abs(spoilt.labels[name].offset[0] - one.offset[0]) / np.sqrt(one.covariance[0, 0]))
        ids, said = set(own.ids[wrong].tolist()), set(spoilt.about["bad"])
        named.append(len(ids & said) / len(ids))
        falsely.append(len(said - ids) / (500 - len(ids)))
    return {
        "draws": BAD_DRAWS,
        "mean_move": float(np.mean(moves)),
        "moved_less": float(np.mean(np.array(moves) < 1)),
        "named": float(np.mean(named)),
        "falsely_named": float(np.mean(falsely)),
    }


# --- the page ---


def own_stars_tables(found: dict[str, Any]) -> str:
    """What is measured, as Markdown."""
    names = list(found["rmse"]["reference"]["latent"])
    head = (
        f"Judged on `{found['others']}`: root mean square error of each label read from the latent, and in "
        f"brackets beside that of a model trained on 51,444 stars of that physics (`{found['reference']}`).\n"
    )
    said = {"reference": "trained on 51,444 of them", "before": f"`{MODEL}`, as it is shipped"}
    said |= {f"adapted {n}": f"adapted to {n} (`{OWN.format(n)}`)" for n in COUNTS}
    said |= {
        "coarse before": f"as it is shipped; R = {COARSE:,.0f}, {PIXELS} pixels",
        "coarse adapted 500": f"adapted to 500; R = {COARSE:,.0f}, {PIXELS} pixels",
    }
    best, rows = found["rmse"]["reference"]["latent"], []
    for key, text in said.items():
        own = found["rmse"].get(key, {}).get("latent", {})
        cells = [f"{own[n]:.3g} ({own[n] / best[n]:.2f})" for n in names if n in own]
        rows += [[text, *cells]] if cells else []
    seconds = ", ".join(f"{n} stars {s:.0f} s" for n, s in found["seconds"].items())
    lines = [
        head,
        _table("model", names, rows),
        f"Seconds on two cores that others used, too: {seconds}.",
        "",
    ]
    return "\n".join([*lines, *_calibration_lines(found, names), ""])


def _table(first: str, names: list[str], rows: list[list[str]]) -> str:
    """A table with a column for each label."""
    return table([first, *(parameter(n).in_text for n in names)], rows)


def _calibration_lines(found: dict[str, Any], names: list[str]) -> list[str]:
    own, bad = found.get("calibration"), found.get("bad labels")
    if not own or not bad:
        return []
    rows = {"before": "before", "after, mean": "mean", "after, scatter of draws": "scatter"}
    return [
        f"What 68 % intervals hold of these stars, after `calibrate` with {own['stars']} of them "
        f"({own['draws']} draws):",
        "",
        _table("", names, [[text, *(f"{own[key][n]:.3f}" for n in names)] for text, key in rows.items()]),
        f"With a tenth of 500 labels wrong by + {BAD_SIGMAS:g} σ ({bad['draws']} draws) the offset of a "
        f"typical star moves by {bad['mean_move']:.2f} of its error on average, by less than one error in "
        f"{bad['moved_less']:.0%} of all cases; {bad['named']:.0%} of these stars are named, and "
        f"{bad['falsely_named']:.1%} of the others.",
    ]


def write_own_stars() -> None:
    """Put the measured tables into docs/own-stars.md, between its two marks."""
    if not FILE.is_file():
        return
    text, found = PAGE.read_text(encoding="utf-8"), load(FILE)
    before, _, rest = text.partition(START)
    after = rest.partition(END)[2]
    write_text(PAGE, f"{before}{START}\n\n{own_stars_tables(found)}\n{END}{after}")
