"""To and from TOPCAT, Aladin and other programs on this machine, by SAMP (IVOA, version 1.3).

Local alone: the hub must be one of this machine, under the standard profile, by which a program must be able
to read a file of the user. The web profile, by which any page in a browser may ask to take part, is refused:
a hub of our own does not offer it. What others send is taken from local addresses only.
Shapes: N stars.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ..atomic import make_folder
from ..data.spectra import SpectraSet
from ..errors import ExchangeError
from ..io import write_stars, write_table

NAME = "GANDALF Explorer"
LOOPBACK = "127.0.0.1"
LOCAL = ("localhost", LOOPBACK, "::1", "")
MAX_BYTES = 256_000_000  # of a table that somebody sends
TABLES = ("table.load.votable", "table.load.fits", "spectrum.load.ssa-generic")
ROWS = ("table.select.rowList", "table.highlight.row")
NO_HUB = "no SAMP hub is running on this machine: start TOPCAT or Aladin first"


@dataclass(frozen=True)
class Received:
    """Something that another program sent.

    sender: its name.  path: of a table or spectrum, None for a selection.  name: what the table is called.
    table: which table a selection is of, by the id under which it was sent.  rows: that are selected.
    """

    sender: str
    path: Path | None = None
    name: str = ""
    table: str = ""
    rows: tuple[int, ...] = ()


class Exchange:
    """A connection to the hub of this machine; what arrives is kept until `received` takes it."""

    def __init__(self, folder: Path) -> None:
        """folder: where the files lie that are sent. ExchangeError without a local hub."""
        check_hub()
        make_folder(folder)
        self.folder, self._arrived, self._lock = folder, [], threading.Lock()
        about = {"samp.name": NAME, "samp.description.text": "What a neural network knows about a star"}
        samp = library()
        self._client = samp.SAMPIntegratedClient(metadata=about, addr=LOOPBACK)
        try:
            self._client.connect()
        except (samp.errors.SAMPHubError, samp.errors.SAMPProxyError, OSError) as error:
            raise ExchangeError(f"{NO_HUB} ({error})") from None
        for kind in (*TABLES, *ROWS):
            self._client.bind_receive_call(kind, self._call)
            self._client.bind_receive_notification(kind, self._notification)

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """Whether the hub still answers."""
        try:
            self._client.ping()
        except Exception:  # whatever the hub or the network says: it is gone
            return False
        return True

    def close(self) -> None:
        """Leave the hub, if it is still there."""
        with suppress(Exception):  # it has ended before us
            self._client.disconnect()

    # --- to others ---

    def others(self, takes: str = TABLES[0]) -> dict[str, str]:
        """The programs that take messages of a kind: {id: name}."""
        ids = self._client.get_subscribed_clients(takes)
        return {i: str(self._client.get_metadata(i).get("samp.name", i)) for i in ids}

    def send_table(self, path: Path, name: str, table: str, to: str = "") -> list[str]:
        """Send a VOTable under an id of the table; the names of the programs that get it."""
        where = {"url": path.absolute().as_uri(), "name": name, "table-id": table}
        return self._send(TABLES[0], where, to)

    def send_rows(self, table: str, rows: Sequence[int], to: str = "") -> list[str]:
        """Send a selection of the rows of a table that was sent before."""
        chosen = {"table-id": table, "url": "", "row-list": [str(int(row)) for row in rows]}
        return self._send(ROWS[0], chosen, to)

    def send_spectrum(self, path: Path, name: str, to: str = "") -> list[str]:
        """Send a file with one spectrum to programs that draw spectra."""
        said = {"url": path.absolute().as_uri(), "name": name, "spectrum-id": name, "meta": {}}
        return self._send(TABLES[2], said, to)

    def _send(self, kind: str, params: dict[str, Any], to: str) -> list[str]:
        """Notify those who take such messages, or one of them by name. ExchangeError where nobody does."""
        others = {i: n for i, n in self.others(kind).items() if to.lower() in n.lower()}
        if not others:
            what = {TABLES[0]: "a table", TABLES[2]: "a spectrum"}.get(kind, "a selection")
            raise ExchangeError(f"no program{f' called {to}' if to else ''} takes {what}: start TOPCAT")
        for one in others:
            self._client.notify(one, {"samp.mtype": kind, "samp.params": params})
        return sorted(others.values())

    # --- from others ---

    def received(self) -> list[Received]:
        """What has arrived since the last call, the earliest first."""
        with self._lock:
            taken, self._arrived = self._arrived, []
        return taken

    def _call(
        self, key: str, sender: str, message: str, kind: str, params: dict[str, Any], extra: object
    ) -> None:
        """A message that wants an answer."""
        refused = self._take(sender, kind, params)
        done = {"samp.status": "samp.error", "samp.error": {"samp.errortxt": refused}}
        fine = {"samp.status": "samp.ok", "samp.result": {}}
        self._client.reply(message, done if refused else fine)

    def _notification(self, key: str, sender: str, kind: str, params: dict[str, Any], extra: object) -> None:
        self._take(sender, kind, params)

    def _take(self, sender: str, kind: str, params: Mapping[str, Any]) -> str:
        """Keep what a message brings; why it is refused, or ""."""
        try:
            name = str(self._client.get_metadata(sender).get("samp.name", sender))
            if kind in TABLES:
                path = local_file(str(params["url"]), self.folder)
                told = Received(name, path, str(params.get("name") or path.name))
            else:
                rows = params["row-list"] if kind == ROWS[0] else [params["row"]]
                told = Received(name, table=str(params.get("table-id", "")), rows=tuple(map(int, rows)))
        except (ExchangeError, KeyError, ValueError, OSError) as error:
            return str(error) or type(error).__name__
        with self._lock:
            self._arrived.append(told)
        return ""


def library() -> Any:
    """The implementation of SAMP, which moves from astropy (until its version 8) to pyvo (from 1.9 on)."""
    try:
        samp = import_module("pyvo.samp")
    except ImportError:
        samp = import_module("astropy.samp")
    import_module(f"{samp.__name__}.lockfile_helpers")
    return samp


# --- what is local ---


def check_hub() -> None:
    """ExchangeError where no hub runs, or one that is not of this machine and the standard profile."""
    samp = library()
    asked = os.environ.get("SAMP_HUB", "")
    if asked and not asked.startswith(("std-lockurl:file:/", "std-lockurl:/")):
        raise ExchangeError(f"SAMP_HUB={asked}: only a hub of this machine is used, by its lock file")
    try:
        hub = samp.lockfile_helpers.get_main_running_hub()
    except (samp.errors.SAMPHubError, OSError, KeyError, ValueError):
        raise ExchangeError(NO_HUB) from None
    host = urlsplit(str(hub.get("samp.hub.xmlrpc.url", ""))).hostname or ""
    if host not in LOCAL and host != os.uname().nodename:
        raise ExchangeError(f"the SAMP hub is on {host}: only a hub of this machine is used")


def local_file(url: str, folder: Path) -> Path:
    """The file at an address of this machine; one that a local server offers is copied into the folder.

    ExchangeError for other addresses, and for a file that is not there or too large.
    """
    address = urlsplit(url)
    if address.scheme == "file" and (address.hostname or "") in LOCAL:
        path = Path(unquote(address.path))
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            raise ExchangeError(f"{path}: no file of at most {MAX_BYTES // 10**6} MB")
        return path
    if address.scheme == "http" and address.hostname in LOCAL:
        return _copied(url, folder)
    raise ExchangeError(f"{url[:200]}: only files of this machine are taken")


def _copied(url: str, folder: Path) -> Path:
    from urllib.request import HTTPRedirectHandler, build_opener

    from ..atomic import atomic
    from ..data.identity import identity

    class Stay(HTTPRedirectHandler):
        """A local server may not lead to another one."""

        def redirect_request(self, *_: Any, **__: Any) -> None:
            raise ExchangeError(f"{url[:200]}: leads elsewhere")

    opener = build_opener(Stay)
    with opener.open(url, timeout=30) as answer:
        content = answer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ExchangeError(f"{url[:200]}: more than {MAX_BYTES // 10**6} MB")
    path = folder / f"received-{identity(content)}.vot"
    with atomic(path) as stream:
        stream.write(content)
    return path


@contextmanager
def own_hub() -> Iterator[Any]:
    """A hub of our own for the block, on this machine alone and without the web profile."""
    hub = library().SAMPHubServer(web_profile=False, addr=LOOPBACK, label=NAME)
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()


# --- files to send ---


def star_file(stars: SpectraSet, folder: Path, *, spectra: bool = True) -> tuple[Path, str]:
    """A VOTable with one row per star, and its id; with their spectra, or with labels and S/N alone."""
    table = stars.identity
    path = folder / f"{'stars' if spectra else 'labels'}-{table}.vot"
    make_folder(folder)
    if path.is_file():
        return path, path.as_uri()
    if spectra and len(stars) > 1:
        write_stars(path, stars)
    else:
        labels = dict(zip(stars.label_names, stars.labels.T, strict=True))
        write_table(path, {"source_id": stars.ids, **labels, "snr": stars.snr})
    return path, path.as_uri()


def spectrum_file(star: SpectraSet, folder: Path) -> Path:
    """A VOTable of one star's spectrum, one row per sample."""
    path = folder / f"spectrum-{star.identity}.vot"
    make_folder(folder)
    write_stars(path, star)
    return path
