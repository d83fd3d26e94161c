"""Visitors with a browser: headless Chromium that opens another page every few seconds."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from scripts.driver import CHROMIUM, FLAGS

from .stream_client import ENDED, PageRun

PATIENCE_MS = 120_000


class Watch:
    """Times the page runs of one tab by what goes over its WebSocket. What it sends first begins a run."""

    def __init__(self, page: Any) -> None:
        self.runs: list[PageRun] = []
        self.errors: list[str] = []
        self._since: float | None = None
        self._name, self._bytes, self._messages = "", 0, 0
        page.on("websocket", self._follow)
        page.on("pageerror", lambda error: self.errors.append(f"page error: {error}"))

    @property
    def busy(self) -> bool:
        """Whether a run has begun and not ended yet."""
        return self._since is not None

    def expect(self, name: str) -> None:
        """The next run is that of this page."""
        self._name = name

    def _follow(self, websocket: Any) -> None:
        websocket.on("framesent", self._sent)
        websocket.on("framereceived", self._received)

    def _sent(self, data: bytes | str) -> None:
        message = BackMsg()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        if (
            message.WhichOneof("type") == "rerun_script"
            and not message.rerun_script.fragment_id
            and not self.busy
        ):
            self._since, self._bytes, self._messages = time.perf_counter(), 0, 0

    def _received(self, data: bytes | str) -> None:
        if self._since is None or not isinstance(data, bytes):
            return
        self._bytes, self._messages = self._bytes + len(data), self._messages + 1
        if len(data) > 4096:  # the end of a run is a short message
            return
        message = ForwardMsg()
        message.ParseFromString(data)
        if message.WhichOneof("type") == "script_finished":
            status = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
            if status in ENDED:
                errors = () if status == ENDED[0] else (status,)
                seconds = time.perf_counter() - self._since
                self.runs.append(PageRun(self._name, seconds, self._bytes, self._messages, errors))
                self._since = None


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    """A headless browser."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        await chromium.close()


async def walk(chromium: Any, url: str, until: float, pause: tuple[float, float], seed: int) -> Watch:
    """One tab of a visitor of its own, which opens page after page by their links until a time."""
    chance = random.Random(seed)
    context = await chromium.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    watch = Watch(page)
    watch.expect("home")
    await page.goto(url)
    links = page.get_by_test_id("stSidebarNav").get_by_role("link")
    await links.first.wait_for()
    # the name of an icon stands above that of the page
    names = [text.strip().splitlines()[-1].strip() for text in await links.all_inner_texts()]
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(*pause))
        name = chance.choice(names)
        watch.expect(name.lower())
        await links.filter(has_text=name).first.click()
    await _settled(watch)
    await context.close()
    return watch


async def _settled(watch: Watch) -> None:
    """Wait until the last run has ended; one that never does is an error."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while watch.busy and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    if watch.busy:
        watch.errors.append("a page run never ended")
