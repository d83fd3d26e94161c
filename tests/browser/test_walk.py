"""The app as a person uses it in Chromium: what is drawn is checked, not only that nothing raises."""

import json
import os
import re
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from driver import (
    PATIENCE_MS,
    TITLES,
    choose,
    drag,
    go,
    live,
    panels,
    press,
    serving,
    settle,
    touching,
    until,
    visit,
)
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parents[1]))
from archive_files import archive_file

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.simulator import simulate, truth

pytestmark = pytest.mark.browser
STAR = "4268620287278693121"
MAX_ERROR = 0.5  # of a slider


@pytest.fixture(scope="module")
def simulated() -> SpectraSet:
    """A bright dwarf near the sun's parameters whose nuisances and truth are known, on the archive's grid."""
    return simulate(1, seed=11, labels=np.array([[5700.0, 4.4, -0.1, 0.05]]), snr=(150, 150), pixels=2401)


@pytest.fixture(scope="module")
def archive_csv(simulated, tmp_path_factory) -> Path:
    as_delivered = SpectraSet(
        simulated.flux,
        np.round(simulated.wavelength_nm, 3),
        [STAR],
        np.empty((1, 0)),
        (),
        simulated.flux_error,
    )
    path = tmp_path_factory.mktemp("archive") / "star.csv"
    path.write_bytes(archive_file("csv", "INDIVIDUAL", as_delivered))
    return path


def drop(page, path: Path) -> None:
    settle(page)  # the box is another one after each upload
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(str(path))


def test_an_uploaded_star_appears_on_every_page(open_browser, server, archive_csv, simulated):
    page = open_browser()
    visit(page, f"{server}/data?model=generator", "Data")
    drop(page, archive_csv)
    expect(page.get_by_text("star.csv: 1 star, 2401 pixels")).to_be_visible()
    settle(page)

    go(page, "Latent")
    assert live(page, "v.star.id") == STAR
    assert len(live(page, "v.z")) == live(page, "v.decoder.header.latent_size")

    go(page, "Parameters")
    row = page.get_by_role("row", name=re.compile("from the spectrum"))
    assert row.inner_text().count("±") == 4

    go(page, "Maps")
    places = panels(
        page, "v.overlay_ids.map((_, k) => [v.overlay[v.panels[0].x][k], v.overlay[v.panels[0].y][k]])"
    )
    [x_range, y_range] = panels(page, "[v.panels[0].x_range, v.panels[0].y_range]")
    assert min(x_range) <= places[0][0] <= max(x_range) and min(y_range) <= places[0][1] <= max(y_range)

    go(page, "Home", "GANDALF Explorer")
    drawn = page.locator(".js-plotly-plot").first.evaluate(
        "el => el.data.map((t, k) => [t.name, el.calcdata[k].length])"
    )
    assert drawn[:2] == [["observed", 800], ["reconstruction", 800]]

    go(page, "Decode")
    before, own = np.array(live(page, "[...v.flux]")), live(page, "v.star.labels")
    box = page.locator(".slider[data-label=teff] input[type=number]")
    box.fill("6500")
    box.press("Enter")
    settle(page)
    after, wave = np.array(live(page, "[...v.flux]")), np.array(live(page, "[...v.wave]"))
    assert live(page, "v.labels.teff") == 6500
    at = np.array([[own[n] for n in ("teff", "logg", "mh", "alphafe")]])
    hot = at.copy()
    hot[0, 0] = 6500
    true = np.diff([io.resample(truth(simulated, labels), wave).flux[0] for labels in (at, hot)], axis=0)[0]
    change = after - before
    assert np.linalg.norm(change - true) / np.linalg.norm(true) <= MAX_ERROR
    # Ca II grows weaker, Paschen 14 stronger, as in the simulator
    for core, wing in ((854.444, 0.3), (860.075, 0.6)):
        near = np.abs(wave - core) < wing
        assert np.sign(change[near].sum()) == np.sign(true[near].sum())


