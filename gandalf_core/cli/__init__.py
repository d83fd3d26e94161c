"""The command line, `gandalf COMMAND` or `python -m gandalf_core COMMAND`: parse, run, and report.

Exit status 0; 2 for wrong use or bad input, with one line that names the file and the cause; 1 for an
internal error. With --json one JSON object goes to standard output; everything else goes to standard error. A
new command is one decorated function (`registry.command`) in a file listed in COMMAND_FILES.
"""

import contextlib
import difflib
import os
import signal
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable, Iterator
from importlib import import_module

from ..atomic import cause_of
from ..errors import GandalfError, SpectraError
from ..io.plain import jsonable, to_json
from ..jobs.folder import JobState, JobWriter, Stopped, handling, raise_stopped
from .console import Console, facts
from .registry import COMMANDS, MODULE_PROGRAM, Command, Report, UsageError, parser_for, program
from .terminal import prepare_streams, shown, takes_utf8

COMMAND_FILES = (
    *("data", "validate", "training", "predict", "use", "models", "measure", "explain"),
    *("own", "sweep", "scale", "fetch", "pretrain", "reproduce", "send", "app"),
)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    prepare_streams()
    load_commands()
    if argv and argv[0] in ("-h", "--help"):
        print(overview())
        return 0
    return _with_status(lambda: _run(argv))


def load_commands() -> dict[str, Command]:
    """Import the command files; all commands by name."""
    for name in COMMAND_FILES:
        import_module(f".commands.{name}", __name__)
    return COMMANDS


def overview() -> str:
    """The text of `--help`: every command with one line."""
    width = max(map(len, COMMANDS))
    return "\n".join(
        [
            "usage: gandalf COMMAND …",
            f"   or: {MODULE_PROGRAM} COMMAND …",
            "",
            "Adversarial auto-encoders on stellar spectra, with their leakage measured.",
            "",
            *(f"  {c.name:<{width}}  {c.help}" for c in COMMANDS.values()),
            "",
            f"`{program()} COMMAND --help` explains a command. Every command takes --json.",
        ]
    )


def _run(argv: list[str]) -> int:
    command = _command(argv)
    args = parser_for(command).parse_intermixed_args(argv[1:])
    interrupt, terminate = (handling(number, raise_stopped) for number in (signal.SIGINT, signal.SIGTERM))
    # what a library prints is not part of the result
    with interrupt, terminate, contextlib.redirect_stdout(sys.stderr):
        report = _run_as_job(command, args) if args.job else command.run(args, Console())
    _print(_text(report, args.json))
    return 0 if report.failure is None else _fail(2, report.failure)


def _print(text: str) -> None:
    """Print a result. SpectraError where standard output goes to a full disk, for example."""
    try:
        print(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _close_output()  # or else the interpreter tries again when it ends
        raise SpectraError(f"standard output: cannot be written ({cause_of(error)})") from None


def _close_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _command(argv: list[str]) -> Command:
    if not argv:
        raise UsageError(f"which command? `{program()} --help` lists them")
    if argv[0] not in COMMANDS:
        similar = difflib.get_close_matches(argv[0], COMMANDS, 1)
        hint = f"did you mean {similar[0]}?" if similar else f"`{program()} --help` lists them"
        raise UsageError(f"no command '{argv[0]}'; {hint}")
    return COMMANDS[argv[0]]


def _text(report: Report, as_json: bool) -> str:
    if as_json:
        return to_json(report.result, ascii_only=not takes_utf8())
    return shown(facts(report.result) if report.text is None else report.text, keep="\n")


def _run_as_job(command: Command, args: Namespace) -> Report:
    """Run a command that reports to a job folder, from its start to how it ended."""
    with JobWriter(args.job, command.name) as job, _ending(job):
        report = command.run(args, Console(job))
        state = JobState.CANCELLED if report.result.get("stopped") else JobState.DONE
        state = JobState.FAILED if report.failure else state
        job.update(state=state, result=jsonable(report.result), error=report.failure)
    return report


@contextlib.contextmanager
def _ending(job: JobWriter) -> Iterator[None]:
    """Write to the job folder that the block was stopped or failed."""
    try:
        yield
    except Stopped:
        job.update(state=JobState.CANCELLED, message="stopped")
        raise
    except BaseException as error:
        job.update(state=JobState.FAILED, error=one_line(error), message=one_line(error))
        raise


def _with_status(work: Callable[[], int]) -> int:
    """The exit status of `work()`; every error becomes one line and a status."""
    try:
        return work()
    except GandalfError as error:
        return _fail(2, one_line(error))
    except BrokenPipeError:  # `… | head` has read enough
        _close_output()
        return 0
    except OSError as error:
        return _fail(2, f"{error.filename}: {cause_of(error)}" if error.filename else one_line(error))
    except (Stopped, KeyboardInterrupt):
        return _fail(1, "stopped")
    except MemoryError:
        return _fail(1, "out of memory: use fewer stars")
    except Exception as error:
        traceback.print_exc()
        return _fail(1, f"internal error: {one_line(error)}")


def one_line(error: BaseException) -> str:
    """An error's message on one line, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def _fail(status: int, message: str) -> int:
    with contextlib.suppress(OSError):
        print(f"gandalf: {shown(message)}", file=sys.stderr)
    return status
