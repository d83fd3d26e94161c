"""The verdict: what it decides, and that shell, page, card and JSON speak the same sentences."""

import json
import sys

import pytest
from streamlit.testing.v1 import AppTest

from gandalf_core.auditing.slider_verdict import on_sliders, slider_grade
from gandalf_core.auditing.table import READING, strata_rows, table_rows
from gandalf_core.auditing.verdict import (
    Sentence,
    is_first_edition,
    on_kept,
    on_latent,
    on_removed,
    removal,
    retention,
    verdict,
)
from gandalf_core.cli.commands.measure import audit_text
from gandalf_core.figures.audits import leaks
from gandalf_core.models.cards import audit_summary, card_text
from gandalf_core.models.store import list_models

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


def leak(partial, p, detectable, upper, **more):
    """The entry of a removed label in a report."""
    entry = {"partial": partial, "p": p, "detectable": detectable, "upper": upper, "bits": 0.0, "strata": []}
    return entry | {"stars": 3000, "r2": 0.3, "floor": 0.29, "reader": {"features": "linear"}} | more


REPORT = {
    "stars": 3000,
    "removed": {
        "teff": leak(0.0034, 0.0033, 0.009, 0.0131, even={"detectable": 0.034, "upper": 0.041}),
        "logg": leak(0.7, 0.0033, 0.009, None, joint_probe="mlp"),
        "alphafe": leak(0.0, 0.61, 0.0085, 0.0042, given_removed=leak(0.001, 0.3, 0.02, 0.0199)),
    },
    "kept": {
        "mh": {"r2": 0.98, "loss": -0.003, "interval": [-0.009, 0.003]},
        "vbroad": {"r2": 0.4, "loss": 0.2, "interval": [0.15, 0.25]},
    },
    "untouched": {"vsini": {"r2": 0.5, "loss": None, "interval": None}},
    "counterfactual": {
        "teff": {"relative_error": 0.137},
        "logg": {"relative_error": 0.5},
        "mh": {"relative_error": 0.51},
        "alphafe": {"relative_error": None},
    },
}
FIRST = {  # as the first edition of the audit wrote it
    "stars": 3000,
    "removed": {
        n: {"excess": 0.003, "interval": [-0.001, 0.008], "p_value": 0.96, "flagged": False, "r2": 0.1}
        for n in ("teff", "logg")
    },
    "kept": {"mh": {"r2": 0.98, "loss": -0.003, "interval": [-0.009, 0.003]}},
    "untouched": {},
    "counterfactual": {"teff": {"relative_error": 0.137}},
    "verdict": ["Teff is removed: …", "log g is removed: …", "[M/H] is kept: …"],
}


# --- one sentence for all ---


@pytest.mark.parametrize("report", [REPORT, FIRST], ids=["second edition", "first edition"])
def test_shell_page_card_and_json_speak_the_same_sentences(report, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # AppTest puts its script there
    texts = [s.text for s in verdict(report)]
    stored = report | {"verdict": texts if report is REPORT else FIRST["verdict"]}
    if report is REPORT:  # the shell prints what it has just measured
        assert audit_text(stored).splitlines()[-len(texts) :] == texts
    summary = audit_summary(stored, "simulated:3000:7")
    assert summary["verdict"] == stored["verdict"]
    card = [line for line in card_text("toy", CARD | {"audit": summary}).splitlines() if line[:2] == "- "]
    said = [line[2:].replace("\\", "") for line in card]
    if report is REPORT:
        assert [text for text in said if text in texts] == texts
    else:
        assert texts[0] in said and not any("removed: …" in text for text in said)
        assert "[M/H] is kept: …" in said
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(stored))
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
    assert grades == ["good", "bad", "good", "good", "bad", "neutral", "good", "partly", "bad"]
    assert verdict(REPORT) == on_latent(REPORT) + on_sliders(REPORT)
    assert verdict({}) == []


# --- decisions on removed labels ---


