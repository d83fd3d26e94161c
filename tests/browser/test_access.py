"""Every size, every eye: axe-core on every page in both themes, contrast, phones."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from driver import TITLES, live, visit
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
STARS = "model=generator&stars=simulated:50:3&star=sim3-31"
GRAVE = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_axe_finds_nothing_serious_on_any_page(open_browser, server, scheme):
    page, found = open_browser(scheme=scheme), {}
    for path, title in TITLES.items():
        visit(page, f"{server}/{path}?{STARS}", title)
        page.wait_for_timeout(500)
        violations = Axe().run(page).response["violations"]
        grave = {v["id"]: v["nodes"][0]["html"][:200] for v in violations if v["impact"] in GRAVE}
        if grave:
            found[path] = grave
    assert not found


def test_the_cards_of_home_are_seen_at_once_and_clicked_anywhere(open_browser, server):
    page = open_browser(width=1280, height=800)
    visit(page, f"{server}/?{STARS}", TITLES[""])
    cards = page.locator("[class*='st-key-card_']")
    boxes = [card.bounding_box() for card in cards.all()]
    assert len(boxes) == 6 and all(box["y"] + box["height"] <= 800 for box in boxes)
    page.mouse.click(boxes[1]["x"] + boxes[1]["width"] - 6, boxes[1]["y"] + boxes[1]["height"] - 6)
    expect(page.get_by_role("heading", level=1, name="Data")).to_be_visible()


def test_a_phone_shows_slider_and_spectrum_together(open_browser, server):
    page = open_browser(width=390, height=800)
    visit(page, f"{server}/decode?{STARS}", "Decode")
    live(page, "v.paints")
    last = page.locator(".slider[data-label=alphafe] input[type=range]")
    last.evaluate("e => e.scrollIntoView({ block: 'end' })")
    page.wait_for_timeout(300)
    spectrum, slider = page.locator(".spectrum").bounding_box(), last.bounding_box()
    assert spectrum["y"] >= 0 and spectrum["y"] + spectrum["height"] <= slider["y"] < 800


def test_where_the_truth_is_known_a_panel_shows_what_is_left_of_it(open_browser, server):
    page = open_browser()
    visit(page, f"{server}/decode?{STARS}", "Decode")
    box = page.locator(".slider[data-label=teff] input[type=number]")
    box.fill("6500")
    box.press("Enter")
    expect(page.get_by_text("Relative error of the change")).to_be_visible()
    expect(page.locator(".error")).to_be_visible()
    left = live(
        page, "Math.max(...v.errors.generated.map((d, k) => Math.abs(d - v.flux[k] + v.truth.after[k])))"
    )
    assert left < 1e-6
    for canvas in page.locator(".gandalf canvas").all():
        assert "<sub>" not in (canvas.get_attribute("aria-label") or "")
