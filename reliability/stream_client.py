"""A visitor without a browser: speaks the protocol of Streamlit's pages over a WebSocket."""

import asyncio
import http.client
import time
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

PATIENCE_SECONDS = 120
LARGEST_MESSAGE = 256 * 1024 * 1024
ENDED = ("FINISHED_SUCCESSFULLY", "FINISHED_WITH_COMPILE_ERROR")


class PageRun(NamedTuple):
    """One run of a page: from the client's message to the server's word that the script has finished."""

    page: str
    seconds: float
    bytes: int
    messages: int
    errors: tuple[str, ...]


def cookies_of(url: str) -> str:
    """The cookies that the server gives to whoever opens its first page, as a header."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", "/")
        given = connection.getresponse().headers.get_all("Set-Cookie") or []
    finally:
        connection.close()
    return "; ".join(cookie.partition(";")[0] for cookie in given)


@dataclass
class StreamClient:
    """A session of one visitor, which keeps the messages that a browser keeps."""

    connection: ClientConnection
    query: str = ""
    pages: dict[str, str] = field(default_factory=dict)  # address of a page -> its hash
    kept: dict[str, int] = field(default_factory=dict)  # hash of a cacheable message -> run in which it came
    runs: int = 0

    @classmethod
    async def open(cls, url: str, cookies: str = "") -> "StreamClient":
        """Connect; nothing has run yet."""
        address = url.replace("http", "ws", 1) + "/_stcore/stream"
        connection = await connect(
            address,
            subprotocols=["streamlit"],
            origin=url,
            additional_headers={"Cookie": cookies} if cookies else {},
            max_size=LARGEST_MESSAGE,
            compression=None,
        )
        return cls(connection)

    async def close(self) -> None:
        await self.connection.close()

    async def show(self, page: str = "") -> PageRun:
        """Open a page by its address (`decode`; empty: the first one) and wait until its script has ended."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        message.rerun_script.page_script_hash = self.pages.get(page, "")
        if not self.pages:
            message.rerun_script.page_name = page
        message.rerun_script.cached_message_hashes.extend(self.kept)
        message.rerun_script.widget_states.SetInParent()
        started = time.perf_counter()
        await self.connection.send(message.SerializeToString())
        return await self._until_finished(page, started)

    async def _until_finished(self, page: str, started: float) -> PageRun:
        size = messages = 0
        errors: list[str] = []
        self.runs += 1
        while True:
            data = await asyncio.wait_for(self.connection.recv(), PATIENCE_SECONDS)
            size, messages = size + len(data), messages + 1
            message = ForwardMsg()
            message.ParseFromString(data if isinstance(data, bytes) else data.encode())
            if (error := self._take(message)) is not None:
                errors.append(error)
            if message.WhichOneof("type") == "script_finished":
                status = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
                if status in ENDED:
                    if status != ENDED[0]:
                        errors.append(status)
                    seconds = time.perf_counter() - started
                    return PageRun(page or "home", seconds, size, messages, tuple(errors))

    def _take(self, message: ForwardMsg) -> str | None:
        """Keep what later messages refer to; an error that the page would show as an exception."""
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            if message.ref_hash not in self.kept:
                return "the server refers to a message that never came"
            self.kept[message.ref_hash] = self.runs
        elif message.metadata.cacheable:
            self.kept[message.hash] = self.runs
        if kind == "navigation":
            for page in message.navigation.app_pages:
                self.pages["" if page.is_default else page.url_pathname] = page.page_script_hash
        if kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        if kind == "page_not_found":
            return "page not found"
        return _exception_in(message) if kind == "delta" else None


def _exception_in(message: ForwardMsg) -> str | None:
    element = message.delta.new_element
    if message.delta.WhichOneof("type") == "new_element" and element.WhichOneof("type") == "exception":
        return f"{element.exception.type}: {element.exception.message}"
    return None
