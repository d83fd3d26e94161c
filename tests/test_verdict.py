"""The verdict: what it decides, and that shell, page, card and JSON speak the same sentences."""

import json
import sys

import pytest
from streamlit.testing.v1 import AppTest

from gandalf_core.auditing.slider_verdict import on_sliders, slider_grade
from gandalf_core.auditing.table import READING, table_rows
from gandalf_core.auditing.verdict import (
    Sentence,
    on_kept,
    on_latent,
    on_removed,
    removal,
    retention,
    verdict,
)
from gandalf_core.cli.commands.measure import audit_text
from gandalf_core.models.cards import audit_summary, card_text

CARD = {
    "removed": ["teff", "logg"],
    "kept": ["mh", "alphafe"],
    "labels": ["teff", "logg", "mh", "alphafe"],
    "lambdas": {},
    "latent_size": 25,
    "noise": 0.4,
    "seed": 0,
    "data": {"source": "simulated:9", "train": 8, "test": 1, "seconds": 1.0},
    "versions": {},
    "figures": {},
    "caveats": [],
    "citations": [],
}


def leak(excess, low, high, flagged, **more):
    return {"excess": excess, "interval": [low, high], "flagged": flagged, "r2": 0.3, "floor": 0.29} | more


REPORT = {
    "stars": 3000,
    "removed": {
        "teff": leak(0.0029, -0.0056, 0.0113, True),
        "logg": leak(0.7, 0.68, 0.72, True, joint_probe="mlp on the rest"),
    },
    "kept": {
        "mh": {"r2": 0.98, "loss": -0.003, "interval": [-0.009, 0.003]},
        "alphafe": {"r2": 0.4, "loss": 0.2, "interval": [0.15, 0.25]},
    },
    "untouched": {"vsini": {"r2": 0.5, "loss": None, "interval": None}},
    "counterfactual": {
        "teff": {"relative_error": 0.137},
        "logg": {"relative_error": 0.5},
        "mh": {"relative_error": 0.51},
        "alphafe": {"relative_error": None},
    },
}


def test_shell_page_card_and_json_speak_the_same_sentences(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # AppTest puts its script there
    texts = [s.text for s in verdict(REPORT)]
    assert len(texts) == 5 + 3
    report = REPORT | {"verdict": texts}
    assert audit_text(report).splitlines()[-8:] == texts
    summary = audit_summary(report, "simulated:3000:7")
    assert summary["verdict"] == texts
    card = [line for line in card_text("toy", CARD | {"audit": summary}).splitlines() if line[:2] == "- "]
    assert [line[2:].replace("\\", "") for line in card if line[2:].replace("\\", "") in texts] == texts
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(report))
    assert on_page(path) == texts


def on_page(path) -> list[str]:
    """The sentences that the Audit page shows of a stored report, without their badges."""

    def page(path):
        import json
        from pathlib import Path

        from pages.ui.parts.audit import show_verdict

        show_verdict(json.loads(Path(path).read_text()))

    test = AppTest.from_function(page, args=(str(path),), default_timeout=60).run()
    assert not test.exception
    lines = "  \n".join(m.value for m in test.markdown).split("  \n")
    return [line.partition("] ")[2].replace("\\", "") for line in lines]


def test_each_sentence_has_the_grade_of_its_decision():
    grades = [s.grade for s in verdict(REPORT)]
    assert grades == ["good", "bad", "good", "bad", "neutral", "good", "partly", "bad"]
    assert verdict(REPORT) == on_latent(REPORT) + on_sliders(REPORT)
    assert verdict({}) == []


@pytest.mark.parametrize(
    ("entry", "decision"),
    [
        (leak(0.003, -0.001, 0.008, False), "removed"),
        (leak(0.015, 0.012, 0.018, True), "trace"),
        (leak(0.0094, -0.0014, 0.0203, True), "trace"),  # as printed: 0.020
        (leak(0.088, 0.065, 0.111, True), "readable"),
        (leak(0.03, 0.01, 0.05, True), "readable"),
        (leak(0.06, 0.04, 0.08, False), "cannot tell"),  # the test finds nothing: a floor that underfits
        (leak(0.01, -0.05, 0.07, False), "cannot tell"),  # no power
        (leak(0.01, -0.05, 0.07, True), "cannot tell"),
    ],
)
def test_the_excess_alone_decides_nothing(entry, decision):
    assert removal(entry) == decision
    words = {"removed": "is removed:", "trace": "but for a trace", "readable": "still readable"}
    assert words.get(decision, "cannot tell whether") in on_removed("teff", entry).text


