"""docs/tour.md, word by word: every page, step, button and slider that it names is where it says."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from driver import TITLES, live, panels, press, until, visit
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
SHEET = (Path(__file__).parents[2] / "docs" / "tour.md").read_text(encoding="utf-8")
STARS = "model=generator&stars=simulated:50:3"


def test_every_link_of_the_sheet_opens_its_step(open_browser, server):
    page = open_browser()
    links = re.findall(r"\[([^\]]+)\]\((http[^)]+)\)", SHEET)
    assert [name for name, _ in links] == ["Entangled", "The adversary", "A fresh probe", "Decode"]
    for name, link in links:
        address = urlsplit(link)
        step = parse_qs(address.query)["tour_step"][0]
        assert step.endswith(name)
        visit(page, f"{server}{address.path}?{address.query}&{STARS}", "Tour")
        chosen = page.get_by_test_id("stButtonGroup").get_by_role("radio", name=step)
        expect(chosen).to_be_checked()


def test_what_the_sheet_names_is_there(open_browser, server):
    """The pages in bold type; in step 4 the star, the button, the slider and the numbers that it asks for."""
    named = set(re.findall(r"\*\*([A-Z]\w+)\*\*", SHEET))
    assert set(TITLES.values()) - {"GANDALF Explorer"} <= named | {"Models", "Latent", "Maps"}
    page = open_browser(height=1600)
    visit(page, f"{server}/tour?view=1&tour_step=4+Decode&{STARS}", "Tour")
    live(page, "v.paints")
    for kind in ("A giant near 4700 K", "A dwarf near 5700 K"):
        assert kind == "A giant near 4700 K" or kind in SHEET
        page.get_by_role("button", name=kind).click()
        until(page, f"Math.abs(v.star.labels.teff - {kind.split()[-2]}) < 400", True)
    assert panels(page, "v.panels.map(p => p.title)") == ["Kiel diagram"]
    page.get_by_text("Dwarf and giant side by side").click()
    drawn = "() => document.querySelector('.js-plotly-plot')?.data?.length === 3"
    page.wait_for_function(drawn)
    for pressed in re.findall(r"Press \*(Teff[^*]+)\*", SHEET):
        names = live(page, "[...v.part('presets').children].map(e => e.textContent)")
        assert pressed in names
    page.locator(".presets button").first.click()
    expect(page.locator(".slider.outside .note").first).to_contain_text("extrapolation")


def test_the_tour_for_astronomers_leads_from_the_file_to_the_verdict(open_browser, server):
    page = open_browser()
    visit(page, f"{server}/tour?{STARS}", "Tour")
    press(page, "For astronomers: from a file to a verdict")
    main = page.get_by_test_id("stMain")
    for number in (4, 3, 2, 1):
        step = main.get_by_role("link", name=re.compile(f"{number} [A-Z]")).first
        expect(step).to_be_visible()
    step.click()
    expect(page.get_by_role("heading", level=1, name="Data")).to_be_visible()
    expect(page.get_by_test_id("stFileUploaderDropzone").first).to_be_visible()
