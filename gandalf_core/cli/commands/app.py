"""The command `app`: starts the explorer, the web pages of this package."""

import os
import sys
from argparse import Namespace
from importlib.util import find_spec
from pathlib import Path

from ...errors import GandalfError
from ...jobs.folder import Stopped
from ..arguments import whole_number
from ..console import Console
from ..registry import Report, UsageError, arg, command

NEEDED = ("streamlit", "plotly")
EVERY_ADDRESS = "0.0.0.0"
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@command(
    "app",
    "start the explorer in a browser",
    arg("--port", type=whole_number(1, 65535), metavar="N", help="port to listen on (default: 8501)"),
    arg(
        "--address",
        metavar="A",
        help="address to listen on, 0.0.0.0 for every address of this machine (default: localhost; with "
        "--public: 0.0.0.0)",
    ),
    arg(
        "--public",
        action="store_true",
        help="for a class: every address of this machine, the quotas of the table [public], no deletion "
        "(SECURITY.md)",
    ),
    arg(
        "--settings",
        metavar="FILE",
        help="quotas that differ from gandalf_core/jobs/quotas.toml (default: none)",
    ),
)
def app(args: Namespace, console: Console) -> Report:
    """Start the explorer and serve it until Ctrl-C."""
    from ...places import explorer_folder

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        cure = "pip install 'gandalf-explorer[app]'"
        raise UsageError(f"the explorer needs {' and '.join(missing)}, not installed here: {cure}")
    settings = environment_of(args.public, args.address, args.settings)
    if args.public:
        console.say(_promise(settings))
    command = explorer_command(args.port, args.address, public=args.public)
    status = _run(command, str(explorer_folder()), settings)
    if status:
        raise GandalfError(f"the explorer ended with status {status}: see the messages above")
    return Report({"stopped": True}, "explorer stopped")


def environment_of(public: bool, address: str | None, settings: str | None) -> dict[str, str]:
    """The variables that tell the explorer where things are and what visitors may use.

    ConfigError for a settings file that is none.
    """
    from ...jobs.quotas import PROXIED, PUBLIC, check_settings
    from ...places import environment

    chosen = environment() | ({"GANDALF_SETTINGS": str(Path(settings).absolute())} if settings else {})
    check_settings(chosen.get("GANDALF_SETTINGS"))
    chosen |= {PUBLIC: "1" if public else "0"}
    # a public server that listens to this machine alone is behind a proxy: nobody's address means anything
    return chosen | {PROXIED: "1" if public and address in LOOPBACK else "0"}


def _promise(settings: dict[str, str]) -> str:
    """What visitors may use of a public server, in one line."""
    from ...jobs.quotas import quotas_in

    limits = quotas_in(settings)
    deletion = "delete what is theirs" if limits.deletion else "delete nothing but their uploads"
    return (
        f"Each visitor: {limits.jobs} jobs, {limits.disk_mb} MB, {limits.simulated_stars:,} simulated stars "
        f"in 24 hours; visitors {deletion}. All visitors: {limits.total_disk_mb:,} MB (SECURITY.md)."
    )


def explorer_command(
    port: int | None = None, address: str | None = None, *, public: bool = False
) -> list[str]:
    """The command line that serves the explorer; it must run in the explorer's folder."""
    options: dict[str, object] = {"--server.port": port, "--server.address": address}
    if public:
        options |= {"--server.address": address or EVERY_ADDRESS, "--server.headless": "true"}
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