def test_uploads_are_stars_in_every_diagram(open_browser, server, archive_csv, tmp_path):
    """Hovered, clicked and lassoed like any other, and compared, mapped and removed by buttons."""
    page = open_browser(height=1600)
    places = [[10.5, -3.25], [np.nan, np.nan], [83.63321, 22.01447]]
    io.write_stars(tmp_path / "three.npz", replace(simulate(3, seed=15), positions=places))
    visit(page, f"{server}/data?model=generator&stars=simulated:50:3", "Data")
    drop(page, archive_csv)
    expect(page.get_by_text("star.csv: 1 star, 2401 pixels")).to_be_visible()
    drop(page, tmp_path / "three.npz")
    expect(page.get_by_text("three.npz: 3 stars, 800 pixels")).to_be_visible()
    settle(page)
    assert panels(page, "v.overlay_ids.length") == 4 and panels(page, "v.count") == 50
    notes = ["three.npz, RA 10.50000°, Dec −3.25000°", "three.npz", "three.npz, RA 83.63321°, Dec +22.01447°"]
    assert panels(page, "v.overlay_notes") == [*notes, "star.csv, RA 285.29000°, Dec +2.48000°"]
    canvas = page.locator(".panels figure canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    row = panels(page, f"v.overlay_ids.indexOf('{STAR}')")
    place = "[s.X(v.overlay[p.x][k]), s.Y(v.overlay[p.y][k])]"
    x, y = panels(
        page, f"(() => {{ const k = {row}, p = v.panels[0], s = v.views[0].axes; return {place} }})()"
    )
    page.mouse.move(box["x"] + x, box["y"] + y)
    assert panels(page, "v.views[0].hover - v.count") == row
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_url(re.compile(f"star={STAR}"))
    settle(page)
    drag(page, box, (0.02, 0.02), (0.98, 0.02), (0.98, 0.9), (0.02, 0.9), (0.02, 0.04))
    expect(page.get_by_text("54 of 54 stars selected")).to_be_visible()
    page.get_by_role("button", name="Compare").first.click()
    expect(page.get_by_text("as a share of the continuum")).to_be_visible()
    settle(page)
    drawn = page.locator(".js-plotly-plot").first.evaluate("el => el.data.map(t => t.name)")
    assert sorted(drawn) == ["sim15-0", "sim15-1", "sim15-1 − sim15-0", "sim15-2", "sim15-2 − sim15-0"]
    page.get_by_role("button", name="Map", exact=True).first.click()
    expect(page.get_by_role("heading", level=1, name="Maps")).to_be_visible()
    settle(page)
    assert panels(page, "v.ids") == ["sim15-0", "sim15-1", "sim15-2"]
    assert panels(page, "v.notes") == notes
    assert panels(page, "v.columns[`${v.panels[0].sample} x`].length") > 1000
    go(page, "Data")
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_role("heading", name="Your stars")).to_have_count(0)
    settle(page)
    press(page, "Diagrams")
    assert "uploads=" not in page.url and panels(page, "v.overlay_ids.length") == 0


def test_maps_that_are_asked_for_are_queued_and_the_old_ones_stay(open_browser, server):
    page = open_browser(height=1600)
    visit(page, f"{server}/maps?model=generator", "Maps")
    titles = panels(page, "v.panels.map(p => p.title)")
    assert len(titles) == 16
    page.get_by_role("button", name="Map settings").click()
    page.get_by_role("button", name="Show maps with these settings").click()
    expect(page.get_by_role("button", name="Cancel")).to_have_count(1)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(page).to_have_url(re.compile("map_settings=30%3A15%3A0"))
    assert panels(page, "v.panels.map(p => p.title)") == titles
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Make the missing maps")).to_be_visible()


def test_the_browser_decodes_as_python_does(open_browser, server):
    from gandalf_core import load_model

    page = open_browser()
    visit(page, f"{server}/decode?model=generator", "Decode")
    box = page.locator(".slider[data-label=teff] input[type=number]")
    box.fill("7500")
    box.press("Enter")
    settle(page)
    expect(page.locator(".slider.outside .note")).to_contain_text("extrapolation: 98 % of the stars have")
    model = load_model(Path(os.environ.get("GANDALF_PRETRAINED", "pretrained")) / "generator")
    labels = live(page, "v.labels")
    flux = model.decode(
        np.array([live(page, "v.z")], np.float32), np.array([[labels[n] for n in model.label_names]])
    )[0]
    assert np.abs(np.array(live(page, "[...v.flux]")) - flux).max() < 1e-5


