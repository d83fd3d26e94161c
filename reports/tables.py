"""The other tables of docs/results.md, each from what runs have stored; without the run there is no table."""

from typing import Any

from gandalf_core.auditing.slider_table import measures, shown
from gandalf_core.auditing.slider_verdict import slider_entries
from gandalf_core.config.presets import EXERCISES
from gandalf_core.parameters import LABELS

from .goals import RESTORED
from .markdown import interval_text, number, plain, table
from .stored import CHOICES, SAMPLE

Report = dict[str, Any]


# --- what each piece is worth ---


def ablation_table(runs: list[Report]) -> str:
    """One row per variant: what it leaks, keeps and decodes."""
    if not runs:
        return ""
    removed, kept = EXERCISES["physical-removed"][1:]
    head = ["variant", *(f"excess {plain(n)}" for n in removed), *(f"R² {plain(n)}" for n in kept)]
    head += [*(f"slider {plain(n)}" for n in removed), "rms"]
    earlier = "; ° marks a run of an earlier recipe" if any("°" in run["name"] for run in runs) else ""
    return (
        "## What each piece is worth\n\n"
        "`physical-removed` with one switch changed, trained on 16,000 stars for 15 epochs and audited on "
        f"`{CHOICES}` (`python -m reports ablation`). The rows with another seed show how much is "
        f"chance{earlier}.\n\n" + table(head, [_ablation_row(run, removed, kept) for run in runs])
    )


def _ablation_row(run: Report, removed: tuple[str, ...], kept: tuple[str, ...]) -> list[str]:
    others = {**run["kept"], **run["untouched"]}
    numbers = [run["removed"][n]["excess"] for n in removed]
    numbers += [others[n]["r2"] for n in kept]
    numbers += [run["counterfactual"].get(n, {}).get("relative_error") for n in removed]
    return [run["name"], *map(number, numbers), number(run["restoration"].get("rms"), 4)]


def generator_ablation_table(runs: list[Report]) -> str:
    """One row per variant of the generator: its largest leak, its sliders, what it restores."""
    if not runs:
        return ""
    head = ["variant", "largest excess", *(f"slider {plain(n)}" for n in LABELS)]
    head += ["R² broadening", "R² 862 nm band", "rms"]
    text = f"The same for `generator`, {runs[0]['last_epoch']['epochs']} epochs.\n\n"
    return text + table(head, [_generator_row(run) for run in runs])


def _generator_row(run: Report) -> list[str]:
    numbers = [max(entry["excess"] for entry in run["removed"].values())]
    numbers += [run["counterfactual"][n]["relative_error"] for n in LABELS]
    numbers += [run["restoration"]["nuisances"][n] for n in ("broadening_kms", "dib_depth")]
    return [run["name"], *map(number, numbers), number(run["restoration"]["rms"], 4)]


# --- the shipped models ---


def kept_table(audits: dict[str, Report]) -> str:
    """One row per model and label that it did not remove."""
    rows = [
        [f"`{m}`", plain(n), part, number(v["r2"]), number(v["loss"]), interval_text(v["interval"])]
        for m, report in audits.items()
        for part in ("kept", "untouched")
        for n, v in report[part].items()
    ]
    head = ["model", "label", "sign", "R² from z", "lost against the plain latent", "95 % interval"]
    return "## What was kept\n\n" + table(head, rows)


def slider_table(audits: dict[str, Report]) -> str:
    """One row per model with sliders, and what its reconstructions restore."""
    reports = {m: report for m, report in audits.items() if report["counterfactual"]}
    sliders = [
        [f"`{m}`", *(_slider(r["counterfactual"].get(n, {})) for n in LABELS)] for m, r in reports.items()
    ]
    restored = [[f"`{m}`", *_restored(r["restoration"])] for m, r in reports.items()]
    head = ["model", *RESTORED, "median rms against the noise-free truth, 40 < S/N < 60"]
    return (
        "## Sliders against the truth\n\n"
        "Relative error of the change, pooled over the stars (0: exact; 1: the slider does nothing); in "
        "brackets, where the new value lies within the range of the training sample.\n\n"
        + table(["model", *map(plain, LABELS)], sliders)
        + slider_parts_table(reports)
        + "\nNuisances read back from the reconstruction (R², S/N > 60), and the reconstruction itself.\n\n"
        + table(head, restored)
    )


def slider_parts_table(audits: dict[str, Report]) -> str:
    """One row per slider: its error beside the one without the latent, a fixed change, and of its parts."""
    entries = [
        (model, name, entry)
        for model, report in audits.items()
        for name, entry in slider_entries(report).items()
    ]
    cells = {n: cell for n, cell in measures().items() if any(shown(cell(entry)) for *_, entry in entries)}
    rows = [
        [f"`{model}`", plain(n), *(shown(cell(entry)) or "-" for cell in cells.values())]
        for model, n, entry in entries
    ]
    head = ["model", "slider", *(name.replace("[", r"\[").replace("]", r"\]") for name in cells)]
    text = (
        "\nThe same error without the latent (z := 0), of the best single change for all stars, of some "
        "kinds of stars, and in and outside the cores of the Ca II lines:\n\n"
    )
    return text + table(head, rows) if rows else ""


def _slider(entry: Report) -> str:
    return f"{number(entry.get('relative_error'))} ({number(entry.get('within'))})"


