"""Mutation testing: would a module's own tests notice if the module were wrong?

mutmut changes one operator, number, name or argument at a time in a copy of the project and runs the tests
that reach the change. What no test noticed is stored with the reason why it may stay: equal code in other
words, or a difference that nobody can see. Reasons are written by hand in docs/results/mutation.json and kept
as long as the change is the same.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from gandalf_core.atomic import write_text

from .markdown import table
from .stored import ROOT, STORED, load, store

FILE = STORED / "mutation.json"
DOCUMENT = ROOT / "docs" / "mutation.md"
COPIED = ("gandalf_core", "tests", "data")
GOAL = 0.85
HEAD = """# Mutation tests

Written by `python -m reports mutation`. One operator, number, name or argument at a time is changed in a copy
of the project, and the module's own tests run. *Killed*: a test failed, as it should.
"""


class Subject(NamedTuple):
    """Files that are changed, and the tests that are theirs."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


SUBJECTS = {
    "objective": Subject(("training/objective.py", "training/losses.py"), ("test_objective.py",)),
    "adversary": Subject(("training/adversary.py",), ("test_objective.py",)),
    "scaling": Subject(("data/scaling.py",), ("test_scaling.py", "test_properties_data.py")),
    "spectra": Subject(("data/spectra.py",), ("test_spectra.py", "test_properties_data.py")),
    "config": Subject(
        ("config/fields.py", "config/schema.py", "config/presets.py"),
        ("test_config.py", "test_properties_data.py"),
    ),
}


def mutate(only: list[str]) -> None:
    """Run the subjects named in `only` (all if empty), store what came out, and write docs/mutation.md."""
    for name in only or SUBJECTS:
        results = load(FILE)
        results[name] = _run(SUBJECTS[name], results.get(name, {}))
        store(FILE, results)
    write_document()


def write_document() -> None:
    """docs/mutation.md from what is stored: after reasons were added, too."""
    write_text(DOCUMENT, document(load(FILE)))


def document(results: dict[str, Any]) -> str:
    """docs/mutation.md: the share that is killed, and every survivor with its reason."""
    rows = [
        [name, str(r["mutants"]), str(r["killed"]), f"{r['killed'] / r['mutants']:.1%}"]
        for name, r in results.items()
    ]
    parts = [HEAD, f"Goal: {GOAL:.0%} of each.\n", table(["subject", "changes", "killed", "share"], rows)]
    for name, result in results.items():
        parts.append(f"## Survivors: {name}\n")
        parts += [_survivor_text(survivor) for survivor in result["survivors"]]
    return "\n".join(parts)


def _survivor_text(survivor: dict[str, Any]) -> str:
    reason = survivor["reason"] or "not looked at yet"
    return f"- `{survivor['function']}`: {reason}\n\n```diff\n{survivor['diff']}\n```\n"


def _run(subject: Subject, earlier: dict[str, Any]) -> dict[str, Any]:
    """Counts and survivors of one subject; reasons come from the earlier run where the change is the same."""
    reasons = {(s["function"], s["diff"]): s["reason"] for s in earlier.get("survivors", [])}
    with tempfile.TemporaryDirectory() as folder:
        copy = _copy(Path(folder), subject)
        _mutmut(copy, "run", "--max-children", str(os.cpu_count() or 1))
        states = _states(_mutmut(copy, "results", "--all", "true"))
        survivors = [_survivor(copy, name) for name, state in states.items() if state != "killed"]
    for survivor in survivors:
        survivor["reason"] = reasons.get((survivor["function"], survivor["diff"]))
    return {"mutants": len(states), "killed": len(states) - len(survivors), "survivors": survivors}


def _copy(folder: Path, subject: Subject) -> Path:
    """A copy of the project whose pyproject.toml tells mutmut what to change and which tests to run."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "browser"))
    settings = {
        "source_paths": ["gandalf_core"],
        "only_mutate": [f"gandalf_core/{file}" for file in subject.files],
        "pytest_add_cli_args": ["-n0", "-p", "no:cacheprovider"],
        "pytest_add_cli_args_test_selection": [f"tests/{file}" for file in subject.tests],
        "also_copy": ["data"],
    }
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    write_text(folder / "pyproject.toml", project + "\n[tool.mutmut]\n" + "\n".join(lines) + "\n")
    return folder


def _mutmut(folder: Path, *arguments: str) -> str:
    """What a mutmut command prints."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    if done.returncode:
        raise SystemExit(f"mutmut {arguments[0]} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def _states(printed: str) -> dict[str, str]:
    """Name of the mutant -> `killed`, `survived`, `no tests`, `timeout` …"""
    pairs = (line.strip().rpartition(": ") for line in printed.splitlines() if "__mutmut_" in line)
    return {name: "killed" if state == "timeout" else state for name, _, state in pairs}


def _survivor(folder: Path, name: str) -> dict[str, Any]:
    lines = _mutmut(folder, "show", name).splitlines()
    changed = [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    function = name.rpartition("__mutmut_")[0].replace("xǁ", "").replace("ǁ", ".").replace(".x_", ".")
    return {"function": function.removeprefix("gandalf_core."), "diff": "\n".join(changed)}