def test_a_typed_value_stays_on_the_track_and_an_empty_box_gets_its_value_back(open_browser, server):
    page = open_browser()
    visit(page, f"{server}/decode?model=generator&stars=simulated:50:3&star=sim3-31", "Decode")
    own = live(page, "v.labels.teff")
    slider = page.locator(".slider[data-label=teff]")
    box, track = slider.locator("input[type=number]"), slider.locator("input[type=range]")
    low, high = (float(track.get_attribute(end)) for end in ("min", "max"))
    assert low < 4500 and high == 7500, "as far as the preset goes"
    box.fill("")
    box.press("Enter")
    assert box.input_value() == f"{own:.0f}" and live(page, "v.labels.teff") == own
    for typed, result in (("99999", high), ("-500", low)):
        box.fill(typed)
        box.press("Enter")
        settle(page)
        assert live(page, "v.labels.teff") == result == float(box.input_value())


def test_a_curve_is_hidden_by_the_keyboard_and_the_focus_stays(open_browser, server):
    page = open_browser()
    visit(page, f"{server}/decode?model=generator", "Decode")
    chip = page.locator(".legend .chip").first
    live(page, "v.paints")
    for pressed in ("false", "true"):
        chip.press("Enter")
        expect(chip).to_have_attribute("aria-pressed", pressed)
        expect(chip).to_be_focused()


def test_dragging_a_slider_repaints_at_once_and_keeps_the_zoom(open_browser, server):
    page = open_browser()
    some = simulate(50, seed=3)
    dwarf = some.ids[np.argmin(np.abs(some.label("teff") - 5800) / 300 + np.abs(some.label("logg") - 4.4))]
    visit(page, f"{server}/decode?model=generator&stars=simulated:50:3&star={dwarf}", "Decode")
    spectrum = page.locator(".spectrum").bounding_box()
    drag(page, spectrum, (0.4, 0.5), (0.6, 0.5))
    zoom = live(page, "v.zoom")
    assert zoom and 1 < zoom[1] - zoom[0] < 10
    thumb = page.locator(".slider[data-label=teff] input[type=range]").bounding_box()
    painted, before = live(page, "v.paints"), live(page, "v.labels.teff")
    page.mouse.move(thumb["x"] + thumb["width"] * 0.5, thumb["y"] + thumb["height"] / 2)
    page.mouse.down()
    for k in range(12):
        page.mouse.move(thumb["x"] + thumb["width"] * (0.5 + 0.01 * k), thumb["y"] + thumb["height"] / 2)
        page.wait_for_timeout(30)
    # the button is still down
    assert live(page, "v.paints") >= painted + 6 and live(page, "v.labels.teff") != before
    page.mouse.up()
    settle(page)
    assert live(page, "v.zoom") == zoom
    expect(page.get_by_text("Relative error of the change")).to_be_visible()


def look_at(page, star: str) -> None:
    """Type a star's id into the sidebar, whose list is too long for the page."""
    box = page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").nth(2).get_by_role("combobox")
    box.fill(star)
    page.get_by_role("option", name=star, exact=True).click()
    until(page, "v.star.id", star)


@pytest.mark.long
def test_sliders_and_server_agree_whatever_is_switched(open_browser, server):
    """The numbers below the figure, and the downloads, belong to what the sliders show."""
    page = open_browser()
    query = "model=generator&stars=simulated:50:3&star=sim3-31"
    visit(page, f"{server}/latent?{query}", "Latent")
    own = live(page, "[...v.z]")
    number = page.locator(".gandalf .value")
    number.focus()
    for _ in range(30):
        number.press("ArrowRight")
    number.blur()
    until(page, "v.pending", None)
    edited = live(page, "[...v.z]")
    assert edited != own
    choose(page, "Model", "physical-removed")
    until(page, "v.data.title", "physical-removed")
    until(page, "v.decoder.key === v.data.weights", True)
    assert live(page, "v.z.length") == live(page, "v.decoder.header.latent_size") != len(own)
    choose(page, "Model", "generator")
    until(page, "v.data.title", "generator")
    assert live(page, "[...v.z]") == edited
    go(page, "Decode")
    assert live(page, "[...v.z]") == own  # an edited latent is drawn only on the page that edits it
    box = page.locator(".slider[data-label=teff] input[type=number]")
    box.fill("6000")
    box.press("Enter")
    until(page, "v.pending", None)
    expect(page.get_by_text("Relative error of the change")).to_be_visible()
    choose(page, "Model", "physical-removed")
    until(page, "v.data.title", "physical-removed")
    assert live(page, "v.labels.teff") == 6000 == live(page, "v.truth.labels.teff")
    look_at(page, "sim3-30")
    assert (
        live(page, "v.labels.teff") == live(page, "v.star.labels.teff") == live(page, "v.truth.labels.teff")
    )
    look_at(page, "sim3-31")
    assert live(page, "v.labels.teff") == 6000 == live(page, "v.truth.labels.teff")
    page.locator(".gandalf .reset").click()
    until(page, "v.pending", None)
    assert (
        live(page, "v.labels.teff") == live(page, "v.star.labels.teff") == live(page, "v.truth.labels.teff")
    )


