"""Runs behind docs/results.md beyond the shipped models: training seeds and ablations. Resumable; one JSON
file a run.

    python scripts/experiments.py seeds     every shipped model, seeds 0-2, on the 12,861 test stars   ->
    docs/results/seeds/ python scripts/experiments.py ablation  one switch of the recipe changed at a time
    -> docs/results/ablation/ python scripts/experiments.py bayes     the posterior mean of 200 test stars
    beside the regressors -> docs/results/bayes.json

A file that is there is not made again (an ablation is when its recipe has changed; of bayes, only the
posterior is kept). `--only NAME` does one; processes with other names may share the work.
"""

import argparse
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gandalf_core.config.presets import PRESETS, RECIPES, preset  # noqa: E402 - the repository is not installed
from gandalf_core.config.schema import LABELS, Config, with_fields  # noqa: E402 - the repository is not installed
from gandalf_core.sources import STANDARD_SAMPLE as SAMPLE  # noqa: E402

STORED = ROOT / "docs" / "results"
WORK = ROOT / "runs" / "experiments"
SEEDS = (0, 1, 2)
MODELS = tuple(p for p in PRESETS if p not in RECIPES)
# 16,000 stars train: an ablation shows differences, not the best values
SMALL, SMALL_EPOCHS = "simulated:20000:0", 15
AUDITED = "simulated:3000:7"
ABLATED = "physical-removed"
ABLATIONS = {
    "the recipe": {},
    "the recipe, seed 1": {"training.seed": 1},
    "the recipe, seed 2": {"training.seed": 2},
    "no noise in the latent": {"model.noise": 0.0},
    "every pixel": {"model.components": 0},
    "one view of the noise": {"training.input_noise": 0.0},
    "heads of weight 1": dict.fromkeys(("adversary.lambdas.mh", "adversary.lambdas.alphafe"), -1.0),
    "no regression heads": {"adversary.reinforce": "discriminator"}
    | dict.fromkeys(("adversary.lambdas.mh", "adversary.lambdas.alphafe"), -1.0),
    "uniform target": {"adversary.target": "uniform"},
    "maximised error, λ = 0.03": {"adversary.target": "maximise"}
    | dict.fromkeys(("adversary.lambdas.teff", "adversary.lambdas.logg"), 0.03),
    "1 discriminator step": {"adversary.steps": 1},
    "one decoder without m(y)": {"model.mean_hidden": ()},
    "no dependence penalty": {"adversary.dependence": 0.0},
    "one joint discriminator": {"adversary.joint": True},
    "conditional encoder": {"model.conditional_encoder": True},
    "bins of equal width": {"adversary.binning": "width"},
    "discriminators do not see the kept labels": {"adversary.sees_kept": False},
    "no normalisation of the latent": {"model.normalise_latent": False},
    "plain MSE": {"training.weight_by_error": False},
    "20 bins": {"adversary.bins": 20},
}
GENERATOR_ABLATIONS = {
    "generator": {},
    "generator, seed 1": {"training.seed": 1},
    "generator, no dependence penalty": {"adversary.dependence": 0.0},
    "generator, the penalty also on spreads": {"adversary.dependence_spread": 1.0},
    "generator, a fifth of the penalty": {"adversary.dependence": 0.02},
    "generator, no heads for nuisances": {"adversary.nuisances": {}},
    "generator, no discriminators but the penalty": dict.fromkeys(
        (f"adversary.lambdas.{n}" for n in LABELS), 1e-6
    ),
    "generator, no centring": {"training.centring": 0.0},
    "generator, no adversary of any kind": {"adversary.dependence": 0.0}
    | dict.fromkeys((f"adversary.lambdas.{n}" for n in LABELS), 1e-6),
    "generator, one network for the mean spectrum": {"model.mean_networks": 1},
    "generator, mean spectrum of three layers of 256": {"model.mean_hidden": (256, 256, 256)},
    "generator, every pixel": {"model.components": 0},
    "generator, one view of the noise": {"training.input_noise": 0.0},
}
PAPER_ABLATIONS = {
    "paper recipe": {},
    "paper recipe, one joint discriminator": {"adversary.joint": True},
    "paper recipe, conditional encoder": {"model.conditional_encoder": True},
    "paper recipe, sigmoid latent": {"model.latent_activation": "sigmoid"},
}


def seeds(only: list[str]) -> None:
    """Seed 0 is what the project ships; of the others only the networks are made."""
    sample = None
    for seed in SEEDS:
        for name in MODELS:
            path = STORED / "seeds" / f"{name}-{seed}.json"
            if path.is_file() or (only and f"{name}-{seed}" not in only):
                continue
            from gandalf_core.data.splits import split
            from gandalf_core.models.store import load_model
            from gandalf_core.sources import load_stars

            sample = sample if sample is not None else load_stars(SAMPLE)
            model = networks(name, seed, sample) if seed else load_model(name)
            store(path, seed_report(model, sample[split(sample.ids)[1]]))


