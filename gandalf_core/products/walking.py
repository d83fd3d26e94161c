"""The stars of a file, a folder or a catalogue as their files give them, all of them or a sample.

A partition is a Parquet file with one row per star. Of many partitions only a sample is opened, unless
everything is asked for; the footers of all tell how many stars they hold, and in which columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..io.checking import Checks
from ..io.folders import data_files, is_partition, leads_out, partitions
from ..io.parquet import has_row_per_star, iter_parts, open_parquet
from ..jobs.progress import Progress, silent
from ..sources import sets_of

SAMPLE = 20_000  # stars that are looked at in a catalogue
MAX_OPENED = 32  # partitions of a sample
CHUNK = 4096  # stars at once

Sets = Iterator[tuple[str, SpectraSet | SpectraError]]


@dataclass
class Walk:
    """A walk through sources, and what it has seen of their partitions.

    keep_spikes: leave cosmic-ray hits as they are. everything: open all partitions. rows: stars in the
    partitions, by their footers. looked: how many of these were looked at. partitions, opened: how many there
    are, and how many of them were opened. strange: {file: what differs} of partitions unlike the first one.
    notes: sentences on files of a folder that are not taken as data.
    """

    keep_spikes: bool = False
    everything: bool = False
    progress: Progress = silent
    rows: int = 0
    looked: int = 0
    partitions: int = 0
    opened: int = 0
    strange: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def sets(self, spec: str, among: Sequence[str] = ()) -> Sets:
        """(name, stars or error) of every file of a source: a file, a folder, or simulated stars.

        among: all sources, so that two files of one name give stars of two names.
        """
        if Path(spec).is_dir():
            yield from self._folder(Path(spec))
        elif has_row_per_star(spec):
            yield from self._catalogue([Path(spec)])
        else:
            yield from sets_of(spec, Checks(keep_spikes=self.keep_spikes), among=among)

    def _folder(self, folder: Path) -> Sets:
        inside = data_files(folder)
        files = inside.files
        if not files:
            yield str(folder), SpectraError(f"{folder}: there is no file in this folder")
        elif any(map(is_partition, files)):
            listing = partitions(folder)
            self.notes += [f"{folder}: {note}" for note in listing.notes]
            for name, cause in listing.unreadable.items():
                yield name, SpectraError(f"{folder / name}: {cause}")
            yield from self._catalogue(listing.files)
        else:
            names = list(map(str, files))
            for k, path in enumerate(files):
                self.progress(k / len(files), path.name)
                if inside.outside and leads_out(folder, path):
                    yield str(path), SpectraError(f"{path}: a link out of the folder: give the file itself")
                    continue
                yield from sets_of(str(path), Checks(keep_spikes=self.keep_spikes), among=names)

    def _catalogue(self, paths: Sequence[Path]) -> Sets:
        """The stars of some or all partitions; one that cannot be opened is an error of its own."""
        sound: list[tuple[Path, int]] = []
        first: dict[str, str] | None = None
        for path in paths:
            try:
                rows, columns = footer(path)
            except SpectraError as error:
                yield str(path), error
                continue
            first = columns if first is None else first
            if columns != first:
                self.strange[str(path)] = difference(columns, first)
            if rows:
                sound.append((path, rows))
        self.partitions += len(paths)
        self.rows += sum(rows for _, rows in sound)
        chosen = sound if self.everything else spread(sound, MAX_OPENED)
        for k, (path, _) in enumerate(chosen):
            self.progress(k / len(chosen), f"{path.name}: {k + 1:,} of {len(chosen):,} partitions")
            yield from self._partition(path, None if self.everything else SAMPLE // len(chosen))

    def _partition(self, path: Path, most: int | None) -> Sets:
        """The first stars of a partition, or all."""
        self.opened += 1
        seen = 0
        chunk = CHUNK if most is None else min(CHUNK, most)
        try:
            for part in iter_parts(path, chunk, keep_spikes=self.keep_spikes):
                seen += part.rows
                self.looked += part.rows
                yield part.name(str(path)), part.stars
                if most is not None and seen >= most:
                    return
        except SpectraError as error:
            yield str(path), error


def footer(path: Path) -> tuple[int, dict[str, str]]:
    """The number of rows of a Parquet file, and the types of its columns. SpectraError names the file."""
    with open_parquet(path) as file:
        return file.metadata.num_rows, {field.name: str(field.type) for field in file.schema_arrow}


def difference(columns: Mapping[str, str], first: Mapping[str, str]) -> str:
    """What is missing, new and of another type in the columns of a partition, beside those of the first."""
    lost, new = ([name for name in a if name not in b] for a, b in ((first, columns), (columns, first)))
    parts = [f"without {', '.join(lost)}"] if lost else []
    parts += [f"with {', '.join(new)}"] if new else []
    parts += [
        f"{name} is {kind}, not {first[name]}"
        for name, kind in columns.items()
        if first.get(name, kind) != kind
    ]
    return ", ".join(parts)


def spread(items: Sequence, most: int) -> list:
    """At most so many of the items, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[k] for k in np.unique(np.linspace(0, len(items) - 1, most).round().astype(int))]