@pytest.mark.parametrize(
    ("entry", "decision", "words"),
    [
        (leak(0.0, 0.6, 0.009, 0.004), "removed", "a test finds nothing of it"),
        (leak(0.004, 0.003, 0.009, 0.013), "removed", "removed but for a trace"),
        (leak(0.12, 0.003, 0.009, 0.14), "readable", "reads at least partial R² = 0.120"),
        (leak(0.98, 0.003, 0.009, None), "readable", "reads at least partial R² = 0.980"),
        (leak(0.0, 0.003, 0.009, 0.43), "readable", "but up to 0.430 may be there"),
        (leak(0.0, 0.003, 0.009, None), "readable", "but any amount may be there"),
        (leak(0.004, 0.003, 0.009, 0.012, bits=0.04), "readable", "tells 0.040 bits of how far it scatters"),
        (leak(0.0, 0.6, 0.16, 0.05), "cannot tell", "linear leaks below partial R² = 0.160 are often missed"),
        (leak(0.0, 0.04, 0.009, 0.024), "cannot tell", "but up to partial R² = 0.024 may be there"),
        (leak(0.0, 0.6, None, 0.3), "cannot tell", "not even a large leak would be found"),
        (leak(0.06, 0.6, 0.009, 0.004), "cannot tell", "which a test does not confirm (p = 0.600)"),
        (leak(0.004, 0.003, 0.05, 0.012), "cannot tell", "a test finds a trace of it (p = 0.003)"),
        (leak(0.0, 1.0, None, None, floor=1.0, reader=None), "cannot tell", "The other parameters tell Teff"),
        (leak(0.0, 1.0, None, None, reader=None), "removed", "the latent does not vary"),
    ],
)
def test_a_value_alone_decides_nothing(entry, decision, words):
    assert removal(entry) == decision
    said = on_removed("teff", entry)
    assert words in said.text
    assert said.grade == {"removed": "good", "readable": "bad", "cannot tell": "unsure"}[decision]
    assert said.text.endswith(".") and "None" not in said.text and "nan" not in said.text


@pytest.mark.parametrize(("size", "small"), [(0.019, True), (0.021, False), (0.1, False), (0.003, True)])
def test_what_counts_as_removed_and_kept_ends_at_two_hundredths(size, small):
    """Limits ten times wider or narrower would pass for these too, were they not looked at on both sides."""
    assert (removal(leak(0.0, 0.6, 0.01, size)) == "removed") == small, "what may be there"
    assert (removal(leak(0.0, 0.6, size, 0.01)) == "removed") == small, "what would have been found"
    assert (removal(leak(size, 0.6, 0.01, 0.01)) == "removed") == small, "what is read"
    assert (removal(leak(size, 0.003, 0.01, size)) == "readable") != small
    assert (retention({"r2": 0.9, "loss": size, "interval": [size, size]}) == "kept") == small
    assert (retention({"r2": 0.9, "loss": size, "interval": [size, size]}) == "lost") != small


@pytest.mark.parametrize(("p", "found"), [(0.0033, True), (0.025, True), (0.026, False), (0.5, False)])
def test_one_innocent_label_in_forty_may_be_found(p, found):
    assert (removal(leak(0.2, p, 0.01, 0.3)) == "readable") == found
    assert ("a trace" in on_removed("teff", leak(0.001, p, 0.01, 0.012)).text) == found
    assert (removal(leak(0.0, p, 0.01, 0.01, bits=0.05)) == "readable") == found
    assert removal(leak(0.0, p, 0.01, 0.01, bits=0.014)) == "removed"


def test_a_size_near_the_limit_shows_its_side():
    text = on_removed("teff", leak(0.0, 0.6, 0.0204, 0.0196)).text
    assert "linear leaks below partial R² = 0.0204 are often missed, and the limit is 0.020" in text
    assert "less than 0.0196 is there" in on_removed("teff", leak(0.0, 0.6, 0.02, 0.0196)).text
    assert "leak of partial R² = 0.020 would" in on_removed("teff", leak(0.0, 0.6, 0.02, 0.0196)).text


def test_many_more_stars_are_asked_for_in_round_numbers():
    text = on_removed("teff", leak(0.0, 0.6, 0.16, 0.05, stars=200)).text
    assert "about 2,000 stars would tell" in text
    assert "about 4,000 stars would tell" in on_removed("mh", leak(0.0, 0.04, 0.009, 0.024)).text


# --- further sentences ---


def test_a_reader_who_knows_the_other_removed_labels_is_told_of():
    together = leak(0.34, 0.003, 0.009, 0.44)
    alone = leak(0.0, 0.6, 0.009, 0.004, given_removed=together)
    said = on_removed("teff", alone)
    assert said.grade == "partly" and removal(alone) == "removed"
    assert said.text.endswith(
        " A reader who also knows the other removed parameters reads at least partial R² = 0.340."
    )
    as_much = leak(0.33, 0.003, 0.009, 0.44, given_removed=together)
    assert "who also knows" not in on_removed("teff", as_much).text, "the first sentence says it"


def tail(partial, p, side="low"):
    return {"label": "mh", "side": side, "limit": -1.5, "stars": 180, "partial": partial, "p": p}


