"""Parquet at survey scale: one row per star, read and written in batches of constant memory.

Spectra and latents are fixed-size lists of float32. The grid, the label names and the provenance stand in the
file's metadata under the key `gandalf`. A masked pixel's flux is NaN. Pages are neither compressed nor
dictionary-encoded: noise does not shrink, and a batch becomes an array without a copy.
Shapes: N stars, R rows, L pixels, Z latent dimensions.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import atomic
from ..data.latents import LatentSet
from ..data.spectra import SpectraSet, same_grid
from ..errors import SpectraError
from . import ids as star_ids
from .columns import PROVENANCE_KEY, RawColumn, Table, label_column, role_of
from .layouts import fluxes, label_columns, to_arrow
from .sniff import MAX_SAMPLES, check_expansion, parsing
from .tables import assemble, masked_spectra

KEY = PROVENANCE_KEY.encode()
CHUNK = 8192  # stars per batch and row group
_OPTIONS: dict[str, Any] = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": ["source_id"],
    "data_page_version": "2.0",
}


# --- reading ---


def read_stars(stream: BinaryIO, name: str, size: int) -> SpectraSet:
    """All stars of one of our files, or of a foreign one with columns named as in the archive.

    stream: of `size` bytes. name: gives an id to a star without one.
    """
    file = pq.ParquetFile(stream)
    _check_size(file, size)
    return _stars(file.read(columns=_useful(file)), _meta(file), name)


def read_latents(stream: BinaryIO, size: int) -> LatentSet:
    """All latents of one of our files; the stream has `size` bytes."""
    file = pq.ParquetFile(stream)
    _check_size(file, size)
    return _latents(file.read(), _meta(file))


def iter_parquet(path: str | Path, chunk: int = CHUNK, *, errors: bool = True) -> Iterator[SpectraSet]:
    """The stars of a Parquet file, one row per star, in sets of at most `chunk`.

    Memory does not grow with the file. Without `errors` the flux errors are not read, which halves the time
    (our own files keep the mask in the flux). The flux of a set is read-only: it is Arrow's own memory.

    Raises SpectraError, naming the file, when it is damaged, has one row per sample, or holds no spectra.
    """
    with _open(path) as file:
        meta, columns = _meta(file), [c for c in _useful(file) if errors or role_of(c) != "flux_error"]
        if "flux" in columns and not _is_list(file.schema_arrow.field("flux").type):
            raise SpectraError("one row per sample cannot be streamed: convert it with `ingest` first")
        for batch in file.iter_batches(batch_size=chunk, columns=columns):
            yield _stars(pa.Table.from_batches([batch]), meta, str(path))


def iter_latents(path: str | Path, chunk: int = 8 * CHUNK) -> Iterator[LatentSet]:
    """The latents of a Parquet file, in sets of at most `chunk`. SpectraError as from `iter_parquet`."""
    with _open(path) as file:
        meta = _meta(file)
        for batch in file.iter_batches(batch_size=chunk):
            yield _latents(pa.Table.from_batches([batch]), meta)


def has_row_per_star(path: str | Path) -> bool:
    """True for a Parquet file with one row per star, which `iter_parquet` reads; False for any other file."""
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"PAR1" and _is_list(pq.read_schema(path).field("flux").type)
    except (OSError, KeyError, pa.ArrowException):
        return False


def count_rows(path: str | Path) -> int:
    """Number of rows of a Parquet file, from its footer alone. Raises SpectraError when it is damaged."""
    with _open(path) as file:
        return file.metadata.num_rows


@contextmanager
def _open(path: str | Path) -> Iterator[pq.ParquetFile]:
    """A Parquet file by its path; whatever goes wrong inside the block names it."""
    if not Path(path).is_file():
        raise SpectraError(f"{path}: no such file")
    with open(path, "rb") as stream:
        if stream.read(4) != b"PAR1":
            raise SpectraError(
                f"{path}: is not a Parquet file, and other formats are not streamed: "
                "convert it with `ingest` first"
            )
    with parsing(str(path), "Parquet file"), pq.ParquetFile(path, pre_buffer=False) as file:
        yield file


def _meta(file: pq.ParquetFile) -> dict[str, Any]:
    """What our writer noted about the file; empty for a foreign one."""
    return json.loads((file.schema_arrow.metadata or {}).get(KEY, b"{}"))


def _useful(file: pq.ParquetFile) -> list[str]:
    """Names of the columns worth reading."""
    return [n for n in file.schema_arrow.names if role_of(n) is not None]


def _check_size(file: pq.ParquetFile, size: int) -> None:
    groups = (file.metadata.row_group(i) for i in range(file.metadata.num_row_groups))
    values = sum(g.column(j).num_values for g in groups for j in range(g.num_columns))
    if values > 2 * MAX_SAMPLES:
        raise SpectraError(f"{values:,} values are too many to hold at once: stream the file, or split it")
    check_expansion(4 * values, size)


def _stars(table: pa.Table, meta: dict[str, Any], name: str) -> SpectraSet:
    if meta.get("kind") == "latents":
        raise SpectraError("this file holds latents, not spectra")
    if meta.get("kind") != "spectra":
        return assemble([Table.build(RawColumn(n, _values(table[n])) for n in table.column_names)], name)
    error = _matrix(table["flux_error"]) if "flux_error" in table.column_names else None
    names = tuple(meta["label_names"])
    labels = [table[label_column(n)].to_numpy() for n in names]
    grid = np.asarray(meta["wavelength_nm"], np.float64)
    ids = star_ids.as_strings(_scalars(table["source_id"]))
    provenance = meta.get("provenance")
    return masked_spectra(_matrix(table["flux"]), error, grid, ids, labels, names, provenance=provenance)


def _latents(table: pa.Table, meta: dict[str, Any]) -> LatentSet:
    if meta.get("kind") != "latents":
        raise SpectraError("no latents in this file: expected one that `encode` wrote")
    names = tuple(meta["label_names"])
    labels = np.empty((len(table), len(names)))
    for k, name in enumerate(names):
        labels[:, k] = table[label_column(name)].to_numpy()
    ids = star_ids.as_strings(_scalars(table["source_id"]))
    origin = (meta.get(key, "") for key in ("model_id", "key_fingerprint"))
    return LatentSet(_matrix(table["z"]), ids, labels, names, *origin)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)


def _values(column: pa.ChunkedArray) -> np.ndarray:
    return _matrix(column) if _is_list(column.type) else _scalars(column)


def _scalars(column: pa.ChunkedArray) -> np.ndarray:
    """(R,) values; missing integers are masked (which later is an error), missing floats are NaN."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if column.null_count and pa.types.is_integer(column.type):
        return np.ma.array(column.fill_null(0).to_numpy(), mask=column.is_null().to_numpy())
    return column.to_numpy()


