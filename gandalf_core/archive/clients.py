"""The clients of the archives: astroquery's, with time limits, and with errors that say what was answered."""

import contextlib
import http.client
import re
import sys
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..errors import ArchiveError

T = TypeVar("T")
GAIA_SERVER = "https://gea.esac.esa.int/"
TIMEOUT = 300.0  # seconds that a server may be silent
BUSY = (408, 425, 429)  # of the 4xx, those that pass
_PAGE = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_SAID = 160  # letters of an answer that are quoted
_READ = 20_000  # bytes of an answer that is no data


class Answer(ArchiveError):
    """An answer of an archive that is no data.

    final: the same request would get it again.  seconds: after which the archive wants to be asked again.
    """

    def __init__(self, message: str, *, final: bool = False, seconds: float = 0.0) -> None:
        super().__init__(message)
        self.final, self.seconds = final, seconds


def not_empty(answer: T) -> T:
    """The answer of an archive; an empty one is none. Raises ArchiveError, so that it is asked again."""
    if not len(answer):  # type: ignore[arg-type]
        raise ArchiveError("an empty answer")
    return answer


def vizier_client() -> Any:
    from astroquery.vizier import Vizier

    return Vizier


def catalogues(vizier: Callable[..., Any], name: str, columns: list[str], rows: int) -> Any:
    """Tables of a catalogue of VizieR, by `vizier`, astroquery's class. rows: at most so many; −1: all.

    astroquery would keep every answer for a week, also one that is no data: here none is kept.
    """
    from astroquery import cache_conf

    with cache_conf.set_temp("cache_active", False):
        return not_empty(vizier(columns=columns, row_limit=rows).get_catalogs(name))


@cache
def gaia_client(server: str = GAIA_SERVER) -> Any:
    """The client of the Gaia archive, or of another server that speaks as it does, by its address."""
    with contextlib.redirect_stdout(sys.stderr):  # it prints news on import
        from astroquery.gaia import GaiaClass
        from astroquery.utils.tap import TapPlus

        tables, data = (_connection(server, part) for part in ("tap-server", "data-server"))
        links = TapPlus(url=server, connhandler=data, use_names_over_ids=True)
        return GaiaClass(tap_plus_conn_handler=tables, datalink_handler=links, show_server_messages=False)


class _Connections:
    """Makes connections to one server, with a time limit: astroquery's own have none."""

    def __init__(self, server: str) -> None:
        address = urlsplit(server if "://" in server else f"https://{server}")
        if not address.hostname or address.scheme not in ("http", "https"):
            raise ArchiveError(f"{server}: is not the address of a server: give one such as {GAIA_SERVER}")
        self.host, self.secure = address.hostname, address.scheme == "https"
        self.port = address.port or (443 if self.secure else 80)

    def get_connection(self, **_: Any) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        return kind(self.host, self.port, timeout=TIMEOUT)

    def get_connection_secure(self, *_: Any, **__: Any) -> http.client.HTTPConnection:
        return self.get_connection()


def _connection(server: str, context: str) -> Any:
    """astroquery's connection to one of the services of a server, which refuses what is no data."""
    from astroquery.utils.tap.conn.tapconn import TapConn

    class Checked(TapConn):
        """Says what an answer with another status, or a web page, is about."""

        def check_launch_response_status(
            self, response: Any, debug: bool, expected_response_status: int, *, raise_exception: bool = True
        ) -> bool:
            check_answer(response, expected_response_status)
            return False

    made = _Connections(server)
    return Checked(
        made.secure,
        made.host,
        server_context=context,
        port=made.port,
        sslport=made.port,
        connhandler=made,
        tap_context="tap",
        upload_context="Upload",
        table_edit_context="TableTool",
        data_context="data",
        datalink_context="datalink",
    )


def check_answer(response: Any, expected: int) -> None:
    """Raise Answer where a response has another status, or is a web page in place of data."""
    kind = (response.getheader("Content-Type") or "").lower()
    if response.status == expected and "html" not in kind:
        return
    said = _words(response.read(_READ).decode("utf-8", "replace"))
    if response.status in (200, 303):
        raise Answer(f"a web page in place of data: {said}")
    final = 400 <= response.status < 500 and response.status not in BUSY
    wait = response.getheader("Retry-After") or ""
    seconds = float(wait) if wait.strip().isdecimal() else 0.0
    raise Answer(f"{response.status} {response.reason}: {said}", final=final, seconds=seconds)


def _words(page: str) -> str:
    """The beginning of what a page or an error document says."""
    return " ".join(_PAGE.sub(" ", page).split())[:_SAID] or "nothing"
