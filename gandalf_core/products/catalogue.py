"""Survey scale: Parquet in, Parquet out, partition by partition and chunk by chunk, in constant memory.

Reading, computing and writing overlap: one thread reads the next chunk while the networks work on this one,
and another thread writes the last one. A folder of partitions may be stopped at any time: the same call
continues with the missing ones (see `ledger`). The networks use every core by themselves, so partitions are
processed one after the other; to spread them over machines, give each machine its own folder.

Nothing bad stops the others: a star, a row group, a chunk or a partition that cannot be used is counted and
named, and a partition without a usable star has an empty result with the columns of every other.
Shapes: N stars of a chunk.
"""

import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from ..data.identity import file_identity
from ..errors import SpectraError
from ..io import check_output
from ..io.folders import name_in, partitions
from ..io.parquet import Footer, footer_of, iter_parts
from ..io.parquet_groups import Part
from ..io.read import reject
from ..io.understanding import Understanding, notes_of
from ..jobs.progress import Progress, silent
from .ledger import NO_STATE, Ledger, Result, State, open_folder
from .partition import Partition
from .pipeline import in_background, read_ahead
from .results import Output, parquet_output
from .tasks import Task

CHUNK = 8192  # stars at once; a few chunks are in memory


@dataclass
class Summary:
    """What a run did, and what the catalogue holds after it.

    stars: done by this run; stars_in_all: with those of earlier runs.  left_out: stars without a result, in
    all; rejected: {star, rows or partition: cause} of the first of each partition.  already: partitions that
    were done before; again: those that were done anew, because they have changed since.  notes: sentences on
    how the files were read, and on what is strange about the folders.
    """

    stars: int = 0
    stars_in_all: int = 0
    left_out: int = 0
    partitions: int = 0
    already: int = 0
    again: list[str] = field(default_factory=list)
    seconds: float = 0.0
    rejected: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count what became of a partition."""
        self.stars_in_all += result.stars
        self.left_out += result.left_out
        for key, cause in result.rejected.items():
            reject(self.rejected, key, cause)


def run_catalogue(
    task: Task,
    source: str | Path,
    out: str | Path,
    *,
    chunk: int = CHUNK,
    keep_spikes: bool = False,
    progress: Progress = silent,
) -> Summary:
    """Apply a task to a Parquet file, or to every partition in a folder.

    chunk: stars at once, at most. keep_spikes: leave cosmic-ray hits as they are. Raises SpectraError where
    no star can be used, and for an output that cannot be written; ClaimError for a folder that was begun for
    other work or for another source.
    """
    started = time.perf_counter()
    run = _Run(task, chunk, keep_spikes, progress)
    if Path(source).is_dir():
        run.folder(Path(source), Path(out))
    elif not os.path.exists(source):
        raise SpectraError(f"{source}: no such file or folder")
    else:
        run.file(Path(source), Path(out))
    run.summary.notes = [*notes_of(run.read), *run.summary.notes]
    run.summary.seconds = time.perf_counter() - started
    return run.summary


class _Run:
    """A run over all partitions. read: how each file was understood. total, seen: rows."""

    def __init__(self, task: Task, chunk: int, keep_spikes: bool, progress: Progress) -> None:
        self.task, self.chunk, self.keep_spikes, self.progress = task, chunk, keep_spikes, progress
        self.summary = Summary()
        self.read: list[Understanding] = []
        self.total = self.seen = 0

    # --- a file, or all partitions of a folder ---

    def file(self, source: Path, out: Path) -> None:
        """Work through a file. SpectraError, with the first cause, where no star of it can be used."""
        check_output(out, (".parquet",), [source])
        footer = footer_of(source)
        self.total = footer.rows
        self._do(source.name, source, Output(out, footer.integer_ids, self.task.nothing(), needed=True))

    def folder(self, source: Path, out: Path) -> None:
        """Work through the partitions whose results are missing or of another state."""
        names = self._partitions(source, out)
        footers = {name: _footer(path) for name, path in names.items()}
        self.total = sum(footer.rows for footer in footers.values())
        about = self.task.about | {"keep_spikes": self.keep_spikes}
        ledger, nothing = open_folder(out, about, source, names), self.task.nothing()
        integers = all(footer.integer_ids for footer in footers.values()) and not ledger.has_named_ids
        for name, path in names.items():
            self.summary.partitions += 1
            if done := ledger.up_to_date(name, path, integers):
                self.summary.already += 1
                self.summary.add(done)
                self.seen += footers[name].rows
                continue
            target = ledger.target(name)
            if name in ledger.results and target.is_file():
                self.summary.again.append(name)
            ledger.add(self._do(name, path, Output(target, integers, nothing)))
        self._note(ledger, names)
        if not self.summary.stars_in_all:
            raise _no_star(source, self.summary.rejected, self.summary.left_out)

    def _partitions(self, source: Path, out: Path) -> dict[str, Path]:
        """The partitions of a folder by name.

        Raises SpectraError for a folder without one, and where source and output lie in each other.
        """
        listing = partitions(source)
        for inner, outer, which in ((out, source, "the source"), (source, out, "the output")):
            if inner.resolve().is_relative_to(outer.resolve()):
                raise SpectraError(f"{inner}: lies inside {which}, {outer}: choose another folder")
        self.summary.notes += [f"{source}: {note}" for note in listing.notes]
        for name, cause in listing.unreadable.items():
            reject(self.summary.rejected, name, f"{source / name}: {cause}")
        names = {name_in(source, path): path for path in listing.files}
        if len(names) < len(listing.files):
            raise SpectraError(f"{source}: two files have names that look the same: rename one")
        return names

    def _note(self, ledger: Ledger, names: dict[str, Path]) -> None:
        """Say what was done again, and what lies in the output beside the results."""
        if self.summary.already == len(names):
            self.summary.notes.append(f"{ledger.folder}: all {len(names):,} partitions were done before")
        gone, others = ledger.strangers(names)
        for some, what in (
            (self.summary.again, "have changed since they were done, and were done again"),
            (gone, "are no longer in the source, but their results are still in the output"),
            (others, "in the output are no results of this command"),
        ):
            if some:
                more = f" and {len(some) - 3:,} more" if len(some) > 3 else ""
                self.summary.notes.append(f"{ledger.folder}: {', '.join(some[:3])}{more} {what}")

    # --- one partition ---

    def _do(self, name: str, path: Path, output: Output) -> Result:
        """Work through one file; what became of it, in no state where that may be different next time."""
        with in_background(_nothing if output.needed else _content, path) as content:
            partition = Partition(name, self.task)
            with parquet_output(output) as write, closing(read_ahead(self._parts(path))) as parts:
                for part in parts:
                    for piece in partition.pieces(part):
                        write(piece)
                    self._step(part, name)
                if output.needed and not partition.stars:
                    raise _no_star(path, partition.rejected, partition.left_out)
            before, identity = content()
        self.summary.stars += partition.stars
        self.read += partition.read
        unchanged = output.needed or _state(path) == before
        if not unchanged:
            self.summary.notes.append(f"{path}: changed while it was read: the same command does it again")
        lasting = unchanged and not partition.unread
        result = Result(
            name,
            before if lasting else NO_STATE,
            identity if lasting else "",
            output.integer_ids,
            partition.stars,
            partition.left_out,
            partition.rejected,
        )
        self.summary.add(result)
        return result

    def _parts(self, path: Path) -> Iterator[Part]:
        """The parts of a file; one that cannot be used as a whole is one part with its cause."""
        try:
            # in a file of ours a masked pixel's flux is NaN; in others the errors, too, say what is masked.
            # They also say what is a cosmic-ray hit.
            errors = self.task.needs_errors or not self.keep_spikes or not footer_of(path).ours
            yield from iter_parts(path, self.chunk, errors=errors, keep_spikes=self.keep_spikes)
        except SpectraError as error:
            yield Part(0, 0, error)

    def _step(self, part: Part, name: str) -> None:
        self.seen += part.rows
        fraction = min(1.0, self.seen / self.total) if self.total else 1.0
        self.progress(fraction, f"{name}: {self.seen:,} of {self.total:,} stars")


def _footer(path: Path) -> Footer:
    """The footer of a partition; of a damaged one, which is told when its turn comes, that of no stars."""
    try:
        return footer_of(path)
    except SpectraError:
        return Footer(0, True, False)


def _no_star(source: Path, rejected: dict[str, str], left_out: int) -> SpectraError:
    """The error of a source without a usable star: the first cause, and how many stars there are."""
    first = next(iter(rejected.values()), f"{source}: holds no stars")
    return SpectraError(f"{first} (and {left_out - 1:,} more)" if left_out > 1 else first)


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
