"""The command `app`: starts the explorer, the web pages of this package."""

import os
import sys
from argparse import Namespace
from importlib.util import find_spec

from ...errors import GandalfError
from ...jobs.folder import Stopped
from ..arguments import whole_number
from ..console import Console
from ..registry import Report, UsageError, arg, command

NEEDED = ("streamlit", "plotly")


@command(
    "app",
    "start the explorer in a browser",
    arg("--port", type=whole_number(1, 65535), metavar="N", help="port to listen on (default: 8501)"),
    arg(
        "--address",
        metavar="A",
        help="address to listen on, 0.0.0.0 for every address of this machine (default: localhost)",
    ),
)
def app(args: Namespace, console: Console) -> Report:
    """Start the explorer and serve it until Ctrl-C."""
    from ...places import environment, explorer_folder

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        cure = "pip install 'gandalf-explorer[app]'"
        raise UsageError(f"the explorer needs {' and '.join(missing)}, not installed here: {cure}")
    status = _run(explorer_command(args.port, args.address), str(explorer_folder()), environment())
    if status:
        raise GandalfError(f"the explorer ended with status {status}: see the messages above")
    return Report({"stopped": True}, "explorer stopped")


def explorer_command(port: int | None = None, address: str | None = None) -> list[str]:
    """The command line that serves the explorer; it must run in the explorer's folder."""
    options = {"--server.port": port, "--server.address": address}
    settings = [f"{name}={value}" for name, value in options.items() if value is not None]
    return [sys.executable, "-m", "streamlit", "run", "app.py", *settings]


def _run(command: list[str], folder: str, environment: dict[str, str]) -> int:
    """Run a command in the foreground to its end, or until somebody asks for it; its exit status."""
    import subprocess

    with subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONUTF8": "1"} | environment, stdout=sys.__stderr__
    ) as process:
        try:
            return process.wait()
        except Stopped:  # Ctrl-C is how the explorer ends
            return 0
        finally:
            process.terminate()
