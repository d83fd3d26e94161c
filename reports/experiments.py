"""Runs beyond the shipped models, one file each: training seeds, ablations, the Bayes-optimal reference."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import numpy as np

from gandalf_core.auditing import audit
from gandalf_core.auditing.optimal import bayes_optimal
from gandalf_core.config.presets import preset
from gandalf_core.config.schema import Config, with_fields
from gandalf_core.data.protocols import StarModel, measured
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.fit import bare_model, trainer_for
from gandalf_core.models.loading import load_model
from gandalf_core.models.trained import TrainedModel
from gandalf_core.regression.residuals import residual_statistics
from gandalf_core.seeds import JUDGING_SEED, STANDARD_SEED
from gandalf_core.simulator import EDITION, true_labels
from gandalf_core.sources import load_stars
from gandalf_core.training.checkpoints import CHECKPOINT
from gandalf_core.training.together import Together

from .stored import CHOICES, JUDGED, MODELS, SAMPLE, SEEDS, STORED, WORK, audit_path, audited_on, load, store
from .variants import BASES, Changes, slug

# 16,000 stars train: an ablation shows differences, not the best values
SMALL_SAMPLE, SMALL_EPOCHS = f"simulated:20000:{STANDARD_SEED}", 15
BAYES_STARS = f"simulated:200:{JUDGING_SEED}"


# --- seeds ---


def audit_seeds(only: list[str]) -> None:
    """Audit every model with every seed on stars by which nothing was chosen; seed 0 is as shipped."""
    missing = [
        (name, seed, path)
        for name in MODELS
        for seed in SEEDS
        if not (path := STORED / "seeds" / f"{name}-{seed}.json").is_file()
        and (not only or path.stem in only)
    ]
    if not missing:
        return
    sample, judged = load_stars(SAMPLE), load_stars(JUDGED)
    for name in dict.fromkeys(name for name, _, _ in missing):
        paths = {seed: path for other, seed, path in missing if other == name}
        models = trained(name, [seed for seed in paths if seed], sample)
        for seed, path in paths.items():
            report = _latent_audit(models[seed], judged) if seed else shipped_audit(name, judged)
            store(path, {"source": JUDGED} | report)


def trained(name: str, seeds: list[int], sample: SpectraSet) -> dict[int, TrainedModel]:
    """A preset trained together with other seeds, each resumed from its checkpoint: seed → model.

    Without regressors and maps: an audit needs neither. Raises ModelError when one diverges.
    """
    folders = [WORK / f"seed-{seed}" / name for seed in seeds]
    trainers = [trainer_for(sample, with_fields(preset(name), {"training.seed": s}), "cpu") for s in seeds]
    for trainer, folder in zip(trainers, folders, strict=True):
        if (folder / CHECKPOINT).is_file():
            trainer.load_checkpoint(folder)
    for done in Together(trainers).epochs():
        if done.record is None:
            raise done.error or AssertionError("an epoch without record or error")
        trainers[done.index].save_checkpoint(folders[done.index])
        what = f"{name}, seed {seeds[done.index]}"
        print(f"{what}: epoch {done.record.epoch} of {done.record.epochs}", flush=True)
    return {s: bare_model(trainer, sample) for s, trainer in zip(seeds, trainers, strict=True)}


def shipped_audit(name: str, judged: SpectraSet) -> dict[str, Any]:
    """The audit of a shipped model: as it is stored, where it is of the same stars."""
    model = load_model(name)
    if audited_on(name) != JUDGED:
        return _latent_audit(model, judged)
    return load(audit_path(name)) | {"training_seconds": training_seconds(model)}


def training_seconds(model: TrainedModel) -> float:
    """Over all epochs."""
    return sum(record["seconds"] for record in model.history)


def _latent_audit(model: TrainedModel, stars: SpectraSet) -> dict[str, Any]:
    """The audit of the latent alone: the plain latent of the same seed has a file of its own."""
    report = audit(model, stars, rows=(), workers=1)
    return report | {"training_seconds": training_seconds(model)}


# --- ablations ---


def audit_ablations(only: list[str]) -> None:
    """Train and audit every variant whose recipe has changed since, or which has not run yet."""
    samples = None
    for base, variants in BASES.items():
        for name, changes in variants.items():
            path = STORED / "ablation" / f"{slug(name)}.json"
            if load(path).get("recipe") == recipe_key(base) or (only and name not in only):
                continue
            samples = samples or (load_stars(SMALL_SAMPLE), load_stars(CHOICES))
            about = {"name": name, "preset": base, "recipe": recipe_key(base), "changes": changes}
            store(path, about | audit_variant(variant(base, changes), *samples))


def variant(base: str, changes: Changes) -> Config:
    """A preset with the epochs of the ablation and a variant's changes."""
    # the generator takes longer to forget
    epochs = preset(base).training.epochs if base == "generator" else SMALL_EPOCHS
    settings = {"training.epochs": epochs, "training.mean_epochs": SMALL_EPOCHS}
    return with_fields(preset(base), settings | changes)


def recipe_key(base: str) -> str:
    """Eight letters that change when the preset or the simulator does, so that older runs are made again.

    A new field at its default changes nothing.
    """
    own, default = asdict(preset(base)), asdict(Config())
    differences = {
        part: {k: v for k, v in own[part].items() if v != default[part][k]}
        for part in ("model", "adversary", "training")
    }
    return hashlib.sha256(json.dumps([EDITION, differences]).encode()).hexdigest()[:8]


def audit_variant(config: Config, stars: SpectraSet, audited: SpectraSet) -> dict[str, Any]:
    """Train on the small sample and audit the latent."""
    trainer = trainer_for(stars, config, "cpu")
    history = [asdict(record) for record in trainer.epochs()]
    report = audit(bare_model(trainer, stars), audited, rows=(), workers=1)
    return report | {"training_seconds": sum(r["seconds"] for r in history), "last_epoch": history[-1]}


# --- the best possible ---


def compare_with_bayes() -> None:
    """RMSE of the posterior mean of some stars, found once, and of every regressor on the same stars."""
    path, stars = STORED / "bayes.json", load_stars(BAYES_STARS)
    result = load(path)
    if result.get("source") != BAYES_STARS:
        result = {"source": BAYES_STARS} | posterior(stars)
    trusted = ~np.isin(stars.ids, result["untrusted"])
    for name, values in _regressor_values(stars).items():
        result["rmse"][name] = _rmse(values[trusted], stars[trusted], load_model("autoencoder"))
    store(path, result)


def _regressor_values(stars: SpectraSet) -> dict[str, np.ndarray]:
    """(N, P) labels read from the spectra and from the latent of every model."""
    spectra = {"spectra": load_model("autoencoder").predict_from_spectrum(stars)[0]}
    return spectra | {name: measured(load_model(name), 0).predict(stars).values for name in MODELS}


def _rmse(values: np.ndarray, stars: SpectraSet, model: StarModel) -> dict[str, Any]:
    statistics = residual_statistics(values, true_labels(stars), model.label_names)
    return {label: row["rmse"] for label, row in statistics.items()}


def posterior(stars: SpectraSet) -> dict[str, Any]:
    """The posterior mean's RMSE, and the ids of the stars whose posterior is not to be trusted."""
    best = bayes_optimal(stars, progress=_print_progress)
    return {
        "stars": len(stars),
        "untrusted": stars.ids[~best.trusted].tolist(),
        "rmse": {"posterior mean": best.rmse()},
    }


def _print_progress(fraction: float, message: str) -> None:
    print(f"\r{message} {fraction:.0%}", end="", flush=True)
