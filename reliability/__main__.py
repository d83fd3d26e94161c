"""The command line, `python -m reliability COMMAND`: one attack, or `write` for docs/reliability.md."""

import argparse
import json
import sys
import time
from importlib import import_module
from pathlib import Path

from gandalf_core.cli.terminal import prepare_streams

from .options import Options

ATTACKS = {
    "kill": "SIGKILL at random moments of trainings, of saving models, of catalogues and of sweeps",
    "full-disk": "every command that writes, on a disk that is full",
    "fuzz": "files in every format that somebody damaged, or laid out in another way",
    "hostile": "model folders of strangers",
    "load": "very many people at once",
    "look": "the page Data in a browser, after each of many files that do harm",
}


def attack(name: str, options: Options, keep: bool) -> int:
    """Run an attack; the exit status is 1 where something did not hold."""
    started = time.monotonic()
    result = import_module(f".{name.replace('-', '_')}", __package__).run(options)
    seconds = time.monotonic() - started
    print(json.dumps(result, indent=1))
    if keep:
        from .records import store

        print(store(name, result, options, seconds), file=sys.stderr)
    return 0 if result.get("held", True) else 1


def write() -> int:
    """docs/reliability.md from the stored results."""
    from .document import write

    write()
    return 0


def main() -> int:
    parser = argparse.ArgumentParser("python -m reliability", description=__doc__)
    parser.add_argument(
        "command", choices=(*ATTACKS, "write"), help="; ".join(f"{k}: {v}" for k, v in ATTACKS.items())
    )
    parser.add_argument("--quick", action="store_true", help="the short form, which is not stored")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of everything random (default: 0)")
    parser.add_argument("--count", type=int, metavar="N", help="how many attacks (default: as documented)")
    parser.add_argument("--screenshots", type=Path, metavar="FOLDER", help="where `look` puts pictures")
    parser.add_argument("--discard", action="store_true", help="do not store the result")
    prepare_streams()
    args = parser.parse_args()
    if args.command == "write":
        return write()
    if args.screenshots is not None:
        args.screenshots.mkdir(parents=True, exist_ok=True)
    options = Options(args.quick, args.seed, args.count, args.screenshots)
    return attack(args.command, options, not (args.quick or args.discard))


if __name__ == "__main__":
    sys.exit(main())
