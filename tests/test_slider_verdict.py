"""What is said of a slider: its error beside that without the latent, a fixed change, and kinds of stars."""

import sys

import pytest
from streamlit.testing.v1 import AppTest

from gandalf_core.auditing.slider_table import WHAT, slider_rows
from gandalf_core.auditing.slider_verdict import (
    against_fixed,
    latent_part,
    much_larger,
    on_slider,
    on_sliders,
)
from gandalf_core.cli.commands.measure import audit_text


def part(error, beside, low, high):
    """A part of the breakdown: its error, and the interval of its difference from the error `beside`."""
    return {"relative_error": error, "difference": error - beside, "difference_interval": [low, high]}


def slider(error=0.14, fixed=(0.65, 0.5, 0.52), without=(0.142, 0.001, 0.003), **more):
    """An entry as in a report; `fixed` and `without` are an error and the interval of its difference."""
    parts = {"fixed_change": fixed, "without_latent": without}
    return {"relative_error": error, **{k: part(v[0], error, *v[1:]) for k, v in parts.items() if v}, **more}


def test_a_slider_that_follows_says_what_the_latent_adds_and_what_a_fixed_change_gives():
    sentence = on_slider("teff", slider())
    assert sentence == (
        "good",
        "The Teff slider follows the simulator: relative error 0.14. The latent adds next to nothing: 0.14 "
        "without it; one fixed change for all stars would give 0.65.",
    )


def test_a_slider_no_better_than_a_fixed_change_is_not_said_to_follow():
    sentence = on_slider("mh", slider(0.37, (0.37, -0.004, 0.004), (0.5, 0.1, 0.15)))
    assert sentence == (
        "bad",
        "The [M/H] slider does not follow the simulator: relative error 0.37, no better than one fixed "
        "change for all stars (0.37). Without the latent it would be 0.50.",
    )


@pytest.mark.parametrize(
    ("error", "fixed", "compared", "grade"),
    [
        (0.136, (0.65, 0.50, 0.52), "better", "good"),
        (0.30, (0.38, 0.07, 0.09), "better", "partly"),
        (0.60, (0.70, 0.09, 0.11), "better", "bad"),
        (0.36, (0.38, 0.01, 0.03), "hardly better", "bad"),  # sure, and not worth the name
        (0.37, (0.38, -0.01, 0.03), "no better", "bad"),
        (0.38, (0.38, 0.0, 0.00001), "no better", "bad"),  # rounding of single precision
        (0.50, (0.38, -0.13, -0.11), "worse", "bad"),
        (0.10, (0.10, -0.01, 0.01), "no better", "partly"),  # accurate, and follows nothing
        (0.30, (0.38, -0.02, 0.18), "cannot tell", "unsure"),  # few stars
        (0.60, (0.68, -0.02, 0.18), "cannot tell", "bad"),
    ],
)
def test_the_interval_decides_whether_a_slider_beats_a_fixed_change(error, fixed, compared, grade):
    entry = slider(error, fixed)
    sentence = on_slider("logg", entry)
    assert against_fixed(entry) == compared and sentence.grade == grade
    assert ("follows the simulator" in sentence.text) == (compared in ("better", "cannot tell")), (
        "only a slider that beats it may be said to follow"
    )
    if compared in ("hardly better", "no better", "worse"):
        assert f"{compared} than one fixed change for all stars ({fixed[0]:.2f})" in sentence.text
    assert ("cannot tell whether" in sentence.text) == (grade == "unsure")


@pytest.mark.parametrize(
    ("error", "without", "adds", "words"),
    [
        (0.136, (0.142, 0.005, 0.007), "next to nothing", "The latent adds next to nothing: 0.14 without it"),
        (0.142, (0.142, -0.001, 0.001), "nothing", "The latent adds nothing: 0.14 without it"),
        (0.24, (0.23, -0.01, -0.007), "nothing", "The latent adds nothing: 0.23 without it"),
        (0.02, (0.05, 0.02, 0.04), "something", "Without the latent it would be 0.05"),
        (0.53, (0.71, 0.17, 0.19), "something", "Without the latent it would be 0.71"),
        (0.30, (0.20, -0.12, -0.08), "harm", "The latent does harm: 0.20 without it"),
        (0.30, (0.33, -0.04, 0.10), "", "Without the latent it would be 0.33"),  # too few stars for a word
    ],
)
def test_the_interval_decides_what_the_latent_adds(error, without, adds, words):
    entry = slider(error, without=without)
    assert latent_part(entry) == adds and f" {words}; one fixed change" in on_slider("teff", entry).text


