"""AnnData files (`.h5ad`): a latent in `obsm` and columns of `obs`, read with h5py alone.

The layout: https://anndata.readthedocs.io/en/stable/fileformat-prose.html. Nothing is unpickled, no link is
followed and no other file is opened. Shapes: N cells (stars), Z latent.
"""

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import SpectraError
from .columns import RawColumn
from .ids import check_lengths
from .sniff import Budget, check_columns, size_of

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"
USUAL_KEY = "X_latent"
NAMED = 5  # classes of a categorical column that a remark names
TEXTS_AT_ONCE = 4096  # that are read before their lengths are looked at
TEXT_BYTES = 16  # of memory for a text of unknown length, at least
_INDEX = "_index"  # the attribute that names the column of row names
_OLD_CLASSES = "__categories"  # where AnnData 0.7 kept the classes of categorical columns
_UNUSED = (_INDEX, _OLD_CLASSES, "index")


@dataclass(frozen=True)
class CellTable:
    """A latent z (N, Z), the columns of its rows, their ids (N,) or None, and remarks on columns by name."""

    z: np.ndarray
    columns: tuple[RawColumn, ...]
    ids: np.ndarray | None
    remarks: dict[str, str]


def read(stream: BinaryIO, key: str | None = None) -> CellTable:
    """The latent under `key` of obsm (default: X_latent, or else the only one) and all columns of obs.

    Raises SpectraError (without the file's name) when there is none, for links, and without h5py.
    """
    budget = Budget(size_of(stream))
    with _opened(stream) as file:
        reader = _Reader(budget)
        obsm = reader.group(file, "obsm")
        chosen = _choice(list(obsm), key)
        z = reader.matrix(obsm, chosen)
        columns, ids, remarks = reader.frame(file, "obs")
    if any(len(column.values) != len(z) for column in columns):
        raise SpectraError(f"obsm/{chosen} and the columns of obs have different numbers of rows")
    return CellTable(z, columns, ids, remarks)


def available() -> bool:
    """Whether AnnData files can be read here; h5py is imported then."""
    try:
        import h5py  # noqa: F401
    except ImportError:
        return False
    return True


def keys(stream: BinaryIO) -> list[str]:
    """The keys of obsm. SpectraError as from `read`."""
    with _opened(stream) as file:
        return list(_Reader(Budget(size_of(stream))).group(file, "obsm"))


def _opened(stream: BinaryIO) -> "h5py.File":
    try:
        import h5py
    except ImportError:
        raise SpectraError(
            "reading AnnData needs h5py: pip install 'gandalf-explorer[anndata]', or save the latent as npz"
        ) from None
    return h5py.File(stream, "r")


def _choice(keys: list[str], key: str | None) -> str:
    """The key of the latent. SpectraError where it is not there, or where several might be meant."""
    listed = ", ".join(keys) or "nothing"
    if key is not None:
        if key not in keys:
            raise SpectraError(f"no obsm/{key}; obsm holds {listed}")
        return key
    if USUAL_KEY in keys or len(keys) == 1:
        return USUAL_KEY if USUAL_KEY in keys else keys[0]
    raise SpectraError(f"obsm holds {listed}" + (": choose one (--obsm KEY)" if keys else ", so no latent"))


