"""Data sets in folders of the Hugging Face library `datasets`: Arrow or Parquet shards, read with pyarrow.

As `save_to_disk` writes them (state.json, dataset_info.json, data-00000-of-00001.arrow; a folder for each
split), or as the Hub has them (data/train-00000-of-00001.parquet). Nothing in the folder is executed, no link
out of it is followed, and the library itself is not needed.
"""

import json
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from ..errors import SpectraError
from .columns import RawColumn
from .folders import leads_out, name_in
from .opening import open_regular
from .parquet_arrays import keywords, raw_columns
from .parquet_tables import check_size, with_dictionaries
from .raw import RawTable
from .sniff import Budget, check_columns, parsing, size_of

INFO, STATE = "dataset_info.json", "state.json"
SUFFIXES = (".arrow", ".parquet")
MOST_SHARDS, MOST_JSON = 10_000, 2**24  # files in a folder; bytes of a file about it
CLASSES_NAMED = 5  # that a remark names
FILE_MAGIC = b"ARROW1"  # of an Arrow file, which is a stream behind eight bytes
DICTIONARY, BATCH = 2, 3  # kinds of messages that hold columns
_NUMBERED = re.compile(r"(?P<name>.+)-\d{5}-of-\d{5}")


class Shard(NamedTuple):
    """A file of a data set, and the split that it belongs to; "" where the folder has none."""

    path: Path
    split: str


@dataclass(frozen=True)
class Shards:
    """What is in the folder of one split: a table, and remarks on its columns by name."""

    table: RawTable
    remarks: dict[str, str] = field(default_factory=dict)


def read(folder: Path, split: str | None = None) -> Shards:
    """The table of a split, its shards in order; of the only one where `split` is None.

    Raises SpectraError (without the folder's name) where there is no such split, or several and none is
    chosen, for links out of the folder, for compressed Arrow files and for shards with different columns.
    """
    chosen = _chosen(list(_shards(folder)), split)
    budget = Budget(sum(shard.path.stat().st_size for shard in chosen))
    tables = []
    for shard in chosen:
        with open_regular(shard.path) as stream, parsing(name_in(folder, shard.path), "shard"):
            tables.append(_table(stream, shard.path.suffix, budget))
    if any(table.schema.names != tables[0].schema.names for table in tables):
        raise SpectraError("its shards have different columns: give the folder of one data set")
    table = pa.concat_tables(tables, promote_options="permissive")
    budget.spend(8 * table.num_rows * table.num_columns)  # a column of nulls has no bytes, but rows
    columns, remarks = _with_classes(
        raw_columns(table, table.schema), _classes(chosen[0].path.parent, folder)
    )
    return Shards(RawTable(tuple(columns), keywords(table.schema)), remarks)


def splits(folder: Path) -> tuple[str, ...]:
    """The splits of a data set; none where it has no names for them. SpectraError as from `read`."""
    return tuple(dict.fromkeys(shard.split for shard in _shards(folder) if shard.split))


# --- which files ---


def _shards(folder: Path) -> Iterator[Shard]:
    """The shards in a folder and those below, in order. SpectraError for links out of it."""
    count = 0
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if name[0] not in "._")
        here = Path(place)
        for path in _in_order(here, sorted(names), folder):
            count += 1
            if count > MOST_SHARDS:
                raise SpectraError(f"more than {MOST_SHARDS:,} shards: give a folder with fewer")
            if leads_out(folder, path):
                cure = "copy the folder with its files (cp -rL)"
                raise SpectraError(f"{name_in(folder, path)} is a link out of the folder: {cure}")
            yield Shard(path, _split_of(path, folder, stated=STATE in names))


def _in_order(here: Path, names: list[str], folder: Path) -> list[Path]:
    """The shards in one folder: those that state.json lists, or all but what the library keeps as a cache."""
    if STATE not in names:
        usual = [name for name in names if not name.startswith((".", "_", "cache-", "tmp"))]
        return [here / name for name in usual if name.endswith(SUFFIXES)]
    listed = _json(here / STATE, folder).get("_data_files")
    files = [str(entry.get("filename")) for entry in listed or () if isinstance(entry, dict)]
    foreign = next((name for name in files if name not in names), None)
    if foreign is not None or not files:
        raise SpectraError(f"{STATE} lists {str(foreign)[:60]!r}, which is no file beside it: fetch it again")
    return [here / name for name in files]


def _split_of(path: Path, folder: Path, *, stated: bool) -> str:
    """The split of a shard: the name of its folder where a state.json is there, else that in its own name."""
    if stated:
        return "" if path.parent == folder else path.parent.name
    numbered = _NUMBERED.fullmatch(path.stem)
    if numbered is not None:
        return numbered["name"].rpartition("-")[2]  # the library's cache: NAME-train-00000-of-00002
    parent = path.parent
    return path.stem if parent in (folder, folder / "data") else parent.name


