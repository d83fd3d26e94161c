"""Measure the shipped models and write docs/results.md from what was measured.

    python scripts/results.py measure     audit of each model (pretrained/NAME/audit.json) and Table 1 (docs/results/compare.json)
    python scripts/results.py stars FILE… parameters of real stars (Kepler-93, HD 176650), stored there too
    python scripts/results.py write       docs/results.md and the README's table from the stored files alone

Measuring is resumable: a file that is there is not made again.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gandalf_core.config import LABELS, PRESETS, RECIPES  # noqa: E402 - the repository is not installed
from gandalf_core.parameters import parameter  # noqa: E402

STORED = ROOT / "docs" / "results"
SAMPLE = "simulated:64305:0"  # its training split made the models
AUDITED = "simulated:3000:7"  # stars that no model has seen
MODELS = tuple(p for p in PRESETS if p not in RECIPES)


def measure() -> None:
    """Run `audit` of every model and `compare`, each into its own JSON file."""
    commands = {audit_path(m): ["audit", m, AUDITED] for m in MODELS} | {STORED / "compare.json": ["compare", SAMPLE]}
    for path, command in commands.items():
        if path.is_file() or not path.parent.is_dir():
            continue
        print(*command, flush=True)
        path.write_text(json.dumps(json_of(command), indent=1))
    path = STORED / "plain-against-pca.json"
    if not path.is_file():
        path.write_text(json.dumps(plain_against_pca(), indent=1))
    path = STORED / "rms-over-bound.json"
    if not path.is_file():
        path.write_text(json.dumps(rms_over_bound(), indent=1))


def rms_over_bound() -> dict:
    """Rms error of what `autoencoder` predicts of simulated:2000:7, in units of the median Cramér-Rao bound."""
    import numpy as np

    from gandalf_core.audit.bounds import star_bounds
    from gandalf_core.sources import load_stars
    from gandalf_core.store import load_model

    sample = load_stars("simulated:2000:7")
    found = load_model("autoencoder").predict(sample)
    error = np.sqrt(((found.values - sample.labels) ** 2).mean(0))
    return dict(zip(found.label_names, (error / np.nanmedian(star_bounds(sample).sigma, 0)).tolist(), strict=True))


def plain_against_pca() -> dict:
    """R² of each label on the test split, read from the plain latent and from as many principal components."""
    from sklearn.decomposition import PCA

    from gandalf_core.regress import fit_regressor
    from gandalf_core.sources import load_stars
    from gandalf_core.split import split
    from gandalf_core.store import load_model

    model, sample = load_model("autoencoder"), load_stars(SAMPLE)
    train, test = split(sample.ids)
    x, y = model.scaler.flux_in(sample.flux, sample.mask), sample.labels
    inputs = {
        "plain latent": model.encode(sample).z,
        "25 principal components": PCA(model.latent_size, random_state=0).fit(x[train]).transform(x),
    }
    scores = {}
    for name, numbers in inputs.items():
        fitted = fit_regressor(numbers[train], y[train], model.label_names, snr=sample.snr[train], max_iter=150)
        error = fitted.predict(numbers[test], sample.snr[test])[0] - y[test]
        scores[name] = dict(zip(model.label_names, (1 - (error**2).mean(0) / y[test].var(0)).tolist(), strict=True))
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


# --- the document -------------------------------------------------------------------------------------------------


def write() -> None:
    """docs/results.md from the stored measurements."""
    audits = {m: stored(audit_path(m)) for m in MODELS if audit_path(m).is_file()}
    parts = [
        HEAD,
        plain_table(stored(STORED / "plain-against-pca.json")),
        bound_table(stored(STORED / "rms-over-bound.json")),
        removed_table(audits),
        kept_table(audits),
        slider_table(audits),
        compare_table(stored(STORED / "compare.json")),
        TAIL,
    ]
    (ROOT / "docs" / "results.md").write_text("\n".join(p for p in parts if p))
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(MARK)
    readme.write_text(before + MARK + "\n" + real_star_table(stored(STORED / "real-stars.json")) + END + rest.partition(END)[2])


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(r) + " |" for r in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]]) + "\n"


def number(value, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def plain(name: str) -> str:
    return parameter(name).plain.replace("[", r"\[").replace("]", r"\]")


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
        [f"`{m}`", plain(n), number(v["r2"]), number(v["floor"]), number(v["excess"]),
         f"{number(v['interval'][0])} to {number(v['interval'][1])}", "yes" if v["flagged"] else "no", v["probe"]]
        for m, a in audits.items() for n, v in a["removed"].items()
    ]  # fmt: skip
    head = ["model", "removed", "R² from z", "from the kept labels", "excess", "95 % interval", "detected", "best probe"]
    return "## What was removed\n\n" + table(head, rows)


def kept_table(audits: dict) -> str:
    rows = [
        [f"`{m}`", plain(n), part, number(v["r2"]), number(v["loss"]),
         "-" if not v["interval"] else f"{number(v['interval'][0])} to {number(v['interval'][1])}"]
        for m, a in audits.items() for part in ("kept", "untouched") for n, v in a[part].items()
    ]  # fmt: skip
    return "## What was kept\n\n" + table(
        ["model", "label", "sign", "R² from z", "lost against the plain latent", "95 % interval"], rows
    )


def slider_table(audits: dict) -> str:
    found = {m: a for m, a in audits.items() if a["counterfactual"]}
    rows = [[f"`{m}`", *(number(a["counterfactual"].get(n, {}).get("relative_error")) for n in LABELS)] for m, a in found.items()]
    restored = [[f"`{m}`", *_restored(a["restoration"])] for m, a in found.items()]
    text = "## Sliders against the truth\n\nPooled relative error of the change (0 = exact, 1 = the slider does nothing).\n\n"
    text += table(["model", *map(plain, LABELS)], rows)
    head = ["model", *RESTORED, "median rms against the noise-free truth, 40 < S/N < 60"]
    return (
        text
        + "\nNuisances read back from the reconstruction (R², S/N > 60), and the reconstruction itself.\n\n"
        + table(head, restored)
    )


RESTORED = ("shift_kms", "broadening_kms", "calcium_depth", "dib_depth")


def _restored(found: dict) -> list[str]:
    nuisances = found.get("nuisances", {})
    return [*(number(nuisances.get(n)) for n in RESTORED), number(found.get("rms"), 4)]


def compare_table(found: dict) -> str:
    if not found:
        return ""
    rows = [
        [name, plain(n), *(number(v[k], 1 if n == "teff" else 3) for k in ("mean", "mean_absolute", "std", "rmse")),
         number(v["r2"]), number(v["coverage"], 2), number(v["rmse_over_bound"], 2)]
        for name, entry in found["representations"].items() for n, v in entry.items()
    ]  # fmt: skip
    head = ["representation", "label", "mean", "mean absolute", "std", "RMSE", "R²", "inside 68 %", "RMSE / rms Cramér-Rao bound"]
    times = [[n, *(number(v.get(k), 2) for k in ("training", "inference", "encoding"))] for n, v in found["seconds"].items()]
    text = "## Table 1: one regressor per representation\n\n" + table(head, rows)
    return (
        text
        + "\nSeconds, on the machine that measured:\n\n"
        + table(["representation", "training", "inference", "encoding"], times)
    )


MARK, END = "<!-- measured:real-stars -->", "<!-- /measured:real-stars -->"
LITERATURE = {"Kepler-93": "5669 K, 4.47, -0.18", "HD176650": "near 4600 K, 2.6 (an evolved star)"}


def real_star_table(found: dict) -> str:
    rows = [
        [star, *(f"{v[n]:.{parameter(n).decimals}f} ± {v[n + '_error']:.{parameter(n).decimals}f}" for n in LABELS),
         number(v["chi2"], 1), number(v["outlier_score"], 2), LITERATURE.get(star, "-")]
        for star, v in found.items()
    ]  # fmt: skip
    head = ["star", *(f"{plain(n)} [{parameter(n).unit}]" for n in LABELS), "chi²", "outlier score", "literature"]
    return (
        table(head, rows)
        + "\nThe errors are those of simulated stars; what the simulator gets wrong shows in chi² and in the outlier score.\n"
    )


HEAD = f"""# Results

Measured by `python scripts/results.py measure`, written by `python scripts/results.py write`. One training seed (0) of each
model. Leakage and sliders: `audit` on `{AUDITED}`, stars that no model has seen. Table 1: `compare` on the standard sample
`{SAMPLE}`, 51,444 stars to train the regressors and 12,861 to test. *Excess* is R²(removed | z, true kept labels) −
R²(removed | true kept labels), each side the best of four probes trained from nothing; *detected*: a permutation test of the
latent, given the kept labels, rejects at 5 %.
"""
TAIL = ""

if __name__ == "__main__":
    wanted, *files = sys.argv[1:] or ["measure"]
    {"measure": measure, "write": write, "stars": lambda: stars(files)}[wanted]()