def _matrix(column: pa.ChunkedArray) -> np.ndarray:
    """(R, L) float32 of a list column, without a copy where Arrow allows it."""
    array = column.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    if array.null_count:
        raise SpectraError(f"{array.null_count} rows have no array where flux is expected")
    values = array.flatten().to_numpy(zero_copy_only=False)
    ragged = not pa.types.is_fixed_size_list(array.type) and np.ptp(np.diff(array.offsets.to_numpy())) > 0
    if ragged or values.dtype.kind not in "fiu":
        raise SpectraError("lists of different lengths or not of numbers: one wavelength grid per file")
    return values.reshape(len(array), -1).astype(np.float32, copy=False)


# --- writing ---


class ParquetWriter:
    """Spectra or latents, written piece by piece; the file appears when the block ends without an error.

    integer_ids: whether `source_id` is a 64-bit integer or text; None: the first piece decides.
    Raises SpectraError when a piece has another grid, other labels or ids that do not fit, and when there was
    no piece.

    >>> with ParquetWriter("latents.parquet") as out:
    ...     for stars in iter_parquet("spectra.parquet"):
    ...         out.write(model.encode(stars))
    """

    def __init__(self, path: str | Path, *, integer_ids: bool | None = None) -> None:
        self.path, self.integer_ids, self.rows = Path(path), integer_ids, 0
        self._stack = ExitStack()
        self._begun: tuple[pq.ParquetWriter, SpectraSet | LatentSet] | None = None  # file, one row of it

    def __enter__(self) -> "ParquetWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if self._begun is None and kind is None:
            raise SpectraError(f"{self.path}: nothing to write, there are no stars")
        return self._stack.__exit__(kind, error, traceback)

    def write(self, piece: SpectraSet | LatentSet) -> None:
        """Append stars or latents: one row each."""
        table = _to_arrow(piece, self._ids(piece.ids))
        if self._begun is None:
            self._begun = self._open_file(table.schema), piece[:1]
        file, first = self._begun
        if not _alike(first, piece):
            raise SpectraError(f"{self.path}: a later piece has another grid, labels, model or noise key")
        file.write_table(table.replace_schema_metadata(file.schema.metadata), row_group_size=CHUNK)
        self.rows += len(piece)

    def _ids(self, ids: np.ndarray) -> np.ndarray:
        integers = None if self.integer_ids is False else star_ids.as_integers(ids)
        if self.integer_ids is None:
            self.integer_ids = integers is not None
        if not self.integer_ids:
            return ids
        if integers is None:
            raise SpectraError(
                f"{self.path}: some ids are names, not integers: open the writer with integer_ids=False"
            )
        return integers

    def _open_file(self, schema: pa.Schema) -> pq.ParquetWriter:
        stream = self._stack.enter_context(atomic(self.path))
        return self._stack.enter_context(pq.ParquetWriter(stream, schema, **_OPTIONS))


