"""The tables of docs/results.md, each from what runs have stored; where a run is missing there is no table."""

from statistics import mean

from gandalf_core.config.presets import EXERCISES
from gandalf_core.parameters import LABELS, parameter
from gandalf_core.regression.compare import TUNED

Runs = dict[str, list[dict]]  # model -> the reports of its seeds
RESTORED = ("shift_kms", "broadening_kms", "calcium_depth", "dib_depth")
LITERATURE = {"Kepler-93": "5669 K, 4.47, -0.18", "HD176650": "near 4600 K, 2.6 (an evolved star)"}


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(r) + " |" for r in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


def number(value, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def interval(ends) -> str:
    return f"{number(ends[0])} to {number(ends[1])}" if ends else "-"


def plain(name: str) -> str:
    return parameter(name).plain.replace("[", r"\[").replace("]", r"\]")


# --- the goals, over seeds ---


def spread(values: list[float], digits: int = 3) -> str:
    """Mean of the seeds, and the least and the greatest."""
    values = [v for v in values if v is not None]
    if not values:
        return "-"
    ends = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{ends}"


def goals_table(runs: Runs, compared: dict, bayes: dict) -> str:
    """Every number that the project set itself, the paper's recipe beside ours."""
    if not runs:
        return ""
    rows = (
        leakage_rows(runs)
        + loss_rows(runs)
        + comparison_rows(compared)
        + generator_rows(runs)
        + bayes_rows(bayes)
    )
    for model in ("physical-removed", "chemical-removed", "generator"):
        # null: it was suspended
        seconds = [r["training_seconds"] for r in runs.get(model, []) if r["training_seconds"]]
        rows.append(
            [
                f"training `{model}` [s], runs beside each other, one thread each",
                spread(seconds, 0),
                "-",
                "≤ 600",
            ]
        )
    head = ["", "mean of seeds (least to greatest)", "paper recipe", "to reach"]
    return "## What was aimed at\n\n" + table(head, rows)


def leakage_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for model in ("physical-removed", "chemical-removed", "generator"):
        for n in runs[model][0]["removed"] if model in runs else ():
            found = [
                [r["removed"][n] for r in runs.get(m, []) if n in r["removed"]]
                for m in (model, f"paper-{model}")
            ]
            excess, upper = ([v["excess"] for v in found[0]], [v["interval"][1] for v in found[0]])
            paper = spread([v["excess"] for v in found[1]])
            rows.append([f"`{model}`: excess R² of {plain(n)}", spread(excess), paper, "≤ .02"])
            rows.append(
                [
                    f"`{model}`: its upper 95 % limit",
                    spread(upper),
                    spread([v["interval"][1] for v in found[1]]),
                    "moonshot ≤ .01",
                ]
            )
    return rows


def loss_rows(runs: Runs) -> list[list[str]]:
    rows = []
    for model in ("physical-removed", "chemical-removed"):
        for n in runs[model][0]["kept"] if model in runs else ():
            ours, paper = (losses(runs, m, n) for m in (model, f"paper-{model}"))
            rows.append(
                [
                    f"`{model}`: R² of {plain(n)} lost against the plain latent",
                    spread(ours),
                    spread(paper),
                    "≤ .01",
                ]
            )
    return rows


def losses(runs: Runs, model: str, name: str) -> list[float]:
    """R²(plain) − R²(z) of a kept label, each seed's model against the plain auto-encoder of that seed."""
    pairs = zip(runs.get("autoencoder", []), runs.get(model, []), strict=False)
    return [plain_one["untouched"][name]["r2"] - r["kept"][name]["r2"] for plain_one, r in pairs]


def comparison_rows(compared: dict) -> list[list[str]]:
    """[M/H] from the latent that keeps it, in units of what the same network, and the best one, read from the
    spectra.
    """
    found = compared.get("representations", {})
    if not {"spectra", "physical-removed"} <= set(found):
        return []
    latent = found["physical-removed"]["mh"]["mean_absolute"]
    rows = []
    for name, words, wanted in (("spectra", "the same network", "≤ .90"), (TUNED, "the best regressor", "-")):
        ratio = latent / found[name]["mh"]["mean_absolute"] if name in found else None
        rows.append(
            [
                f"MAE of {plain('mh')}, 25 numbers of `physical-removed` / 800 pixels by {words}",
                number(ratio),
                "-",
                wanted,
            ]
        )
    return rows


def generator_rows(runs: Runs) -> list[list[str]]:
    ours, paper, rows = runs.get("generator", []), runs.get("paper-physical-removed", []), []
    for key, words in (
        ("relative_error", "all that the simulator reaches"),
        ("within", "within the sample's range"),
    ):
        for n in LABELS if ours else ():
            values = [
                [r["counterfactual"][n][key] for r in rs if n in r["counterfactual"]] for rs in (ours, paper)
            ]
            rows.append(
                [f"`generator`: error of the {plain(n)} slider, {words}", *map(spread, values), "≤ .15"]
            )
    if ours:
        rms = [[r["restoration"]["rms"] for r in rs] for rs in (ours, paper)]
        rows.append(
            [
                "`generator`: rms against the noise-free truth, 40 < S/N < 60",
                *(spread(v, 4) for v in rms),
                "≤ .0045",
            ]
        )
        for q in RESTORED:
            values = [[r["restoration"]["nuisances"][q] for r in rs] for rs in (ours, paper)]
            rows.append(
                [f"`generator`: R² of {q} in the reconstruction, S/N > 60", *map(spread, values), "≥ .8"]
            )
    return rows


def bayes_rows(found: dict) -> list[list[str]]:
    if not found:
        return []
    best, spectra = found["rmse"]["posterior mean"], found["rmse"]["spectra"]
    return [
        [
            f"best regressor's RMSE of {plain(n)} / Bayes-optimal RMSE",
            number(spectra[n] / best[n]),
            "-",
            "≤ 1.15",
        ]
        for n in LABELS
    ]


# --- one run in detail ---


def plain_table(found: dict) -> str:
    rows = [[name, *(number(v[n], 4) for n in LABELS)] for name, v in found.items()]
    text = "## The plain reference\n\nR² of a regressor trained on 51,444 stars, on the 12,861 others.\n\n"
    return text + table(["inputs", *map(plain, LABELS)], rows) if rows else ""


def bound_table(found: dict) -> str:
    text = "Rms error of what `autoencoder` predicts of `simulated:2000:7`, in units of the median Cramér-Rao bound "
    text += "(knowing the sample, a regressor may stay below it):\n\n"
    return text + table([*map(plain, LABELS)], [[number(found[n], 2) for n in LABELS]]) if found else ""


def removed_table(audits: dict) -> str:
    rows = [
        [
            f"`{m}`",
            plain(n),
            number(v["r2"]),
            number(v["floor"]),
            number(v["excess"]),
            interval(v["interval"]),
            "yes" if v["flagged"] else "no",
            v["probe"],
        ]
        for m, a in audits.items()
        for n, v in a["removed"].items()
    ]
    head = [
        "model",
        "removed",
        "R² from z",
        "from the kept labels",
        "excess",
        "95 % interval",
        "detected",
        "best probe",
    ]
    return "## What was removed\n\n" + table(head, rows)


def kept_table(audits: dict) -> str:
    rows = [
        [f"`{m}`", plain(n), part, number(v["r2"]), number(v["loss"]), interval(v["interval"])]
        for m, a in audits.items()
        for part in ("kept", "untouched")
        for n, v in a[part].items()
    ]
    head = ["model", "label", "sign", "R² from z", "lost against the plain latent", "95 % interval"]
    return "## What was kept\n\n" + table(head, rows)


def slider_table(audits: dict) -> str:
    found = {m: a for m, a in audits.items() if a["counterfactual"]}
    rows = [[f"`{m}`", *(_slider(a["counterfactual"].get(n, {})) for n in LABELS)] for m, a in found.items()]
    restored = [[f"`{m}`", *_restored(a["restoration"])] for m, a in found.items()]
    head = ["model", *RESTORED, "median rms against the noise-free truth, 40 < S/N < 60"]
    return (
        "## Sliders against the truth\n\nPooled relative error of the change (0 = exact, 1 = the slider does nothing); in "
        "brackets where the new value lies in the range of the training sample.\n\n"
        + table(["model", *map(plain, LABELS)], rows)
        + "\nNuisances read back from the reconstruction (R², S/N > 60), and the reconstruction itself.\n\n"
        + table(head, restored)
    )


def _slider(found: dict) -> str:
    return f"{number(found.get('relative_error'))} ({number(found.get('within'))})"


def _restored(found: dict) -> list[str]:
    nuisances = found.get("nuisances", {})
    return [*(number(nuisances.get(n)) for n in RESTORED), number(found.get("rms"), 4)]


def ablation_table(runs: list[dict]) -> str:
    """A row a variant: what it leaks, keeps and decodes."""
    removed, kept = EXERCISES["physical-removed"][1:]
    rows = []
    for run in runs:
        leaks = [run["removed"][n]["excess"] for n in removed]
        reads = [{**run["kept"], **run["untouched"]}[n]["r2"] for n in kept]
        sliders = [run["counterfactual"].get(n, {}).get("relative_error") for n in removed]
        rows.append(
            [
                run["name"],
                *map(number, leaks),
                *map(number, reads),
                *map(number, sliders),
                number(run["restoration"].get("rms"), 4),
            ]
        )
    head = ["variant", *(f"excess {plain(n)}" for n in removed), *(f"R² {plain(n)}" for n in kept)]
    head += [*(f"slider {plain(n)}" for n in removed), "rms"]
    text = "## What each piece is worth\n\n`physical-removed` with one switch changed, 16,000 stars and 15 epochs, audited on "
    text += "`simulated:3000:7` (`python scripts/experiments.py ablation`). Rows with a seed in their name show chance"
    text += "; ° marks runs of an earlier recipe.\n\n" if any("°" in run["name"] for run in runs) else ".\n\n"
    return text + table(head, rows) if rows else ""


def generator_ablation_table(runs: list[dict]) -> str:
    """A row a variant of the generator: its largest leak, its sliders, what it restores."""
    rows = []
    for run in runs:
        worst = max(run["removed"].values(), key=lambda found: found["excess"])["excess"]
        sliders = [run["counterfactual"][n]["relative_error"] for n in LABELS]
        restored = [run["restoration"]["nuisances"][n] for n in ("broadening_kms", "dib_depth")]
        rows.append(
            [run["name"], *map(number, (worst, *sliders, *restored)), number(run["restoration"]["rms"], 4)]
        )
    head = [
        "variant",
        "largest excess",
        *(f"slider {plain(n)}" for n in LABELS),
        "R² broadening",
        "R² 862 nm band",
        "rms",
    ]
    text = f"The same for `generator`, {runs[0]['last_epoch']['epochs']} epochs.\n\n" if runs else ""
    return text + table(head, rows) if rows else ""


def bayes_table(found: dict) -> str:
    if not found:
        return ""
    best = found["rmse"]["posterior mean"]
    rows = [[name, *(number(v[n] / best[n], 2) for n in LABELS)] for name, v in found["rmse"].items()]
    text = f"## Against the best possible\n\nRMSE of {found['stars']} test stars in units of that of their posterior mean under the "
    text += (
        "sample as prior, which no method can beat on average (`python scripts/experiments.py bayes`).\n\n"
    )
    return text + table(["read from", *map(plain, LABELS)], rows)


def compare_table(found: dict) -> str:
    if not found:
        return ""
    rows = [
        [
            name,
            plain(n),
            *(number(v[k], 1 if n == "teff" else 3) for k in ("mean", "mean_absolute", "std", "rmse")),
            number(v["r2"]),
            number(v["coverage"], 2),
            number(v["rmse_over_bound"], 2),
        ]
        for name, entry in found["representations"].items()
        for n, v in entry.items()
    ]
    head = [
        "representation",
        "label",
        "mean",
        "mean absolute",
        "std",
        "RMSE",
        "R²",
        "inside 68 %",
        "RMSE / rms Cramér-Rao bound",
    ]
    times = [
        [n, *(number(v.get(k), 2) for k in ("training", "inference", "encoding"))]
        for n, v in found["seconds"].items()
    ]
    return (
        "## Table 1: one regressor per representation\n\n"
        + table(head, rows)
        + "\nSeconds, on the machine that measured; from a spectrum by way of its latent takes inference and encoding:\n\n"
        + table(["representation", "training", "inference", "encoding"], times)
        + classes_table(found["classes"])
        + coverage_table(found["coverage"])
    )


def classes_table(found: dict) -> str:
    rows = [
        [name, kind, f"{c['completeness']:.2f}", f"{c['purity']:.2f}", f"{c['stars']:,}"]
        for name, schemes in found.items()
        for scheme in schemes.values()
        for kind, c in scheme["classes"].items()
    ]
    rules = "; ".join(scheme["rule"] for scheme in next(iter(found.values()), {}).values())
    text = f"\nKinds of stars from the predicted parameters ({rules}):\n\n"
    return text + table(["representation", "kind", "completeness", "purity", "stars"], rows) if rows else ""


def coverage_table(found: dict) -> str:
    """The least and the greatest share inside the 68 % intervals over the bins."""
    rows = []
    for name, schemes in found.items():
        for by, bins in schemes.items():
            columns = [[b[n] for b in bins] for n in LABELS]
            shares = [f"{min(c):.2f} to {max(c):.2f}" for c in columns]
            rows.append([name, {"snr": "S/N", "teff": "Teff"}[by], str(len(bins)), *shares])
    text = "\nShare of the truth inside the 68 % intervals, least to greatest over the bins of more than 300 stars; "
    text += "aim: .62 to .74. The\nbars of a removed label are those of the whole sample: right on average, wrong in a Teff bin.\n\n"
    return text + table(["representation", "bins of", "bins", *map(plain, LABELS)], rows) if rows else ""


def calibration_table(found: list[dict]) -> str:
    rows = [
        [number(v["attainable_r2"], 2), f"{v['stars']:,}", str(v["draws"]), number(v["flagged"], 2)]
        for v in found
    ]
    text = "## Does the audit detect and acquit\n\n25 numbers of unit noise into which Teff is mixed, drawn again and again "
    text += "(`python -m gandalf_core.auditing.calibration`). Aim: all of the leaking ones flagged, at most .05 of pure noise.\n\n"
    return (
        text + table(["R² that a perfect reader attains", "stars", "draws", "share flagged"], rows)
        if rows
        else ""
    )


def real_star_table(found: dict) -> str:
    rows = [
        [
            star,
            *(
                f"{v[n]:.{parameter(n).decimals}f} ± {v[n + '_error']:.{parameter(n).decimals}f}"
                for n in LABELS
            ),
            number(v["chi2"], 1),
            number(v["outlier_score"], 2),
            LITERATURE.get(star, "-"),
        ]
        for star, v in found.items()
    ]
    head = [
        "star",
        *(f"{plain(n)} [{parameter(n).unit}]" for n in LABELS),
        "chi²",
        "outlier score",
        "literature",
    ]
    return (
        table(head, rows)
        + "\nThe errors are those of simulated stars; what the simulator gets wrong shows in chi² and in the outlier score.\n"
    )
