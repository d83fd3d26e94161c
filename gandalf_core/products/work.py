"""One partition of a catalogue, from its file to the file of its results: the same code wherever it runs."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..data.identity import file_identity, file_sha256
from ..errors import SpectraError
from ..io.parquet import footer_of, iter_parts
from ..io.parquet_groups import Part
from ..io.understanding import Understanding
from .ledger import NO_STATE, Result, State
from .partition import Partition
from .pipeline import in_background, read_ahead
from .positions import Carried, Positions
from .results import Output, parquet_output
from .tasks import Task

Step = Callable[[str, int], None]  # the name of a partition, how many of its rows are done


@dataclass(frozen=True)
class Job:
    """A partition to work through.

    name: in the source. path: its file. out: the file of its result. integer_ids: whether ids are 64-bit
    integers. chunk: stars at once. keep_spikes: leave cosmic-ray hits as they are. needed: whether there must
    be a star, as in a catalogue of one file, whose result is not kept in a ledger. carried: columns of a
    HATS catalogue that its results get, too.
    """

    name: str
    path: Path
    out: Path
    integer_ids: bool
    chunk: int
    keep_spikes: bool = False
    needed: bool = False
    carried: Carried = ()


@dataclass(frozen=True)
class Done:
    """What became of a partition.

    out: the file that was written. read: how the partition was understood. changed: whether it changed while
    it was read, so that its result is of no state.
    """

    result: Result
    out: Path
    read: tuple[Understanding, ...] = ()
    changed: bool = False


def work_through(task: Task, job: Job, step: Step) -> Done:
    """Work through a partition; what became of it, in no state where that may be different next time.

    Raises SpectraError for an output that cannot be written, and where a star is needed but none can be used.
    """
    output = Output(job.out, job.integer_ids, task.nothing(), Positions(job.path, job.carried))
    with in_background(_nothing if job.needed else _content, job.path) as content:
        partition, rows = Partition(job.name, task), 0
        with parquet_output(output) as write, closing(read_ahead(_parts(task, job))) as parts:
            for part in parts:
                for piece in partition.pieces(part):
                    write(piece)
                rows += part.rows
                step(job.name, rows)
            if job.needed and not partition.stars:
                raise no_star(job.path, partition.rejected, partition.left_out)
        before, identity = content()
    changed = not job.needed and _state(job.path) != before
    lasting = not changed and not partition.unread
    result = Result(
        job.name,
        before if lasting else NO_STATE,
        identity if lasting else "",
        job.integer_ids,
        partition.stars,
        partition.left_out,
        partition.rejected,
        sha256="" if job.needed else file_sha256(job.out),
    )
    return Done(result, job.out, tuple(partition.read), changed)


def given_up(task: Task, job: Job, rows: int, cause: str) -> Done:
    """An empty result, for a partition of so many rows that nobody could work through; the next run tries."""
    with parquet_output(Output(job.out, job.integer_ids, task.nothing(), Positions(job.path, job.carried))):
        pass
    causes = {job.name: f"{job.name}: {cause}"}
    return Done(Result(job.name, NO_STATE, "", job.integer_ids, 0, rows, causes), job.out)


def no_star(source: Path, rejected: dict[str, str], left_out: int) -> SpectraError:
    """The error of a source without a usable star: the first cause, and how many stars there are."""
    first = next(iter(rejected.values()), f"{source}: holds no stars")
    return SpectraError(f"{first} (and {left_out - 1:,} more)" if left_out > 1 else first)


def _parts(task: Task, job: Job) -> Iterator[Part]:
    """The parts of a file; one that cannot be used as a whole is one part with its cause."""
    try:
        # in a file of ours a masked pixel's flux is NaN; in others the errors, too, say what is masked.
        # They also say what is a cosmic-ray hit.
        errors = task.needs_errors or not job.keep_spikes or not footer_of(job.path).ours
        yield from iter_parts(job.path, job.chunk, errors=errors, keep_spikes=job.keep_spikes)
    except SpectraError as error:
        yield Part(0, 0, error)


def _nothing(path: Path) -> tuple[State, str]:
    """Instead of `_content`, for a file whose result is not kept in a ledger."""
    return NO_STATE, ""


def _content(path: Path) -> tuple[State, str]:
    """The state and the identity of a file; neither of one that cannot be read."""
    state = _state(path)
    try:
        return state, file_identity(path)
    except OSError:
        return NO_STATE, ""


def _state(path: Path) -> State:
    try:
        return State.of(path)
    except OSError:
        return NO_STATE