def test_a_leak_in_few_stars_is_told_of():
    said = on_removed(
        "teff", leak(0.0, 0.6, 0.009, 0.004, strata=[tail(0.85, 0.0033), tail(0.0, 0.4, "high")])
    )
    assert said.grade == "partly"
    assert said.text.endswith(" Among the 180 stars with [M/H] up to −1.50 dex, partial R² = 0.850 is read.")
    many = [tail(0.0, 0.5)] * 9
    for part, told in ((tail(0.85, 0.0033), True), (tail(0.85, 0.1), False), (tail(0.03, 0.0033), False)):
        entry = leak(0.0, 0.6, 0.009, 0.004, strata=[part, *many])
        assert ("Among the 180" in on_removed("teff", entry).text) == told
    everywhere = leak(0.5, 0.003, 0.009, 0.55, strata=[tail(0.6, 0.0033)])
    assert "Among" not in on_removed("teff", everywhere).text


def test_errors_of_the_other_labels_are_told_of():
    free = {"partial": 0.004, "error": 0.006, "p": 0.4, "upper": 0.014}
    entry = leak(0.004, 0.4, 0.009, 0.014, label_errors=free, as_given={"partial": 0.06, "p": 0.003})
    text = on_removed("teff", entry).text
    assert "is removed" in text and "0.060 is read with them, 0.004 ± 0.006 without." in text
    doubtful = {"strata": [tail(0.85, 0.0033)], "given_removed": leak(0.34, 0.003, 0.009, 0.44)}
    said = on_removed("teff", entry | doubtful)
    assert said == Sentence("good", text), "errors are not allowed for among few stars"
    found = on_removed("teff", leak(0.06, 0.003, 0.009, 0.07, typical_errors=0.031)).text
    assert found.endswith(" Errors of the other parameters as catalogues have them would make 0.031 of this.")
    assert "catalogues" not in on_removed("teff", leak(0.0, 0.6, 0.009, 0.004, typical_errors=0.031)).text


def test_no_limit_is_promised_for_certain():
    """A limit holds with 95 % confidence, for leaks of the kinds that were planted."""
    for entry in REPORT["removed"].values():
        text = on_removed("teff", entry).text
        assert "cannot be there" not in text and "impossible" not in text
        assert ("95 % confidence" in text) == (removal(entry) == "removed")


def test_numbers_stand_in_the_sentence_as_they_were_judged():
    trace, readable, nothing = verdict(REPORT)[:3]
    assert trace.text == (
        "Teff is removed but for a trace: a test finds it (p = 0.003), yet a fresh probe reads only partial "
        "R² = 0.003 beyond what the other parameters tell; with 95 % confidence less than 0.013 is there "
        "(for a leak of random sign: 0.041)."
    )
    assert readable.text == (
        "log g is still readable: a fresh probe (a neural network) reads at least partial R² = 0.700 beyond "
        "what the other parameters tell (p = 0.003)."
    )
    assert nothing.text == (
        "[α/Fe] is removed: a test finds nothing of it in the latent beyond what the other parameters tell "
        "(p = 0.610). A linear leak of partial R² = 0.009 would have been found in 80 % of trials; with 95 % "
        "confidence less than 0.004 is there."
    )
    [alone] = verdict({"removed": {"teff": leak(0.0, 0.6, 0.009, 0.004)}})
    assert "in the latent (p = 0.600)" in alone.text, "beside nothing there is nothing to go beyond"
    assert "(p < 0.001)" in on_removed("teff", leak(0.5, 1e-9, 0.009, 0.6)).text


# --- the first edition ---


def test_what_the_first_edition_said_of_removed_labels_is_not_repeated():
    texts = [s.text for s in verdict(FIRST)]
    assert texts[0] == "Teff and log g were audited by the first edition: run the audit again."
    assert "is removed" not in "".join(texts)
    assert [s.grade for s in verdict(FIRST)] == ["unsure", "good", "good"], "kept label and slider as before"
    assert is_first_edition(FIRST) and not is_first_edition(REPORT) and not is_first_edition({"removed": {}})
    assert is_first_edition(audit_summary(FIRST, "")) and not is_first_edition(audit_summary(REPORT, ""))
    assert is_first_edition({"excess": {"teff": 0.01}}), "a card of that time"
    assert removal(FIRST["removed"]["teff"]) == "cannot tell"


@pytest.mark.parametrize("info", list_models(), ids=lambda info: info.name)
def test_page_and_card_of_a_shipped_model_agree_on_its_removed_labels(info):
    report = json.loads((info.path / "audit.json").read_text())
    card = card_text(info.name, info.card).replace("\\", "")
    for sentence in on_latent(report)[: 1 if is_first_edition(report) else len(report["removed"])]:
        assert f"- {sentence.text}\n" in card
    assert table_rows(report) and leaks(report).layout.title.text


# --- kept labels, sliders, tables ---


