"""A server with the shipped models and a browser that looks at it. Chromium is needed: where it is missing these tests fail.

The models are those of `pretrained/`, or of GANDALF_PRETRAINED.
"""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--force-color-profile=srgb"]
PATIENCE_MS = 120_000  # a busy machine simulates, loads torch and paints; nothing here is a timing test
IDLE = "[data-testid='stApp'][data-test-script-state='notRunning'][data-test-connection-state='CONNECTED']"
PAINTED = """root => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .some(element => element.shadowRoot?.querySelector(root)?.gandalf?.paints > 0)"""
PROBES = re.compile(r"_stcore/(health|host-config)")  # two 404s of a deep link are the page finding its base path


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a fresh server whose runs and caches are in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [
        "--server.headless",
        "true",
        "--server.fileWatcherType",
        "none",
        "--server.address",
        "127.0.0.1",
        "--server.port",
        str(port),
    ]
    env = os.environ | {"GANDALF_RUNS": str(folder / "runs"), "GANDALF_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=env)
    try:
        _await(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _await(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"the server did not answer at {url} (exit status {process.poll()})")


@pytest.fixture(scope="session")
def server(tmp_path_factory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_browser(chromium):
    """A function that makes a page (width, colour scheme); errors and requests to other machines fail the test."""
    contexts, complaints = [], []

    def make(width: int = 1280, height: int = 900, scheme: str = "light") -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce", device_scale_factor=1
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
        page.on("console", lambda message: _note(message, complaints))
        page.on("request", lambda request: _note_request(request.url, complaints))
        return page

    expect.set_options(timeout=PATIENCE_MS)
    yield make
    for context in contexts:
        context.close()
    assert not complaints, complaints


def _note(message, complaints: list[str]) -> None:
    if message.type == "error" and not PROBES.search(message.location.get("url", "")):
        complaints.append(f"console: {message.text}")


def _note_request(url: str, complaints: list[str]) -> None:
    if url.startswith("http") and "://127.0.0.1" not in url:
        complaints.append(f"a request left this machine: {url}")


def settle(page: Page) -> None:
    """Wait until the script has run and nothing on the page is stale."""
    page.locator(IDLE).wait_for(state="attached")
    expect(page.locator("[data-testid='stSkeleton']")).to_have_count(0)
    expect(page.locator("[data-stale='true']")).to_have_count(0)


def visit(page: Page, url: str, title: str) -> None:
    """Open an address and wait for the page with that title."""
    page.goto(url)
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
    settle(page)


def go(page: Page, name: str, title: str = "") -> None:
    """Follow the navigation, as a person would."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=title or name)).to_be_visible()
    settle(page)


def choose(page: Page, picker: str, option: str) -> None:
    """Pick an option of the select box with that label."""
    page.get_by_test_id("stSelectbox").filter(has_text=picker).first.get_by_role("combobox").click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def live(page: Page, expression: str):
    """A value of the live decoder's view (`v`), once it has painted."""
    return _value(page, ".gandalf", expression)


def panels(page: Page, expression: str):
    """A value of the linked panels' view (`v`), once it has painted."""
    return _value(page, ".panels", expression)


def _value(page: Page, root: str, expression: str):
    page.locator(root).first.wait_for()
    page.wait_for_function(PAINTED, arg=root)
    return page.locator(root).first.evaluate(f"element => {{ const v = element.gandalf; return {expression} }}")
