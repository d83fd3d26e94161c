"""Measure the shipped models: one file per measurement, made only where it is not there yet."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from gandalf_core.auditing.bounds import star_bounds
from gandalf_core.auditing.compare import comparison_split
from gandalf_core.models.loading import load_model
from gandalf_core.regression.residuals import residual_statistics
from gandalf_core.regression.settings import RegressorSettings
from gandalf_core.seeds import JUDGING_SEED, SWEEP_SEED
from gandalf_core.sources import load_stars
from gandalf_core.training.fitting_regressors import fit_regressor

from .stored import JUDGED, MODELS, ROOT, SAMPLE, STORED, audited_on, store

ALPHAS = ("1e-4", "1e-2", "1e-1")  # penalties among which each regressor of Table 1 finds its best
BOUNDED = f"simulated:2000:{JUDGING_SEED}"
SWEEPS = {  # the paper's two choices, by its own recipe
    "latent-size": ["--space", "model.latent_size=5,10,15,25,40,60"],
    "lambda": ["--space", "lambda_scale=0,0.1,0.3,1,3,10"],
}


def measure(only: list[str]) -> None:
    """All parts, or only those named. SystemExit for an unknown name."""
    parts: dict[str, Callable[[], None]] = {
        "audits": measure_audits,
        "compare": lambda: _store_once("compare", compare),
        "plain-against-pca": lambda: _store_once("plain-against-pca", plain_against_pca),
        "rms-over-bound": lambda: _store_once("rms-over-bound", rms_over_bound),
        "sweeps": measure_sweeps,
    }
    unknown = [name for name in only if name not in parts]
    if unknown:
        raise SystemExit(f"no part '{unknown[0]}'; there are: {', '.join(parts)}")
    for name in only or parts:
        parts[name]()


def _store_once(name: str, make: Callable[[], Any]) -> None:
    path = STORED / f"{name}.json"
    if not path.is_file():
        store(path, make())


def measure_audits() -> None:
    """The audit of each shipped model, stored in its folder and on its card."""
    for model in MODELS:
        if audited_on(model) != JUDGED:
            gandalf(["audit", model, JUDGED, "--record"])


def compare() -> dict[str, Any]:
    """Table 1: regressors of the standard sample, tested on stars by which nothing was chosen."""
    report = gandalf(["compare", SAMPLE, JUDGED, *(a for alpha in ALPHAS for a in ("--alpha", alpha))])
    return {"source": JUDGED} | report


def measure_sweeps() -> None:
    """The paper's two sweeps, of its recipe, on 6,400 stars; the Sweeps page shows them too."""
    for name, space in SWEEPS.items():
        recipe = ["--preset", "paper-physical-removed", "--seeds", "3"]
        gandalf(
            [
                "sweep",
                f"simulated:10000:{SWEEP_SEED}",
                *recipe,
                "--out",
                str(STORED / "sweeps" / name),
                *space,
            ]
        )


def rms_over_bound() -> dict[str, Any]:
    """Rms error of what `autoencoder` predicts of 2,000 stars, in units of the Cramér-Rao bound.

    Per label over the median bound of all stars, and `per_snr` over the rms bound of each bin of S/N.
    """
    sample = load_stars(BOUNDED)
    predictions = load_model("autoencoder").predict(sample)
    error, bounds = predictions.values - sample.labels, star_bounds(sample)
    ratio = np.sqrt(np.square(error).mean(0)) / np.nanmedian(bounds.sigma, 0)
    named = dict(zip(predictions.label_names, ratio.tolist(), strict=True))
    return {"source": BOUNDED, **named, "per_snr": bounds.ratio_per_snr(error)}


def plain_against_pca() -> dict[str, Any]:
    """R² of each label, from the plain latent and from as many principal components of the spectrum."""
    from sklearn.decomposition import PCA

    model, sample = load_model("autoencoder"), load_stars([SAMPLE, JUDGED])
    train, test = comparison_split(sample, {model.name: model})
    x, y = model.scaler.flux_in(sample.flux, sample.mask), sample.labels
    inputs = {
        "plain latent": model.encode(sample).z,
        "25 principal components": PCA(model.latent_size, random_state=0).fit(x[train]).transform(x),
    }
    scores = {}
    for name, numbers in inputs.items():
        settings = RegressorSettings(max_iter=150)
        regressor = fit_regressor(
            numbers[train], y[train], model.label_names, settings, snr=sample.snr[train]
        )
        values, _ = regressor.predict(numbers[test], sample.snr[test])
        statistics = residual_statistics(values, y[test], model.label_names)
        scores[name] = {label: row["r2"] for label, row in statistics.items()}
    return {"source": JUDGED, "scores": scores}


def gandalf(arguments: list[str]) -> dict[str, Any]:
    """The JSON that a command of the package answers with."""
    command = [sys.executable, "-m", "gandalf_core", *arguments, "--json"]
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return json.loads(run.stdout)
