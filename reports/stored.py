"""Where the runs behind docs/results.md store what they measured, and what all of them share."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gandalf_core.atomic import write_text
from gandalf_core.config.presets import PRESETS, RECIPES
from gandalf_core.io.plain import to_json
from gandalf_core.seeds import CHOICE_SEED, JUDGING_SAMPLE, STANDARD_SAMPLE

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "docs" / "results"
WORK = ROOT / "runs" / "experiments"  # checkpoints of the trainings
SAMPLE = STANDARD_SAMPLE
CHOICES = f"simulated:3000:{CHOICE_SEED}"  # stars that trained no model, by which variants are compared
JUDGED = JUDGING_SAMPLE  # stars by which nothing was chosen
MODELS = tuple(name for name in PRESETS if name not in RECIPES)
SEEDS = (0, 1, 2)


def load(path: Path) -> Any:
    """What a file holds; an empty dictionary where it is not there yet."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def store(path: Path, result: Any) -> None:
    """Write one result, and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, to_json(result, indent=1))
    print(path.relative_to(ROOT), flush=True)


def stars_in_words(sources: Iterable[str]) -> str:
    """The stars that runs were judged on."""
    known = {
        JUDGED: f"`{JUDGED}`, stars by which nothing was chosen",
        CHOICES: f"`{CHOICES}`, stars that trained none of them but by which variants were compared",
    }
    return " and ".join(known.get(source, f"`{source}`") for source in sorted(set(sources)))


def audited_on(model: str) -> str:
    """The stars that the stored audit of a shipped model is of; empty where there is none."""
    card = load(ROOT / "pretrained" / model / "card.json")
    return card["audit"]["source"] if audit_path(model).is_file() and card.get("audit") else ""


def trained_on() -> str:
    """The stars that the shipped models were trained on."""
    card = load(ROOT / "pretrained" / MODELS[0] / "card.json")
    return card["data"]["source"] if card else SAMPLE


def audit_path(model: str) -> Path:
    """Where the audit of a shipped model is stored."""
    return ROOT / "pretrained" / model / "audit.json"
