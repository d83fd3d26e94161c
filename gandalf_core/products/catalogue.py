"""Survey scale: Parquet in, Parquet out, partition by partition and chunk by chunk, in constant memory.

Reading, computing and writing overlap: one thread reads the next chunk while the networks work on this one
and another thread writes the last. A folder of partitions may be stopped at any time: the same call goes on
with the partitions that are not there yet. The networks use every core by themselves, so partitions go one
after the other; to spread them over machines, give each machine a folder of its own.
Shapes: N stars of a chunk, L pixels, P labels.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import atomic
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..io import ParquetWriter, check_output, count_rows, covering, iter_parquet
from ..io.claim import claim
from ..io.ids import as_integers
from ..io.parquet import KEY
from ..jobs.progress import Progress, silent

CHUNK = 8192  # stars at once; a few chunks are in memory
CAUSES = 100  # refused stars whose cause is kept; the others are only counted
MANIFEST = "catalogue.json"

T = TypeVar("T")


# --- what is done to a chunk ---


@dataclass(frozen=True)
class Task:
    """work: SpectraSet on the grid (L,) → SpectraSet, LatentSet or columns. about: what identifies it,
    JSON-serialisable.
    """

    work: Callable[[SpectraSet], Any]
    wavelength_nm: np.ndarray
    about: dict[str, Any]
    needs_errors: bool = True


def encode_task(model, seed: int | None = None) -> Task:
    """Latents, as `model.encode` gives them."""
    about = {"task": "encode", "model": model.model_id, "seed": seed}
    return Task(lambda stars: model.encode(stars, seed=seed), model.wavelength_nm, about, needs_errors=False)


def predict_task(model, seed: int | None = None) -> Task:
    """A table of parameters, errors, chi² and outlier score, as `model.predict` gives them."""
    about = {"task": "predict", "model": model.model_id, "seed": seed}
    return Task(lambda stars: model.predict(stars, seed=seed).columns(), model.wavelength_nm, about)


def decode_task(model, changes: dict[str, float], seed: int | None = None) -> Task:
    """Spectra under modified parameters: `changes` gives every star this value of a label.

    Raises ModelError for a label that the model's decoder does not receive.
    """
    model.check_receives(changes)
    about = {"task": "decode", "model": model.model_id, "seed": seed, "set": changes}
    return Task(lambda stars: model.modify(stars, changes, seed=seed)[0], model.wavelength_nm, about)


# --- partitions ---


@dataclass
class Summary:
    """What a run did. already: partitions found done; causes: {star id: why it was refused}, the first ones."""

    stars: int = 0
    refused: int = 0
    partitions: int = 0
    already: int = 0
    seconds: float = 0.0
    causes: dict[str, str] = field(default_factory=dict)


def run(
    task: Task, source: str | Path, out: str | Path, *, chunk: int = CHUNK, progress: Progress = silent
) -> Summary:
    """Apply a task to a Parquet file, or to every partition in a folder.

    A star that covers less than 95 % of the grid is refused and counted; it never stops the run. Raises
    SpectraError, naming the file, for one that cannot be read or written, and for a folder that other work
    was begun in.
    """
    started, summary = time.perf_counter(), Summary()
    pairs = partitions(source, out)
    into_folder = Path(source).is_dir()
    if into_folder:
        claim(Path(out), MANIFEST, task.about)
    rows = [count_rows(path) for path, _ in pairs]
    seen = 0
    for (path, target), n in zip(pairs, rows, strict=True):
        summary.partitions += 1
        if into_folder and (target.exists() or not n):
            summary.already += 1
        else:
            for done in _one(task, path, target, chunk, summary):
                progress((seen + done) / sum(rows), f"{path.name}: {seen + done:,} of {sum(rows):,} stars")
        seen += n
    summary.seconds = time.perf_counter() - started
    return summary


def partitions(source: str | Path, out: str | Path) -> list[tuple[Path, Path]]:
    """(input, output) files; a folder's partitions keep their names and subfolders.

    Raises SpectraError for a folder without a Parquet file, for an output inside the source, and for a single
    output that is the source or cannot be a Parquet file.
    """
    source, out = Path(source), Path(out)
    if not source.is_dir():
        check_output(out, (".parquet",), [source])
        return [(source, out)]
    found = sorted(source.rglob("*.parquet"))
    if not found:
        raise SpectraError(f"{source}: no .parquet file in this folder")
    if out.resolve().is_relative_to(source.resolve()):
        raise SpectraError(f"{out}: lies inside {source}, whose partitions are read: choose another folder")
    return [(path, out / path.relative_to(source)) for path in found]


def _one(task: Task, path: Path, out: Path, chunk: int, summary: Summary) -> Iterator[int]:
    """Work through one file; yields how many of its stars have been seen."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # there the mask stands in the flux; elsewhere errors tell it too
    ours = KEY in (pq.read_schema(path).metadata or {})
    seen = 0
    with (
        sink(out) as write,
        closing(ahead(iter_parquet(path, chunk, errors=task.needs_errors or not ours))) as chunks,
    ):
        for stars in chunks:
            good = usable(stars, task.wavelength_nm, summary)
            if len(good):
                write(task.work(good))
            seen += len(stars)
            yield seen


