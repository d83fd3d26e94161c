"""The card of a model: what it was made from, how, and what was measured. A dictionary, and its text."""

import platform
from importlib.metadata import version
from pathlib import PurePath
from typing import Any

from .. import __version__
from ..config.schema import Config, ModelConfig
from ..parameters import parameter
from ..regression.conformal import promise
from ..simulator import EDITION
from ..simulator.judging import is_reserved_source
from .adapted_card import adapted_lines
from .edition import is_first_edition, on_first_edition

PACKAGES = ("torch", "numpy", "scikit-learn", "openTSNE", "umap-learn")
SIMULATED_CAVEAT = (
    "Trained on simulated LTE spectra: for teaching and for a first look at real stars. "
    "For serious work train on real labelled spectra."
)
FIRST_GRID_NOTE = (
    "Do not trust this model below [M/H] = -0.4: in the synthetic spectra it was trained on, the lines of "
    "the α elements are too weak there, so metal-poor stars come out too metal-rich and too hot (at "
    "[M/H] = -1.5 by about 0.9 dex and 500 to 700 K)."
)
EARLIER_NOTE = (
    "This model was trained, and the numbers on its card were measured, on stars of an earlier simulator. "
    "Today's are more like real stars: on them it does worse than its card says."
)
RESERVED_NOTE = (
    "These stars are reserved for judging and used once: nothing was trained, tuned, calibrated or chosen on "
    "them."
)
PROTECTION = (
    "Whoever has exported latents alone reads of a removed label what the audit says, and no more: their "
    "noise is secret, and the same whenever a star is exported again.",
    "Whoever has the spectra, too, but not this model, cannot take the noise off either.",
    "Whoever has this model and the spectra computes the latents without noise. Nothing protects against "
    "them, nor against those who may have any spectrum encoded.",
    "The secret is the key of the installation that exports. Two measurements of a star have two noises, "
    "whose mean is smaller by √2. `docs/privacy.md` says more.",
)
AUDITED = {  # part of an audit's summary -> head of its column
    "partial": "partial R² of a removed one",
    "upper": "its 95 % limit",
    "r2": "R² of another",
    "sliders": "error of its slider",
}
CITATIONS = (
    "GANDALF: Manteiga et al. 2025, A&A 694, A326; Santoveña, Dafonte & Manteiga 2024, arXiv:2411.05960",
    "Synthetic spectra: PySME (Wehrhahn et al. 2023, A&A 671, A171), STAGGER photospheres (Magic et al. "
    "2013, A&A 557, A26), VALD (Ryabchikova et al. 2015), Gaia-ESO gf values (Heiter et al. 2021), CN of "
    "linemake (Placco et al. 2021; Sneden et al. 2014; Brooke et al. 2014), solar abundances (Grevesse, "
    "Asplund & Sauval 2007); calibrated on the Sun (Chance & Kurucz 2010) and two dwarfs (ESA/Gaia/DPAC)",
)


# --- the dictionary ---


