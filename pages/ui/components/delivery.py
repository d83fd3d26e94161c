"""What browsers fetch over HTTP and keep for good, by its content: scripts of components, parts of decoders.

A page names a part by the digest of its content; a browser that has it does not ask again, and models that
share a part share it in the browser, too.
"""

import threading
import zlib
from collections import OrderedDict
from typing import NamedTuple

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gandalf_core.data.identity import identity

FOLDER = "gandalf"  # of the addresses, below that of the app
MOST_PARTS = 64  # that the server holds; a page offers its own whenever it is drawn
SCRIPT, NUMBERS = "text/javascript", "application/octet-stream"
GZIP = 31  # the format, as zlib calls it
STRATEGIES = {SCRIPT: (zlib.Z_DEFAULT_STRATEGY,), NUMBERS: (zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY)}


class Part(NamedTuple):
    """Something to fetch: its address below that of the app, and its compressed content."""

    address: str
    compressed: bytes
    kind: str


_parts: OrderedDict[str, Part] = OrderedDict()
_lock = threading.Lock()


def part_of(content: bytes, kind: str) -> Part:
    """The part with this content, not offered yet."""
    return Part(f"{FOLDER}/{identity(content)}", compressed(content, kind), kind)


def compressed(content: bytes, kind: str) -> bytes:
    """The shortest that gzip makes of it: in nearly random numbers repeats are not worth the search."""
    ways = (zlib.compressobj(9, zlib.DEFLATED, GZIP, 9, strategy) for strategy in STRATEGIES[kind])
    return min((way.compress(content) + way.flush() for way in ways), key=len)


def offer(*parts: Part) -> None:
    """Let browsers fetch these parts."""
    with _lock:
        for part in parts:
            _parts[part.address] = part
            _parts.move_to_end(part.address)
        while len(_parts) > MOST_PARTS:
            _parts.popitem(last=False)


def routes() -> list[Route]:
    """The addresses of the parts, for the app."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    prefix = f"/{base}" if base else ""
    return [Route(f"{prefix}/{FOLDER}/{{digest}}", _answer)]


async def _answer(request: Request) -> Response:
    with _lock:
        part = _parts.get(f"{FOLDER}/{request.path_params['digest']}")
    if part is None:
        return Response("no such part: reload the page", 404)
    headers = {"Content-Encoding": "gzip", "Cache-Control": "public, max-age=31536000, immutable"}
    return Response(part.compressed, media_type=part.kind, headers=headers)
