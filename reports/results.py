"""Measure the shipped models and write docs/results.md from what was measured.

    python scripts/results.py measure     audit of each model (pretrained/NAME/audit.json), Table 1 and the
    rest (docs/results/) python scripts/results.py stars FILE… parameters of real stars (Kepler-93, HD
    176650), stored there too python scripts/results.py write       docs/results.md and the README's table
    from the stored files alone

Seeds, ablations and the Bayes-optimal reference are made by scripts/experiments.py. Measuring is resumable: a
file that is there is not made again.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import result_figures  # noqa: E402
import result_tables as tables  # noqa: E402
from experiments import (  # noqa: E402
    ABLATIONS,
    AUDITED,
    GENERATOR_ABLATIONS,
    MODELS,
    PAPER_ABLATIONS,
    SAMPLE,
    SEEDS,
    STORED,
    recipe_key,
    slug,
)

ALPHAS = ("1e-4", "1e-2", "1e-1")  # penalties among which each regressor of Table 1 finds its best
SWEEPS = {  # the paper's two choices, by its own recipe
    "latent-size": ["--space", "model.latent_size=5,10,15,25,40,60"],
    "lambda": ["--space", "lambda_scale=0,0.1,0.3,1,3,10"],
}


def measure() -> None:
    """Audit of every model, `compare`, references and the paper's two sweeps, each kept in a file of its own."""
    for model in MODELS:
        if not audit_path(model).is_file():
            json_of(["audit", model, AUDITED, "--record"])
    makers = {
        "compare": lambda: json_of(["compare", SAMPLE, *(a for alpha in ALPHAS for a in ("--alpha", alpha))]),
        "plain-against-pca": plain_against_pca,
        "rms-over-bound": rms_over_bound,
    }
    for name, make in makers.items():
        path = STORED / f"{name}.json"
        if not path.is_file():
            print(path.relative_to(ROOT), flush=True)
            path.write_text(json.dumps(make(), indent=1))
    # of the paper's recipe, on 6,400 stars; the Sweeps page shows them too
    for name, space in SWEEPS.items():
        recipe = [
            "--preset",
            "paper-physical-removed",
            "--score",
            "reconstruction",
            "--out",
            str(STORED / "sweeps" / name),
        ]
        json_of(["sweep", "simulated:10000:1", *recipe, *space])


def rms_over_bound() -> dict:
    """Rms error of what `autoencoder` predicts of simulated:2000:7, in units of the median Cramér-Rao bound."""
    import numpy as np

    from gandalf_core.auditing.bounds import star_bounds
    from gandalf_core.models.store import load_model
    from gandalf_core.sources import load_stars

    sample = load_stars("simulated:2000:7")
    found = load_model("autoencoder").predict(sample)
    error = np.sqrt(((found.values - sample.labels) ** 2).mean(0))
    return dict(
        zip(found.label_names, (error / np.nanmedian(star_bounds(sample).sigma, 0)).tolist(), strict=True)
    )


def plain_against_pca() -> dict:
    """R² of each label on the test split, read from the plain latent and from as many principal components."""
    from sklearn.decomposition import PCA

    from gandalf_core.data.splits import split
    from gandalf_core.models.store import load_model
    from gandalf_core.regression.fitting import fit_regressor
    from gandalf_core.regression.settings import RegressorSettings
    from gandalf_core.sources import load_stars

    model, sample = load_model("autoencoder"), load_stars(SAMPLE)
    train, test = split(sample.ids)
    x, y = model.scaler.flux_in(sample.flux, sample.mask), sample.labels
    inputs = {
        "plain latent": model.encode(sample).z,
        "25 principal components": PCA(model.latent_size, random_state=0).fit(x[train]).transform(x),
    }
    scores = {}
    for name, numbers in inputs.items():
        settings = RegressorSettings(max_iter=150)
        fitted = fit_regressor(numbers[train], y[train], model.label_names, settings, snr=sample.snr[train])
        error = fitted.predict(numbers[test], sample.snr[test])[0] - y[test]
        scores[name] = dict(
            zip(model.label_names, (1 - (error**2).mean(0) / y[test].var(0)).tolist(), strict=True)
        )
    return scores