def describe(
    config: Config,
    data: dict[str, Any],
    figures: dict[str, Any],
    simulated: bool,
    nuisances: tuple[str, ...] = (),
    calibration: dict[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """The card's dictionary.

    data: source and numbers of stars.  figures: numbers measured on the test split.  simulated: whether the
    stars were.  nuisances: those known in training.  calibration: what the error bars of the labels read from
    `latent` and from `spectrum` rest on (`regression.conformal.promise`).
    """
    return {
        "name": config.name,
        "recipe": recipe(config),
        "removed": list(config.removed),
        "kept": list(config.kept),
        "lambdas": dict(config.lambdas),
        "told": list(nuisances),
        "labels": list(config.model.labels),
        "latent_size": config.model.latent_size,
        "noise": config.model.noise,
        "seed": config.training.seed,
        "data": data,
        "calibration": calibration or {},
        "figures": figures,
        "versions": {
            "gandalf_core": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "caveats": [SIMULATED_CAVEAT] if simulated else [],
        "citations": list(CITATIONS if simulated else CITATIONS[:1]),
    }


def recipe(config: Config) -> dict[str, Any]:
    """The main facts of a training; `config.json` beside the card has every field."""
    model, adversary, training = config.model, config.adversary, config.training
    adversarial = "paper" if adversary.target == "maximise" else "bottleneck"
    return {
        "name": adversarial if config.lambdas else "autoencoder",
        "target": adversary.target if config.lambdas else None,
        "encoder": [*model.encoder_hidden, model.latent_size],
        "decoder": list(model.decoder_hidden),
        "mean_spectrum": list(model.mean_hidden),
        "mean_start": _mean_start(model),
        "nuisance_responses": list(model.responses),
        "discriminators": [*adversary.hidden, adversary.bins] if config.lambdas else [],
        "conditional_encoder": model.conditional_encoder,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
    }


def _mean_start(model: ModelConfig) -> str:
    if model.mean_start != "grid":
        return ""
    return f"grid of {PurePath(model.mean_grid).name if model.mean_grid else 'the simulator'}"


def audit_summary(report: dict[str, Any], source: str) -> dict[str, Any]:
    """What a card says of an audit on the stars `source`: its sentences, and one number per label."""
    removed, others = report["removed"], {**report["kept"], **report["untouched"]}
    return {
        "source": source,
        "stars": report["stars"],
        **{part: {n: v.get(part) for n, v in removed.items()} for part in ("excess", "partial", "upper")},
        "r2": {n: v["r2"] for n, v in others.items()},
        "sliders": {n: v["relative_error"] for n, v in report["counterfactual"].items()},
        "verdict": list(report.get("verdict", [])),
    }


def notes(card: dict[str, Any]) -> list[str]:
    """Sentences to read before the model's numbers are used; `predict` and the page Models show them."""
    edition = card.get("data", {}).get("edition", 1)
    if not card.get("caveats") or edition == EDITION:  # only models of simulated stars have caveats
        return []
    return [FIRST_GRID_NOTE, EARLIER_NOTE] if edition == 1 else [EARLIER_NOTE]


def signs(card: dict[str, Any]) -> dict[str, str]:
    """Label → `removed`, `kept` or `untouched`."""
    return {
        name: "removed" if name in card["removed"] else "kept" if name in card["kept"] else "untouched"
        for name in card["labels"]
    }


# --- the text ---


def card_text(name: str, card: dict[str, Any]) -> str:
    """The card as Markdown. Cards of earlier versions may lack recipe, nuisances, calibration and audit."""
    lines = [
        f"# {name}",
        "",
        *(f"- {_label(n)}: **{s}** (λ = {card['lambdas'].get(n, 0):g})" for n, s in signs(card).items()),
        *_training_lines(card),
        "",
        "## Measured on the test split",
        "",
        *_figure_lines(card["figures"]),
        "",
        *_audit_lines(card.get("audit")),
        *_protection_lines(card),
        *(f"> {sentence}\n" for sentence in (*notes(card), *card["caveats"])),
        "## Cite",
        "",
        *(f"- {citation}" for citation in card["citations"]),
    ]
    return "\n".join(lines) + "\n"


def _training_lines(card: dict[str, Any]) -> list[str]:
    data, nuisances = card["data"], ", ".join(f"`{n}`" for n in card.get("told", []))
    versions = ", ".join(f"{package} {number}" for package, number in card["versions"].items())
    hashes = ", ".join(f"`{name}` {value[:12]}" for name, value in card.get("hashes", {}).items())
    return [
        *([_recipe_line(card["recipe"])] if "recipe" in card else []),
        *([f"- nuisances known in training, so that z holds them: {nuisances}"] if nuisances else []),
        f"- latent: {card['latent_size']} dimensions, noise σ = {card['noise']:g}; seed {card['seed']}",
        f"- data: `{data['source']}`, {data['train']:,} stars to train, {data['test']:,} to test",
        *adapted_lines(card),
        *_held_back_lines(data),
        *(f"- error bars from the {n}: {promise(c)}" for n, c in card.get("calibration", {}).items()),
        f"- trained in {data['seconds']:.0f} s with {versions}",
        *([f"- SHA-256 (`manifest.json` has all of it): {hashes}"] if hashes else []),
    ]


def _held_back_lines(data: dict[str, Any]) -> list[str]:
    """How many stars of the training split trained no network, and what they served instead."""
    parts = {
        "validation": "validated the networks",
        "calibration": "say how wide error bars are",
        "reference": "say how far ordinary stars stray, for the verdict on others",
    }
    named = [f"{data[part]:,} {words}" for part, words in parts.items() if part in data]
    return [f"- of the stars to train, none of which served twice: {', '.join(named)}"] if named else []


def _recipe_line(recipe: dict[str, Any]) -> str:
    networks = {
        "encoder": recipe["encoder"],
        "decoder": recipe["decoder"],
        "m(y)": recipe["mean_spectrum"],
        "discriminators": recipe["discriminators"],
    }
    widths = ", ".join(f"{name} {'-'.join(map(str, sizes))}" for name, sizes in networks.items() if sizes)
    target = f", discriminators' target `{recipe['target']}`" if recipe["target"] else ""
    wiring = ", conditional encoder" if recipe["conditional_encoder"] else ""
    wiring += f", m(y) from the {recipe['mean_start']}" if recipe.get("mean_start") else ""
    if recipe.get("nuisance_responses"):
        wiring += f", r(z, y) with its responses to {', '.join(recipe['nuisance_responses'])}"
    epochs = f"{recipe['epochs']} epochs in batches of {recipe['batch_size']}"
    return f"- recipe `{recipe['name']}`{target}{wiring}: {widths}; {epochs} (`config.json` has the rest)"


def _label(name: str) -> str:
    """The label's name, as Markdown shows it unchanged."""
    return _escaped(parameter(name).plain)


def _escaped(text: str) -> str:
    """Text with its brackets escaped: `[M/H]: …` would be read as the target of a link, and vanish."""
    return text.replace("[", "\\[").replace("]", "\\]")


def _audit_lines(audit: dict[str, Any] | None) -> list[str]:
    """The verdict and the numbers of the audit; nothing where the model was not audited."""
    if not audit:
        return []
    verdict = [f"- {_escaped(sentence)}" for sentence in audit_sentences(audit)]
    return [
        f"## Audited on `{audit['source']}`, {audit['stars']:,} stars",
        "",
        *([f"{RESERVED_NOTE}\n"] if is_reserved_source(audit["source"]) else []),
        *([*verdict, ""] if verdict else []),
        *_audit_table(audit),
    ]


def _audit_table(audit: dict[str, Any]) -> list[str]:
    """One row per label, without the columns that the audit has no number for."""
    columns = {head: audit[part] for part, head in AUDITED.items() if _any_number(audit.get(part))}
    if not columns:
        return []
    lines = [f"| parameter | {' | '.join(columns)} |", f"|---{'|---' * len(columns)}|"]
    for name in dict.fromkeys(n for numbers in columns.values() for n in numbers):
        values = (numbers.get(name) for numbers in columns.values())
        cells = " | ".join("-" if value is None else f"{value:.3f}" for value in values)
        lines.append(f"| {_label(name)} | {cells} |")
    return [*lines, ""]


def _any_number(numbers: dict[str, float | None] | None) -> bool:
    return any(value is not None for value in (numbers or {}).values())


def audit_sentences(audit: dict[str, Any]) -> list[str]:
    """The sentences of a card's audit; what the first edition said of removed labels is replaced."""
    verdict = list(audit.get("verdict", []))  # earlier cards have none
    if not is_first_edition(audit):
        return verdict
    return [on_first_edition(audit["excess"]), *verdict[len(audit["excess"]) :]]


def _protection_lines(card: dict[str, Any]) -> list[str]:
    """Against whom the latent's noise hides what is left of the removed labels; nothing without either."""
    if not (card["noise"] and card["removed"]):
        return []
    return ["## Whom the noise protects against", "", *(f"- {sentence}" for sentence in PROTECTION), ""]


def _figure_lines(figures: dict[str, Any]) -> list[str]:
    lines = [
        f"- {key.replace('_', ' ')}: {value:.4g}"
        for key, value in figures.items()
        if isinstance(value, (int, float))
    ]
    table = figures.get("parameters", {})
    if table:
        lines += ["", "| parameter | R² from z | MAE | RMSE | 68 % interval holds |", "|---|---|---|---|---|"]
        for n, row in table.items():
            unit = parameter(n).unit
            errors = f"{_number(row['mae'], '.3g')} {unit} | {_number(row['rmse'], '.3g')} {unit}"
            shares = _number(row["r2"], ".3f"), _number(row["coverage"], ".0%")
            lines.append(f"| {_label(n)} | {shares[0]} | {errors} | {shares[1]} |")
    return lines


def _number(value: float | None, kind: str) -> str:
    return "-" if value is None else format(value, kind)
