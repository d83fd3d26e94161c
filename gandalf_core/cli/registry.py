"""How a command is defined: one decorated function.

    @command("encode", "write the latents of stars", MODEL, STARS, *EXPORTING, OUT)
    def encode(args: Namespace, console: Console) -> Report: ...

The function imports what it needs when it runs, so that `--help` stays fast; its docstring is the help text.
Its file is listed in `COMMAND_FILES` of `cli/__init__.py`.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from ..errors import GandalfError
from .console import Console

MODULE_PROGRAM = "python -m gandalf_core"


class UsageError(GandalfError):
    """A command line that cannot be carried out as it stands: status 2."""


class Argument(NamedTuple):
    """The arguments of one `add_argument` call."""

    flags: tuple[str, ...]
    options: dict[str, Any]


class Report(NamedTuple):
    """The result of a command: the JSON object, and the text for people (None: made from `result`).

    failure: why the exit status is 2 although there is a result to print.
    """

    result: dict[str, Any]
    text: str | None = None
    failure: str | None = None


Run = Callable[[argparse.Namespace, Console], Report]


@dataclass(frozen=True)
class Command:
    """A command of the command line."""

    name: str
    help: str
    arguments: tuple[Argument, ...]
    run: Run


COMMANDS: dict[str, Command] = {}


def arg(*flags: str, **options: Any) -> Argument:
    """An argument, as `add_argument` takes it."""
    return Argument(flags, options)


def command(name: str, help: str, *arguments: Argument) -> Callable[[Run], Run]:
    """Register the decorated function under `name`; `help` is its line in the overview."""

    def register(run: Run) -> Run:
        COMMANDS[name] = Command(name, help, arguments, run)
        return run

    return register


def program() -> str:
    """How this command line was started: `gandalf`, or `python -m gandalf_core`."""
    return "gandalf" if Path(sys.argv[0]).stem == "gandalf" else MODULE_PROGRAM


class Parser(argparse.ArgumentParser):
    """A parser that raises UsageError, one line, where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def parser_for(command: Command) -> Parser:
    """The parser of a command's arguments, with those that every command takes."""
    description = (command.run.__doc__ or command.help).strip()
    parser = Parser(f"{program()} {command.name}", description=description, allow_abbrev=False)
    for flags, options in command.arguments:
        parser.add_argument(*flags, **options)
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output")
    parser.add_argument(
        "--job",
        metavar="DIR",
        help="report to this job folder and obey its cancel file (used by the explorer)",
    )
    return parser