@dataclass(frozen=True)
class _Reader:
    """Reads the parts of a file, which may take what `budget` has."""

    budget: Budget

    # --- groups and datasets ---

    def item(self, parent: "h5py.Group", name: str) -> Any:
        """A member of a group that is stored in the file itself."""
        import h5py

        where = f"{(parent.name or '').rstrip('/')}/{name}"
        link = parent.get(name, getlink=True, default=None)
        if link is None:
            raise SpectraError(f"no {where}: not an AnnData file")
        if not isinstance(link, h5py.HardLink):
            raise SpectraError(f"{where} is a link to elsewhere, and links are not followed: copy the data")
        item = parent[name]
        if isinstance(item, h5py.Dataset) and (item.is_virtual or item.external):
            raise SpectraError(f"{where} lies in another file, which is not opened: copy the data")
        return item

    def group(self, parent: "h5py.Group", name: str) -> "h5py.Group":
        import h5py

        item = self.item(parent, name)
        if not isinstance(item, h5py.Group):
            raise SpectraError(f"{name} is not a group: not an AnnData file")
        return item

    def array(self, parent: "h5py.Group", name: str) -> np.ndarray:
        """The numbers or texts of a dataset. SpectraError for anything else."""
        return self.values(self.item(parent, name))

    def values(self, dataset: Any) -> np.ndarray:
        """All of a dataset that fits into memory; texts as strings."""
        import h5py

        if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
            raise SpectraError(f"{getattr(dataset, 'name', 'an entry')} is not an array")
        kinds = [dataset.dtype[n] for n in dataset.dtype.names or ()] or [dataset.dtype]
        texts = [h5py.check_string_dtype(kind) is not None for kind in kinds]
        if not all(text or kind.kind in "biuf" for kind, text in zip(kinds, texts, strict=True)):
            raise SpectraError(f"{dataset.name} holds neither numbers nor texts")
        lengths = max(dataset.dtype.itemsize, TEXT_BYTES * sum(texts))
        self.budget.spend(prod(max(1, length) for length in dataset.shape) * lengths)
        if dataset.dtype.names is None and texts[0]:
            return self._texts(dataset)
        return np.asarray(dataset[()])

    def _texts(self, dataset: Any) -> np.ndarray:
        """Texts, piece by piece: very many may be one and the same long one in the file."""
        text, pieces = dataset.asstr(errors="replace"), []
        for start in range(0, len(dataset) if dataset.ndim else 0, TEXTS_AT_ONCE):
            piece = np.asarray(text[start : start + TEXTS_AT_ONCE], dtype=object)
            self.budget.spend(sum(map(len, piece.ravel())))
            check_lengths(piece.ravel())
            pieces.append(piece.astype(str))
        return np.concatenate(pieces) if pieces else np.array(text[()], dtype=str)

    # --- a latent ---

    def matrix(self, parent: "h5py.Group", name: str) -> np.ndarray:
        """(N, Z) a latent: a dense or sparse matrix, or the columns of a table."""
        import h5py

        item = self.item(parent, name)
        if isinstance(item, h5py.Dataset):
            z = self.values(item)
        elif {"data", "indices", "indptr"} <= set(item):
            z = self._dense(item)
        else:
            columns = [c.values for c in self.frame(parent, name)[0]]
            z = np.column_stack(columns) if columns else np.empty((0, 0))
        if z.dtype.kind not in "biuf" or z.ndim not in (1, 2):
            raise SpectraError(f"{item.name} is not a matrix of numbers")
        return z.reshape(len(z), -1)

    def _dense(self, item: "h5py.Group") -> np.ndarray:
        from scipy import sparse

        shape = tuple(int(n) for n in item.attrs.get("shape", item.attrs.get("h5sparse_shape", ())))
        kind = str(item.attrs.get("encoding-type", item.attrs.get("h5sparse_format", "csr")))
        if len(shape) != 2:
            raise SpectraError(f"{item.name} is a sparse matrix without a shape")
        if min(shape) < 0:
            raise SpectraError(f"{item.name} is a sparse matrix of a negative shape")
        self.budget.spend(8 * shape[0] * shape[1])
        parts = tuple(self.array(item, part) for part in ("data", "indices", "indptr"))
        matrix: Any = sparse.csc_matrix if "csc" in kind else sparse.csr_matrix
        return matrix(parts, shape=shape).toarray()

    # --- a table ---

    def frame(
        self, parent: "h5py.Group", name: str
    ) -> tuple[tuple[RawColumn, ...], np.ndarray | None, dict[str, str]]:
        """The columns of a table, the names of its rows, and remarks on columns."""
        import h5py

        item = self.item(parent, name)
        if isinstance(item, h5py.Dataset):  # as AnnData wrote tables before version 0.7
            return self._old_frame(item)
        index = str(item.attrs.get(_INDEX, _INDEX))
        columns, remarks = [], {}
        check_columns(len(item))
        for key in item:
            if key == index or key in _UNUSED:
                continue
            values, remark = self._column(item, key)
            if values is not None and values.ndim == 1:
                columns.append(RawColumn(key, values))
                remarks |= {key: f"{key} {remark}"} if remark else {}
        ids = self.array(item, index) if index in item else None
        return tuple(columns), ids, remarks

    def _old_frame(self, item: Any) -> tuple[tuple[RawColumn, ...], np.ndarray | None, dict[str, str]]:
        table = self.values(item)
        names = table.dtype.names
        if not names:
            raise SpectraError(f"{item.name} is not a table: not an AnnData file")
        fields = {n: _texts(table[n]) for n in names if table[n].ndim == 1}
        columns = tuple(RawColumn(n, v) for n, v in fields.items() if n != "index")
        return columns, fields.get("index"), {}

    def _column(self, parent: "h5py.Group", name: str) -> tuple[np.ndarray | None, str]:
        """The values of a column, NaN where missing, and a remark; None for a kind that is not known."""
        import h5py

        item = self.item(parent, name)
        if isinstance(item, h5py.Dataset):
            values = self.values(item)
            if _OLD_CLASSES in parent and name in list(self.group(parent, _OLD_CLASSES)):
                return _of_classes(values, self.array(self.group(parent, _OLD_CLASSES), name))
            return (None, "") if values.dtype.kind == "V" else (values, "")
        if {"codes", "categories"} <= set(item):
            return _of_classes(self.array(item, "codes"), self.array(item, "categories"))
        if {"values", "mask"} <= set(item):
            values, mask = self.array(item, "values"), self.array(item, "mask").astype(bool)
            if values.dtype.kind in "biuf" and values.shape == mask.shape:
                return np.where(mask, np.nan, values.astype(np.float64)), ""
        return None, ""


def _of_classes(codes: np.ndarray, classes: np.ndarray) -> tuple[np.ndarray, str]:
    """(N,) the numbers of a categorical column: its classes where these are numbers, else 0, 1, 2, …

    A code below 0 is a missing value.
    """
    if codes.dtype.kind not in "iu" or (len(codes) and codes.max() >= len(classes)):
        raise SpectraError("a categorical column has codes without a class")
    numeric = classes.dtype.kind in "biuf"
    meant = classes.astype(np.float64) if numeric else np.arange(len(classes), dtype=np.float64)
    values = np.where(codes < 0, np.nan, np.append(meant, np.nan)[np.maximum(codes, 0)])
    named = [f"{k} = {c}" for k, c in enumerate(classes[:NAMED])] + ["…"] * (len(classes) > NAMED)
    return values, "" if numeric else f"read as the numbers of its classes ({', '.join(named)})"


def _texts(values: np.ndarray) -> np.ndarray:
    """A field of an old table, its bytes as text."""
    if values.dtype.kind == "O":
        values = np.array([v.encode() if isinstance(v, str) else bytes(v) for v in values], dtype=bytes)
    return np.char.decode(values, "utf-8", "replace") if values.dtype.kind == "S" else values
