"""Results of attacks, stored beside the documents: what was found, when, where, by which version."""

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.__main__ import machine
from gandalf_core import __version__
from gandalf_core.atomic import write_text
from gandalf_core.io.plain import to_json

from .options import Options

ROOT = Path(__file__).resolve().parents[1]
STORED = ROOT / "docs" / "reliability"


def store(name: str, result: Mapping[str, Any], options: Options, seconds: float) -> Path:
    """Write docs/reliability/NAME.json."""
    about = {
        "version": __version__,
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "seed": options.seed,
        "seconds": round(seconds, 1),
    }
    STORED.mkdir(parents=True, exist_ok=True)
    path = STORED / f"{name}.json"
    write_text(path, to_json({"about": about, **result}, indent=1) + "\n")
    return path


def load(name: str) -> dict[str, Any]:
    """A stored result; empty where there is none yet."""
    path = STORED / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _commit() -> str:
    """The commit of the checkout; "" outside of one."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    return done.stdout.strip()