def test_a_training_is_stopped_resumed_used_and_deleted(open_browser, server, tmp_path):
    page = open_browser()
    io.write_stars(tmp_path / "few.npz", simulate(500, seed=12))
    visit(page, f"{server}/data?model=generator", "Data")
    drop(page, tmp_path / "few.npz")
    expect(page.get_by_text("few.npz: 500 stars, 800 pixels")).to_be_visible()
    settle(page)
    go(page, "Train")
    sample = (
        page.get_by_test_id("stMain")
        .get_by_test_id("stSelectbox")
        .filter(has_text="Stars")
        .get_by_role("combobox")
    )
    sample.click()
    page.get_by_role("option", name=re.compile("uploaded:")).click()
    choose(page, "Preset", "paper-physical-removed")  # whose mean needs no grid of simulations first
    page.locator("input[aria-label=Epochs][value='20']").wait_for()  # the preset's own
    expect(page.get_by_label("Epochs")).to_have_count(1)
    page.get_by_label("Epochs").fill("150")
    page.get_by_label("Epochs").press("Enter")
    settle(page)
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(re.compile("epoch \\d+ of 150"))).to_be_visible()
    page.get_by_role("button", name="Stop after this epoch").click()
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Use this model everywhere").click()
    chosen = page.get_by_test_id("stSidebar").get_by_test_id("stSelectbox").first.get_by_role("combobox")
    expect(chosen).to_have_value(re.compile("physical-removed"))
    go(page, "Decode")
    assert live(page, "v.labels.teff") > 0
    go(page, "Train")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Yes, delete it").click()
    expect(page.get_by_text("No training yet")).to_be_visible()
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_role("button", name="Use this model everywhere")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_lasso_lights_the_same_stars_everywhere(open_browser, server):
    page = open_browser(height=1400)
    visit(page, f"{server}/maps?model=generator", "Maps")
    canvas = page.locator(".panels figure canvas").first.bounding_box()
    drag(page, canvas, (0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.32))
    chosen = panels(page, "v.ids.filter((_, k) => v.selected[k])")
    assert 0 < len(chosen) < panels(page, "v.count")
    expect(page.get_by_text("Mean spectrum and spread").first).to_be_visible()
    settle(page)
    names = page.locator(".js-plotly-plot").first.evaluate("el => el.data.map(t => t.name)")
    assert any(f"selected ({len(chosen):,})" == n for n in names)
    go(page, "Data")
    assert sorted(panels(page, "v.ids.filter((_, k) => v.selected[k])")) == sorted(chosen)
    page.locator(".clear").first.click()
    settle(page)
    assert panels(page, "v.selectedCount") == 0


def place_of(page, row: str) -> list[float]:
    """Pixels of a star, given by its row as an expression of `v`, in the first panel."""
    place = "[s.X(v.columns[p.x][k]), s.Y(v.columns[p.y][k])]"
    return panels(
        page, f"(() => {{ const k = {row}, p = v.panels[0], s = v.views[0].axes; return {place} }})()"
    )


def test_a_click_on_a_point_looks_at_that_star(open_browser, server):
    page = open_browser()
    visit(page, f"{server}/data?model=generator", "Data")
    x, y = place_of(page, "v.count - 1")
    box = page.locator(".panels figure canvas").first.bounding_box()
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_url(re.compile("star="))
    settle(page)
    star = panels(page, "v.data.star")
    star_x, star_y = place_of(page, f"v.ids.indexOf('{star}')")
    assert np.hypot(star_x - x, star_y - y) < 10


