"""Parquet at survey scale, written in pieces of constant memory: one row per star.

Spectra and latents are fixed-size lists of float32. The grid, the label names and the provenance stand in the
file's metadata under the key `gandalf`; pages and metadata carry checksums. A masked pixel's flux is NaN.
Pages are neither compressed nor dictionary-encoded: noise does not shrink, and a batch becomes an array
without a copy.
Shapes: N stars, L pixels, Z latent dimensions.
"""

import json
import logging
import zlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..atomic import atomic
from ..data.latents import LatentSet
from ..data.positions import position_columns
from ..data.spectra import SpectraSet, same_grid
from ..errors import SpectraError
from . import ids as star_ids
from .layouts import fluxes, label_columns, to_arrow
from .provenance import PROVENANCE_KEY
from .understanding import stored

_LOG = logging.getLogger(__name__)
KEY = PROVENANCE_KEY.encode()
CHECK = KEY + b"_crc32"  # of what stands under KEY and of the names of the columns
CHUNK = 8192  # stars per batch and row group
CHECKSUMS: dict[str, Any] = {"write_page_checksum": True}  # with which `with_dictionaries` compares
NO_COLUMNS: Mapping[str, np.ndarray] = {}
_OPTIONS: dict[str, Any] = {
    "compression": "none",
    "use_dictionary": False,
    "data_page_version": "2.0",
    **CHECKSUMS,
}


class ParquetWriter:
    """Spectra or latents, written piece by piece; the file appears when the block ends without an error.

    integer_ids: whether ids are 64-bit integers or text; None: the first piece decides. id_name: of their
    column. A piece of no star makes a file with the columns of every other. Raises SpectraError when a piece
    has another grid, other labels or ids that do not fit, and when there was no piece.

    >>> with ParquetWriter("latents.parquet") as out:
    ...     for stars in iter_parquet("spectra.parquet"):
    ...         out.write(model.encode(stars))
    """

    def __init__(
        self, path: str | Path, *, integer_ids: bool | None = None, id_name: str = "source_id"
    ) -> None:
        self.path, self.integer_ids, self.id_name, self.rows = Path(path), integer_ids, id_name, 0
        self._stack, self._said = ExitStack(), False
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

    def write(self, piece: SpectraSet | LatentSet, more: Mapping[str, np.ndarray] = NO_COLUMNS) -> None:
        """Append stars or latents: one row each.

        more: further columns, (N,) each, the same for all pieces.
        """
        places = self._places(piece)
        table = _to_arrow(piece, {self.id_name: self._ids(piece.ids), **places, **more})
        if self._begun is None:
            self._begun = self._open_file(table.schema), piece[:1]
        file, first = self._begun
        if not _alike(first, piece):
            raise SpectraError(f"{self.path}: a later piece has another grid, other labels, model or key")
        if len(piece):
            file.write_table(table.replace_schema_metadata(file.schema.metadata), row_group_size=CHUNK)
        self.rows += len(piece)

    def _places(self, piece: SpectraSet | LatentSet) -> dict[str, np.ndarray]:
        """The positions of a piece as columns, where the first piece of the file has any; NaN: unknown."""
        first = piece if self._begun is None else self._begun[1]
        if isinstance(piece, LatentSet) or isinstance(first, LatentSet):
            return {}
        if first.positions is None:
            if piece.positions is not None and not self._said:
                _LOG.warning("%s: positions are left out, since its first stars have none", self.path)
                self._said = True
            return {}
        unknown = np.full((len(piece), 2), np.nan)
        return position_columns(unknown if piece.positions is None else piece.positions)

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
        plain = [field.name for field in schema if not pa.types.is_fixed_size_list(field.type)]
        options: dict[str, Any] = _OPTIONS | {"write_statistics": plain}
        return self._stack.enter_context(pq.ParquetWriter(stream, schema, **options))


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


def _to_arrow(piece: SpectraSet | LatentSet, first: Mapping[str, np.ndarray]) -> pa.Table:
    """The rows of a piece, with the metadata of its file. first: columns before its own, (N,) each."""
    columns: dict[str, Any] = {name: to_arrow(values) for name, values in first.items()}
    columns |= {n: to_arrow(v) for n, v in label_columns(piece.labels, piece.label_names).items()}
    meta: dict[str, Any] = {"label_names": list(piece.label_names)}
    if isinstance(piece, LatentSet):
        columns["z"] = _lists(piece.z)
        meta |= {"kind": "latents", "model_id": piece.model_id, "key_fingerprint": piece.key_fingerprint}
    else:
        columns |= {name: _lists(values) for name, values in fluxes(piece).items()}
        grid = piece.wavelength_nm.tolist()
        meta |= {"kind": "spectra", "wavelength_nm": grid, "provenance": stored(piece.provenance)}
    fields = [
        pa.field(k, v.type, nullable=not pa.types.is_fixed_size_list(v.type)) for k, v in columns.items()
    ]
    about = json.dumps(meta).encode()
    schema = pa.schema(fields, metadata={KEY: about, CHECK: metadata_checksum(about, list(columns))})
    return pa.table(list(columns.values()), schema=schema)


def metadata_checksum(about: bytes, names: Sequence[str]) -> bytes:
    """CRC-32 of a file's metadata and the names of its columns, which no checksum of a page covers."""
    return f"{zlib.crc32(chr(0).join(names).encode(), zlib.crc32(about)):08x}".encode()


def _lists(values: np.ndarray) -> pa.FixedSizeListArray:
    """(N, L) float32 as N lists, without a copy; as nothing is nullable, no definition levels are stored."""
    kind = pa.list_(pa.field("element", pa.float32(), nullable=False), values.shape[1])
    return pa.FixedSizeListArray.from_arrays(
        pa.array(np.ascontiguousarray(values, np.float32).ravel()), type=kind
    )
