"""docs/results.md and the README's table are what the stored runs say, and their commands answer."""

import subprocess
import sys

import pytest

from reports import mutation
from reports.document import results_text, with_measurements
from reports.experiments import recipe_key, variant
from reports.goals import goals_table, limits_text
from reports.measuring import measure
from reports.stored import ROOT, STORED, load
from reports.variants import BASES, slug


def test_the_document_is_what_the_stored_runs_say():
    assert results_text() == (ROOT / "docs" / "results.md").read_text()
    readme = (ROOT / "README.md").read_text()
    assert with_measurements(readme) == readme


def test_the_bound_is_quoted_for_each_bin_of_signal_to_noise():
    ratios = load(STORED / "rms-over-bound.json")
    assert [b["low"] for b in ratios["per_snr"]] == [15, 30, 45, 60, 100]
    assert sum(b["stars"] for b in ratios["per_snr"]) == 2000
    for row in ratios["per_snr"]:
        assert f"| {row['low']} to {row['high']} | {row['stars']} | {row['teff']:.2f} |" in results_text()


def test_stored_ablations_are_of_the_present_recipe_and_simulator():
    runs = {path.stem: load(path) for path in (STORED / "ablation").glob("*.json")}
    assert set(runs) <= {slug(name) for rows in BASES.values() for name in rows}
    assert all(run["recipe"] == recipe_key(run["preset"]) for run in runs.values())
    assert "°" not in results_text()


def test_every_variant_of_the_ablation_changes_something():
    for base, variants in BASES.items():
        assert len({repr(variant(base, changes)) for changes in variants.values()}) == len(variants)


def test_without_runs_there_is_no_table():
    assert goals_table({}, {}, {}) == ""


def test_a_limit_beyond_all_sizes_is_not_averaged():
    assert limits_text([0.1, 0.3]) == "0.200 (0.100 to 0.300)"
    assert limits_text([0.3, None, 0.1]) == "0.100 to beyond all sizes tried"
    assert limits_text([None]) == "beyond all sizes tried" and limits_text([]) == "-"


def test_an_unknown_part_is_named_before_the_work():
    with pytest.raises(SystemExit, match="no part 'tables'; there are: audits, compare"):
        measure(["audits", "tables"])


@pytest.mark.parametrize(
    "command", ["measure", "stars", "write", "seeds", "ablation", "bayes", "coverage", "mutation"]
)
def test_the_commands_explain_themselves(command):
    arguments = [sys.executable, "-m", "reports", command, "--help"]
    done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT, check=True)
    assert f"python -m reports {command}" in done.stdout


def test_the_mutation_page_is_what_was_stored_and_every_survivor_has_its_reason():
    results = mutation.load(mutation.FILE)
    assert mutation.DOCUMENT.read_text(encoding="utf-8") == mutation.document(results)
    assert set(results) == set(mutation.SUBJECTS)
    for name, result in results.items():
        assert result["killed"] >= mutation.GOAL * result["mutants"], name
        assert result["mutants"] - result["killed"] == len(result["survivors"])
        assert all(survivor["reason"] for survivor in result["survivors"]), name
