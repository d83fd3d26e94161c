"""The tour for astronomers; test_tour_sheet.py follows docs/tour.md word by word."""

import re

import pytest
from driver import press, visit
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
STARS = "model=generator&stars=simulated:50:3"


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
