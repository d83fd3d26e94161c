"""Survey scale: Parquet in, Parquet out, partition by partition and chunk by chunk, in constant memory.

Reading, computing and writing overlap: one thread reads the next chunk while the networks work on this one,
and another thread writes the last one. A folder of partitions may be stopped at any time: the same call
continues with the missing ones. The networks use every core by themselves, so partitions are processed one
after the other; to spread them over machines, give each machine its own folder.
Shapes: N stars of a chunk, L pixels, P labels.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ..data.latents import LatentSet
from ..data.noise_key import fingerprint
from ..data.protocols import StarModel
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..io import ParquetWriter, check_output, count_rows, covering, iter_parquet
from ..io.claim import claim
from ..io.parquet_writing import KEY
from ..io.parquet_columns import ColumnWriter
from ..jobs.progress import Progress, silent
from .pipeline import read_ahead, write_behind

CHUNK = 8192  # stars at once; a few chunks are in memory
MAX_CAUSES = 100  # refused stars whose cause is kept; the others are only counted
MANIFEST = "catalogue.json"

Piece = SpectraSet | LatentSet | dict[str, np.ndarray]  # the last: columns of a table, each (N,)


# --- what is done with a chunk ---


@dataclass(frozen=True)
class Task:
    """What is done with every star.

    work: from stars on the grid `wavelength_nm` (L,) to a piece of the output.  about: what identifies the
    task, JSON-serialisable.  needs_errors: whether `work` looks at flux errors.
    """

    work: Callable[[SpectraSet], Piece]
    wavelength_nm: np.ndarray
    about: dict[str, Any]
    needs_errors: bool = True


def encode_task(model: StarModel) -> Task:
    """Latents, as `model.encode` gives them."""
    model, about = _fixed(model, "encode")
    return Task(lambda stars: model.encode(stars), model.wavelength_nm, about, needs_errors=False)


def predict_task(model: StarModel) -> Task:
    """A table of labels with errors, chi² and outlier score, as `model.predict` gives them."""
    model, about = _fixed(model, "predict")
    return Task(lambda stars: model.predict(stars).columns(), model.wavelength_nm, about)


def decode_task(model: StarModel, changes: dict[str, float]) -> Task:
    """Spectra under modified labels: `changes` gives every star this value of a label.

    Raises ModelError for a label that the model's decoder does not receive.
    """
    model.check_receives(changes)
    model, about = _fixed(model, "decode")
    return Task(lambda stars: model.modify(stars, changes)[0], model.wavelength_nm, about | {"set": changes})


def _fixed(model: StarModel, task: str) -> tuple[StarModel, dict[str, Any]]:
    """The model under the key that it has now, for all chunks, and what identifies the task."""
    key = model.noise_key
    return model.under(key), {"task": task, "model": model.model_id, "key_fingerprint": fingerprint(key)}


# --- partitions ---


@dataclass
class Summary:
    """What a run did.

    already: partitions that were finished before.  causes: star id → why it was refused, of the first ones.
    """

    stars: int = 0
    refused: int = 0
    partitions: int = 0
    already: int = 0
    seconds: float = 0.0
    causes: dict[str, str] = field(default_factory=dict)


def run_catalogue(
    task: Task, source: str | Path, out: str | Path, *, chunk: int = CHUNK, progress: Progress = silent
) -> Summary:
    """Apply a task to a Parquet file, or to every partition in a folder.

    A star that covers less than 95 % of the grid is refused and counted; it never stops the run. Raises
    SpectraError, naming the file, for one that cannot be read or written, and ClaimError for a folder that
    was begun for other work.
    """
    started, summary = time.perf_counter(), Summary()
    pairs = partitions(source, out)
    into_folder = Path(source).is_dir()
    if into_folder:
        claim(Path(out), MANIFEST, task.about)
    rows = [count_rows(path) for path, _ in pairs]
    total, seen = sum(rows), 0
    for (path, target), n in zip(pairs, rows, strict=True):
        summary.partitions += 1
        if into_folder and (target.exists() or not n):
            summary.already += 1
        else:
            for done in _run_partition(task, path, target, chunk, summary):
                progress((seen + done) / total, f"{path.name}: {seen + done:,} of {total:,} stars")
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
    files = sorted(source.rglob("*.parquet"))
    if not files:
        raise SpectraError(f"{source}: no .parquet file in this folder")
    if out.resolve().is_relative_to(source.resolve()):
        raise SpectraError(f"{out}: lies inside {source}, whose partitions are read: choose another folder")
    return [(path, out / path.relative_to(source)) for path in files]


def _run_partition(task: Task, path: Path, out: Path, chunk: int, summary: Summary) -> Iterator[int]:
    """Work through one file; yields how many of its stars have been seen."""
    out.parent.mkdir(parents=True, exist_ok=True)
    # in a file of ours a masked pixel's flux is NaN; in others the errors, too, say what is masked
    ours = KEY in (pq.read_schema(path).metadata or {})
    stream = read_ahead(iter_parquet(path, chunk, errors=task.needs_errors or not ours))
    seen = 0
    with parquet_output(out) as write, closing(stream) as chunks:
        for stars in chunks:
            covered = _covering_stars(stars, task.wavelength_nm, summary)
            if len(covered):
                write(task.work(covered))
            seen += len(stars)
            yield seen


def _covering_stars(stars: SpectraSet, wavelength_nm: np.ndarray, summary: Summary) -> SpectraSet:
    """The stars that cover the grid (L,), resampled to it; `summary` counts them and the others."""
    covered, causes = covering(stars, wavelength_nm)
    summary.stars += len(covered)
    summary.refused += len(stars) - len(covered)
    summary.causes |= dict(islice(causes.items(), MAX_CAUSES - len(summary.causes)))
    return covered


@contextmanager
def parquet_output(out: Path) -> Iterator[Callable[[Piece], None]]:
    """A function that appends pieces of one kind to a Parquet file, which appears when the block ends.

    Raises SpectraError when nothing was written.
    """
    with ExitStack() as stack:
        writers: list[Any] = []  # one, chosen by the first piece

        def write(piece: Piece) -> None:
            if not writers:
                kind = ColumnWriter if isinstance(piece, dict) else ParquetWriter
                writers.append(stack.enter_context(kind(out)))
            writers[0].write(piece)

        with write_behind(write) as append:
            yield append
        if not writers:
            raise SpectraError(f"{out}: nothing to write, every star was refused")
