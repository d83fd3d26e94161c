"""Figures for papers: what matplotlib draws is what the Plotly figure holds, with words, units and source."""

import re

import numpy as np
import plotly.graph_objects as go
import pytest

from gandalf_core.errors import GandalfError
from gandalf_core.figures import audits, latents, panels, regression, spectra, training
from gandalf_core.publishing.paper import Note, figure_bytes, save_figure, sheet_of
from gandalf_core.publishing.paper_panels import panels_bytes, save_panels
from gandalf_core.publishing.paper_text import words

NAMES = ("teff", "logg", "mh", "alphafe")
NOTE = Note.of("What is seen, costs $5.", {"model": "generator@df98", "stars": "simulated:40:3"})
RNG = np.random.default_rng(0)
LABELS = np.column_stack([RNG.uniform(lo, hi, 40) for lo, hi in ((4000, 7000), (1, 5), (-2, 0), (0, 0.4))])
WAVE = np.linspace(846, 870, 60)
HISTORY = [
    {
        "epoch": k,
        "reconstruction_mse": 1e-3 / k,
        "discriminator_accuracy": {"teff": 0.3},
        "chance": {"teff": 0.1},
    }
    for k in (1, 2, 3)
]
AUDIT = {
    "removed": {n: {"partial": 0.004, "upper": 0.01, "detectable": 0.006, "r2": 0.3} for n in NAMES[:2]},
    "counterfactual": {n: {"relative_error": 0.1 + 0.1 * k} for k, n in enumerate(NAMES)},
}


def text_of(svg: bytes) -> str:
    """All words of an SVG, whose text is text."""
    return " ".join(re.findall(r">([^<>\n]+)<", svg.decode()))


def flux(count: int) -> np.ndarray:
    return 1 + 0.1 * RNG.standard_normal((count, len(WAVE)))


FIGURES = {
    "reconstruction": (lambda: spectra.reconstruction(WAVE, *flux(2), error=0.1 + 0 * WAVE), "Residual [σ]"),
    "truth": (lambda: regression.predicted_against_true(LABELS, LABELS, NAMES), "true log g [dex]"),
    "leaks": (lambda: audits.leaks(AUDIT), "Partial R² beyond the kept parameters"),
    "sliders": (lambda: audits.counterfactual(AUDIT), "Relative error of the change"),
    "correlation": (lambda: latents.correlation(RNG.uniform(-1, 1, (4, 6)), NAMES), "rank correlation"),
    "losses": (lambda: training.rms_error(HISTORY), "Rms error [flux]"),
    "nothing": (lambda: audits.leaks({}), "This model removes nothing."),
}


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_drawn_with_its_words_and_source(name):
    make, expected = FIGURES[name]
    text = text_of(figure_bytes(make(), "svg", NOTE))
    assert expected in text and words(make().layout.title.text) in text
    assert "What is seen, costs $5." in text and "model: generator@df98; stars: simulated:40:3" in text


def test_numbers_and_ranges_are_those_of_the_figure():
    figure = spectra.reconstruction(WAVE, *flux(2), title="a & b")
    sheet = sheet_of(figure, NOTE)
    above, below = sheet.axes
    for trace, line in zip(figure.data[:2], above.lines, strict=False):
        np.testing.assert_array_equal(line.get_ydata(), np.asarray(trace.y, float))
        assert line.get_color() == trace.line.color
    np.testing.assert_allclose(above.get_ylim(), figure.layout.yaxis.range)
    assert above.get_xlim() == below.get_xlim() == (WAVE[0], WAVE[-1])
    assert below.get_xlabel() == "Vacuum wavelength [nm]" and not above.get_xlabel()


def test_bars_heat_maps_and_logarithms():
    bars = sheet_of(audits.counterfactual(AUDIT)).axes[0]
    assert [patch.get_height() for patch in bars.patches] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert [t.get_text() for t in bars.get_xticklabels()][1:] == ["log g", "[M/H]", "[α/Fe]"]
    z = RNG.uniform(-1, 1, (4, 6))
    heat, bar = sheet_of(latents.correlation(z, NAMES)).axes
    np.testing.assert_allclose(heat.collections[0].get_array(), z, rtol=1e-6)
    assert bar.get_ylabel() == "rank correlation" and heat.get_ylim()[0] > heat.get_ylim()[1]
    leaks = sheet_of(audits.leaks(AUDIT)).axes[0]
    assert leaks.get_xscale() == "log" and leaks.get_xlim()[1] == pytest.approx(10**0.1)
    stacked = go.Figure([go.Bar(x=["a"], y=[1.0]), go.Bar(x=["a"], y=[2.0])]).update_layout(barmode="stack")
    assert [p.get_y() for p in sheet_of(stacked).axes[0].patches] == [0.0, 1.0]


def test_a_decoded_star_has_its_curves_and_changes():
    curves = dict(zip(spectra.CURVES, flux(4), strict=True))
    changes = {"generated": curves["generated"] - curves["reconstruction"]}
    above, below = sheet_of(spectra.decoded(WAVE, curves, changes, "sim3-1")).axes
    drawn = {line.get_label(): line for line in above.lines}
    for name, values in curves.items():
        np.testing.assert_allclose(drawn[name].get_ydata(), values, rtol=1e-6)
    assert drawn["truth (simulator)"].get_linestyle() == "--" and below.get_ylabel() == "Change in flux"
    np.testing.assert_allclose(below.lines[0].get_ydata(), changes["generated"], atol=1e-6)


def a_map() -> panels.LinkedPanels:
    ids = np.array([f"s{k}" for k in range(40)])
    one = panels.Map("latent of generator", ids, RNG.normal(size=(40, 2)), np.array([0.5, 0.1, 0.2, 0.3]))
    return panels.maps([one], ids, LABELS, NAMES)


def test_maps_have_colour_bars_with_units():
    text = text_of(panels_bytes(a_map(), "svg", "t-SNE", NOTE, selected=np.arange(40) < 9))
    for expected in (
        "log g [dex]",
        "latent of generator: log g",
        "k-NN R² = 0.50",
        "t-SNE",
        "generator@df98",
    ):
        assert expected in text


def test_diagrams_have_axes_and_stars_of_ones_own():
    ids = np.array([f"s{k}" for k in range(40)])
    own = {"overlay_ids": ids[:2], "overlay_labels": LABELS[:2], "overlay_errors": np.ones((2, 4))}
    text = text_of(panels_bytes(panels.diagrams(ids, LABELS, NAMES, **own), "svg", "Stars", columns=2))
    assert "Kiel diagram" in text and "log g [dex]" in text and "[α/Fe] [dex]" in text


def test_files_are_of_the_kind_that_their_suffix_says(tmp_path):
    figure = audits.leaks({})
    for name, start in (("a.pdf", b"%PDF"), ("a.png", b"\x89PNG"), ("a.svg", b"<?xml")):
        save_figure(tmp_path / name, figure, NOTE)
        assert (tmp_path / name).read_bytes().startswith(start)
    save_panels(tmp_path / "m.png", a_map(), "t-SNE")
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(GandalfError, match=r"figures are written as \.pdf, \.svg, \.png"):
        save_figure(tmp_path / "a.gif", figure)
