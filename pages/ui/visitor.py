"""Who looks at the pages: known by a signed cookie, which the server's door reads and the pages ask for.

The door (an ASGI middleware in app.py) sees every request before Streamlit does. It gives a new visitor a
cookie, and tells the pages who is there in a header that nobody else can write.
"""

import secrets
from collections import Counter
from http.cookies import CookieError, SimpleCookie
from typing import Any

import streamlit as st
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.proto.BackMsg_pb2 import BackMsg

from gandalf_core import places
from gandalf_core.jobs.quotas import quotas
from gandalf_core.jobs.visitors import COOKIE, COOKIE_SECONDS, Signer, Visitor, new_id, opened_here
from pages.ui import state

HEADER = "x-gandalf-visitor"
WORD = secrets.token_hex(16)  # begins the header: only this process knows it
ATTRIBUTES = "Path=/; HttpOnly; SameSite=Lax"
NO_PAGES = ("/_stcore", "/media", "/component", "/static", "/gandalf/")  # addresses that no person opens
SMALL = 64  # bytes: a message without the settings of widgets
TRY_AGAIN_LATER = 1013  # closes a WebSocket


def current() -> Visitor:
    """The visitor of this session. Without a cookie, or without the door, it is the session alone."""
    word, _, told = st.context.headers.get(HEADER, "").partition(" ")
    visitor, _, here = told.partition(" ")
    if visitor and secrets.compare_digest(word, WORD):
        return Visitor(visitor, here == "here" and quotas().machine_may_all)
    if not st.session_state.get(state.OWNER):
        state.put(state.OWNER, new_id())
    return Visitor(state.get(state.OWNER))


class Door:
    """The middleware: cookies for new visitors, a word to the pages, and no more open pages than allowed."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.open: Counter[str] = Counter()  # visitor -> pages that are open now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(NO_PAGES):
            await self.app(scope, receive, _with_cookie(scope, send))
        elif scope["type"] == "websocket":
            await self._let_in(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        visitor, here = _known(scope) or new_id(), _is_here(scope)
        limits = quotas()
        if self.open[visitor] >= limits.tabs or self.open.total() >= limits.total_tabs:
            await receive()  # the request to connect
            await send({"type": "websocket.close", "code": TRY_AGAIN_LATER, "reason": "too many open pages"})
            return
        told = f"{WORD} {visitor} {'here' if here else 'there'}"
        kept = [(name, value) for name, value in scope["headers"] if name.lower() != HEADER.encode()]
        self.open[visitor] += 1
        try:
            inside = scope | {"headers": [*kept, (HEADER.encode(), told.encode())]}
            await self.app(inside, receive if here else _without_clearing(receive), send)
        finally:
            self.open[visitor] -= 1
            self.open += Counter()  # forgets who has none left


def _signer() -> Signer:
    return Signer.of_folder(places.runs_folder())


def _known(scope: Scope) -> str | None:
    """The visitor whose valid cookie comes with a request."""
    try:
        cookie = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else _signer().read(cookie.value)


def _is_here(scope: Scope) -> bool:
    client = scope.get("client")
    return opened_here(client[0] if client else None, dict(Headers(scope=scope)))


def _with_cookie(scope: Scope, send: Send) -> Send:
    """`send` that gives a cookie to a visitor who has none."""
    if _known(scope) is not None:
        return send

    async def giving(message: Message) -> None:
        if message["type"] == "http.response.start":
            value = f"{COOKIE}={_signer().signed(new_id())}; Max-Age={COOKIE_SECONDS}; {ATTRIBUTES}"
            secure = "; Secure" if scope.get("scheme") == "https" else ""
            MutableHeaders(scope=message).append("set-cookie", value + secure)
        await send(message)

    return giving


def _without_clearing(receive: Receive) -> Receive:
    """`receive` that passes over the message by which a browser empties the caches of all visitors."""

    async def received() -> Message:
        while True:
            message = await receive()
            if not _clears(message):
                return message

    return received


def _clears(message: Message) -> bool:
    data: Any = message.get("bytes")
    if message["type"] != "websocket.receive" or not data or len(data) > SMALL:
        return False
    said = BackMsg()
    try:
        said.ParseFromString(data)
    except Exception:  # Streamlit says what it thinks of that
        return False
    return said.WhichOneof("type") == "clear_cache"