def stars(files: list[str]) -> None:
    """Run `predict autoencoder` on archive files of real stars, named by their file."""
    found = {Path(f).stem: json_of(["predict", "autoencoder", f])["stars"][0] for f in files}
    (STORED / "real-stars.json").write_text(json.dumps(found, indent=1))


def json_of(command: list[str]) -> dict:
    run = [sys.executable, "-m", "gandalf_core", *command, "--json"]
    return json.loads(subprocess.run(run, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout)


def audit_path(model: str) -> Path:
    return ROOT / "pretrained" / model / "audit.json"


def stored(path: Path) -> dict:
    return json.loads(path.read_text()) if path.is_file() else {}


def ablation_runs(names: dict) -> list[dict]:
    """The stored runs of these variants; ° marks one of an earlier recipe."""
    runs = [r for n in names if (r := stored(STORED / "ablation" / f"{slug(n)}.json"))]
    return [r if r.get("recipe") == recipe_key(r["preset"]) else r | {"name": f"{r['name']} °"} for r in runs]


# --- the document ---

MARK, END = "<!-- measured:real-stars -->", "<!-- /measured:real-stars -->"


def write() -> None:
    """docs/results.md and the README's table from the stored measurements."""
    audits = {m: stored(audit_path(m)) for m in MODELS if audit_path(m).is_file()}
    runs = {m: [r for s in SEEDS if (r := stored(STORED / "seeds" / f"{m}-{s}.json"))] for m in MODELS}
    runs = {m: reports for m, reports in runs.items() if reports}
    ablations, generators = (
        ablation_runs(names) for names in (ABLATIONS | PAPER_ABLATIONS, GENERATOR_ABLATIONS)
    )
    compared, bayes = stored(STORED / "compare.json"), stored(STORED / "bayes.json")
    curves = {
        part: found_by_sweep(name, part)
        for name, part in (("latent-size", "latent_size"), ("lambda", "adversary"))
    }
    made = result_figures.figures(runs, ablations, curves, audits.get("physical-removed", {}))
    parts = [
        HEAD,
        "Seeds measured: " + ", ".join(f"`{m}` {len(reports)}" for m, reports in runs.items()) + ".\n",
        tables.goals_table(runs, compared, bayes),
        NOTES.read_text() if NOTES.is_file() else "",
        result_figures.draw(made, ROOT / "docs" / "images" / "results"),
        tables.ablation_table(ablations),
        tables.generator_ablation_table(generators),
        "# The shipped models in detail (seed 0)\n",
        tables.removed_table(audits),
        tables.kept_table(audits),
        tables.slider_table(audits),
        tables.calibration_table(stored(STORED / "calibration.json") or []),
        tables.bayes_table(bayes),
        tables.plain_table(stored(STORED / "plain-against-pca.json")),
        tables.bound_table(stored(STORED / "rms-over-bound.json")),
        tables.compare_table(compared),
    ]
    (ROOT / "docs" / "results.md").write_text("\n".join(p for p in parts if p))
    readme, measured = ROOT / "README.md", tables.real_star_table(stored(STORED / "real-stars.json"))
    before, _, rest = readme.read_text().partition(MARK)
    readme.write_text(before + MARK + "\n" + measured + END + rest.partition(END)[2])


def found_by_sweep(name: str, part: str) -> list[dict]:
    from gandalf_core.sweeps.study import curves

    folder = STORED / "sweeps" / name
    return curves(folder)[part] if folder.is_dir() else []


NOTES = STORED / "notes.md"  # what the numbers mean and what falls short, in words
HEAD = f"""# Results

Written by `python scripts/results.py write` from stored runs. Seeds: `scripts/experiments.py seeds`, the shipped models trained
anew on the standard sample `{SAMPLE}` (51,444 stars) and audited on its 12,861 test stars. Detail of the shipped models:
`scripts/results.py measure`, on `{AUDITED}`, stars that no model has seen. *Excess* is R²(removed | z, true kept labels) −
R²(removed | true kept labels), each side the best of four probes trained from nothing; *detected*: a test of whether the latent
tells anything beyond the kept labels rejects at 2.5 %.
"""

if __name__ == "__main__":
    wanted, *files = sys.argv[1:] or ["measure"]
    {"measure": measure, "write": write, "stars": lambda: stars(files)}[wanted]()
