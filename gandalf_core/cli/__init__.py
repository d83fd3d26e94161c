"""`python -m gandalf_core <command>`: parse, run, and say what happened.

Exit status 0; 2 for wrong use or bad input, with one line that names the file and the cause; 1 for a failure
of ours. With --json one JSON object goes to standard output; everything else goes to standard error.
A new command is one decorated function (`registry.command`) in a file listed in COMMAND_FILES.
"""

import contextlib
import difflib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module

from ..errors import GandalfError
from ..io.plain import jsonable, to_json
from ..jobs.folder import JobWriter, Stopped, handling, raise_stopped
from .console import Console, facts
from .registry import COMMANDS, Command, Report, UsageError, parser_for

COMMAND_FILES = ("data", "training", "use", "measure", "scale", "pretrain")
USER_ERRORS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, FileExistsError)


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    for name in COMMAND_FILES:
        import_module(f".commands.{name}", __name__)
    if argv and argv[0] in ("-h", "--help"):
        print(overview())
        return 0
    return _guarded(lambda: _run(argv))


def overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {c.name:<{width}}  {c.help}" for c in COMMANDS.values()]
    return "\n".join(
        [
            "usage: python -m gandalf_core COMMAND …",
            "",
            "Adversarial auto-encoders on stellar spectra, with their leakage measured.",
            "",
            *lines,
            "",
            "`python -m gandalf_core COMMAND --help` tells the rest. Every command takes --json.",
        ]
    )


def _run(argv: list[str]) -> int:
    chosen = _chosen(argv)
    args = parser_for(chosen).parse_intermixed_args(argv[1:])
    ends = handling(signal.SIGINT, raise_stopped), handling(signal.SIGTERM, raise_stopped)
    # what a library prints is no part of the result
    with ends[0], ends[1], contextlib.redirect_stdout(sys.stderr):
        report = _followed(chosen, args) if args.job else chosen.run(args, Console())
    print(
        to_json(report.result) if args.json else facts(report.result) if report.text is None else report.text
    )
    sys.stdout.flush()
    return 0


def _chosen(argv: list[str]) -> Command:
    if not argv:
        raise UsageError("which command? `python -m gandalf_core --help` lists them")
    if argv[0] not in COMMANDS:
        near = difflib.get_close_matches(argv[0], COMMANDS, 1)
        hint = f"did you mean {near[0]}?" if near else "`python -m gandalf_core --help` lists them"
        raise UsageError(f"no command '{argv[0]}'; {hint}")
    return COMMANDS[argv[0]]


def _followed(chosen: Command, args) -> Report:
    """Run under a job folder, which learns how it ended."""
    with JobWriter(args.job, chosen.name) as job, _ending(job):
        report = chosen.run(args, Console(job))
        state = "cancelled" if report.result.get("stopped") else "done"
        job.update(state=state, result=jsonable(report.result))
    return report


@contextlib.contextmanager
def _ending(job: JobWriter) -> Iterator[None]:
    try:
        yield
    except Stopped:
        job.update(state="cancelled", message="stopped")
        raise
    except BaseException as error:
        job.update(state="failed", error=one_line(error), message=one_line(error))
        raise


def _guarded(work: Callable[[], int]) -> int:
    """`work()`, with every failure turned into one line and an exit status."""
    try:
        return work()
    except GandalfError as error:
        return _fail(2, one_line(error))
    except USER_ERRORS as error:
        return _fail(2, f"{error.filename}: {error.strerror}" if error.filename else one_line(error))
    except BrokenPipeError:  # `… | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Stopped, KeyboardInterrupt):
        return _fail(1, "stopped")
    except MemoryError:
        return _fail(1, "out of memory: use fewer stars")
    except Exception as error:
        traceback.print_exc()
        return _fail(1, f"internal error: {one_line(error)}")


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _fail(status: int, message: str) -> int:
    print(f"gandalf: {message}", file=sys.stderr)
    return status
