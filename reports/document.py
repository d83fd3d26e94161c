"""docs/results.md and the README's table, written from the stored measurements alone."""

from typing import Any

from gandalf_core.atomic import write_text
from gandalf_core.sweeps.study import curves

from . import instrument_document, leak_tables, mutation, pictures, real_stars, tables
from .coverage import coverage_table
from .experiments import recipe_key
from .foundations import FILE as FOUNDATIONS
from .foundations import foundations_section
from .goals import goals_table
from .own_stars_document import FOLDER as OWN_STARS
from .own_stars_document import own_stars_picture, write_own_stars
from .physics_coverage import PATH as PHYSICS_PATH
from .physics_coverage import physics_table
from .physics_goals import physics_goals_table
from .scores import FILE as SCORES
from .scores import scores_section
from .stored import MODELS, ROOT, SEEDS, STORED, audit_path, audited_on, load, stars_in_words, trained_on
from .variants import GENERATOR, PAPER, PHYSICAL, slug

NOTES = STORED / "notes.md"  # what the numbers mean and what falls short, in words
REAL_STARS, AUDITS = "real-stars", "audits"  # parts of the README between marks


def write() -> None:
    """docs/results.md and docs/audit.md with their pictures, docs/mutation.md, the README's tables."""
    mutation.write_document()
    instrument_document.write()
    write_own_stars()
    pictures.draw(_pictures(), ROOT / "docs" / "images" / "results")
    pictures.draw(own_stars_picture(), ROOT / "docs" / "images" / OWN_STARS)
    write_text(ROOT / "docs" / "results.md", results_text())
    readme = ROOT / "README.md"
    write_text(readme, with_measurements(readme.read_text(encoding="utf-8")))


def _head(seeds_on: str, shipped_on: str) -> str:
    """seeds_on, shipped_on: the stars that the runs over seeds, and the shipped models, were judged on."""
    return f"""# Results

Written by `python -m reports write` from stored runs. Over seeds (`python -m reports seeds`): the shipped
models, trained again on the standard sample `{trained_on()}` and audited on {seeds_on}. In detail
(`python -m reports measure`): the shipped models on {shipped_on}. *Excess* is R²(removed | z, true kept
labels) − R²(removed | true kept labels), where each R² is that of the best of several readers trained from
nothing; *partial R²* is its share of what the kept labels leave open.
"""


def results_text() -> str:
    """The text of docs/results.md."""
    audits = {m: load(audit_path(m)) for m in MODELS if audit_path(m).is_file()}
    runs, comparison, bayes = _seed_runs(), load(STORED / "compare.json"), load(STORED / "bayes.json")
    parts = [
        _head(stars_in_words(pictures.sources(runs)), stars_in_words(audited_on(m) for m in audits)),
        "Seeds measured: " + ", ".join(f"`{m}` {len(reports)}" for m, reports in runs.items()) + ".\n",
        goals_table(runs, comparison, bayes),
        physics_goals_table(load(real_stars.FILE), load(FOUNDATIONS), load(SCORES), load(PHYSICS_PATH)),
        NOTES.read_text(encoding="utf-8") if NOTES.is_file() else "",
        pictures.section(_pictures()),
        tables.ablation_table(_ablation_runs(PHYSICAL | PAPER)),
        tables.generator_ablation_table(_ablation_runs(GENERATOR)),
        real_stars.real_stars_section(load(real_stars.FILE)),
        foundations_section(load(FOUNDATIONS)),
        scores_section(load(SCORES)),
        "# The shipped models in detail (seed 0)\n",
        leak_tables.removed_table(audits),
        tables.kept_table(audits),
        tables.slider_table(audits),
        coverage_table(load(STORED / "coverage.json")),
        physics_table(load(PHYSICS_PATH)),
        tables.bayes_table(bayes),
        tables.plain_table(load(STORED / "plain-against-pca.json")),
        tables.bound_table(load(STORED / "rms-over-bound.json")),
        tables.compare_table(comparison),
    ]
    return "\n".join(part for part in parts if part)


def with_measurements(readme: str) -> str:
    """The README's text with the tables of real stars and of removed labels as they are stored."""
    audits = {m: load(audit_path(m)) for m in MODELS if audit_path(m).is_file()}
    parts = {
        REAL_STARS: real_stars.real_star_table(load(real_stars.FILE)),
        AUDITS: leak_tables.claims_table(audits),
    }
    for name, table in parts.items():
        mark, end = f"<!-- measured:{name} -->", f"<!-- /measured:{name} -->"
        before, _, after = readme.partition(mark)
        readme = before + mark + "\n" + table + end + after.partition(end)[2]
    return readme


def _pictures() -> dict[str, pictures.Picture]:
    ablations, audit = _ablation_runs(PHYSICAL | PAPER), load(audit_path("physical-removed"))
    drawn = pictures.pictures(_seed_runs(), ablations, _sweep_curves(), audit)
    stars = load(real_stars.FILE)
    if stars:
        caption = "Real stars: what `autoencoder` does not reconstruct of them."
        drawn["real-stars"] = pictures.Picture(real_stars.residual_figure(stars), caption)
    return drawn


def _seed_runs() -> dict[str, list[dict[str, Any]]]:
    """Model -> the reports of its seeds, for the models that have run."""
    paths = {m: [STORED / "seeds" / f"{m}-{seed}.json" for seed in SEEDS] for m in MODELS}
    runs = {m: [report for path in of_model if (report := load(path))] for m, of_model in paths.items()}
    return {m: reports for m, reports in runs.items() if reports}


def _ablation_runs(names: dict[str, Any]) -> list[dict[str, Any]]:
    """The stored runs of these variants; ° marks one of an earlier recipe."""
    runs = [run for n in names if (run := load(STORED / "ablation" / f"{slug(n)}.json"))]
    return [r if r["recipe"] == recipe_key(r["preset"]) else r | {"name": f"{r['name']} °"} for r in runs]


def _sweep_curves() -> dict[str, list[dict[str, float]]]:
    """The curve that each of the two stored sweeps was run for."""
    folders = {"latent_size": STORED / "sweeps" / "latent-size", "adversary": STORED / "sweeps" / "lambda"}
    return {name: curves(folder)[name] for name, folder in folders.items() if folder.is_dir()}
