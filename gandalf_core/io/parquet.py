"""Parquet at survey scale: one row per star, read in batches of constant memory.

`parquet_writing` says how our own files are laid out. Shapes: N stars, R rows, L pixels, Z latent dimensions.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..data.latents import LatentSet
from ..data.positions import NAMES as POSITION
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from . import ids as star_ids
from .checking import DEFAULT, Checks, Found, checked
from .columns import Table
from .medium import Statement
from .names import ERROR, FLUX, ID, label_column, meaning_of, role_of
from .opening import open_regular
from .parquet_arrays import arrays, keywords, leaves, raw_columns, scalars
from .parquet_groups import Part, divided, tables, undivided
from .parquet_tables import check_rows, check_size, with_dictionaries
from .parquet_writing import CHECK, CHUNK, KEY, metadata_checksum
from .provenance import sound_provenance
from .raw import has_role
from .sky import places_of
from .sniff import Budget, parsing
from .tables import assemble
from .understanding import KEY as READ
from .understanding import Understanding, understandings


def read_stars(stream: BinaryIO, name: str, budget: Budget, checks: Checks = DEFAULT) -> SpectraSet:
    """All stars of one of our files, or of a foreign one with columns named as in the archive.

    name: gives an id to a star without one. budget: what the arrays may take in memory.
    """
    file = with_dictionaries(stream)
    columns = _useful(file)
    check_size(file, budget, columns)
    return _stars(file.read(columns=columns), file, name, checks)


def read_latents(stream: BinaryIO, budget: Budget) -> LatentSet:
    """All latents of one of our files, whose arrays may take what `budget` has."""
    file = with_dictionaries(stream)
    check_size(file, budget)
    return _latents(file.read(), _meta(file))


def iter_parquet(
    path: str | Path, chunk: int = CHUNK, *, errors: bool = True, keep_spikes: bool = False
) -> Iterator[SpectraSet]:
    """The stars of a Parquet file, one row per star, in sets of at most `chunk`.

    Memory does not grow with the file. Without `errors` the flux errors are not read, which halves the time
    (our own files keep the mask in the flux). Stars that cannot be used are left out of a set, which may then
    be empty: `rejected_of` names them. Whether a file without a word on it has wavelengths in air, its first
    set decides. The flux of a set is read-only: it is Arrow's own memory.

    Raises SpectraError, naming the file, when it is damaged, has one row per sample, or holds no spectra.
    """
    for part in iter_parts(path, chunk, errors=errors, keep_spikes=keep_spikes, divide=False):
        if isinstance(part.stars, SpectraError):
            raise part.stars
        yield part.stars


def iter_parts(
    path: str | Path,
    chunk: int = CHUNK,
    *,
    errors: bool = True,
    keep_spikes: bool = False,
    divide: bool = True,
) -> Iterator[Part[SpectraSet]]:
    """As `iter_parquet`, but a part that is damaged or cannot be used does not stop the others.

    divide: whether rows that cannot be read together are looked at one by one, as far as that helps. Raises
    SpectraError for a file that cannot be used as a whole.
    """
    with open_parquet(path, to_read=True) as file:
        _check_layout(file)
        check_rows(file, chunk, Path(path).stat().st_size, _useful(file, errors))
        reader = _Reader(file, path, Checks(keep_spikes=keep_spikes, part=True))
        for first, rows, table in tables(file, _useful(file, errors), chunk):
            if isinstance(table, pa.Table) and divide:
                yield from divided(table, first, reader.stars)
            else:
                yield undivided(table, first, rows, reader.stars)


class _Reader:
    """Turns tables of a file into stars. What the first ones show of the wavelengths holds for all."""

    def __init__(self, file: pq.ParquetFile, path: str | Path, checks: Checks) -> None:
        self.file, self.path, self.checks = file, Path(path), checks

    def stars(self, table: pa.Table | Exception, first: int) -> SpectraSet:
        """The stars of a table whose first row has that number in the file. SpectraError names the file."""
        with parsing(str(self.path), "Parquet file"):
            if isinstance(table, Exception):
                raise table
            stars = _stars(table, self.file, str(self.path), replace(self.checks, first_row=first))
        stars.provenance[READ]["file"] = self.path.name
        if self.checks.medium is None and len(stars):
            self.checks = replace(self.checks, medium=_medium_of(stars))
        return stars


def _medium_of(stars: SpectraSet) -> Statement:
    """What the first stars of a file show of its wavelengths, which then holds for all."""
    (read,) = understandings(stars)
    return Statement(read.medium, read.medium_from)


def iter_latents(path: str | Path, chunk: int = 8 * CHUNK) -> Iterator[LatentSet]:
    """The latents of a Parquet file, in sets of at most `chunk`. SpectraError as from `iter_parquet`."""
    with open_parquet(path, to_read=True) as file:
        meta = _meta(file)
        for batch in file.iter_batches(batch_size=chunk):
            yield _latents(pa.Table.from_batches([batch]), meta)


def has_row_per_star(path: str | Path) -> bool:
    """True for a Parquet file with one row per star, which `iter_parquet` reads; False for any other file."""
    try:
        with open_regular(path) as stream:
            if stream.read(4) != b"PAR1":
                return False
            stream.seek(0)
            schema = pq.read_schema(stream)
    except (OSError, SpectraError, pa.ArrowException):
        return False
    return any(role_of(leaf.name) == FLUX and leaf.is_list for leaf in leaves(schema))


class Footer(NamedTuple):
    """What the footer of a Parquet file tells: its rows, whether its ids are integers, whether it is ours."""

    rows: int
    integer_ids: bool
    ours: bool


def footer_of(path: str | Path) -> Footer:
    """The footer of a file of stars. Raises SpectraError when it is damaged."""
    with open_parquet(path) as file:
        ours = _meta(file).get("kind") == "spectra"
        return Footer(file.metadata.num_rows, _has_integer_ids(file.schema_arrow), ours)


def id_column_of(schema: pa.Schema) -> str | None:
    """The best column of ids; None without one, as where parts of an SDSS id make a name."""
    meanings = {leaf: meaning for leaf in leaves(schema) if (meaning := meaning_of(leaf.name))}
    ids = {
        leaf: meaning.rank for leaf, meaning in meanings.items() if meaning.role == ID and not meaning.kind
    }
    return min(ids, key=lambda leaf: ids[leaf]).column if ids else None


def _has_integer_ids(schema: pa.Schema) -> bool:
    """Whether the best column of ids holds integers."""
    column = id_column_of(schema)
    if column is None:
        return False
    kind = schema.field(column).type
    return pa.types.is_integer(kind) and kind != pa.uint64()


def count_rows(path: str | Path) -> int:
    """Number of rows of a Parquet file, from its footer alone. Raises SpectraError when it is damaged."""
    with open_parquet(path) as file:
        return file.metadata.num_rows


@contextmanager
def open_parquet(path: str | Path, *, to_read: bool = False) -> Iterator[pq.ParquetFile]:
    """A Parquet file by its path. Whatever goes wrong inside the block is a SpectraError that names it.

    to_read: its columns, not only its footer.
    """
    with open_regular(path) as stream:
        if stream.read(4) != b"PAR1":
            raise SpectraError(
                f"{path}: is not a Parquet file, and other formats are not streamed: "
                "convert it with `ingest` first"
            )
        # Arrow reads faster by itself, but knows paths in UTF-8 alone
        source = path if os.fsencode(path) == os.fspath(path).encode("utf-8", "replace") else stream
        opened = with_dictionaries if to_read else pq.ParquetFile
        with parsing(str(path), "Parquet file"), opened(source, pre_buffer=False) as file:
            yield file


def _meta(file: pq.ParquetFile) -> dict[str, Any]:
    """What our writer noted about the file; empty for a foreign one. SpectraError where it was changed."""
    metadata = file.schema_arrow.metadata or {}
    about = metadata.get(KEY, b"{}")
    if CHECK in metadata and metadata[CHECK] != metadata_checksum(about, file.schema_arrow.names):
        raise SpectraError("its metadata or columns are not as they were written (CRC-32): write it again")
    return json.loads(about)


def _has_samples(file: pq.ParquetFile) -> bool:
    return any(role_of(leaf.name) == FLUX and not leaf.is_list for leaf in leaves(file.schema_arrow))


def _check_layout(file: pq.ParquetFile) -> None:
    """SpectraError for a file without one spectrum per row."""
    if _meta(file).get("kind") == "latents":
        raise SpectraError("this file holds latents, not spectra")
    if _has_samples(file):
        raise SpectraError("one row per sample cannot be streamed: convert it with `ingest` first")


def _useful(file: pq.ParquetFile, errors: bool = True) -> list[str]:
    """Names of the columns worth reading; a structure as a whole."""
    wanted = [leaf for leaf in leaves(file.schema_arrow) if has_role(leaf.name)]
    return list(dict.fromkeys(leaf.column for leaf in wanted if errors or role_of(leaf.name) != ERROR))


def _stars(table: pa.Table, file: pq.ParquetFile, name: str, checks: Checks) -> SpectraSet:
    meta = _meta(file)
    if meta.get("kind") == "latents":
        raise SpectraError("this file holds latents, not spectra")
    if meta.get("kind") != "spectra":
        schema = file.schema_arrow
        columns, told = raw_columns(table, schema), keywords(schema)
        foreign = Table.build(columns, told)
        foreign.places = places_of(columns, told)
        foreign.names = tuple(leaf.name for leaf in leaves(schema))
        return assemble([foreign], name, checks)
    return checked(_ours(table, meta), checks)


def _ours(table: pa.Table, meta: dict[str, Any]) -> Found:
    """What a table of a file of ours holds."""
    names = tuple(meta["label_names"])
    error = _matrix(table[ERROR]) if ERROR in table.column_names else None
    labels = np.empty((len(table), len(names)))
    for k, label in enumerate(names):
        labels[:, k] = table[label_column(label)].to_numpy()
    read = Understanding(
        wavelength_from="its metadata",
        wavelength_unit="nm",
        medium="vacuum",
        medium_from="a file of ours",
        flux_from=FLUX,
        errors_from="" if error is None else ERROR,
        ids_from=(_id_column(table),),
        labels_from={label: label_column(label) for label in names},
        positions_from=POSITION if set(POSITION) <= set(table.column_names) else (),
    )
    places = [table[name].to_numpy() for name in read.positions_from]
    return Found(
        _matrix(table[FLUX]),
        np.asarray(meta["wavelength_nm"], np.float64),
        star_ids.as_strings(scalars(table[_id_column(table)])),
        labels,
        names,
        error,
        provenance=sound_provenance(meta.get("provenance")),
        read=read,
        positions=np.stack(places, 1) if places else None,
    )


def _latents(table: pa.Table, meta: dict[str, Any]) -> LatentSet:
    if meta.get("kind") != "latents":
        raise SpectraError("no latents in this file: expected one that `encode` wrote")
    names = tuple(meta["label_names"])
    labels = np.empty((len(table), len(names)))
    for k, name in enumerate(names):
        labels[:, k] = table[label_column(name)].to_numpy()
    ids = star_ids.as_strings(scalars(table[_id_column(table)]))
    origin = (meta.get(key, "") for key in ("model_id", "key_fingerprint"))
    return LatentSet(_matrix(table["z"]), ids, labels, names, *origin)


def _id_column(table: pa.Table) -> str:
    """The column of the ids in a file of ours: `id` in the results of a catalogue, else `source_id`."""
    return ID if ID in table.column_names else "id"


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """(R, L) float32 of a column of lists of ours, without a copy where Arrow allows it."""
    values = arrays(column)
    if values.dtype == object:
        raise SpectraError("lists of different lengths or none in a file of ours: it is damaged")
    return values.astype(np.float32, copy=False)
