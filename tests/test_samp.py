"""SAMP with the library's own hub and client, on this machine alone; and with TOPCAT, where it is."""

import json
import os
import shutil
import socket
import subprocess
import time

import numpy as np
import pytest
from astropy.table import Table
from toy import toy_stars

from gandalf_core.cli import main
from gandalf_core.errors import ExchangeError
from gandalf_core.exchange.samp import (
    Exchange,
    check_hub,
    library,
    local_file,
    own_hub,
    spectrum_file,
    star_file,
)
from gandalf_core.io import read_stars, write_stars, write_table

WEB_PROFILE = 21012  # the port that the standard gives to it


def wait_for(what, seconds=20.0):
    """The first true value of what(); fails when none comes in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := what():
            return value
        time.sleep(0.02)
    raise AssertionError("nothing came")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub, known by its lock file in a home of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patched.delenv("SAMP_HUB", raising=False)
        server = library().SAMPHubServer(web_profile=False, addr="127.0.0.1")
        server.start()
        yield server
        server.stop()


class Other:
    """Another program: takes tables, selections and spectra, and remembers them."""

    def __init__(self, name="pretend TOPCAT"):
        self.client = library().SAMPIntegratedClient(metadata={"samp.name": name}, addr="127.0.0.1")
        self.client.connect()
        self.got = []
        for kind in ("table.load.votable", "table.select.rowList", "spectrum.load.ssa-generic"):
            self.client.bind_receive_notification(kind, self.take)

    def take(self, key, sender, kind, params, extra):
        self.got.append((kind, params))

    def first(self, kind):
        return wait_for(lambda: [p for k, p in self.got if k == kind])[0]


@pytest.fixture
def other(hub):
    made = Other()
    yield made
    made.client.disconnect()


@pytest.fixture
def exchange(hub, other, tmp_path):
    with Exchange(tmp_path / "samp") as made:
        yield made


def test_a_table_with_spectra_arrives_whole(exchange, other):
    stars = toy_stars(5)
    path, table = star_file(stars, exchange.folder)
    assert exchange.send_table(path, "five stars", table) == ["pretend TOPCAT"]
    told = other.first("table.load.votable")
    assert told["name"] == "five stars" and told["table-id"] == table
    read = Table.read(local_file(told["url"], exchange.folder), format="votable", table_id=0)
    assert read["source_id"].astype(str).tolist() == stars.ids.tolist()
    np.testing.assert_array_equal(np.asarray(read["flux"]), stars.flux)


def test_a_selection_goes_there_and_comes_back(exchange, other):
    table = star_file(toy_stars(5), exchange.folder, spectra=False)[1]
    exchange.send_rows(table, np.array([1, 3]))
    assert other.first("table.select.rowList") == {"table-id": table, "url": "", "row-list": ["1", "3"]}
    back = {"table-id": table, "row-list": ["0", "4"]}
    other.client.notify_all({"samp.mtype": "table.select.rowList", "samp.params": back})
    (message,) = wait_for(exchange.received)
    assert (message.sender, message.table, message.rows) == ("pretend TOPCAT", table, (0, 4))
    answer = other.client.call_and_wait(
        next(iter(other.client.get_subscribed_clients("table.highlight.row"))),
        {"samp.mtype": "table.highlight.row", "samp.params": {"table-id": table, "row": "2"}},
        "10",
    )
    assert answer["samp.status"] == "samp.ok" and wait_for(exchange.received)[0].rows == (2,)


def test_a_spectrum_arrives_with_its_wavelengths(exchange, other):
    star = toy_stars(3)[[1]]
    exchange.send_spectrum(spectrum_file(star, exchange.folder), "a star")
    told = other.first("spectrum.load.ssa-generic")
    again = read_stars(local_file(told["url"], exchange.folder))
    np.testing.assert_array_equal(again.flux, star.flux)
    np.testing.assert_array_equal(again.wavelength_nm, star.wavelength_nm)


def test_tables_of_others_are_taken_from_this_machine_alone(exchange, other, tmp_path):
    write_stars(tmp_path / "own.vot", toy_stars(2))
    us = next(iter(other.client.get_subscribed_clients("table.load.fits")))

    def send(url):
        message = {"samp.mtype": "table.load.votable", "samp.params": {"url": url, "name": "theirs"}}
        return other.client.call_and_wait(us, message, "10")

    assert send((tmp_path / "own.vot").as_uri())["samp.status"] == "samp.ok"
    (message,) = exchange.received()
    assert message.path == tmp_path / "own.vot" and message.name == "theirs"
    for url in ("http://192.0.2.1/evil.vot", "ftp://127.0.0.1/x", "file://elsewhere/etc/passwd"):
        answer = send(url)
        assert answer["samp.status"] == "samp.error"
        assert "only files of this machine" in answer["samp.error"]["samp.errortxt"]
    assert "no file" in send("file:///nowhere.vot")["samp.error"]["samp.errortxt"]
    assert exchange.received() == []


def test_what_nobody_takes_is_said(exchange, other):
    path, table = star_file(toy_stars(2), exchange.folder)
    with pytest.raises(ExchangeError, match="no program called aladin takes a table"):
        exchange.send_table(path, "x", table, to="aladin")
    assert exchange.connected


# --- where there is no hub, or one that is not ours ---


def test_without_a_hub_one_line_says_what_to_start(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ExchangeError, match="no SAMP hub is running on this machine: start TOPCAT"):
        Exchange(tmp_path)


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        ("std-lockurl:http://192.0.2.1/lock", "only a hub of this machine"),
        ("web-profile:http://localhost:21012/", "only a hub of this machine"),
    ],
)
def test_hubs_elsewhere_and_the_web_profile_are_refused(tmp_path, monkeypatch, lock, message):
    monkeypatch.setenv("SAMP_HUB", lock)
    with pytest.raises(ExchangeError, match=message):
        check_hub()


def test_a_lock_file_that_leads_elsewhere_is_refused(monkeypatch):
    found = {"samp.hub.xmlrpc.url": "http://192.0.2.1:80/xmlrpc"}
    monkeypatch.setattr(library().lockfile_helpers, "get_main_running_hub", lambda: found)
    monkeypatch.delenv("SAMP_HUB", raising=False)
    with pytest.raises(ExchangeError, match=r"is on 192\.0\.2\.1: only a hub of this machine"):
        check_hub()


def test_our_own_hub_has_no_web_profile(tmp_path, monkeypatch):
    """Nobody listens where pages in a browser would ask; programs of this machine do connect."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with own_hub(), Exchange(tmp_path) as exchange:
        assert exchange.connected
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", WEB_PROFILE), timeout=5).close()
    assert not exchange.connected


