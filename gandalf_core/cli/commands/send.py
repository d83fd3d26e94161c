"""The command `send`: stars, tables and selections to TOPCAT, Aladin and others on this machine."""

import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ExchangeError, GandalfError
from ..arguments import KEEP_SPIKES, number_from
from ..console import Console
from ..registry import Report, arg, command

if TYPE_CHECKING:
    import numpy as np

    from ...data.spectra import SpectraSet
    from ...exchange.samp import Exchange

LOOK_EVERY = 0.2  # seconds
FOREVER = 365 * 24 * 3600


@command(
    "send",
    "stars, tables and selections to TOPCAT or Aladin on this machine, and back (SAMP)",
    arg("what", metavar="FILE|SAMPLE", help="stars, as everywhere, or a table of results", nargs="?"),
    arg("--to", default="", metavar="NAME", help="only to this program, such as topcat (default: to all)"),
    arg(
        "--select", action="append", default=[], metavar="ID", help="then select this star there; may repeat"
    ),
    arg(
        "--spectrum",
        metavar="ID",
        help="send this star's spectrum, to programs that draw spectra (default: a table)",
    ),
    arg("--without-spectra", action="store_true", help="send labels and S/N alone"),
    arg(
        "--wait",
        type=number_from(0),
        metavar="SECONDS",
        help="then wait for a selection that comes back, and print its ids (default: do not wait)",
    ),
    arg(
        "--hub",
        action="store_true",
        help="be the hub that the others connect to, until Ctrl-C; only where none is running",
    ),
    KEEP_SPIKES,
)
def send(args: Namespace, console: Console) -> Report:
    """Send a table of stars, a selection or a spectrum to programs on this machine that speak SAMP.

    A hub must be running: TOPCAT and Aladin bring one. Only a hub of this machine is used, and never the web
    profile, by which pages in a browser take part. docs/samp.md tells more.
    """
    from ...exchange.samp import Exchange
    from ...places import cache_folder
    from ..registry import UsageError

    if args.hub:
        return _be_hub(console)
    if not args.what:
        raise UsageError("send what? Give a file or a sample, such as simulated:100, or --hub")
    with Exchange(cache_folder() / "samp") as exchange:
        ids, path, table = _file_of(args, console, exchange.folder)
        sent = _send(args, exchange, path, table, ids)
        result: dict[str, Any] = {"sent_to": sent, "rows": len(ids), "file": str(path)}
        console.say(f"sent to {', '.join(sent)}")
        if args.wait is not None:
            result["selected"] = _selection(exchange, table, args.wait, ids)
    return Report(result)


def _file_of(args: Namespace, console: Console, folder: Path) -> "tuple[np.ndarray, Path, str]":
    """The ids of the rows, the VOTable that is sent, and its id."""
    from ...exchange.samp import spectrum_file, star_file

    try:
        stars = _stars(args, console)
    except GandalfError as error:
        if args.spectrum or not Path(args.what).is_file():
            raise
        return _table(Path(args.what), folder, error)
    if args.spectrum:
        star = stars[[_row_of(args.spectrum, stars.ids)]]
        path = spectrum_file(star, folder)
        return star.ids, path, path.as_uri()
    path, table = star_file(stars, folder, spectra=not args.without_spectra)
    return stars.ids, path, table


def _stars(args: Namespace, console: Console) -> "SpectraSet":
    from ...sources import Intake, gather

    stars, intake = gather(args.what, None, Intake(keep_spikes=args.keep_spikes))
    console.taken_in(intake)
    return stars


def _table(file: Path, folder: Path, error: GandalfError) -> "tuple[np.ndarray, Path, str]":
    """A table of results as a VOTable; the error of reading it as stars where it is none either."""
    import numpy as np
    from astropy.table import Table

    from ...atomic import make_folder
    from ...data.identity import file_identity
    from ...io import write_table

    try:
        read = Table.read(file)
    except Exception:  # astropy's readers fail in many ways: it is no table either
        raise error from None
    make_folder(folder)
    path = folder / f"table-{file_identity(file)}.vot"
    write_table(path, {name: np.ma.filled(np.ma.asarray(read[name])) for name in read.colnames})
    key = next((n for n in ("source_id", "id", "ids") if n in read.colnames), read.colnames[0])
    return np.asarray(read[key]).astype(str), path, path.as_uri()


def _send(args: Namespace, exchange: "Exchange", path: Path, table: str, ids: "np.ndarray") -> list[str]:
    """Send the file, and a selection of its rows where one is asked for."""
    name = f"{Path(args.what).name} {args.spectrum or ''}".strip()
    if args.spectrum:
        return exchange.send_spectrum(path, name, args.to)
    sent = exchange.send_table(path, name, table, args.to)
    if args.select:
        exchange.send_rows(table, [_row_of(star, ids) for star in args.select], args.to)
    return sent


def _row_of(star: str, ids: "np.ndarray") -> int:
    rows = [k for k, name in enumerate(ids.tolist()) if name == star]
    if not rows:
        raise ExchangeError(f"no star {star} among the {len(ids):,} that are sent")
    return rows[0]


def _selection(exchange: "Exchange", table: str, seconds: float, ids: "np.ndarray") -> list[str]:
    """The ids of the first selection in this table that comes back; none where none comes in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for message in exchange.received():
            if message.table == table and message.path is None:
                return [str(ids[row]) for row in message.rows if 0 <= row < len(ids)]
        time.sleep(LOOK_EVERY)
    return []


def _be_hub(console: Console) -> Report:
    from ...exchange.samp import check_hub, own_hub
    from ..registry import UsageError

    try:
        check_hub()
    except ExchangeError:
        with own_hub():
            console.say("a hub for this machine, without the web profile; Ctrl-C ends it")
            time.sleep(FOREVER)
        return Report({"stopped": True}, "hub stopped")
    raise UsageError("a SAMP hub is running on this machine already: no other is needed")
