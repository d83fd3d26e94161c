"""Where the runs behind docs/results.md store what they measured, and what all of them share."""

import json
from pathlib import Path
from typing import Any

from gandalf_core.atomic import write_text
from gandalf_core.config.presets import PRESETS, RECIPES
from gandalf_core.io.plain import to_json
from gandalf_core.sources import STANDARD_SAMPLE

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "docs" / "results"
WORK = ROOT / "runs" / "experiments"  # checkpoints of the trainings
SAMPLE = STANDARD_SAMPLE
AUDITED = "simulated:3000:7"  # stars that no model has seen
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


def audit_path(model: str) -> Path:
    """Where the audit of a shipped model is stored."""
    return ROOT / "pretrained" / model / "audit.json"