# --- the command ---


def test_the_command_sends_and_prints_what_comes_back(hub, other, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANDALF_CACHE", str(tmp_path))
    stars = toy_stars(6)
    write_stars(tmp_path / "six.npz", stars)
    star = str(stars.ids[2])

    def answer(key, sender, kind, params, extra):
        back = {"table-id": params["table-id"], "row-list": ["5"]}
        other.client.notify(sender, {"samp.mtype": kind, "samp.params": back})

    other.client.bind_receive_notification("table.select.rowList", answer)
    command = [
        "send",
        str(tmp_path / "six.npz"),
        "--to",
        "topcat",
        "--select",
        star,
        "--wait",
        "20",
        "--json",
    ]
    assert main(command) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["sent_to"] == ["pretend TOPCAT"] and result["rows"] == 6
    assert result["selected"] == [str(stars.ids[5])]


def test_a_table_of_results_is_sent_as_it_is(hub, other, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GANDALF_CACHE", str(tmp_path))
    ids = np.array(["4268620287278693121", "9007199254740993"])
    write_table(tmp_path / "results.csv", {"id": ids, "teff": np.array([5000.0, 6000.0])})
    assert main(["send", str(tmp_path / "results.csv")]) == 0
    told = other.first("table.load.votable")
    read = Table.read(local_file(told["url"], tmp_path), format="votable")
    assert read["id"].astype(str).tolist() == ids.tolist() and read["teff"].tolist() == [5000, 6000]
    assert main(["send", str(tmp_path / "nothing.csv")]) == 2
    assert main(["send"]) == 2
    assert main(["send", "--hub"]) == 2, "there is one"
    assert "is running on this machine already" in capsys.readouterr().err


# --- the real TOPCAT ---

SUBSETS = (270, 40)  # the button of TOPCAT's window that opens the one of row subsets
THIRD_SUBSET, BROADCAST = (210, 146), (400, 40)  # there: the row below All and Activated; the button


@pytest.mark.long
@pytest.mark.skipif(
    not all(map(shutil.which, ("topcat", "Xvfb", "xdotool"))), reason="apt-get install topcat xvfb xdotool"
)
def test_topcat_gets_a_table_and_sends_a_selection_back(tmp_path, monkeypatch):
    """It shows the table and the subset that we send; a click on *broadcast* brings the rows back."""
    display = f":{os.getpid() % 1000 + 100}"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", f"-Duser.home={tmp_path}")
    screen = subprocess.Popen(["Xvfb", display, "-screen", "0", "1280x1024x24"], stderr=subprocess.DEVNULL)
    topcat = subprocess.Popen(["topcat"], cwd=tmp_path, start_new_session=True, stderr=subprocess.DEVNULL)
    try:
        wait_for(_has_hub, 120)
        with Exchange(tmp_path / "samp") as exchange:
            wait_for(lambda: "topcat" in exchange.others().values(), 60)
            path, table = star_file(toy_stars(20), exchange.folder, spectra=False)
            assert exchange.send_table(path, "twenty", table, "topcat") == ["topcat"]
            time.sleep(5)  # TOPCAT does not say when it has read a table
            exchange.send_rows(table, [2, 5, 7], "topcat")
            time.sleep(2)
            _click("TOPCAT", SUBSETS)
            _click("Row Subsets", THIRD_SUBSET)
            _click("Row Subsets", BROADCAST)
            (message,) = wait_for(exchange.received, 30)
            assert (message.sender, message.table, message.rows) == ("topcat", table, (2, 5, 7))
    finally:
        os.killpg(topcat.pid, 9)
        screen.kill()
        topcat.wait(), screen.wait()


def _has_hub() -> bool:
    try:
        check_hub()
    except ExchangeError:
        return False
    return True


def _click(window: str, place: tuple[int, int]) -> None:
    """Click into a window of this name, at a place from its upper left corner."""
    search = ["xdotool", "search", "--sync", "--onlyvisible", "--name", window]
    found = subprocess.run(search, capture_output=True, text=True, timeout=60, check=True).stdout.split()
    x, y = map(str, place)
    subprocess.run(["xdotool", "mousemove", "--window", found[0], x, y, "click", "1"], check=True)
    time.sleep(2)