@pytest.mark.parametrize(("size", "small"), [(0.019, True), (0.021, False), (0.1, False), (0.003, True)])
def test_what_counts_as_removed_and_kept_ends_at_two_hundredths(size, small):
    """Limits ten times wider or narrower would pass for these too, were they not looked at on both sides."""
    assert (removal(leak(size, size, size, True)) == "trace") == small
    assert (removal(leak(0.0, 0.0, size, False)) == "removed") == small
    assert (removal(leak(size, size, size, True)) == "readable") != small
    assert (retention({"r2": 0.9, "loss": size, "interval": [size, size]}) == "kept") == small
    assert (retention({"r2": 0.9, "loss": size, "interval": [size, size]}) == "lost") != small


def test_a_kept_label_is_judged_by_its_interval():
    unsure = {"r2": 0.573, "loss": 0.004, "interval": [-0.013, 0.021]}
    assert retention(unsure) == "cannot tell" and on_kept("alphafe", unsure) == Sentence(
        "unsure",
        "These stars cannot tell whether [α/Fe] is kept: a fresh probe reads it with R² = 0.573, 0.004 below "
        "the plain auto-encoder (95 % interval 0.021 below to 0.013 above); use more stars.",
    )
    alone = on_kept("mh", {"r2": 0.9, "loss": None, "interval": None})
    assert alone.grade == "unsure" and "plain auto-encoder to compare with" in alone.text


def test_numbers_stand_in_the_sentence_as_they_were_judged():
    trace, readable = verdict(REPORT)[:2]
    assert trace.text == (
        "Teff is removed but for a trace: a test finds it, though a fresh probe reads only R² = 0.003 "
        "(95 % interval −0.006 to 0.011) from the latent beyond what the other parameters tell."
    )
    assert "a fresh probe (a neural network) reads R² = 0.700 (95 % interval 0.680 to 0.720)" in readable.text
    [alone] = verdict({"removed": {"teff": leak(0.0, 0.0, 0.001, False)}})
    assert alone.text.endswith("from the latent."), "beside nothing there is nothing to go beyond"


def test_the_words_on_sliders_follow_their_error():
    assert [slider_grade(e) for e in (0.0, 0.2, 0.21, 0.5, 0.51, 2.0)] == ["good"] * 2 + ["partly"] * 2 + [
        "bad"
    ] * 2
    words = [s.text for s in on_sliders(REPORT)]
    assert "Teff slider follows the simulator: relative error 0.14." in words[0]
    assert "in part" in words[1] and "hardly" in words[2]
    assert not on_sliders({"counterfactual": {"teff": {"relative_error": float("nan")}}})


def test_the_table_has_one_row_per_parameter():
    report = {
        "removed": {"mh": leak(0.009, -0.0001, 0.02, True, r2=-0.0001, p_value=1e-7, probe="trees")},
        "kept": {"teff": {"r2": 0.9}},
        "counterfactual": {"mh": {"relative_error": 0.1}},
    }
    removed, kept = table_rows(report)
    assert removed["Parameter"] == "[M/H]" and removed["p value"] == "1.0e-07"
    assert removed["Slider's error"] == "0.100" and removed["Best probe"] == "decision trees"
    assert removed["95 % interval"] == "0.000 to 0.020" and removed["R² from the latent"] == "0.000", "no −0"
    assert kept["It was"] == "kept" and kept["Excess R²"] == kept["95 % interval"] == kept["p value"] == ""
    assert "p value" in READING and "0.02" in READING and not table_rows({})


def test_no_number_is_minus_zero():
    assert "−0.000" not in on_removed("teff", leak(-0.0001, -0.0002, 0.0, False)).text
