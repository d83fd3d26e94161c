"""The card of a model: what it was made from, how, and what was measured. A dictionary, and its text."""

import platform
from importlib.metadata import version
from typing import Any

from .. import __version__
from ..config.schema import Config
from ..parameters import parameter

PACKAGES = ("torch", "numpy", "scikit-learn", "openTSNE", "umap-learn")
SIMULATED_CAVEAT = (
    "Trained on simulated LTE spectra: for teaching and for a first look at real stars. For serious work train on real "
    "labelled spectra."
)
FIRST_GRID_NOTE = (
    "Do not trust this model below [M/H] = -0.4: in the synthetic spectra it was trained on, the lines of the α "
    "elements are too weak there, so metal-poor stars come out too metal-rich and too hot (at [M/H] = -1.5 by about "
    "0.9 dex and 500 to 700 K)."
)
CITATIONS = (
    "GANDALF: Manteiga et al. 2025, A&A 694, A326; Santoveña, Dafonte & Manteiga 2024, arXiv:2411.05960",
    "Synthetic spectra: PySME (Wehrhahn et al. 2023, A&A 671, A171), STAGGER photospheres (Magic et al. 2013, A&A 557, A26), "
    "VALD (Ryabchikova et al. 2015), Gaia-ESO gf values (Heiter et al. 2021)",
)


def describe(
    config: Config, data: dict[str, Any], figures: dict[str, Any], simulated: bool, told: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The card's dictionary. data: source and numbers of stars; figures: measured on the test split; told:
    known nuisances.
    """
    return {
        "name": config.name,
        "recipe": recipe(config),
        "removed": list(config.removed),
        "kept": list(config.kept),
        "lambdas": dict(config.lambdas),
        "told": list(told),
        "labels": list(config.model.labels),
        "latent_size": config.model.latent_size,
        "noise": config.model.noise,
        "seed": config.training.seed,
        "data": data,
        "figures": figures,
        "versions": {"gandalf_core": __version__, "python": platform.python_version()}
        | {p: version(p) for p in PACKAGES},
        "caveats": [SIMULATED_CAVEAT] if simulated else [],
        "citations": list(CITATIONS if simulated else CITATIONS[:1]),
    }


def recipe(config: Config) -> dict[str, Any]:
    """How the model was trained, in a line of facts; `config.json` beside the card has every field."""
    m, a, t = config.model, config.adversary, config.training
    return {
        "name": "autoencoder" if not config.lambdas else "paper" if a.target == "maximise" else "bottleneck",
        "target": a.target if config.lambdas else None,
        "encoder": [*m.encoder_hidden, m.latent_size],
        "decoder": list(m.decoder_hidden),
        "mean_spectrum": list(m.mean_hidden),
        "discriminators": [*a.hidden, a.bins] if config.lambdas else [],
        "conditional_encoder": m.conditional_encoder,
        "epochs": t.epochs,
        "batch_size": t.batch_size,
    }


def _recipe_line(found: dict[str, Any]) -> str:
    sizes = {"encoder": found["encoder"], "decoder": found["decoder"], "m(y)": found["mean_spectrum"]}
    sizes |= {"discriminators": found["discriminators"]}
    widths = ", ".join(f"{n} {'-'.join(map(str, w))}" for n, w in sizes.items() if w)
    target = f", discriminators' target `{found['target']}`" if found["target"] else ""
    wiring = ", conditional encoder" if found["conditional_encoder"] else ""
    passes = f"{found['epochs']} epochs in batches of {found['batch_size']}"
    return f"- recipe `{found['name']}`{target}{wiring}: {widths}; {passes} (`config.json` has the rest)"


def audit_summary(report: dict[str, Any], source: str) -> dict[str, Any]:
    """What a card keeps of an audit on the stars `source`: its sentences, and one number per label."""
    others = {**report["kept"], **report["untouched"]}
    return {
        "source": source,
        "stars": report["stars"],
        "excess": {n: v["excess"] for n, v in report["removed"].items()},
        "r2": {n: v["r2"] for n, v in others.items()},
        "sliders": {n: v["relative_error"] for n, v in report["counterfactual"].items()},
        "verdict": list(report.get("verdict", [])),
    }


def notes(card: dict[str, Any]) -> list[str]:
    """Sentences to read before the model's numbers are used; `predict` and the page Models show them."""
    return [FIRST_GRID_NOTE] if card.get("caveats") else []  # only models of simulated stars have caveats


def signs(card: dict[str, Any]) -> dict[str, str]:
    """Label → `removed`, `kept` or `untouched`."""
    return {
        name: "removed" if name in card["removed"] else "kept" if name in card["kept"] else "untouched"
        for name in card["labels"]
    }


def card_text(name: str, card: dict[str, Any]) -> str:
    """The card as Markdown."""
    data = card["data"]
    lines = [f"# {name}", ""]
    lines += [
        f"- {_markdown(n)}: **{sign}** (λ = {card['lambdas'].get(n, 0):g})" for n, sign in signs(card).items()
    ]
    lines += [_recipe_line(card["recipe"])] if "recipe" in card else []  # earlier cards have none
    told = card.get("told", [])  # earlier cards have none
    lines += [f"- told in training, so that z holds it: {', '.join(f'`{n}`' for n in told)}"] if told else []
    lines += [
        f"- latent: {card['latent_size']} numbers, noise σ = {card['noise']:g}; seed {card['seed']}",
        f"- data: `{data['source']}`, {data['train']:,} stars to train, {data['test']:,} to test",
        f"- made in {data['seconds']:.0f} s with "
        + ", ".join(f"{k} {v}" for k, v in card["versions"].items()),
        "",
        "## Measured on the test split",
        "",
        *_figure_lines(card["figures"]),
        "",
        *_audit_lines(card.get("audit")),
        *(f"> {c}\n" for c in (*notes(card), *card["caveats"])),
        "## Cite",
        "",
        *(f"- {c}" for c in card["citations"]),
    ]
    return "\n".join(lines) + "\n"


def _markdown(name: str) -> str:
    """The label's name, as Markdown shows it unchanged."""
    return _escaped(parameter(name).plain)


def _escaped(text: str) -> str:
    """Text with its brackets escaped: `[M/H]: …` would be read as the target of a link, and vanish."""
    return text.replace("[", "\\[").replace("]", "\\]")


def _audit_lines(found: dict[str, Any] | None) -> list[str]:
    """The verdict and the numbers of the audit, or nothing where the model was not audited."""
    if not found:
        return []
    parts = ("excess", "r2", "sliders")
    names = dict.fromkeys(n for part in parts for n in found[part])
    lines = [f"## Audited on `{found['source']}`, {found['stars']:,} stars", ""]
    verdict = [f"- {_escaped(sentence)}" for sentence in found.get("verdict", [])]  # earlier cards have none
    lines += [*verdict, ""] if verdict else []
    lines += [
        "| parameter | excess R² of a removed one | R² of another | error of its slider |",
        "|---|---|---|---|",
    ]
    for n in names:
        cells = [f"{found[part][n]:.3f}" if found[part].get(n) is not None else "-" for part in parts]
        lines.append(f"| {_markdown(n)} | " + " | ".join(cells) + " |")
    return [*lines, ""]


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
            unit, symbol = parameter(n).unit, _markdown(n)
            errors = f"{row['mae']:.3g} {unit} | {row['rmse']:.3g} {unit}"
            lines.append(f"| {symbol} | {row['r2']:.3f} | {errors} | {row['coverage']:.0%} |")
    return lines
