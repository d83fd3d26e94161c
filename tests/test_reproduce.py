"""`reproduce` on simulated stars: from two surveys' labels to the table, the figures and the audits."""

import json
from functools import partial

import pytest

from gandalf_core.cli import main
from gandalf_core.io import read_stars
from gandalf_core.own.mock_surveys import ERRORS, OFFSETS
from gandalf_core.parameters import LABELS

SMALL = ["--stars", "520", "--epochs", "1", "--map-stars", "60", "--max-iter", "3", "--seed", "5"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """OUT of a small run, whose regressors are fitted for a moment only."""
    from gandalf_core.models import fit

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fit, "Extras", partial(fit.Extras, regressor_epochs=3))
        out = tmp_path_factory.mktemp("reproduce") / "out"
        assert main(["reproduce", "--simulated", *SMALL, str(out)]) == 0
    return out


def test_labels_of_both_surveys_are_on_one_scale(folder):
    """The offset that was put in is found on the stars in common, to three of its standard errors."""
    sample = json.loads((folder / "sample.json").read_text())
    a, b = sample["surveys"]["survey A"], sample["surveys"]["survey B"]
    common = a["stars"] + b["stars"] - 520
    assert a["offset"] == dict.fromkeys(LABELS, 0.0) and common > 30
    for name, error in ERRORS.items():
        assert abs(b["offset"][name] - OFFSETS[name]) < 3 * error * (2 / common) ** 0.5 * 1.1
    stars = read_stars(folder / "stars.parquet", keep_spikes=True)
    assert len(stars) == 520 == sample["stars"] and (stars.label("teff_error") <= 50.0).all()
    assert not any(str(i).startswith("sim") for i in stars.ids), "nobody takes their labels for the truth"


def test_the_report_has_what_the_paper_has(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    for words in (
        "Table 1",
        "Figure 3",
        "Figures 4 and 5",
        "paper-physical-removed",
        "paper-chemical-removed",
    ):
        assert words in page
    assert page.count("Figure 8") == 2 and page.count("Figures 9 and 10") == 2
    assert "an audit needs at least 200" in page, "what could not be measured is said"
    assert "they prove nothing" in page and "survey B" in page
    table = json.loads((folder / "table.json").read_text())["representations"]
    assert {"spectra", "autoencoder", "paper-physical-removed", "paper-chemical-removed"} <= set(table)


def test_the_same_command_goes_on_where_it_was(folder, capsys):
    cards = {p: p.stat().st_mtime_ns for p in folder.glob("models/*/card.json")}
    (folder / "report.html").unlink()
    assert len(cards) == 3 and main(["reproduce", "--simulated", *SMALL, "--json", str(folder)]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["stars"] == 520 and (folder / "report.html").is_file()
    assert {p: p.stat().st_mtime_ns for p in cards} == cards, "nothing was trained again"


def test_a_folder_belongs_to_one_choice(folder, capsys):
    assert main(["reproduce", "--simulated", *SMALL[:-1], "6", str(folder)]) == 2
    assert "was begun with another choice of seed" in capsys.readouterr().err
