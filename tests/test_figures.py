"""Figures: the numbers they draw, their axes, and that nothing to draw is a titled figure, not an error."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from gandalf_core.auditing.decisions import REMOVED_LIMIT
from gandalf_core.auditing.slider_verdict import on_sliders
from gandalf_core.figures import (
    audits,
    ellipses,
    latents,
    measured,
    panels,
    population,
    regression,
    spectra,
    style,
    sweeps,
    training,
    wavelengths,
)
from gandalf_core.parameters import LABELS, LINES
from gandalf_core.regression.residuals import interval_coverage

WAVE = np.linspace(846, 870, 200)
RNG = np.random.default_rng(0)
LABEL_VALUES = np.column_stack(
    [
        RNG.uniform(4000, 7000, 300),
        RNG.uniform(1.5, 5, 300),
        RNG.normal(-0.3, 0.4, 300),
        RNG.normal(0.1, 0.1, 300),
    ]
)
TRIPLE = np.repeat(LABEL_VALUES, 3, 0)
HISTORY = [
    {
        "epoch": e,
        "loss": 1 / e,
        "reconstruction": 0.5 / e,
        "adversary": 0.2,
        "heads": 0.0,
        "reconstruction_mse": 0.01 / e,
        "discriminator_accuracy": {"teff": 0.3},
        "chance": {"teff": 0.1},
    }
    for e in (1, 2, 3)
]
TRIALS = [
    {"trial": 0, "score": 0.4, "model.noise": 0.1, "model.activation": "relu"},
    {"trial": 1, "score": 0.2, "model.noise": 8.0, "model.activation": "silu"},
    {"trial": 2, "score": None, "model.noise": 0.3, "model.activation": "<b>"},
]
CURVES = {
    "latent_size": [
        {"trial": 0, "latent_size": 2, "reconstruction_mse": 4e-4},
        {"trial": 1, "latent_size": 2, "reconstruction_mse": 1e-4},
        {"trial": 2, "latent_size": 9, "reconstruction_mse": 9e-6},
    ],
    "adversary": [
        {
            "trial": k,
            "mean_lambda": v,
            "discriminator_error": e,
            "chance_error": 0.8,
            "reconstruction_mse": 1e-4,
        }
        for k, (v, e) in enumerate([(0.3, 0.6), (0.0, 0.1), (3.0, 0.9), (0.3, 0.7)])
    ],
}
LEAKS = {
    "removed": {
        "teff": {"partial": 0.00005, "p": 0.6, "detectable": 0.009, "upper": 0.004},
        "logg": {"partial": 0.3, "p": 0.003, "detectable": None, "upper": None},
    },
    "references": {
        "plain": {n: {"r2": 0.9, "partial": 0.8} for n in ("teff", "logg")},
        "mean": {"teff": {"r2": 0.5, "partial": 0.4}},
        "spectrum": {n: {"r2": 0.9} for n in ("teff", "logg")},
    },
}
EMPTY = {
    "spectra": lambda: spectra.spectra(WAVE, np.empty((0, 200)), []),
    "reconstruction": lambda: spectra.reconstruction([], [], []),
    "mean_and_spread": lambda: spectra.mean_and_spread(WAVE, {"selected": np.empty((0, 200))}),
    "histograms": lambda: population.histograms(np.full((5, 2), np.nan), ("teff", "logg")),
    "correlation": lambda: latents.correlation(np.full((1, 4), np.nan), ("teff",)),
    "traverse": lambda: latents.traverse(WAVE, np.empty(0), np.empty((0, 200)), 1),
    "predicted_against_true": lambda: regression.predicted_against_true(
        np.empty((0, 1)), np.empty((0, 1)), ("teff",)
    ),
    "residuals_against_snr": lambda: regression.residuals_against_snr(
        np.zeros((3, 1)), np.zeros((3, 1)), np.full(3, np.nan), ("teff",)
    ),
    "representations": lambda: regression.representations({}),
    "coverage": lambda: regression.coverage({"snr": [], "teff": []}),
    "coverage without labels": lambda: regression.coverage({}),
    "rms_error": lambda: training.rms_error([]),
    "discriminators": lambda: training.discriminators([]),
    "losses": lambda: training.losses([]),
    "leaks": lambda: audits.leaks({}),
    "leaks of the first edition": lambda: audits.leaks(
        {"removed": {"teff": {"excess": 0.1, "interval": [0.05, 0.15]}}}
    ),
    "references": lambda: audits.references({}),
    "counterfactual": lambda: audits.counterfactual({}),
    "restoration": lambda: audits.restoration({}),
    "latent_size": lambda: sweeps.latent_size([]),
    "adversary": lambda: sweeps.adversary([]),
    "score_against": lambda: sweeps.score_against([], "model.noise", "excess"),
    "trade_off": lambda: sweeps.trade_off([], "balance"),
}


@pytest.mark.parametrize("name", EMPTY)
def test_nothing_to_draw_is_a_titled_figure_that_says_why(name):
    figure = EMPTY[name]()
    assert figure.layout.title.text
    assert not figure.data and figure.layout.annotations[0].text


def drawn_figures() -> dict[str, go.Figure]:
    flux = 1 - 0.1 * RNG.random((3, 200))
    return {
        "spectra": spectra.spectra(WAVE, flux, ["a", "b", "c"], stacked=True),
        "reconstruction": spectra.reconstruction(WAVE, flux[0], flux[1], error=np.full(200, 0.1)),
        "mean_and_spread": spectra.mean_and_spread(WAVE, {"selected": flux, "others": flux + 0.1}),
        "histograms": population.histograms(LABEL_VALUES, LABELS, others={"selected": LABEL_VALUES[:50]}),
        "correlation": latents.correlation(RNG.uniform(-1, 1, (4, 6)), LABELS),
        "traverse": latents.traverse(WAVE, np.linspace(-1, 1, 3), flux, 2),
        "predicted": regression.predicted_against_true(LABEL_VALUES + 0.1, LABEL_VALUES, LABELS),
        "residuals": regression.residuals_against_snr(
            LABEL_VALUES + 0.1, LABEL_VALUES, RNG.uniform(15, 300, 300), LABELS
        ),
        "coverage": regression.coverage(
            interval_coverage(TRIPLE, TRIPLE, LABELS, TRIPLE, np.full(900, 45.0))
        ),
        "rms": training.rms_error(HISTORY),
        "discriminators": training.discriminators(HISTORY),
        "losses": training.losses(HISTORY),
        "latent_size": sweeps.latent_size(CURVES["latent_size"]),
        "adversary": sweeps.adversary(CURVES["adversary"]),
        "leaks": audits.leaks(LEAKS),
        "score_against": sweeps.score_against(TRIALS, "model.activation", "excess"),
    }


@pytest.mark.parametrize("name", list(drawn_figures()))
def test_every_axis_of_a_drawn_figure_has_a_title_or_is_shared(name):
    figure = drawn_figures()[name]
    json.loads(figure.to_json())
    titles = [
        axis.title.text
        for axis in (*figure.select_yaxes(), *figure.select_xaxes())
        if not axis.matches and axis.showticklabels is not False
    ]
    assert any(titles)
    assert "undefined" not in figure.to_json()


def test_arrays_travel_as_float32():
    figure = spectra.spectra(WAVE, np.ones((1, 200)), ["a"])
    assert figure.data[0].y.dtype == np.float32


def test_a_masked_pixel_is_a_gap():
    mask = np.zeros((1, 200), bool)
    mask[0, 7] = True
    assert np.isnan(spectra.spectra(WAVE, np.ones((1, 200)), ["a"], mask=mask).data[0].y[7])


def test_the_residual_is_in_units_of_the_error():
    figure = spectra.reconstruction(WAVE, np.full(200, 1.0), np.full(200, 0.9), error=np.full(200, 0.05))
    assert figure.data[2].y == pytest.approx(np.full(200, 2.0), rel=1e-4)
    assert "σ" in figure.layout.yaxis2.title.text


def test_every_line_on_the_grid_is_marked_and_no_other():
    figure = spectra.spectra(np.linspace(853, 856, 50), np.ones((1, 50)), ["a"])
    marked = sorted(s.x0 for s in figure.layout.shapes)
    assert marked == sorted(line.wavelength_nm for line in LINES if 853 <= line.wavelength_nm <= 856)


def test_the_names_of_the_lines_stand_under_the_spectrum():
    flux = 1 - 0.7 * RNG.random((1, 200))
    figure = spectra.spectra(WAVE, flux, ["a"])
    low, high = figure.layout.yaxis.range
    names = max(a.y for a in figure.layout.annotations) + 0.03
    assert low + names * (high - low) < flux.min() and high > flux.max()


def test_a_name_from_a_file_brings_no_markup():
    figure = spectra.spectra(WAVE, np.ones((1, 200)), ["<img src=x>"])
    assert "<img" not in figure.data[0].name
    assert "<b>" not in style.axis_title("<b>x</b>")


def test_a_kiel_diagram_has_both_axes_backwards_and_an_abundance_diagram_none():
    kiel, abundance = panels.diagrams([str(k) for k in range(300)], LABEL_VALUES, LABELS).panels
    assert kiel.x_range[0] > kiel.x_range[1] and kiel.y_range[0] > kiel.y_range[1]
    assert abundance.x_range[0] < abundance.x_range[1] and abundance.y_range[0] < abundance.y_range[1]


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (LABELS, [("teff", "logg"), ("mh", "alphafe")]),
        (("width", "depth"), [("width", "depth")]),
        (("a", "b", "c"), [("a", "b"), ("c", "a")]),
        (("a",), []),
    ],
)
def test_which_label_is_drawn_against_which(names, pairs):
    assert population.diagram_axes(names) == pairs


def test_density_is_highest_where_points_crowd():
    x = np.r_[RNG.normal(0, 0.1, 900), RNG.uniform(-5, 5, 100)]
    crowd = population.density(x, np.zeros(1000))
    assert crowd[:900].mean() > 3 * crowd[900:].mean()
    assert np.isnan(population.density(np.array([1.0, np.nan]), np.zeros(2))[1])


def test_a_map_of_placed_stars_has_its_own_stars_underneath_and_in_its_range():
    placed = panels.Map(
        "one",
        np.array(["a"]),
        np.zeros((1, 2)),
        np.array([np.nan]),
        sample_xy=np.array([[-5.0, 1], [5, 2], [0, 3]]),
    )
    linked = panels.maps([placed], ["a"], np.array([[5000.0]]), ("teff",))
    [panel] = linked.panels
    assert linked.columns[f"{panel.sample} x"].tolist() == [-5, 5, 0]
    assert panel.x_range[0] < -5 and panel.x_range[1] > 5 and panel.y_range[1] > 3


def test_compared_spectra_stand_above_their_differences_from_the_first():
    flux = np.array([[1.0, 0.5, 1], [1, 0.7, 1], [1, 0.2, 1]])
    mask = np.array([[False] * 3, [False, False, True], [False] * 3])
    figure = spectra.compared([850.0, 851, 852], flux, ["a", "b", "c"], mask=mask)
    below = {t.name: t.y for t in figure.data if t.yaxis == "y2"}
    np.testing.assert_allclose(below["b − a"], [0, 0.2, np.nan], atol=1e-6)
    np.testing.assert_allclose(below["c − a"], [0, -0.3, 0], atol=1e-6)


def test_maps_draw_a_star_in_every_row_and_leave_out_one_that_a_map_lacks():
    ids = np.array(["a", "b", "c"])
    of = [
        panels.Map("one", ids, np.arange(6.0).reshape(3, 2), np.array([0.5])),
        panels.Map("two", ids[[2, 0]], np.array([[9.0, 9], [1, 1]]), np.array([np.nan])),
    ]
    linked = panels.maps(of, ids, np.array([[4000.0], [5000], [6000]]), ("teff",))
    assert [p.x for p in linked.panels] == ["map0 x", "map1 x"]
    assert (
        linked.columns["map1 x"].tolist()[0] == 1
        and np.isnan(linked.columns["map1 x"][1])
        and linked.columns["map1 x"][2] == 9
    )
    assert linked.panels[0].note == "k-NN R² = 0.50" and linked.panels[1].note == ""


def test_running_median_follows_the_points_and_ignores_missing_ones():
    x = RNG.uniform(0, 10, 2000)
    y = 2 * x + RNG.normal(0, 0.5, 2000)
    y[::7] = np.nan
    centres, band = regression.running(x, y)
    assert np.abs(band[:, 1] - 2 * centres).max() < 0.25
    assert np.all(band[:, 0] < band[:, 1]) and np.all(band[:, 1] < band[:, 2])


def test_coverage_is_the_share_of_truths_within_the_error_bar():
    rng = np.random.default_rng(1)
    true = np.column_stack([rng.uniform(5000, 5500, 4000), np.full(4000, np.nan), rng.normal(size=4000)])
    predicted, errors = true + rng.normal(size=true.shape) * [100, 1, 0.1], np.tile([100, 1, 0.2], (4000, 1))
    shares = interval_coverage(predicted, true, ("teff", "logg", "mh"), errors, rng.uniform(40, 70, 4000))
    figure = regression.coverage(shares)
    by_name = {(t.name, t.xaxis): t for t in figure.data}
    assert {name for name, _ in by_name} == {style.symbol("teff"), "[M/H]"}, "log g is not known"
    assert by_name["[M/H]", "x"].x == ("40–50", "50–70") and by_name["[M/H]", "x2"].x == ("5000–5500",)
    assert by_name[style.symbol("teff"), "x"].y == pytest.approx([0.683, 0.683], abs=0.03)
    assert by_name["[M/H]", "x2"].y == pytest.approx([0.954], abs=0.02)
    assert {(s.y0, s.y1) for s in figure.layout.shapes} == {regression.HONEST}


def test_error_bars_without_labels_or_without_enough_stars_have_no_shares():
    few, unknown = np.full((300, 1), 5000.0), np.full((9, 1), np.nan)
    assert interval_coverage(few, few, ("teff",), few, np.full(300, 50.0)) == {"snr": [], "teff": []}
    assert interval_coverage(unknown, unknown, ("teff",), unknown, np.full(9, 50.0)) == {}


def test_a_bar_has_the_colour_of_what_the_words_say():
    errors = {"teff": 0.2, "logg": 0.5, "mh": 0.51}
    report = {"counterfactual": {n: {"relative_error": e} for n, e in errors.items()}}
    assert [s.grade for s in on_sliders(report)] == ["good", "partly", "bad"]
    colours = audits.counterfactual(report).data[0].marker.color
    assert list(colours) == [style.GREEN, style.ORANGE, style.VERMILION]


def test_a_slider_stands_beside_what_it_owes_to_nobody():
    beside = {"relative_error": 0.36, "difference": 0.0, "difference_interval": [-0.01, 0.01]}
    entry = {"relative_error": 0.36, "fixed_change": beside, "without_latent": beside}
    figure = audits.counterfactual({"counterfactual": {"mh": entry}})
    assert {t.name: list(t.y) for t in figure.data} == {
        "the slider": [0.36],
        "without the latent": [0.36],
        "one fixed change": [0.36],
    }
    assert figure.data[0].marker.color == (style.VERMILION,), "no better than a fixed change"
    earlier = audits.counterfactual({"counterfactual": {"mh": entry, "teff": {"relative_error": 0.1}}})
    assert len(earlier.data) == 1, "an error that is known of one slider alone is not drawn"


def test_a_leak_is_drawn_from_what_is_read_to_what_may_be_there():
    figure = audits.leaks(LEAKS)
    drawn = {trace.name: trace for trace in figure.data}
    assert set(drawn) == {
        "the exported latent",
        "plain auto-encoder",
        "up to the 95 % limit",
        "found from here on",
    }
    assert list(drawn["the exported latent"].x) == [audits.SMALLEST, 0.3], "a smaller one at the axis' end"
    assert list(drawn["the exported latent"].customdata) == [0.00005, 0.3]
    assert list(drawn["up to the 95 % limit"].x) == [audits.SMALLEST, 0.004, None, 0.3, 1.0, None]
    assert drawn["up to the 95 % limit"].marker.symbol[4] == "triangle-right", "no limit: an arrow"
    found = drawn["found from here on"]
    assert list(found.x) == [0.009] and list(found.y) == ["T<sub>eff</sub>"]
    assert figure.layout.xaxis.type == "log"


def test_the_dashed_line_stands_where_the_verdict_changes():
    assert [s.x0 for s in audits.leaks(LEAKS).layout.shapes] == [REMOVED_LIMIT] == [0.02]


def test_nothing_is_minus_zero():
    figure = audits.r2_table({"shuffled": {"teff": -0.001, "logg": 0.8}}, "R²")
    assert list(figure.data[0].text[0]) == ["0.00", "0.80"]


def test_the_line_over_latent_size_runs_through_the_best_trial_of_each():
    line, dots = sweeps.latent_size(CURVES["latent_size"]).data
    assert list(line.x) == [2, 9] and list(line.y) == pytest.approx([0.01, 0.003])
    assert len(dots.x) == 3


def test_leakage_over_seeds_has_a_mark_a_seed_and_a_tiny_excess_stays_on_the_logarithmic_axis():
    report = {
        "removed": {"teff": {"excess": -0.1}, "logg": {"excess": 0.5}},
        "kept": {"mh": {"r2": 0.9}},
        "untouched": {},
    }
    paper, ours = measured.leakage(
        {"physical-removed": [report] * 3, "paper-physical-removed": [report]}
    ).data
    assert len(paper.x) == 2 and list(ours.x) == pytest.approx([-0.1, 0.5] * 3)
    leak, kept = measured.ablation([report | {"name": "a"}, report | {"name": "b", "removed": {}}]).data
    assert list(leak.x) == pytest.approx([0.5, measured.SMALLEST]) and list(leak.y) == ["a", "b"]
    assert list(kept.x) == pytest.approx([0.9, 0.9])


def test_the_front_joins_trials_that_no_other_beats_and_bars_are_between_seeds():
    points = [(0.1, 4e-4), (0.3, 1e-4), (0.2, 9e-4), (0.4, 1e-4), (0.0, 16e-4)]
    rows = [
        {"trial": k, "score": leak, "leakage": leak, "reconstruction_mse": mse, "spread leakage": 0.05}
        for k, (leak, mse) in enumerate(points)
    ]
    line, dots, star = sweeps.trade_off(rows, "balance").data
    np.testing.assert_allclose(line.x, [0.0, 0.1, 0.3])
    np.testing.assert_allclose(line.y, [0.04, 0.02, 0.01], rtol=1e-3)
    np.testing.assert_allclose(dots.error_x.array, 0.05)
    assert dots.error_y.array is None and list(star.x) == [0.0]
    rows[0]["spread reconstruction_mse"] = 1e-4
    dots = sweeps.trade_off(rows, "balance").data[1]
    assert dots.error_y.array[0] == pytest.approx(1e-4 / (2 * 0.02), rel=1e-3), "of a root"


def test_trials_over_lambda_are_named_by_it_and_joined_in_its_order():
    figure = sweeps.adversary(CURVES["adversary"])
    line, dots = figure.data
    assert list(line.x) == pytest.approx([0.1, 0.65, 0.9])
    assert list(dots.text) == ["0", "0.3", "0.3", "3"] and list(dots.marker.color) == [0, 1, 1, 2]
    assert [s.x0 for s in figure.layout.shapes] == [pytest.approx(0.8)]
    near = [*CURVES["adversary"], CURVES["adversary"][0] | {"mean_lambda": 0.5, "discriminator_error": 0.61}]
    assert list(sweeps.adversary(near).data[1].text) == ["0", "0.3", "0.3", "", "3"], (
        "no name is written over another"
    )


def test_a_failed_trial_is_not_drawn_and_the_best_is_marked():
    dots, best = sweeps.score_against(TRIALS, "model.noise", "excess").data
    assert list(dots.customdata) == [0, 1] and list(best.x) == [8.0]


def test_the_one_finished_trial_stands_in_the_middle_of_an_axis_with_different_ticks():
    figure = sweeps.score_against(TRIALS[:1], "model.noise", "excess")
    dots, best = figure.data
    assert dots.y[0] == best.y[0] and figure.layout.yaxis.range == pytest.approx((0.36, 0.44))
    assert figure.layout.xaxis.title.text == "Noise of the latent"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.1, 8.0], "log"),
        ([0.1, 0.4], "linear"),
        ([0.0, 8.0], "linear"),
        ([0, 0.1, 10], "category"),
        (["relu", "silu"], "category"),
    ],
)
def test_the_axis_of_a_field_suits_its_values(values, kind):
    assert sweeps.axis_type(values) == kind


def test_joint_errors_are_drawn_as_given_with_kiel_axes_backwards_and_limits_dashed():
    outline = np.column_stack([5000 + 100 * np.cos([0, 1, 2]), 4 + 0.2 * np.sin([0, 1, 2])])
    values = np.array([5000.0, 4.0, -0.5, 0.1])
    estimates = {
        "from the latent": ellipses.Estimate(values, {("teff", "logg"): outline}, limit=True),
        "from the spectrum": ellipses.Estimate(
            values, {("teff", "logg"): outline, ("mh", "alphafe"): outline / 1e4}
        ),
    }
    figure = ellipses.joint_errors(estimates, LABELS, others=LABEL_VALUES, own=values + 1)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert [line.line.dash for line in lines] == ["dash", "solid", "solid"]
    np.testing.assert_allclose(np.column_stack([lines[0].x, lines[0].y]), outline, rtol=1e-6)
    assert lines[0].name == "from the latent (at least)"
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert axis.range[0] > axis.range[1], "hot stars to the left, giants at the top"
    assert figure.layout.xaxis2.range[0] < figure.layout.xaxis2.range[1]
    own = [trace for trace in figure.data if trace.name == "own labels"]
    assert len(own) == 2 and own[0].x[0] == 5001
    assert sum(trace.showlegend is not False for trace in figure.data) == 4, "each once in the legend"


def test_an_axis_of_one_star_has_ticks_that_one_would_say():
    """Not 5105.38 K, and not 1.00 to 0.00 K where no star has a value."""
    high, low = style.label_span("teff", [5105.4])
    assert low < 5105.4 < high and high - low >= 20
    high, low = style.label_span("teff", [np.nan])
    assert low <= 4000 and high >= 7000
    assert style.label_span("mh", [-1.0, 0.5]) == pytest.approx(style.span([-1.0, 0.5]))


def test_lines_stand_where_they_belong_on_every_axis_of_wavelengths():
    """The Ca II line at 849.802 nm in air is at 850.036 nm in vacuum (NIST)."""
    wave = np.linspace(846, 870, 50)
    drawn = spectra.reconstruction(wave, np.ones(50), np.ones(50))
    figure = wavelengths.on_axis(drawn, angstrom=True, air=True)
    places = [shape.x0 for shape in figure.layout.shapes if shape.xref == "x"]
    assert min(abs(place - 8498.02) for place in places) < 0.03
    named = {note.text: note.x for note in figure.layout.annotations}
    assert named["S I"] == pytest.approx(8694.62, abs=0.05)
    assert "Air wavelength [Å]" in [axis.title.text for axis in figure.select_xaxes()]
    assert figure.data[0].x[0] == pytest.approx(8457.67, abs=0.05)
