"""The door of the explorer: cookies, what it tells the pages, what it keeps out; and owners on the pages."""

import asyncio
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.proto.BackMsg_pb2 import BackMsg

from gandalf_core.jobs.visitors import COOKIE, Signer, Visitor
from pages.ui import jobs, visitor
from pages.ui.turns import once, turn

LOCAL = [(b"host", b"localhost:8501")]


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("GANDALF_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("GANDALF_CACHE", str(tmp_path / "cache"))
    (tmp_path / "runs").mkdir()
    return tmp_path


def through(
    scope: dict, messages: tuple[dict, ...] = (), door: visitor.Door | None = None
) -> SimpleNamespace:
    """What reaches the app, and what comes back, when a request goes through the door."""
    seen = SimpleNamespace(scope=None, received=[], sent=[])
    waiting = list(messages)

    async def receive():
        return waiting.pop(0) if waiting else {"type": "websocket.disconnect"}

    async def send(message):
        seen.sent.append(message)

    async def app(inside, receive, send):
        seen.scope = inside
        if inside["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return
        while (message := await receive())["type"] != "websocket.disconnect":
            seen.received.append(message)

    door = door or visitor.Door(app)
    door.app = app
    asyncio.run(door(scope, receive, send))
    return seen


def http(path: str = "/", cookie: str = "", scheme: str = "http") -> dict:
    headers = [*LOCAL, *([(b"cookie", cookie.encode())] if cookie else [])]
    return {"type": "http", "path": path, "headers": headers, "client": ("10.0.0.5", 1), "scheme": scheme}


def websocket(cookie: str = "", client: str = "10.0.0.5", headers: tuple = ()) -> dict:
    given = [(b"cookie", cookie.encode())] if cookie else []
    return {
        "type": "websocket",
        "path": "/_stcore/stream",
        "headers": [*LOCAL, *given, *headers],
        "client": (client, 1),
    }


def cookie_in(sent: list[dict]) -> str:
    [value] = [v.decode() for name, v in sent[0]["headers"] if name == b"set-cookie"]
    return value


def told(seen: SimpleNamespace) -> list[str]:
    """What the door tells the pages: its word, the visitor, and whether they are here."""
    [value] = [v.decode() for name, v in seen.scope["headers"] if name.decode() == visitor.HEADER]
    return value.split()


def test_a_new_visitor_gets_a_cookie_and_keeps_it(places):
    value = cookie_in(through(http()).sent)
    assert "HttpOnly" in value and "SameSite=Lax" in value and "Secure" not in value
    assert "Secure" in cookie_in(through(http(scheme="https")).sent)
    cookie = value.partition(";")[0]
    assert through(http(cookie=cookie)).sent[0]["headers"] == []
    assert through(http("/_stcore/health")).sent[0]["headers"] == []
    known = Signer.of_folder(places / "runs").read(cookie.partition("=")[2])
    assert told(through(websocket(cookie)))[1:] == [known, "there"], "a second tab is the same person"
    assert cookie_in(through(http(cookie=f"{COOKIE}=forged.value")).sent)


@pytest.mark.parametrize(
    ("client", "headers", "here"),
    [
        ("127.0.0.1", (), "here"),
        ("10.0.0.5", (), "there"),
        ("127.0.0.1", ((b"x-forwarded-for", b"127.0.0.1"),), "there"),
        ("127.0.0.1", ((b"X-Forwarded-For", b"10.0.0.9"),), "there"),
    ],
)
def test_the_pages_are_told_who_is_here(client, headers, here):
    seen = through(websocket(client=client, headers=tuple((n.lower(), v) for n, v in headers)))
    assert told(seen)[0] == visitor.WORD and told(seen)[2] == here


def test_nobody_writes_the_doors_header():
    forged = ((visitor.HEADER.encode(), f"{visitor.WORD} 00000000000000000000 here".encode()),)
    word, who, here = told(through(websocket(headers=forged)))
    assert word == visitor.WORD and who != "0" * 20 and here == "there"


def test_a_header_without_the_doors_word_is_not_believed(monkeypatch):
    context = SimpleNamespace(headers={visitor.HEADER: "x 00000000000000000000 here"})
    monkeypatch.setattr(visitor.st, "context", context)
    monkeypatch.setattr(visitor.st, "session_state", state := {visitor.state.OWNER: "a session"})
    assert visitor.current() == Visitor("a session") and state
    context.headers[visitor.HEADER] = f"{visitor.WORD} 00000000000000000000 here"
    assert visitor.current() == Visitor("0" * 20, here=True)
    monkeypatch.setenv("GANDALF_PUBLIC", "1")
    monkeypatch.setenv("GANDALF_PROXIED", "1")
    assert visitor.current() == Visitor("0" * 20)


def received(**said) -> dict:
    return {"type": "websocket.receive", "bytes": BackMsg(**said).SerializeToString()}


def test_strangers_do_not_empty_the_caches_of_all():
    messages = (received(clear_cache=True), received(stop_script=True))
    assert through(websocket(), messages).received == [messages[1]]
    assert through(websocket(client="127.0.0.1"), messages).received == list(messages)


def test_a_visitor_opens_only_so_many_pages(monkeypatch):
    door, limits = visitor.Door(None), visitor.quotas()
    cookie = cookie_in(through(http()).sent).partition(";")[0]
    _, who, _ = told(through(websocket(cookie), door=door))
    assert not door.open, "a page that is closed does not count"
    door.open[who] = limits.tabs
    refused = through(websocket(cookie), ({"type": "websocket.connect"},), door)
    assert refused.scope is None and refused.sent[0]["type"] == "websocket.close"
    assert through(websocket(), door=door).scope is not None, "others come in"
    door.open["others"] = limits.total_tabs
    assert through(websocket(), ({"type": "websocket.connect"},), door).scope is None


def test_emptied_caches_leave_the_one_queue():
    first = jobs.manager()
    st.cache_resource.clear()
    assert jobs.manager() is first
    first.close()


def test_within_a_turn_what_does_not_change_is_found_once():
    calls = []
    find = once(lambda name: calls.append(name) or len(calls))
    assert [find("a"), find("a")] == [1, 2], "outside of a turn every time"
    with turn():
        assert [find("a"), find("a"), find("b")] == [3, 3, 4]
    with turn():
        assert find("a") == 5
