"""How a command comes into being: one decorated function.

    @command("encode", "write the latents of stars", MODEL, STARS, OUT, SEED)
    def encode(args, console) -> Report: ...

The function imports what it needs when it runs; the file is named in `COMMAND_FILES` of `cli/__init__.py`.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

from ..errors import GandalfError
from ..parameters import MAX_SEED


class UsageError(GandalfError):
    """A command line that does not say what to do: status 2."""


class Argument(NamedTuple):
    """The arguments of one `add_argument` call."""

    flags: tuple[str, ...]
    options: dict[str, Any]


class Report(NamedTuple):
    """What a command found: `result` is the JSON object, `text` what a person reads (the result, if None)."""

    result: dict[str, Any]
    text: str | None = None


@dataclass(frozen=True)
class Command:
    name: str
    help: str
    arguments: tuple[Argument, ...]
    run: Callable[..., Report]


COMMANDS: dict[str, Command] = {}


def arg(*flags: str, **options: Any) -> Argument:
    return Argument(flags, options)


def command(name: str, help: str, *arguments: Argument) -> Callable:
    """Registers the decorated function `(args, console) -> Report` under `name`."""

    def register(run: Callable[..., Report]) -> Callable[..., Report]:
        COMMANDS[name] = Command(name, help, arguments, run)
        return run

    return register


class Parser(argparse.ArgumentParser):
    """Wrong use is one line, not a usage text."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def parser_for(chosen: Command) -> Parser:
    description = (chosen.run.__doc__ or chosen.help).strip()
    parser = Parser(f"python -m gandalf_core {chosen.name}", description=description, allow_abbrev=False)
    for flags, options in chosen.arguments:
        parser.add_argument(*flags, **options)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument(
        "--job", metavar="DIR", help="report to this job folder and obey its cancel file (used by the app)"
    )
    return parser


# --- values ---


def pair(text: str) -> tuple[str, str]:
    """`NAME=VALUE` as (name, value)."""
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def number_pair(text: str) -> tuple[str, float]:
    """`NAME=NUMBER`; the number must be finite."""
    name, value = pair(text)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise argparse.ArgumentTypeError(f"'{value}' in '{text}' is not a finite number")
    return name, number


def whole(low: int, high: int = 10**9) -> Callable[[str], int]:
    """The type of whole numbers from `low` to `high`."""

    def convert(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {low} to {high:,}")
        return int(text)

    return convert


def number(low: float) -> Callable[[str], float]:
    """The type of finite numbers of at least `low`."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value < float("inf"):
            raise argparse.ArgumentTypeError(f"'{text}' is not a finite number of at least {low:g}")
        return value

    return convert


positive = whole(1)
seed = whole(0, MAX_SEED)

STARS = arg("stars", nargs="+", metavar="STARS", help="readable files of spectra, or simulated:N[:SEED]")
MODEL = arg("model", metavar="MODEL", help="a model folder, or the name of one in pretrained/")
OUT = arg("out", metavar="OUT", help="file to write")
SEED = arg("--seed", type=seed, default=0, help="seed of everything random (default: 0)")
NOISE_SEED = arg(
    "--seed", type=seed, help="seed of the latent's noise, where the recipe has one (default: the model's)"
)
EPOCHS = arg("--epochs", type=positive, help="passes over the training stars (default: the preset's)")
DEVICE = arg(
    "--device", choices=("auto", "cpu", "cuda"), default="auto", help="where to compute (default: auto)"
)
