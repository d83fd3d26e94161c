"""Types of values on the command line, and the arguments that several commands share."""

import math
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable

from ..jobs.cluster import MISSING, NONE, is_installed
from ..parameters import MAX_SEED
from .registry import Argument, UsageError, arg

# --- types: from text to value, ArgumentTypeError for a text that does not fit ---


def named_text(text: str) -> tuple[str, str]:
    """`NAME=VALUE` as (name, value)."""
    name, equals, value = text.partition("=")
    if not equals or not name or not value:
        raise ArgumentTypeError(f"'{text}' is not NAME=VALUE")
    return name, value


def named_number(text: str) -> tuple[str, float]:
    """`NAME=NUMBER` as (name, number); the number must be finite."""
    name, value = named_text(text)
    number = _number(value)
    if not math.isfinite(number):
        raise ArgumentTypeError(f"'{value}' in '{text}' is not a finite number")
    return name, number


def whole_number(low: int, high: int = 10**9) -> Callable[[str], int]:
    """The type of whole numbers from `low` to `high`."""

    def convert(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ArgumentTypeError(f"'{text}' is not a whole number from {low} to {high:,}")
        return int(text)

    return convert


def number_from(low: float, high: float = float("inf")) -> Callable[[str], float]:
    """The type of finite numbers from `low` to `high`."""
    ends = f"a finite number of at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"

    def convert(text: str) -> float:
        value = _number(text)
        if not low <= value <= high or value == float("inf"):
            raise ArgumentTypeError(f"'{text}' is not {ends}")
        return value

    return convert


def _number(text: str) -> float:
    """NaN for a text that is not a number."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def optional(argument: Argument, count: str) -> Argument:
    """A positional argument that may be absent; count: `?` for one, `*` for any number."""
    return Argument(argument.flags, argument.options | {"nargs": count})


positive = whole_number(1)
seed = whole_number(0, MAX_SEED)

# --- arguments ---

STARS = arg(
    "stars",
    nargs="+",
    metavar="STARS",
    help="files of spectra, or simulated:N[:SEED] for N simulated stars (seed: default 0)",
)
KEEP_SPIKES = arg(
    "--keep-spikes",
    action="store_true",
    help="leave single samples far above their neighbours as they are, instead of masking them as cosmic-ray "
    "hits",
)
SHIFT = arg(
    "--shift",
    choices=("none", "auto"),
    default="none",
    help="auto: move stars to rest whose lines are shifted by more than models know, and say which (default: "
    "none, they are named and left as they are)",
)
MODEL = arg("model", metavar="MODEL", help="a model folder, or the name of an installed model (see `models`)")
OUT = arg("out", metavar="OUT", help="the file to write; its suffix says the format")
SEED = arg("--seed", type=seed, metavar="N", default=0, help="seed of everything random (default: 0)")
NOISE_KEY = arg(
    "--noise-key",
    metavar="FILE",
    help="a file with the secret key of the latent's noise, to repeat another installation's results "
    "(default: this installation's own key)",
)
SEEDED_NOISE_KEY = arg(
    "--noise-key",
    metavar="FILE",
    help="a file with the secret key of the latents' noise (default: a key that follows from --seed, so that "
    "the numbers can be repeated anywhere)",
)
MAPS_NOISE_KEY = arg(
    "--noise-key",
    metavar="FILE",
    help="a file with the secret key of the noise of the latents in the maps (default: this installation's "
    "own key)",
)
UNUSED_SEED = arg(
    "--seed",
    dest="unused_seed",
    type=seed,
    metavar="N",
    help="accepted from older scripts, without effect: the latent's noise follows --noise-key alone "
    "(default: none)",
)
EXPORTING = (NOISE_KEY, UNUSED_SEED)  # of every command that writes what it makes of latents
EPOCHS = arg(
    "--epochs", type=positive, metavar="N", help="passes over the training stars (default: the preset's)"
)
DEVICE = arg(
    "--device",
    choices=("auto", "cpu", "cuda"),
    default="auto",
    help="where to compute (default: auto, a GPU where there is one)",
)
MAPS = ("tsne", "umap", "pca")


def scheduler(default: str) -> Argument:
    """The argument --scheduler of a command. default: what happens without it, in words."""
    return arg(
        "--scheduler",
        metavar="ADDRESS",
        help="a Dask cluster: its scheduler's address (tcp://HOST:8786) or scheduler file (.json); local: "
        f"processes of this machine; none: this process (default: {default})",
    )


def check_scheduler(args: Namespace) -> None:
    """UsageError for a --scheduler that needs Dask where there is none."""
    if args.scheduler not in (None, NONE) and not is_installed():
        raise UsageError(f"--scheduler {args.scheduler}: {MISSING}")
