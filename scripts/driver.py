"""Start the app on a free port and drive it in headless Chromium.

For the browser tests, scripts/screenshots.py and scripts/latency.py.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, TimeoutError, expect

ROOT = Path(__file__).parents[1]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
]
PATIENCE_MS = 120_000  # enough for a busy machine to simulate, load torch and paint
LIST_MS = 10_000  # enough for an opened list to paint its options
BINARY = 2  # the kind of a WebSocket's frame
IDLE = "[data-testid='stApp'][data-test-script-state='notRunning'][data-test-connection-state='CONNECTED']"
PAINTED = """root => [...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]
    .some(element => element.shadowRoot?.querySelector(root)?.gandalf?.paints > 0)"""
TOUCHING = """figures => figures.map(figure => {
    const title = figure.querySelector('.gtitle'), legend = figure.querySelector('.legend')
    if (!title?.textContent) return null
    const [a, b] = [title.getBoundingClientRect(), legend?.getBoundingClientRect()]
    const meets = b && a.right > b.left && b.right > a.left && a.bottom > b.top && b.bottom > a.top
    for (let node = title.parentElement; node !== document.body; node = node.parentElement) {
        const frame = node.getBoundingClientRect()
        const cuts = getComputedStyle(node).overflow !== 'visible' && !node.matches('[data-testid=stMain]')
        if (cuts && (frame.top > a.top + 1 || frame.right < a.right - 1)) return `${title.textContent} (cut)`
    }
    return meets ? title.textContent : null
}).filter(text => text)"""
TITLES = {
    "": "GANDALF Explorer",
    "tour": "Tour",
    "data": "Data",
    "maps": "Maps",
    "latent": "Latent",
    "decode": "Decode",
    "parameters": "Parameters",
    "train": "Train",
    "sweeps": "Sweeps",
    "audit": "Audit",
    "models": "Models",
}


# --- the server ---


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a fresh server whose runs and caches are in `folder`."""
    port = _free_port()
    options = ["--server.address", "127.0.0.1", "--server.port", str(port)]
    options += ["--server.headless", "true", "--server.fileWatcherType", "none"]
    env = os.environ | {
        "GANDALF_RUNS": str(folder / "runs"),
        "GANDALF_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=env)
    try:
        _await(f"http://127.0.0.1:{port}/_stcore/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"the server did not answer at {url} (exit status {process.poll()})")


# --- pages ---


def settle(page: Page) -> None:
    """Wait until the script has run and nothing on the page is stale."""
    page.locator(IDLE).wait_for(state="attached")
    expect(page.locator("[data-testid='stSkeleton']")).to_have_count(0)
    expect(page.locator("[data-stale='true']")).to_have_count(0)


def visit(page: Page, url: str, title: str) -> None:
    """Open an address and wait for the page with this title."""
    page.goto(url)
    expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
    settle(page)


def go(page: Page, name: str, title: str = "") -> None:
    """Open a page through the navigation, as a person would."""
    page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=title or name)).to_be_visible()
    settle(page)


def choose(page: Page, picker: str, option: str) -> None:
    """Choose an option of the select box with this label; reopen a list that a moving page has closed."""
    settle(page)
    box = page.get_by_test_id("stSelectbox").filter(has_text=picker).first.get_by_role("combobox")
    entry = page.get_by_role("option", name=option, exact=True)
    for _ in range(PATIENCE_MS // LIST_MS):
        box.click()
        with suppress(TimeoutError):
            entry.wait_for(timeout=LIST_MS)
            break
    entry.click()
    settle(page)


def press(page: Page, label: str) -> None:
    """Press one part of a segmented control."""
    page.get_by_test_id("stButtonGroup").get_by_text(label, exact=True).click()
    page.wait_for_timeout(200)  # until the press has reached the server, the script counts as idle
    settle(page)


# --- what a page receives ---


class Traffic:
    """Bytes that a page receives over HTTP, as they are compressed, and over its WebSocket.

    Streamlit's own files (`/static/`) are left out.
    """

    def __init__(self, page: Page) -> None:
        self.received = 0
        self._addresses: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._note_request)
        session.on("Network.loadingFinished", self._count_answer)
        session.on("Network.webSocketFrameReceived", self._count_frame)
        session.send("Network.enable")

    def _note_request(self, event: dict) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _count_answer(self, event: dict) -> None:
        if "/static/" not in self._addresses.get(event["requestId"], ""):
            self.received += int(event["encodedDataLength"])

    def _count_frame(self, event: dict) -> None:
        content = event["response"]["payloadData"]
        self.received += len(b64decode(content)) if event["response"]["opcode"] == BINARY else len(content)


# --- canvas components ---


def live(page: Page, expression: str) -> Any:
    """A value of the live decoder's view (`v`), once it has painted."""
    return _value(page, ".gandalf", expression)


def until(page: Page, expression: str, value: Any) -> None:
    """Wait until a value of the live decoder's view is this one: a change has been to the server and back."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while (current := live(page, expression)) != value:
        assert time.monotonic() < deadline, f"{expression} is {current}, not {value}"
        page.wait_for_timeout(100)


def panels(page: Page, expression: str) -> Any:
    """A value of the linked panels' view (`v`), once it has painted."""
    return _value(page, ".panels", expression)


def _value(page: Page, root: str, expression: str) -> Any:
    page.locator(root).first.wait_for()
    page.wait_for_function(PAINTED, arg=root)
    return page.locator(root).first.evaluate(
        f"element => {{ const v = element.gandalf; return {expression} }}"
    )


def touching(page: Page) -> list[str]:
    """The titles of the figures on a page whose legend touches them or that are cut off."""
    return page.locator(".js-plotly-plot").evaluate_all(TOUCHING)


def drag(page: Page, box: dict, *points: tuple[float, float], steps: int = 8) -> None:
    """Drag the mouse along points, given as fractions of a box, with moves between them."""
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in points]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=steps)
    page.mouse.up()