def _chosen(shards: list[Shard], split: str | None) -> list[Shard]:
    """The shards of a split. SpectraError where it is not there, or has to be chosen."""
    if not shards:
        raise SpectraError("a folder without .arrow or .parquet files: no data set")
    names = list(dict.fromkeys(shard.split for shard in shards))
    if split is None and len(names) > 1:
        raise SpectraError(f"holds the splits {', '.join(names)}: choose one (--split NAME)")
    if split is not None and split not in names:
        raise SpectraError(f"no split {split}; there are: {', '.join(filter(None, names)) or 'none'}")
    return [shard for shard in shards if split in (None, shard.split)]


# --- what is in them ---


def _table(stream: Any, suffix: str, budget: Budget) -> pa.Table:
    """All columns of a shard. SpectraError for what would not fit into memory."""
    if suffix == ".parquet":
        file = with_dictionaries(stream)
        check_size(file, budget)
        return file.read()
    size = size_of(stream)
    content = stream.read()
    start = 8 if content.startswith(FILE_MAGIC) else 0
    stored = pa.py_buffer(content).slice(start)
    budget.spend(size)
    for message in pa.ipc.MessageReader.open_stream(stored):
        if _is_compressed(message.metadata.to_pybytes()):
            raise SpectraError("a compressed Arrow file: write the data set as Parquet")
    table = pa.ipc.open_stream(stored).read_all()
    check_columns(table.num_columns)
    table.validate(full=True)
    return table


def _is_compressed(message: bytes) -> bool:
    """Whether the columns of an Arrow message are compressed, so that their size is anybody's claim.

    Its metadata is a flatbuffer: https://arrow.apache.org/docs/format/Columnar.html, Message and RecordBatch.
    """
    place = _u32(message, 0)
    kind = _field(message, place, 1)
    header = _field(message, place, 2)
    if not kind or not header or message[kind] not in (DICTIONARY, BATCH):
        return False
    batch = header + _u32(message, header)
    if message[kind] == DICTIONARY:
        inner = _field(message, batch, 1)
        batch = inner + _u32(message, inner)
    return bool(_field(message, batch, 3))


def _field(message: bytes, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table is; 0 where it is left out."""
    entries = table - struct.unpack_from("<i", message, table)[0]
    at = 4 + 2 * number
    if at >= struct.unpack_from("<H", message, entries)[0]:
        return 0
    offset = struct.unpack_from("<H", message, entries + at)[0]
    return table + offset if offset else 0


def _u32(message: bytes, place: int) -> int:
    return struct.unpack_from("<I", message, place)[0]


# --- what is said about them ---


def _classes(here: Path, folder: Path) -> dict[str, list[str]]:
    """The names of the classes of each column of classes, by dataset_info.json in this folder or above it."""
    for place in (here, folder):
        if (place / INFO).is_file() and not leads_out(folder, place / INFO):
            features = _json(place / INFO, folder).get("features")
            about = features if isinstance(features, dict) else {}
            return {
                str(name): [str(text) for text in kind["names"]]
                for name, kind in about.items()
                if isinstance(kind, dict) and isinstance(kind.get("names"), list)
            }
    return {}


def _with_classes(
    columns: list[RawColumn], classes: dict[str, list[str]]
) -> tuple[list[RawColumn], dict[str, str]]:
    """Columns of classes as numbers, NaN where below 0, and a remark on each."""
    done, remarks = [], {}
    for column in columns:
        names, values = classes.get(column.name), np.ma.asarray(column.values)
        if names and values.dtype.kind in "iuf" and values.ndim == 1:
            numbers = np.ma.filled(values.astype(np.float64), np.nan)
            named = [f"{k} = {text[:40]}" for k, text in enumerate(names[:CLASSES_NAMED])]
            named += ["…"] * (len(names) > CLASSES_NAMED)
            remarks[column.name] = f"{column.name} read as the numbers of its classes ({', '.join(named)})"
            column = RawColumn(column.name, np.where(numbers < 0, np.nan, numbers))
        done.append(column)
    return done, remarks


def _json(path: Path, folder: Path) -> dict[str, Any]:
    """The object in a file about the data set. SpectraError for anything else."""
    name = name_in(folder, path)
    if leads_out(folder, path):
        raise SpectraError(f"{name} is a link out of the folder: copy the folder with its files (cp -rL)")
    with open_regular(path) as stream:
        text = stream.read(MOST_JSON + 1)
    try:
        found = json.loads(text) if len(text) <= MOST_JSON else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise SpectraError(f"{name} is not the JSON of a data set: fetch it again")
    return found
