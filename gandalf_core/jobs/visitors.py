"""Who opens the explorer's pages: a visitor is known by a cookie that only this server can sign.

A reload and a second tab bring the same cookie, so they are the same person. Without cookies a visitor is
one session.
"""

import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..atomic import create_private
from ..errors import JobError

COOKIE = "gandalf_visitor"
COOKIE_SECONDS = 365 * 24 * 3600
KEY_FILE = "visitors.key"  # in the folder of the jobs, whose owners it tells apart
KEY_BYTES = 32
IDENTIFIER = re.compile(r"[0-9a-f]{20}")
SERVER = "server"  # the owner of what the explorer does for everybody
# one of these says that somebody else passed the request on
FORWARDED = re.compile(r"forwarded|via|x-forwarded-.*|x-real-ip|.*-connecting-ip|.*client-ip|x-original-.*")


@dataclass(frozen=True)
class Visitor:
    """Somebody who looks at the pages.

    id: who it is.  here: whether the pages are open on the server's own machine.
    """

    id: str
    here: bool = False

    def may_change(self, owner: str) -> bool:
        """Whether this visitor may stop or delete what belongs to `owner`."""
        return self.here or (bool(self.id) and self.id == owner)


def new_id() -> str:
    """The id of a visitor who was never here before."""
    return secrets.token_hex(10)


# --- the cookie ---


class Signer:
    """Signs the ids of visitors with a key that never leaves the server."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def of_folder(cls, folder: Path) -> "Signer":
        """With the key in a folder, made when it is first asked for: of several processes the first wins.

        JobError where it can neither be read nor made.
        """
        path = folder / KEY_FILE
        try:
            if not path.is_file():
                create_private(path, secrets.token_bytes(KEY_BYTES))
            key = path.read_bytes()
        except OSError as error:
            raise JobError(f"{path}: no key can be kept here ({error.strerror}): set GANDALF_RUNS") from None
        if len(key) != KEY_BYTES:
            raise JobError(f"{path}: is no key of {KEY_BYTES} bytes: remove it; visitors are new then")
        return cls(key)

    def signed(self, visitor: str) -> str:
        """The value of a visitor's cookie."""
        return f"{visitor}.{self._signature(visitor)}"

    def read(self, value: str) -> str | None:
        """The visitor's id in a cookie that this server has signed; None for any other value."""
        visitor, _, signature = value.partition(".")
        if not IDENTIFIER.fullmatch(visitor) or not signature.isascii():
            return None
        return visitor if hmac.compare_digest(signature, self._signature(visitor)) else None

    def _signature(self, visitor: str) -> str:
        return hmac.new(self._key, visitor.encode(), "sha256").hexdigest()


# --- the server's own machine ---


def opened_here(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from the server's own machine, directly.

    peer: the address of the other end of the connection.  headers: of the request, with names in small
    letters. A request that was passed on is not from here, wherever the one who passed it on sits: it has
    headers that say so, or it asks for another host than this machine. A proxy on this machine that says
    nothing cannot be told apart: SECURITY.md says what to do then.
    """
    if peer is None or not _is_loopback(peer) or any(map(FORWARDED.fullmatch, headers)):
        return False
    origin = headers.get("origin")
    asked = [_host(f"//{headers.get('host', '')}"), *([] if origin is None else [_host(origin)])]
    return all(host == "localhost" or _is_loopback(host) for host in asked)


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return ip.is_loopback or (mapped is not None and mapped.is_loopback)