def write(path: str | Path, piece: SpectraSet | LatentSet) -> None:
    """All of a set at once. Raises SpectraError as `ParquetWriter` does."""
    with ParquetWriter(path) as out:
        out.write(piece)


def _alike(first: SpectraSet | LatentSet, piece: SpectraSet | LatentSet) -> bool:
    if first.label_names != piece.label_names:
        return False
    if isinstance(first, LatentSet) and isinstance(piece, LatentSet):
        one_origin = (first.model_id, first.key_fingerprint) == (piece.model_id, piece.key_fingerprint)
        return one_origin and first.z.shape[1] == piece.z.shape[1]
    if isinstance(first, SpectraSet) and isinstance(piece, SpectraSet):
        same_errors = (first.flux_error is None) == (piece.flux_error is None)
        return same_errors and same_grid(first.wavelength_nm, piece.wavelength_nm)
    return False


def _to_arrow(piece: SpectraSet | LatentSet, ids: np.ndarray) -> pa.Table:
    """The rows of a piece, with the metadata of its file."""
    columns = {"source_id": to_arrow(ids)}
    columns |= {n: to_arrow(v) for n, v in label_columns(piece.labels, piece.label_names).items()}
    meta: dict[str, Any] = {"label_names": list(piece.label_names)}
    if isinstance(piece, LatentSet):
        columns["z"] = _lists(piece.z)
        meta |= {"kind": "latents", "model_id": piece.model_id, "key_fingerprint": piece.key_fingerprint}
    else:
        columns |= {name: _lists(values) for name, values in fluxes(piece).items()}
        grid = piece.wavelength_nm.tolist()
        meta |= {"kind": "spectra", "wavelength_nm": grid, "provenance": piece.provenance}
    fields = [
        pa.field(k, v.type, nullable=not pa.types.is_fixed_size_list(v.type)) for k, v in columns.items()
    ]
    schema = pa.schema(fields, metadata={KEY: json.dumps(meta).encode()})
    return pa.table(list(columns.values()), schema=schema)


def _lists(values: np.ndarray) -> pa.FixedSizeListArray:
    """(N, L) float32 as N lists, without a copy; as nothing is nullable, no definition levels are stored."""
    kind = pa.list_(pa.field("element", pa.float32(), nullable=False), values.shape[1])
    return pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(values, np.float32).ravel()), type=kind
    )
