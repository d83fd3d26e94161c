"""Views that one keeps: in a link, by undo, as code, as a page of one file, as figures and tables."""

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from driver import drag, go, live, panels, press, settle, until, visit
from playwright.sync_api import expect

from gandalf_core import load_model

pytestmark = pytest.mark.browser
VIEW = "model=generator&stars=simulated:50:3&star=sim3-31"
GENERATOR = "document.querySelector('.gandalf').gandalf"


def set_teff(page, value: int) -> None:
    box = page.locator(".slider[data-label=teff] input[type=number]")
    box.fill(str(value))
    box.press("Enter")
    until(page, "v.pending", None)
    expect(page).to_have_url(re.compile(f"set=teff%3A{value}"))


def shows(page, value: int) -> None:
    """Slider, address and curve are those of a temperature."""
    expect(page).to_have_url(re.compile(f"set=teff%3A{value}"))
    until(page, "v.labels.teff", value)


def file_of(page, button, folder: Path) -> Path:
    with page.expect_download() as download:
        button.click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_undo_back_reload_and_the_link_bring_a_view_back(open_browser, server):
    page = open_browser(height=1200)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, f"{server}/decode?{VIEW}", "Decode")
    live(page, "v.paints")
    expect(page).to_have_url(re.compile("view=1"))
    set_teff(page, 6500)
    set_teff(page, 5000)
    page.get_by_role("heading", level=1).click()  # out of the box, whose own undo comes first
    page.keyboard.press("Control+z")
    shows(page, 6500)
    page.keyboard.press("Control+Shift+Z")
    shows(page, 5000)
    page.get_by_role("button", name="Undo").click()
    shows(page, 6500)
    spectrum = page.locator(".spectrum").bounding_box()
    drag(page, spectrum, (0.4, 0.5), (0.6, 0.5))
    zoom = live(page, "v.zoom")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    go(page, "Audit")
    press(page, "Sliders")
    expect(page).to_have_url(re.compile("audit_view=Sliders"))
    press(page, "Numbers")
    page.go_back()
    expect(page).to_have_url(re.compile("audit_view=Sliders"))
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    other = open_browser(height=1200)
    visit(other, link, "Decode")
    shows(other, 6500)
    np.testing.assert_allclose(live(other, "v.zoom"), zoom, atol=1e-3)
    other.reload()
    settle(other)
    shows(other, 6500)


def test_the_copied_code_gives_the_numbers_that_are_drawn(open_browser, server):
    page = open_browser(height=1200)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit(page, f"{server}/decode?{VIEW}&view=1&set=teff:6500,mh:-0.5", "Decode")
    live(page, "v.paints")
    page.get_by_role("button", name="Code").click()
    block = page.get_by_test_id("stCode").first
    block.hover()
    block.get_by_role("button").first.click()
    names: dict = {}
    exec(page.evaluate("navigator.clipboard.readText()"), names)
    assert names["labels"][0, 0] == 6500 and names["labels"][0, 2] == -0.5
    assert np.abs(names["flux"] - live(page, "[...v.flux]")).max() < 1e-4