def test_a_latent_dimension_is_dragged_and_the_spectrum_follows(open_browser, server):
    page = open_browser(height=1200)
    visit(page, f"{server}/latent?model=generator", "Latent")
    z, flux = live(page, "[...v.z]"), np.array(live(page, "[...v.flux]"))
    box = page.locator(".bars").bounding_box()
    count = len(z)
    column = (58 + (box["width"] - 70) * 2.5 / count) / box["width"]
    drag(page, box, (column, 0.45), (column, 0.15))
    settle(page)
    moved = live(page, "[...v.z]")
    assert [k for k in range(count) if moved[k] != z[k]] == [2]
    assert np.abs(np.array(live(page, "[...v.flux]")) - flux).max() > 1e-5
    page.get_by_role("button", name="Reset", exact=True).click()
    settle(page)
    assert live(page, "[...v.z]") == z


def test_choices_survive_a_reload_and_can_be_shared(open_browser, server):
    page = open_browser()
    visit(page, f"{server}/decode?model=physical-removed&stars=simulated:50:3&star=sim3-8", "Decode")
    go(page, "Latent")
    assert live(page, "v.star.id") == "sim3-8"
    page.reload()
    expect(page.get_by_role("heading", level=1, name="Latent")).to_be_visible()
    settle(page)
    assert live(page, "v.star.id") == "sim3-8" and live(page, "v.data.title") == "physical-removed"
    other = open_browser()
    visit(other, page.url, "Latent")
    assert live(other, "v.star.id") == "sim3-8"


@pytest.mark.long
def test_a_stopped_training_is_found_by_its_link(open_browser, server):
    page = open_browser(height=1200)
    visit(page, f"{server}/train", "Train")
    choose(page, "Preset", "paper-physical-removed")
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text(re.compile(r"epoch ([2-9]|\d\d) of"))).to_be_visible(timeout=3 * PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"job=[0-9a-f]{12}"))
    # the figure below the losses: four watched parameters, each with the line of guessing
    page.wait_for_function(
        "() => document.querySelectorAll('.js-plotly-plot')[1]?.data?.length === 8", timeout=PATIENCE_MS
    )
    page.get_by_role("button", name="Stop after this epoch").click()
    expect(page.get_by_text("cancelled").first).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    other = open_browser(height=1200)
    visit(other, page.url, "Train")
    expect(other.get_by_text("cancelled").first).to_be_visible()


@pytest.mark.long
def test_a_sweep_is_started_watched_and_cancelled(open_browser, server):
    page = open_browser(height=1200)
    visit(page, f"{server}/sweeps", "Sweeps")
    page.get_by_text("New sweep").click()  # closed, since the project comes with sweeps
    choose(page, "Preset", "autoencoder")
    box = page.get_by_role("textbox", name="Fields and their values")
    box.fill("model.latent_size=one")
    box.press("Control+Enter")
    expect(page.get_by_test_id("stAlert").first).to_contain_text("model.latent_size")
    box.fill("model.latent_size=2,4,8,16")
    box.press("Control+Enter")
    expect(page.get_by_text("4 trials")).to_be_visible()
    page.get_by_role("button", name="Start the sweep").click()
    expect(page.get_by_text(re.compile(r"[1-3] of 4 trials"))).to_be_visible(timeout=3 * PATIENCE_MS)
    expect(page).to_have_url(re.compile(r"sweep=[0-9a-f]{12}"))
    settle(page)
    drawn = page.locator(".js-plotly-plot").first.evaluate("el => el.data.map(t => [t.name, t.x.length])")
    assert [name for name, _ in drawn] == ["one trial", "the best"] and drawn[0][1] >= 1
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile(r"Train trial \d"))).to_be_visible()


def opened_deep(open_browser, url: str, path: str) -> None:
    """A page opened by its address alone, in a session of its own."""
    page = open_browser()
    visit(page, f"{url}/{path}", TITLES[path])
    expect(page.get_by_test_id("stSidebarNav").get_by_role("link")).to_have_count(len(TITLES))
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.close()