def test_a_kept_label_is_judged_by_its_interval():
    unsure = {"r2": 0.573, "loss": 0.004, "interval": [-0.013, 0.021]}
    assert retention(unsure) == "cannot tell" and on_kept("alphafe", unsure) == Sentence(
        "unsure",
        "These stars cannot tell whether [α/Fe] is kept: a fresh probe reads it with R² = 0.573, 0.004 below "
        "the plain auto-encoder (95 % interval 0.021 below to 0.013 above); use more stars.",
    )
    alone = on_kept("mh", {"r2": 0.9, "loss": None, "interval": None})
    assert alone.grade == "unsure" and "plain auto-encoder to compare with" in alone.text


def test_the_words_on_sliders_follow_their_error():
    assert [slider_grade(e) for e in (0.0, 0.2, 0.21, 0.5, 0.51, 2.0)] == ["good"] * 2 + ["partly"] * 2 + [
        "bad"
    ] * 2
    words = [s.text for s in on_sliders(REPORT)]
    assert "Teff slider follows the simulator: relative error 0.14." in words[0]
    assert "in part" in words[1] and "hardly" in words[2]
    assert not on_sliders({"counterfactual": {"teff": {"relative_error": float("nan")}}})


def test_the_table_has_one_row_per_parameter_and_one_given_the_other_removed_ones():
    given = leak(0.34, 1e-9, 0.009, None, bits=0.2)
    report = {
        "removed": {
            "mh": leak(-0.0001, 0.0033, 0.009, 0.013, probe="trees", r2=-0.0001, given_removed=given)
        },
        "kept": {"teff": {"r2": 0.9, "loss": 0.004}},
        "counterfactual": {"mh": {"relative_error": 0.1}},
    }
    removed, together, kept = table_rows(report)
    assert removed["Parameter"] == "[M/H]" and removed["Partial R²"] == "0.000", "no −0"
    assert [removed[c] for c in ("p", "Found from", "At most", "Bits")] == [
        "0.003",
        "0.009",
        "0.013",
        "0.000",
    ]
    assert removed["Slider's error"] == "0.100" and removed["Best probe"] == "decision trees"
    assert together["Parameter"] == "[M/H], given the other removed ones" and together["p"] == "< 0.001"
    assert together["At most"] == "beyond all sizes tried" and together["Slider's error"] == ""
    assert kept["It was"] == "kept" and kept["R² below plain"] == "0.004"
    assert kept["Partial R²"] == kept["p"] == kept["Found from"] == kept["At most"] == kept["Bits"] == ""
    for word in (
        "Partial R²",
        "p says",
        "one innocent label in forty",
        "Found from",
        "At most",
        "Bits",
        "0.02",
    ):
        assert word in READING
    assert not table_rows({})


def test_the_strata_have_a_table_of_their_own():
    report = {"removed": {"teff": leak(0.0, 0.6, 0.009, 0.004, strata=[tail(0.85, 0.0033)])}}
    assert strata_rows(report) == [
        {
            "Parameter": "Teff",
            "Among the stars with": "[M/H] up to −1.50 dex",
            "Stars": "180",
            "Partial R²": "0.850",
            "p": "0.003",
        }
    ]
    assert not strata_rows(FIRST) and not strata_rows({})


def test_no_number_is_minus_zero():
    assert "−0.000" not in on_removed("teff", leak(-0.0001, 0.003, 0.009, 0.013)).text


LEAK = {
    "r2": 0.3,
    "floor": 0.29,
    "p": 0.4,
    "partial": 0.004,
    "detectable": 0.009,
    "upper": 0.012,
    "bits": 0.0,
}


UP_TO = "still in the latent, partial R² up to 0.050"


@pytest.mark.parametrize(
    ("sign", "entry", "grade", "text"),
    [
        ("removed", LEAK, "good", "removed, partial R² 0.004"),
        ("removed", LEAK | {"partial": 0.09, "p": 0.001}, "bad", "still readable, partial R² 0.090"),
        ("removed", LEAK | {"partial": 0.01, "upper": 0.05, "p": 0.001}, "bad", UP_TO),
        ("removed", LEAK | {"detectable": 0.08, "stars": 100}, "unsure", "removed? cannot tell"),
        ("removed", None, "neutral", "to be removed, not measured"),
        ("kept", {"r2": 0.902, "loss": 0.004}, "good", "kept, R² 0.902"),
        ("untouched", {"r2": 0.5}, "neutral", "left alone, R² 0.500"),
    ],
)
def test_a_chip_says_how_a_label_stands_by_its_audit(sign, entry, grade, text):
    from gandalf_core.auditing.standing import standings

    report = {"removed": {}, "kept": {}, "untouched": {}} | ({sign: {"teff": entry}} if entry else {})
    found = standings({"teff": sign}, report)["teff"]
    assert found.grade == grade and found.text.startswith(text)
    assert "not measured" in standings({"teff": sign}, None)["teff"].text