@pytest.mark.long
def test_selections_are_sets_with_names_in_the_link(open_browser, server):
    page = open_browser(height=1400)
    visit(page, f"{server}/data?model=generator&stars=simulated:50:3", "Data")
    canvas = page.locator(".panels figure canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    left = ((0.1, 0.05), (0.5, 0.05), (0.5, 0.9), (0.1, 0.9), (0.1, 0.07))
    right = ((0.5, 0.05), (0.97, 0.05), (0.97, 0.9), (0.5, 0.9), (0.5, 0.07))

    def lasso(*corners) -> set[str]:
        drag(page, box, *corners)
        page.wait_for_timeout(400)
        settle(page)
        return set(panels(page, "v.ids.filter((_, k) => v.selected[k])"))

    first = lasso(*left)
    press(page, "adds")
    both = lasso(*right)
    assert first < both
    press(page, "subtracts")
    second = lasso(*left)
    assert second == both - first
    page.get_by_role("button", name="Invert").click()
    expect(page.get_by_text(f"{50 - len(second)} of 50 stars selected")).to_be_visible()
    page.get_by_role("button", name="Named selections").click()
    page.get_by_label("Name of the selection").fill("the others")
    page.get_by_role("button", name="Keep these").click()
    expect(page.get_by_role("button", name="the others")).to_be_visible()
    expect(page).to_have_url(re.compile("selected=key-"))
    other = open_browser(height=1400)
    visit(other, page.url, "Data")
    assert (
        set(panels(other, "v.ids.filter((_, k) => v.selected[k])"))
        == {f"sim3-{k}" for k in range(50)} - second
    )


def test_a_star_saved_as_a_page_decodes_without_a_server(open_browser, server, tmp_path):
    page = open_browser(height=1200)
    visit(page, f"{server}/decode?{VIEW}&view=1&set=teff:6500", "Decode")
    live(page, "v.paints")
    path = file_of(page, page.get_by_role("button", name="Save as a page"), tmp_path)
    assert path.stat().st_size <= 3_000_000
    saved = open_browser(width=390)
    saved.goto(path.as_uri())
    saved.wait_for_function(f"{GENERATOR}?.decoder && {GENERATOR}.paints > 0")
    expect(saved.get_by_text("A&A 694, A326")).to_be_visible()  # the reference, on the card
    assert saved.evaluate("document.documentElement.scrollWidth") <= 390
    model = load_model("generator")
    for label, value in (("teff", 6500.0), ("logg", 2.0)):
        if label == "logg":
            box = saved.locator(".slider[data-label=logg] input[type=number]")
            box.fill("2")
            box.press("Enter")
        z, labels, flux = saved.evaluate(
            f"(v => [v.z, v.labels, [...v.decoder.run(v.z, v.labels)]])({GENERATOR})"
        )
        assert labels[label] == value
        given = np.array([[labels[name] for name in model.label_names]])
        assert np.abs(model.decode(np.array([z], np.float32), given)[0] - flux).max() < 1e-4
    saved.get_by_role("button", name="6500 K").last.click()
    truth = saved.evaluate(f"{GENERATOR}.truth.labels")
    assert truth["teff"] == 6500.0


def test_a_map_saved_as_a_page_has_its_lasso(open_browser, server, tmp_path):
    page = open_browser(height=1200)
    visit(page, f"{server}/maps?model=generator", "Maps")
    panels(page, "v.paints")
    path = file_of(page, page.get_by_role("button", name="Save as a page"), tmp_path)
    assert path.stat().st_size <= 3_000_000
    saved = open_browser(height=1200)
    saved.goto(path.as_uri())
    view = "document.querySelector('.panels').gandalf"
    saved.wait_for_function(f"{view}?.paints > 0")
    assert saved.evaluate(f"{view}.panels.length") == 16
    box = saved.locator(".panels figure canvas").first.bounding_box()
    drag(saved, box, (0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7), (0.3, 0.32))
    count = saved.evaluate(f"{view}.selectedCount")
    assert 0 < count < saved.evaluate(f"{view}.count")
    csv = file_of(saved, saved.get_by_role("button", name="Selected stars as csv"), tmp_path)
    lines = csv.read_text().splitlines()
    assert lines[0] == "id,teff,logg,mh,alphafe" and len(lines) == count + 1


@pytest.mark.long  # tests/test_paper.py and tests/test_io_results.py look at what the files hold
def test_figures_and_tables_for_papers(open_browser, server, tmp_path):
    page = open_browser(height=1200)
    visit(page, f"{server}/?{VIEW}", "GANDALF Explorer")
    page.get_by_role("button", name="Save figure").first.click()
    svg = file_of(page, page.get_by_role("button", name="SVG"), tmp_path).read_text(encoding="utf-8")
    for words in ("Vacuum wavelength [nm]", "Residual [σ]", "generator@", "simulated:50:3"):
        assert words in svg
    assert file_of(page, page.get_by_role("button", name="PDF"), tmp_path).read_bytes().startswith(b"%PDF")
    visit(page, f"{server}/data?{VIEW}&view=1&data_view=Table", "Data")
    page.get_by_role("button", name="Other formats").click()
    ecsv = file_of(page, page.get_by_role("button", name="ecsv"), tmp_path)
    table = Table.read(ecsv, format="ascii.ecsv")
    assert len(table) == 50 and table["teff"].unit == "K" and table.meta["stars"] == "simulated:50:3"
    tex = file_of(page, page.get_by_role("button", name="tex"), tmp_path).read_text(encoding="utf-8")
    assert "$T_\\mathrm{eff}$" in tex and "model: generator@" in tex
