"""The first table of docs/results.md: every goal of the project, over seeds, with the paper's recipe."""

from collections.abc import Iterator
from typing import Any

from gandalf_core.auditing.compare import TUNED
from gandalf_core.auditing.table import BEYOND
from gandalf_core.parameters import LABELS, parameter

from .markdown import number, plain, spread, table

Runs = dict[str, list[dict[str, Any]]]  # model -> the reports of its seeds
Row = list[str]
RESTORED = ("shift_kms", "broadening_kms", "calcium_depth", "dib_depth")
SLIDER_RANGES = {
    "relative_error": "wherever the simulator reaches",
    "within": "within the sample's range",
}
SLIDER_GOALS = {"teff": "≤ .10", "logg": "≤ .10", "mh": "≤ .05", "alphafe": "≤ .10"}
ONE_SIDED_GOAL = "≤ .12"


def goals_table(runs: Runs, comparison: dict[str, Any], bayes: dict[str, Any]) -> str:
    """The table under its heading; nothing without runs."""
    if not runs:
        return ""
    rows = [*leakage_rows(runs), *loss_rows(runs), *comparison_rows(comparison)]
    rows += [*generator_rows(runs), *bayes_rows(bayes), *seconds_rows(runs)]
    head = ["", "mean of seeds (least to greatest)", "paper's recipe", "goal"]
    return "## Goals\n\n" + table(head, rows)


def leakage_rows(runs: Runs) -> Iterator[Row]:
    """How much a fresh probe reads of every removed label."""
    for model in ("physical-removed", "chemical-removed", "generator"):
        for n in runs[model][0]["removed"] if model in runs else ():
            ours, paper = (
                [r["removed"][n] for r in runs.get(m, []) if n in r["removed"]]
                for m in (model, f"paper-{model}")
            )
            excess = [spread([v["excess"] for v in entries]) for entries in (ours, paper)]
            yield [f"`{model}`: excess R² of {plain(n)}", *excess, "≤ .02"]
            upper = [limits_text([v["upper"] for v in entries]) for entries in (ours, paper)]
            yield [f"`{model}`: 95 % limit of its partial R²", *upper, "≤ .02"]


def limits_text(limits: list[float | None]) -> str:
    """Mean, least and greatest of limits; no mean where one of them (None) lies beyond all sizes tried."""
    known = [limit for limit in limits if limit is not None]
    if len(known) == len(limits):
        return spread(limits)
    return f"{min(known):.3f} to {BEYOND}" if known else BEYOND


def loss_rows(runs: Runs) -> Iterator[Row]:
    """What every kept label lost."""
    for model in ("physical-removed", "chemical-removed"):
        for n in runs[model][0]["kept"] if model in runs else ():
            ours, paper = (spread(losses(runs, m, n)) for m in (model, f"paper-{model}"))
            yield [f"`{model}`: R² of {plain(n)} lost against the plain latent", ours, paper, "≤ .01"]


def losses(runs: Runs, model: str, name: str) -> list[float | None]:
    """R²(plain) − R²(z) of a kept label, each seed's model against the plain auto-encoder of that seed."""
    pairs = zip(runs.get("autoencoder", []), runs.get(model, []), strict=False)
    return [
        autoencoder["untouched"][name]["r2"] - report["kept"][name]["r2"] for autoencoder, report in pairs
    ]


def comparison_rows(comparison: dict[str, Any]) -> Iterator[Row]:
    """[M/H] from the latent that keeps it, relative to the same network and the best one on the spectra."""
    errors = {
        name: labels["mh"]["mean_absolute"]
        for name, labels in comparison.get("representations", {}).items()
        if "mh" in labels
    }
    if not {"spectra", "physical-removed"} <= set(errors):
        return
    what = f"MAE of {plain('mh')} from the 25 latent dimensions of `physical-removed` / from 800 pixels"
    for name, words, goal in (("spectra", "same network", "≤ .90"), (TUNED, "best regressor", "-")):
        ratio = errors["physical-removed"] / errors[name] if name in errors else None
        yield [f"{what}, {words}", number(ratio), "-", goal]


def generator_rows(runs: Runs) -> Iterator[Row]:
    """The generator's sliders, reconstruction and nuisances."""
    ours, paper = runs.get("generator", []), runs.get("paper-physical-removed", [])
    if not ours:
        return
    for key, words in SLIDER_RANGES.items():
        for n in LABELS:
            errors = [spread(errors_over_seeds(reports, n, key)) for reports in (ours, paper)]
            yield [f"`generator`: error of the {plain(n)} slider, {words}", *errors, SLIDER_GOALS[n]]
    yield from one_sided_rows(ours, paper)
    rms = [spread([r["restoration"]["rms"] for r in reports], 4) for reports in (ours, paper)]
    yield ["`generator`: rms against the noise-free truth, 40 < S/N < 60", *rms, "≤ .0045"]
    for q in RESTORED:
        r2 = [spread([r["restoration"]["nuisances"][q] for r in reports]) for reports in (ours, paper)]
        yield [f"`generator`: R² of {q} in the reconstruction, S/N > 60", *r2, "≥ .8"]


def one_sided_rows(ours: list[dict[str, Any]], paper: list[dict[str, Any]]) -> Iterator[Row]:
    """Steps towards the edge of the sample: hotter, denser, poorer in metals, richer in α elements."""
    for n in LABELS:
        entries = [
            [r["counterfactual"][n]["one_sided"] for r in reports if n in r["counterfactual"]]
            for reports in (ours, paper)
        ]
        step = f"{entries[0][0]['step']:+g} {parameter(n).unit}"
        errors = [spread([entry["relative_error"] for entry in of]) for of in entries]
        yield [f"`generator`: error of one step of {step} in {plain(n)}", *errors, ONE_SIDED_GOAL]


def errors_over_seeds(reports: list[dict[str, Any]], name: str, key: str) -> list[float | None]:
    """One error per seed that has a slider of this label."""
    return [r["counterfactual"][name][key] for r in reports if name in r["counterfactual"]]


def bayes_rows(bayes: dict[str, Any]) -> Iterator[Row]:
    """The best regressor against the best possible one."""
    if not bayes:
        return
    best, spectra = bayes["rmse"]["posterior mean"], bayes["rmse"]["spectra"]
    for n in LABELS:
        ratio = number(spectra[n] / best[n])
        yield [f"RMSE of {plain(n)}, best regressor / Bayes-optimal", ratio, "-", "≤ 1.08"]


def seconds_rows(runs: Runs) -> Iterator[Row]:
    """How long a training takes; a run that was suspended has no time."""
    for model in ("physical-removed", "chemical-removed", "generator"):
        seconds = [r["training_seconds"] for r in runs.get(model, []) if r["training_seconds"]]
        what = f"training `{model}` [s], one thread each, several runs at a time"
        yield [what, spread(seconds, 0), "-", "≤ 600"]
