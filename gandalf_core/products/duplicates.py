"""Stars that are in a catalogue more than once, found in bounded memory. Shapes: N stars."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..io.parquet import count_rows, open_parquet

IDS = ("id", "source_id")  # the column of the ids in our files, as they are and as they were
AT_ONCE = 20_000_000  # ids whose hashes are compared at once: 160 MB
MAX_NAMED = 100
BATCH = 1_000_000  # rows


@dataclass
class Duplicates:
    """count: ids that occur more than once. named: {id: its files} of the first of them."""

    count: int = 0
    named: dict[str, list[str]] = field(default_factory=dict)


def duplicates(files: dict[str, Path], at_once: int = AT_ONCE) -> Duplicates:
    """Which ids occur more than once in some of our Parquet files, by name.

    at_once: ids that are compared at once; with more, the files are read several times. Raises SpectraError
    for a file that cannot be read.
    """
    passes = max(1, -(-sum(map(count_rows, files.values())) // at_once))
    found, repeated = 0, np.empty(0, np.uint64)
    for number in range(passes):
        hashes = (_hashes(ids) for path in files.values() for ids in _ids(path))
        own = np.sort(np.concatenate([np.empty(0, np.uint64), *(h[h % passes == number] for h in hashes)]))
        again = np.unique(own[1:][own[1:] == own[:-1]])
        found, repeated = found + len(again), np.concatenate([repeated, again[: MAX_NAMED - len(repeated)]])
    return Duplicates(found, _named(files, repeated) if found else {})


def _named(files: dict[str, Path], repeated: np.ndarray) -> dict[str, list[str]]:
    """The files of the ids with these hashes."""
    places: dict[str, list[str]] = {}
    for name, path in files.items():
        for ids in _ids(path):
            rows = np.flatnonzero(np.isin(_hashes(ids), repeated))
            for star in ids.take(pa.array(rows)).to_pylist():
                places.setdefault(str(star), []).append(name)
    return {star: names for star, names in places.items() if len(names) > 1}


def _ids(path: Path) -> Iterator[pa.Array]:
    """The ids of a file, in pieces."""
    with open_parquet(path) as file:
        column = next(name for name in IDS if name in file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=BATCH, columns=[column]):
            yield batch.column(0)


def _hashes(ids: pa.Array) -> np.ndarray:
    """(N,) of 64 bits: of an integer, one that no other has."""
    from pandas.core.util.hashing import hash_array  # as pandas.util has it

    values = ids.to_numpy(zero_copy_only=False)
    return hash_array(values if values.dtype.kind in "iu" else values.astype(object))


def said(found: Duplicates, where: Path) -> str:
    """A sentence on them, naming the first three."""
    first = [f"{star} ({', '.join(dict.fromkeys(names))})" for star, names in list(found.named.items())[:3]]
    more = f" and {found.count - len(first):,} more" if found.count > len(first) else ""
    verb = "occurs" if found.count == 1 else "occur"
    ids = f"{found.count:,} id{'s' * (found.count > 1)}"
    return f"{where}: {ids} {verb} more than once: {', '.join(first)}{more}"