def networks(name: str, seed: int, sample):
    """A preset trained under another seed, without regressors and maps: an audit needs neither. Goes on from
    its checkpoint.
    """
    from gandalf_core.data.splits import split
    from gandalf_core.models.fit import bare_model
    from gandalf_core.training.checkpoints import CHECKPOINT
    from gandalf_core.training.trainer import Trainer

    folder = WORK / f"seed-{seed}" / name
    trainer = Trainer(sample[split(sample.ids)[0]], with_fields(preset(name), {"training.seed": seed}), "cpu")
    if (folder / CHECKPOINT).is_file():
        trainer.load_checkpoint(folder)
    for record in trainer.epochs():
        trainer.save_checkpoint(folder)
        print(f"{name}, seed {seed}: epoch {record.epoch} of {record.epochs}", flush=True)
    return bare_model(trainer, sample)


def test_stars():
    """The 12,861 test stars of the standard sample."""
    from gandalf_core.data.splits import split
    from gandalf_core.sources import load_stars

    stars = load_stars(SAMPLE)
    return stars[split(stars.ids)[1]]


def seed_report(model, stars) -> dict:
    """The audit of the latent alone (what the plain one of the same seed says stands in its own file)."""
    from gandalf_core.auditing import audit

    found = audit(model, stars, rows=(), workers=1)
    return found | {"training_seconds": sum(r["seconds"] for r in model.history)}


def ablation(only: list[str]) -> None:
    bases = {f"paper-{ABLATED}": PAPER_ABLATIONS, ABLATED: ABLATIONS, "generator": GENERATOR_ABLATIONS}
    variants = {name: (base, changes) for base, rows in bases.items() for name, changes in rows.items()}
    stars = None
    for name, (base, changes) in variants.items():
        path = STORED / "ablation" / f"{slug(name)}.json"
        if is_of(path, base) or (only and name not in only):
            continue
        from gandalf_core.sources import load_stars

        stars = stars or (load_stars(SMALL), load_stars(AUDITED))
        # it forgets more slowly
        epochs = preset(base).training.epochs if base == "generator" else SMALL_EPOCHS
        config = with_fields(
            preset(base), {"training.epochs": epochs, "training.mean_epochs": SMALL_EPOCHS} | changes
        )
        about = {"name": name, "preset": base, "recipe": recipe_key(base), "changes": changes}
        store(path, about | ablated(config, *stars))


def recipe_key(base: str) -> str:
    """Eight letters that change when the preset does (a new field at its default changes nothing): older runs
    are made again.
    """
    mine, default = asdict(preset(base)), asdict(Config())
    chosen = {
        part: {k: v for k, v in mine[part].items() if v != default[part][k]}
        for part in ("model", "adversary", "training")
    }
    return hashlib.sha256(json.dumps(chosen).encode()).hexdigest()[:8]


def is_of(path: Path, base: str) -> bool:
    return path.is_file() and json.loads(path.read_text()).get("recipe") == recipe_key(base)


def slug(name: str) -> str:
    return "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in name).split())


def ablated(config, stars, audited) -> dict:
    """Train on the small sample and audit the latent."""
    from gandalf_core.auditing import audit
    from gandalf_core.data.splits import split
    from gandalf_core.models.fit import bare_model
    from gandalf_core.training.trainer import Trainer

    trainer = Trainer(stars[split(stars.ids)[0]], config, "cpu")
    history = [asdict(record) for record in trainer.epochs()]
    found = audit(bare_model(trainer, stars), audited, rows=(), workers=1)
    return found | {"training_seconds": sum(r["seconds"] for r in history), "last_epoch": history[-1]}


def bayes(only: list[str]) -> None:
    """RMSE of the posterior mean of 200 test stars, found once, and that of each regressor, as it is now, on
    the same stars.
    """
    import numpy as np

    from gandalf_core.models.store import load_model
    from gandalf_core.simulator import true_labels

    path = STORED / "bayes.json"
    stars = test_stars()
    stars = stars[np.sort(np.random.default_rng(0).permutation(len(stars))[:200])]
    found = json.loads(path.read_text()) if path.is_file() else posterior(stars)
    plain = load_model("autoencoder")
    readings = {"spectra": plain.predict_from_spectrum(stars)[0]}
    readings |= {name: load_model(name).predict(stars).values for name in MODELS}
    trusted = ~np.isin(stars.ids, found["untrusted"])
    for name, values in readings.items():
        error = np.sqrt(np.square(values - true_labels(stars))[trusted].mean(0))
        found["rmse"][name] = dict(zip(LABELS, error.tolist(), strict=True))
    store(path, found)


def posterior(stars) -> dict:
    from gandalf_core.auditing.optimal import bayes_optimal

    best = bayes_optimal(stars, progress=lambda done, text: print(f"\r{text} {done:.0%}", end="", flush=True))
    return {
        "stars": len(stars),
        "untrusted": stars.ids[~best.trusted].tolist(),
        "rmse": {"posterior mean": best.rmse()},
    }


def store(path: Path, found: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False))
    print(path.relative_to(ROOT), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("seeds", "ablation", "bayes"))
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    asked = parser.parse_args()
    {"seeds": seeds, "ablation": ablation, "bayes": bayes}[asked.what](asked.only)


if __name__ == "__main__":
    main()