def _restored(restoration: Report) -> list[str]:
    nuisances = restoration.get("nuisances", {})
    return [*(number(nuisances.get(n)) for n in RESTORED), number(restoration.get("rms"), 4)]


# --- the instrument, and the limits of any method ---


def bayes_table(bayes: Report) -> str:
    """Every regressor beside the posterior mean."""
    if not bayes:
        return ""
    best = bayes["rmse"]["posterior mean"]
    rows = [[name, *(number(rmse[n] / best[n], 2) for n in LABELS)] for name, rmse in bayes["rmse"].items()]
    return (
        "## Against the best possible\n\n"
        f"RMSE of the {bayes['stars']} stars `{bayes['source']}` in units of that of their posterior mean "
        "with the sample as the prior, which no method can beat on average (`python -m reports bayes`).\n\n"
        + table(["read from", *map(plain, LABELS)], rows)
    )


def plain_table(stored: Report) -> str:
    """What the plain latent tells, and as many principal components."""
    if not stored:
        return ""
    rows = [[name, *(number(r2[n], 4) for n in LABELS)] for name, r2 in stored["scores"].items()]
    text = (
        "## The plain reference\n\nR² of a regressor trained on the standard sample's training stars, on "
        f"`{stored['source']}`.\n\n"
    )
    return text + table(["inputs", *map(plain, LABELS)], rows)


BELOW_THE_BOUND = "A regressor may stay below the bound, since it knows the sample"


def bound_table(ratios: Report) -> str:
    """The plain model's errors beside the Cramér-Rao bound, over all stars and in bins of S/N."""
    if not ratios:
        return ""
    rows = [["all, median bound", "2,000", *(number(ratios[n], 2) for n in LABELS)]]
    rows += [
        [f"{b['low']} to {b['high']}", f"{b['stars']:,}", *(number(b[n], 2) for n in LABELS)]
        for b in ratios.get("per_snr", [])
    ]
    return (
        f"Rms error of what `autoencoder` predicts of `{ratios['source']}`, over the "
        "Cramér-Rao bound: of all stars over their median bound, and in each bin of S/N per pixel over the "
        f"rms bound of its stars. {BELOW_THE_BOUND}; that helps most where noise is largest.\n\n"
        + table(["S/N", "stars", *map(plain, LABELS)], rows)
    )


# --- Table 1 ---


def compare_table(comparison: Report) -> str:
    """The paper's Table 1, with what a reader needs beside it."""
    if not comparison:
        return ""
    rows = [
        [name, plain(n), *_compared(n, v)]
        for name, labels in comparison["representations"].items()
        for n, v in labels.items()
    ]
    head = ["representation", "label", "mean", "mean absolute", "std", "RMSE", "R²", "inside 68 %"]
    seconds = [
        [name, *(number(v.get(k), 2) for k in ("training", "inference", "encoding"))]
        for name, v in comparison["seconds"].items()
    ]
    return (
        "## Table 1: one regressor per representation\n\n"
        f"Trained on the {comparison['stars']['train']:,} stars of `{SAMPLE}` that made the models, "
        f"tested on `{comparison['source']}`. {BELOW_THE_BOUND}.\n\n"
        + table([*head, "RMSE / rms Cramér-Rao bound"], rows)
        + "\nSeconds, on the machine that measured; from a spectrum by way of its latent takes encoding and "
        + "inference:\n\n"
        + table(["representation", "training", "inference", "encoding"], seconds)
        + classes_table(comparison["classes"])
        + coverage_table(comparison["coverage"])
    )


def _compared(name: str, row: Report) -> list[str]:
    errors = [number(row[k], 1 if name == "teff" else 3) for k in ("mean", "mean_absolute", "std", "rmse")]
    return [*errors, number(row["r2"]), number(row["coverage"], 2), number(row["rmse_over_bound"], 2)]


def classes_table(classes: Report) -> str:
    """Completeness and purity of the classes of stars."""
    rows = [
        [name, kind, f"{c['completeness']:.2f}", f"{c['purity']:.2f}", f"{c['stars']:,}"]
        for name, schemes in classes.items()
        for scheme in schemes.values()
        for kind, c in scheme["classes"].items()
    ]
    rules = "; ".join(scheme["rule"] for scheme in next(iter(classes.values()), {}).values())
    text = f"\nClasses of stars by the predicted parameters ({rules}):\n\n"
    return text + table(["representation", "class", "completeness", "purity", "stars"], rows) if rows else ""


def coverage_table(coverage: Report) -> str:
    """The least and the greatest share inside the 68 % intervals over the bins."""
    rows = []
    for name, schemes in coverage.items():
        for by, bins in schemes.items():
            columns = [[b[n] for b in bins] for n in LABELS]
            shares = [f"{min(c):.2f} to {max(c):.2f}" for c in columns]
            rows.append([name, {"snr": "S/N", "teff": "Teff"}[by], str(len(bins)), *shares])
    text = (
        "\nShare of the true values inside the 68 % intervals, least to greatest over the bins of more than "
        "300 stars; goal: .62 to .74. The error bar of a removed label is the spread of the whole sample: "
        "right on average, wrong in a bin of Teff.\n\n"
    )
    return text + table(["representation", "bins of", "bins", *map(plain, LABELS)], rows) if rows else ""


# --- the README's ---
