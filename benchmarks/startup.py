"""Start-up: the command line's help, and the app from its start to the first drawn page."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from benchmarks.rows import Row

ROOT = Path(__file__).resolve().parent.parent


def help_text(quick: bool) -> list[Row]:
    """From start to end, the best of several runs: the files are cached by then."""
    command = [sys.executable, "-m", "gandalf_core", "--help"]
    times = []
    for _ in range(3 if quick else 10):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
        times.append(time.perf_counter() - started)
    return [Row("help", "`--help`, start to end [s]", min(times), 0.3, 0.15)]


def app(quick: bool) -> list[Row]:
    """From the start of the server to the end of the first page's script; the second start counts."""
    times = [_app_seconds() for _ in range(2)]
    return [Row("app", "app usable after start [s]", times[1], 5, 3, False, {"first_start": times[0]})]


def _app_seconds() -> float:
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        "app.py",
        "--server.port",
        str(port),
        "--server.headless",
        "true",
        "--server.address",
        "127.0.0.1",
    ]
    started = time.perf_counter()
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        _run_page(f"ws://127.0.0.1:{port}/_stcore/stream")
        return time.perf_counter() - started
    finally:
        server.terminate()
        server.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url: str, patience: float = 60.0) -> None:
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.02)
    raise RuntimeError(f"the app did not answer at {url} within {patience:.0f} s")


def _run_page(url: str) -> None:
    """Request a run of the script, as a browser does, and wait for its end."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import connect

    request = BackMsg()
    request.rerun_script.query_string = ""
    with connect(url, max_size=None, open_timeout=60) as connection:
        connection.send(request.SerializeToString())
        while True:
            message = ForwardMsg()
            message.ParseFromString(connection.recv(timeout=60))
            if message.WhichOneof("type") == "script_finished":
                return
