"""A server with the shipped models, and a browser. Where Chromium is missing, these tests fail.

The models are those of `pretrained/`, or of GANDALF_PRETRAINED.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
from driver import CHROMIUM, FLAGS, PATIENCE_MS, serving

# a deep link causes two 404s while the page looks for its base path
PROBES = re.compile(r"_stcore/(health|host-config)")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(scope="module")  # no longer: while Playwright runs, its event loop is everybody's
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium):
    """A function that opens a page; page errors and requests to other machines fail the test."""
    contexts, problems = [], []

    def open_page(width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        size = {"width": width, "height": height}
        context = chromium.new_context(
            viewport=size, color_scheme=scheme, reduced_motion="reduce", device_scale_factor=1
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: problems.append(f"page error: {error}"))
        page.on("console", lambda message: _note(message, problems))
        page.on("request", lambda request: _note_request(request.url, problems))
        return page

    expect.set_options(timeout=PATIENCE_MS)
    yield open_page
    for context in contexts:
        context.close()
    assert not problems, problems


def _note(message, problems: list[str]) -> None:
    if message.type == "error" and not PROBES.search(message.location.get("url", "")):
        problems.append(f"console: {message.text}")


def _note_request(url: str, problems: list[str]) -> None:
    if url.startswith("http") and "://127.0.0.1" not in url:
        problems.append(f"a request left this machine: {url}")