@pytest.mark.parametrize("path", ["", "decode"])
def test_a_deep_link_works_on_a_fresh_server(open_browser, tmp_path, path):
    with serving(tmp_path) as url:
        opened_deep(open_browser, url, path)


@pytest.mark.long
def test_deep_links_work_on_a_server_that_has_seen_nobody(open_browser, tmp_path):
    with serving(tmp_path) as url:
        for path in TITLES:
            if path not in ("", "decode"):
                opened_deep(open_browser, url, path)


FITS = "() => document.querySelector('[data-testid=stMain]').scrollWidth <= Math.max(392, innerWidth)"


@pytest.mark.parametrize(
    ("scheme", "widths"),
    [("light", (1280, 390)), pytest.param("dark", (390, 1280), marks=pytest.mark.long)],
)
def test_every_page_opens_in_both_themes_and_fits_a_phone(open_browser, server, scheme, widths):
    """Opened in one width, and then turned to the other."""
    page = open_browser(scheme=scheme)
    for path, title in TITLES.items():
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            if width == widths[0]:
                visit(page, f"{server}/{path}?model=generator", title)
            settle(page)
            expect(page.get_by_test_id("stException")).to_have_count(0)
            page.wait_for_function(FITS)


@pytest.mark.long  # test_researcher.py looks at the widest legend
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_no_legend_touches_its_title(open_browser, server, scheme):
    page = open_browser(width=390, height=1400, scheme=scheme)
    for path, title in (
        ("audit", "Audit"),
        ("tour?view=1&tour_step=2+The+adversary", "Tour"),
        ("", TITLES[""]),
    ):
        sign = "&" if "?" in path else "?"
        visit(page, f"{server}/{path}{sign}model=physical-removed&stars=simulated:50:3", title)
        page.locator(".js-plotly-plot .gtitle").first.wait_for()
        page.locator(".js-plotly-plot .legend").first.wait_for()
        assert touching(page) == []


def test_on_a_phone_switches_wrap_and_the_names_of_lines_do_not_overlap(open_browser, server):
    page = open_browser(width=390, height=1400)
    visit(page, f"{server}/parameters?model=generator&stars=simulated:50:3", "Parameters")
    last = page.get_by_test_id("stButtonGroup").first.get_by_text("Table", exact=True).bounding_box()
    assert last["x"] + last["width"] <= 390
    visit(page, f"{server}/?model=generator&stars=simulated:50:3", "GANDALF Explorer")
    page.locator(".js-plotly-plot .annotation-text:visible").first.wait_for()
    boxes = page.locator(".js-plotly-plot .annotation-text").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect())"
    )
    seen = sorted((b["x"], b["x"] + b["width"]) for b in boxes if b["width"])
    assert len(seen) >= 3 and all(a[1] <= b[0] for a, b in pairwise(seen))


def test_a_missing_star_is_reported_and_the_first_one_shown(open_browser, server):
    page = open_browser()
    visit(page, f"{server}/decode?model=generator&stars=simulated:50:3&star=nobody", "Decode")
    expect(page.get_by_test_id("stSidebar").get_by_text("nobody does not exist here")).to_be_visible()
    assert live(page, "v.star.id") == "sim3-0"


def test_everything_on_a_figure_can_be_saved(open_browser, server, tmp_path):
    page = open_browser()
    visit(page, f"{server}/decode?model=generator", "Decode")
    live(page, "v.paints")
    saved = {}
    for button in ("SVG", "PNG"):
        with page.expect_download() as download:
            page.locator(".tools").get_by_role("button", name=button).click()
        saved[button] = Path(download.value.path()).read_bytes()
    for name in ("observed", "reconstruction", "generated", "Ca II", "Paschen", "[α/Fe]", "generator"):
        assert name in saved["SVG"].decode()
    assert saved["PNG"].startswith(b"\x89PNG")
    width = int.from_bytes(saved["PNG"][16:20], "big")
    assert width == 2 * round(page.locator(".spectrum").bounding_box()["width"])
    with page.expect_download() as download:
        page.get_by_role("button", name="npz").click()
    assert "generator" in download.value.suggested_filename
    with np.load(download.value.path(), allow_pickle=False) as file:
        assert file["flux"].shape == (1, 800)
        assert "generator" in json.loads(str(file["provenance"]))["decoded"]["model"]
