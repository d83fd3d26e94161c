"""Survey scale: Parquet in, Parquet out, partition by partition and chunk by chunk, in constant memory.

Reading, computing and writing overlap: one thread reads the next chunk while the networks work on this one,
and another thread writes the last one. A folder of partitions may be stopped at any time: the same call
continues with the missing ones (see `ledger`). Who works through the partitions is the crew's business:
this process, one after the other, or workers on a cluster (`crews`); what is done is the same (`work`).

Nothing bad stops the others: a star, a row group, a chunk or a partition that cannot be used is counted and
named, and a partition without a usable star has an empty result with the columns of every other.
Shapes: N stars of a chunk.
"""

import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from ..errors import SpectraError
from ..io import check_output
from ..io.folders import name_in, partitions
from ..io.parquet import Footer, footer_of
from ..io.read import reject
from ..io.understanding import notes_of
from ..jobs.pace import Pace
from ..jobs.progress import Progress, silent
from .crews import Here, Hire
from .duplicates import duplicates, said
from .hats_catalogue import Hats, hats_of
from .ledger import Ledger, Result, State, open_folder
from .staging import take_in
from .tasks import Task
from .work import Done, Job, no_star

CHUNK = 8192  # stars at once; a few chunks are in memory


class Reading(NamedTuple):
    """How partitions are read. chunk: stars at once. keep_spikes: leave cosmic-ray hits as they are."""

    chunk: int = CHUNK
    keep_spikes: bool = False


@dataclass
class Summary:
    """What a run did, and what the catalogue holds after it.

    stars: done by this run; stars_in_all: with those of earlier runs.  left_out: stars without a result, in
    all; rejected: {star, rows or partition: cause} of the first of each partition.  already: partitions that
    were done before; again: those that were done anew, because they have changed since.  duplicate_ids: how
    many ids occur more than once; duplicates: {id: its partitions} of the first of them.  scheduler: the
    cluster's that did it, "" for this process.  notes: sentences on how the files were read, and on what is
    strange about the folders.
    """

    stars: int = 0
    stars_in_all: int = 0
    left_out: int = 0
    partitions: int = 0
    already: int = 0
    again: list[str] = field(default_factory=list)
    seconds: float = 0.0
    rejected: dict[str, str] = field(default_factory=dict)
    duplicate_ids: int = 0
    duplicates: dict[str, list[str]] = field(default_factory=dict)
    scheduler: str = ""
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
    hire: Hire | None = None,
) -> Summary:
    """Apply a task to a Parquet file, or to every partition in a folder.

    chunk: stars at once, at most. keep_spikes: leave cosmic-ray hits as they are. hire: who does it; by
    default this process. Raises SpectraError where no star can be used, and for an output that cannot be
    written; ClaimError for a folder that was begun for other work or for another source.
    """
    started = time.perf_counter()
    run = _Run(task, Reading(chunk, keep_spikes), progress, hire or Here(task).hired)
    if Path(source).is_dir():
        run.folder(Path(source), Path(out))
    elif not os.path.exists(source):
        raise SpectraError(f"{source}: no such file or folder")
    else:
        run.file(Path(source), Path(out))
    run.summary.seconds = time.perf_counter() - started
    return run.summary