def usable(stars: SpectraSet, wavelength_nm: np.ndarray, summary: Summary) -> SpectraSet:
    """The stars that cover the grid (L,), on it; `summary` counts them and the others."""
    good, causes = covering(stars, wavelength_nm)
    summary.stars += len(good)
    summary.refused += len(stars) - len(good)
    summary.causes |= dict(islice(causes.items(), CAUSES - len(summary.causes)))
    return good


# --- the pipeline ---

_END = object()


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The items, each fetched by a thread while the one before it is in use. What the source raises is raised
    here.
    """
    source = iter(items)
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, source, _END)
        while (item := coming.result()) is not _END:
            coming = reader.submit(next, source, _END)
            yield item


@contextmanager
def behind(write: Callable[[T], None]) -> Iterator[Callable[[T], None]]:
    """A `write` that returns at once while a thread writes, one item at a time and in order.

    What it raises is raised by the next call, or when the block ends.
    """
    pending: list[Future] = []

    def put(item: T) -> None:
        while pending:
            pending.pop().result()
        pending.append(writer.submit(write, item))

    with ThreadPoolExecutor(1) as writer:
        yield put
        for last in pending:
            last.result()


@contextmanager
def sink(out: Path) -> Iterator[Callable[[Any], None]]:
    """A function that appends SpectraSets, LatentSets or columns to a Parquet file, which appears when the
    block ends.

    Raises SpectraError when nothing was written.
    """
    with ExitStack() as stack:
        writers: list[Any] = []  # one, chosen by the first piece

        def write(piece: Any) -> None:
            if not writers:
                kind = ColumnWriter if isinstance(piece, dict) else ParquetWriter
                writers.append(stack.enter_context(kind(out)))
            writers[0].write(piece)

        with behind(write) as put:
            yield put
        if not writers:
            raise SpectraError(f"{out}: nothing to write, every star was refused")


class ColumnWriter:
    """Columns of equal length, appended piece by piece to a Parquet file; ids that are integers stay
    integers.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.file, self.stack = path, None, ExitStack()

    def __enter__(self) -> "ColumnWriter":
        return self

    def __exit__(self, *caught: Any) -> bool | None:
        return self.stack.__exit__(*caught)

    def write(self, columns: dict[str, np.ndarray]) -> None:
        """Append a row for each element. SpectraError when ids turn from integers to names."""
        ids = as_integers(columns["id"])
        table = pa.table(columns | {"id": columns["id"].tolist() if ids is None else ids})
        if self.file is None:
            stream = self.stack.enter_context(atomic(self.path))
            self.file = self.stack.enter_context(pq.ParquetWriter(stream, table.schema))
        elif table.schema != self.file.schema:
            raise SpectraError(f"{self.path}: some ids are integers, others names: give them separately")
        self.file.write_table(table)