def test_only_what_is_surely_much_larger_is_named():
    assert much_larger(part(0.32, 0.15, 0.15, 0.18)) and much_larger(part(1.0, 0.0, 0.9, 1.0))
    assert not much_larger(part(0.32, 0.15, 0.05, 0.29)), "the interval reaches down to a little larger"
    assert not much_larger(part(0.17, 0.15, 0.015, 0.025)) and not much_larger(part(0.1, 0.2, -0.12, -0.08))
    assert not much_larger(part(0.012, 0.001, 0.010, 0.012)), "twelve times nothing is still nothing"
    assert not much_larger(None) and not much_larger({"relative_error": None, "stars": 12})
    strata = {
        "metal_poor": part(0.32, 0.15, 0.15, 0.18),
        "cool": part(0.10, 0.19, -0.1, -0.08),
        "dwarfs": part(0.28, 0.11, 0.15, 0.19),
        "of a later version": part(0.9, 0.1, 0.7, 0.9),
    }
    entry = slider(0.15, strata=strata, in_ca_windows=part(0.22, 0.12, 0.08, 0.12))
    assert (
        "relative error 0.15, much larger for metal-poor stars ([M/H] < −1: 0.32 against 0.15) and dwarfs "
        "and subgiants (log g ≥ 3.5: 0.28 against 0.11), and in the cores of the Ca II lines (0.22 against "
        "0.12). "
    ) in on_slider("logg", entry).text


def test_an_earlier_report_has_the_sentence_of_its_error_alone():
    assert on_slider("teff", {"relative_error": 0.137, "interval": [0.13, 0.14]}) == (
        "good",
        "The Teff slider follows the simulator: relative error 0.14.",
    )


def test_the_table_has_a_row_for_every_measure_and_says_where_stars_are_too_few():
    strata = {"giants": part(0.107, 0.28, -0.2, -0.1), "metal_poor": {"relative_error": None, "stars": 12}}
    new = slider(interval=[0.13, 0.15], strata=strata, in_ca_windows=part(0.2, 0.12, 0.07, 0.09))
    new |= {"one_sided": part(0.185, 0.11, 0.06, 0.09)}
    report = {"counterfactual": {"teff": new, "mh": {"relative_error": 0.05}}}
    rows = {row[WHAT]: row for row in slider_rows(report)}
    assert rows["all stars"] == {WHAT: "all stars", "Teff": "0.140", "[M/H]": "0.050"}
    assert rows["95 % interval"]["Teff"] == "0.130 to 0.150" and rows["95 % interval"]["[M/H]"] == ""
    assert rows["without the latent"]["Teff"] == "0.142" and rows["one fixed change"]["Teff"] == "0.650"
    steps = "one-sided step (Teff +300 K, log g +0.5, [M/H] −0.3, [α/Fe] +0.15)"
    assert rows[steps]["Teff"] == "0.185"
    assert rows["giants (log g < 3.5)"]["Teff"] == "0.107"
    assert rows["metal-poor stars ([M/H] < −1)"]["Teff"] == "too few"
    assert rows["in the Ca II cores (±0.12 nm)"]["Teff"] == "0.200"
    assert "cool stars (Teff < 4800 K)" not in rows and not slider_rows({})
    shell = [line.split() for line in audit_text(report).splitlines()]
    assert ["one", "fixed", "change", "0.650", "-"] in shell and ["all", "stars", "0.140", "0.050"] in shell


def test_a_table_of_an_earlier_report_has_its_errors():
    report = {"counterfactual": {"mh": {"relative_error": 0.05}}}
    assert slider_rows(report) == [{WHAT: "all stars", "[M/H]": "0.050"}]


REPORT = {
    "counterfactual": {
        "teff": slider(strata={"giants": part(0.32, 0.15, 0.15, 0.18)}),
        "mh": slider(0.37, (0.37, -0.004, 0.004)),
    }
}


def test_the_page_shows_the_sentences_and_the_table_as_the_shell_prints_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # AppTest puts its script there

    def page(report):
        from pages.ui.parts import audit

        audit.show_verdict(report)
        audit.show_sliders(report)

    test = AppTest.from_function(page, args=(REPORT,), default_timeout=60).run()
    assert not test.exception
    texts = [s.text for s in on_sliders(REPORT)]
    shown = [line.partition("] ")[2].replace("\\", "") for line in test.markdown[0].value.split("  \n")]
    assert shown == texts
    assert [dict(row) for _, row in test.dataframe[0].value.iterrows()] == slider_rows(REPORT)
    assert "fixed change" in test.caption[0].value
    assert all(row["Teff"] in audit_text(REPORT) for row in slider_rows(REPORT))
