"""The documents: links lead somewhere, references are complete, metadata agree with the package."""

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

import gandalf_core
from gandalf_core.cli import load_commands

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize("path", sorted(DOCS.glob("*.md")), ids=lambda path: path.name)
def test_every_link_leads_to_a_file(path):
    generated = ("generated/commands.md", "generated/python.md")
    links = LINK.findall(path.read_text(encoding="utf-8"))
    assert not [name for name in links if name not in generated and not (path.parent / name).exists()]


def test_every_document_is_in_the_sites_contents():
    listed = (DOCS / "index.md").read_text(encoding="utf-8").splitlines()
    files = [
        p.relative_to(DOCS).with_suffix("").as_posix()
        for p in (*DOCS.glob("*.md"), *DOCS.glob("tutorials/*"))
    ]
    assert [name for name in sorted(files) if name not in listed] == ["index"]


def test_the_references_have_every_command_and_public_name(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    reference = __import__("reference")
    commands, python = reference.commands(), reference.python()
    assert [line[3:] for line in commands.splitlines() if line.startswith("## ")] == list(load_commands())
    assert {line[3:] for line in python.splitlines() if line.startswith("## ")} == set(gandalf_core.__all__)
    assert "--label-error NAME=SIGMA" in commands and "### SpectraSet.to_table" in python
    sys.modules.pop("reference")


def test_metadata_are_of_this_version_and_licence():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    codemeta, zenodo = (
        json.loads((ROOT / n).read_text(encoding="utf-8")) for n in ("codemeta.json", ".zenodo.json")
    )
    for version in (citation["version"], codemeta["version"], zenodo["version"]):
        assert version == gandalf_core.__version__
    assert (
        citation["license"] == zenodo["license"] == codemeta["license"].rpartition("/")[2] == "BSD-3-Clause"
    )
    names = [citation["authors"][0]["name"], codemeta["author"][0]["name"], zenodo["creators"][0]["name"]]
    holder = (ROOT / "LICENSE").read_text(encoding="utf-8").split("2026, ")[1].splitlines()[0]
    assert {name.lower() for name in names} == {holder.lower()}
