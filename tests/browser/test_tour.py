"""The tour's steps have addresses; test_tour_sheet.py follows the sheet word by word."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from driver import press, visit
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