class _Run:
    """A run over all partitions. pace: of its stars. rows: those done of each partition that is under way."""

    def __init__(self, task: Task, reading: Reading, progress: Progress, hire: Hire) -> None:
        self.task, self.reading, self.progress, self.hire = task, reading, progress, hire
        self.summary = Summary()
        self.done: dict[str, Done] = {}
        self.rows: dict[str, int] = {}
        self.pace = Pace(0)

    # --- a file, or all partitions of a folder ---

    def file(self, source: Path, out: Path) -> None:
        """Work through a file. SpectraError, with the first cause, where no star of it can be used."""
        check_output(out, (".parquet",), [source])
        footer = footer_of(source)
        self.pace = Pace(footer.rows)
        job = self._job(source.name, source, out, footer.integer_ids)
        (done,) = Here(self.task).outcomes([job], self._step)
        self.done = {job.name: done}
        self._count(self.done, {job.name: done.result})
        self._look_for_duplicates(out, {out.name: out})

    def folder(self, source: Path, out: Path) -> None:
        """Work through the partitions whose results are missing or of another state."""
        names = self._partitions(source, out)
        footers = {name: _footer(path) for name, path in names.items()}
        hats = hats_of(source)
        about = self.task.about | {"keep_spikes": self.reading.keep_spikes}
        ledger = open_folder(out, about, source, names)
        integers = all(footer.integer_ids for footer in footers.values()) and not ledger.has_named_ids
        found = {name: ledger.up_to_date(name, path, integers) for name, path in names.items()}
        results = {name: result for name, result in found.items() if result}
        jobs = []
        for name in [name for name in names if name not in results]:
            if name in ledger.results and ledger.target(name).is_file():
                self.summary.again.append(name)
            jobs.append(self._job(name, names[name], ledger.target(name), integers, hats))
        self.rows = {name: footers[name].rows for name in results}
        self.pace = Pace(sum(footer.rows for footer in footers.values()))
        self.summary.partitions, self.summary.already = len(names), len(results)
        self._do(jobs, ledger, {job.name: footers[job.name].rows for job in jobs})
        self._count(names, ledger.results)
        self._look_for_duplicates(out, ledger.files())
        self._note(ledger, names)
        self._finish(ledger, hats)
        if not self.summary.stars_in_all:
            raise no_star(source, self.summary.rejected, self.summary.left_out)

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
        for name in [name for name, done in self.done.items() if done.changed]:
            self.summary.notes.append(
                f"{names[name]}: changed while it was read: the same command does it again"
            )
        gone, others = ledger.strangers(names)
        for some, what in (
            (self.summary.again, "have changed since they were done, and were done again"),
            (gone, "are no longer in the source, but their results are still in the output"),
            (others, "in the output are no results of this command"),
        ):
            if some:
                more = f" and {len(some) - 3:,} more" if len(some) > 3 else ""
                self.summary.notes.append(f"{ledger.folder}: {', '.join(some[:3])}{more} {what}")

    # --- what is done ---

    def _job(self, name: str, path: Path, out: Path, integers: bool, hats: Hats | None = None) -> Job:
        """The work on a partition; without `hats` that on a catalogue of one file."""
        chunk, keep_spikes = self.reading
        carried = () if hats is None else hats.carried
        return Job(name, path, out, integers, chunk, keep_spikes, needed=hats is None, carried=carried)

    def _do(self, jobs: list[Job], ledger: Ledger, rows: dict[str, int]) -> None:
        """Have the jobs done, and take in and note each result as it comes. rows: of their partitions."""
        if not jobs:
            return
        targets = {job.name: job.out for job in jobs}
        with self.hire(ledger.folder, rows) as crew:
            self.summary.scheduler = crew.address
            for done in crew.outcomes(jobs, self._step):
                name = done.result.name
                take_in(done.out, targets[name])
                ledger.add(replace(done.result, output=State.of(targets[name])))
                self.done[name] = done
                self._step(name, rows[name])

    def _step(self, name: str, rows: int) -> None:
        """So many rows of a partition are done."""
        if self.rows.get(name, -1) >= rows:  # said before; or a worker died, and another one begins anew
            return
        self.rows[name] = rows
        seen = sum(self.rows.values())
        self.progress(self.pace.fraction(seen), f"{name}: {self.pace.text(seen)}")

    def _count(self, names: Iterable[str], results: Mapping[str, Result]) -> None:
        """Count the results, and say how the partitions of this run were read."""
        for name in names:
            self.summary.add(results[name])
        own = [self.done[name] for name in names if name in self.done]
        self.summary.stars = sum(done.result.stars for done in own)
        read = [understanding for done in own for understanding in done.read]
        self.summary.notes = [*notes_of(read), *self.summary.notes]

    def _look_for_duplicates(self, out: Path, files: dict[str, Path]) -> None:
        """Say which ids are in the catalogue more than once; their rows stay as they are."""
        found = duplicates(files)
        self.summary.duplicate_ids, self.summary.duplicates = found.count, found.named
        if found.count:
            self.summary.notes.append(said(found, out))

    def _finish(self, ledger: Ledger, hats: Hats) -> None:
        """Write what is about the catalogue as a whole: its hashes, and what makes a HATS catalogue of it."""
        ledger.write_hashes()
        self.summary.notes += hats.finish(ledger.folder)


def _footer(path: Path) -> Footer:
    """The footer of a partition; of a damaged one, which is told when its turn comes, that of no stars."""
    try:
        return footer_of(path)
    except SpectraError:
        return Footer(0, True, False)
