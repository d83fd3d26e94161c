"""Anybody's latents with labels: npz, Parquet and other tables, AnnData, data sets of Hugging Face.

For the audit of a latent. Shapes: N stars, Z latent, P labels.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from ..errors import SpectraError
from ..parameters import canonical_name
from . import h5ad
from .columns import Chosen, RawColumn, stack
from .formats import NAMES, raw_tables
from .ids import as_strings, choose, joined
from .label_table import LabelTable, label_of, labels_in, without_limits
from .names import ID, label_name, meaning_of
from .provenance import PROVENANCE_KEY, parse_provenance
from .raw import RawTable, every
from .read import Upload, open_stream
from .sniff import Budget, only_member, parsing
from .values import rows_of_fillers

LATENT_NAMES = (
    "z",
    "latent",
    "latents",
    "x_latent",
    "embedding",
    "embeddings",
)  # of an array or a column of lists
_NUMBERED = re.compile(r"(z|latent|latent_dim|dim)_?(\d+)", re.IGNORECASE)
_DECLARED = "label_names"  # where our files name their labels


@dataclass(frozen=True, eq=False)
class LatentTable:
    """Latents z (N, Z) of any precision, ids (N,) where there are any, and columns that may be labels.

    declared: the labels that the file itself names; None for a table where any column may be one. model_id:
    the model that encoded the stars, or "". remarks: sentences on columns, by name; on the latents under "".
    """

    file: str
    z: np.ndarray
    columns: tuple[RawColumn, ...]
    ids: np.ndarray | None = None
    declared: tuple[str, ...] | None = None
    model_id: str = ""
    remarks: dict[str, str] = field(default_factory=dict)

    @property
    def label_columns(self) -> tuple[RawColumn, ...]:
        """The columns of numbers, each of which may be a label."""
        return tuple(column for column in self.columns if _is_label(column))

    @property
    def candidates(self) -> tuple[str, ...]:
        """Names of the columns of numbers, each of which may be a label."""
        return tuple(dict.fromkeys(map(label_of, self.label_columns)))

    def labels(self, names: Sequence[str]) -> LabelTable:
        """The labels of these names in the project's units, NaN where missing. SpectraError for others."""
        known = self.candidates
        unknown = next((name for name in names if name not in known), None)
        if unknown is not None:
            raise SpectraError(f"{self.file}: no label '{unknown}'; there are: {', '.join(known) or 'none'}")
        chosen = tuple(c for c in self.columns if label_of(c) in names and _is_label(c))
        remarks = tuple(self.remarks[key] for key in ("", *(c.name for c in chosen)) if key in self.remarks)
        with parsing(self.file, "table"):
            table = labels_in(RawTable(chosen, remarks=remarks), PurePath(self.file).name)
        order = [table.names.index(name) for name in names]
        return LabelTable(table.values[:, order], tuple(names), table.notes)


def read_latent_table(
    source: str | Path | Upload, obsm: str | None = None, split: str | None = None
) -> LatentTable:
    """The latents in a file or a folder, or in (name, bytes) of an upload.

    An npz with `z`, `labels` and `label_names`; Parquet or another table with a column `z` of lists, or with
    z_0, z_1, …; AnnData with a matrix in obsm; the folder of a data set of Hugging Face, with such columns.
    obsm: the matrix's key. split: of the data set. Raises SpectraError, one line.
    """
    name = source[0] if isinstance(source, tuple) else str(source)
    if not isinstance(source, tuple) and os.path.isdir(source):
        return _from_folder(Path(source), split)
    if split is not None:
        raise SpectraError(f"{name}: is not the folder of a data set, so that it has no split {split}")
    with open_stream(source) as stream:
        head = stream.read(len(h5ad.MAGIC))
        stream.seek(0)
        if head == h5ad.MAGIC:
            with parsing(name, "AnnData file"):
                cells = h5ad.read(stream, obsm)
            return _checked(
                LatentTable(name, cells.z, cells.columns, _usable(cells.ids), remarks=cells.remarks)
            )
        if obsm is not None:
            raise SpectraError(f"{name}: is not AnnData, so that it has no obsm/{obsm}")
        member = only_member(name, stream, "the one with the latents")
        with parsing(name, NAMES[member.format]):
            if member.format == "npz":
                return _from_npz(member.stream, name, member.budget)
            tables = raw_tables(member.stream, member.format, every, member.budget)
            return _from_table(next((t for t in tables if _latent_columns(t.columns)), None), name, tables)


def _from_folder(folder: Path, split: str | None) -> LatentTable:
    from . import dataset_folder

    with parsing(str(folder), "data set"):
        found = dataset_folder.read(folder, split)
        latents = found.table if _latent_columns(found.table.columns) else None
        table = _from_table(latents, str(folder), [found.table])
        return replace(table, remarks=table.remarks | found.remarks)


def obsm_keys(source: str | Path | Upload) -> tuple[str, ...]:
    """The keys of obsm in an AnnData file; none for any other file. SpectraError for a damaged one."""
    with open_stream(source) as stream:
        head = stream.read(len(h5ad.MAGIC))
        stream.seek(0)
        with parsing(source[0] if isinstance(source, tuple) else str(source), "AnnData file"):
            return tuple(h5ad.keys(stream)) if head == h5ad.MAGIC else ()


def _usable(ids: np.ndarray | None) -> np.ndarray | None:
    """Row names as ids; none where some are missing, since they are only a default."""
    try:
        return None if ids is None else as_strings(ids)
    except SpectraError:
        return None


def _is_label(column: RawColumn) -> bool:
    try:
        labels_in(RawTable((column,)), "")
    except (SpectraError, IndexError, TypeError):
        return False
    return True


# --- npz ---


def _from_npz(stream: Any, name: str, budget: Budget) -> LatentTable:
    from .npz import read_arrays

    arrays = read_arrays(stream, budget)
    key = _latent_array(arrays)
    z, names = _numeric(arrays[key], key), np.atleast_1d(arrays.get(_DECLARED, ())).astype(str).tolist()
    others = {k: v for k, v in arrays.items() if k not in (key, "labels", _DECLARED) and v.shape == (len(z),)}
    columns = [RawColumn(k, v) for k, v in others.items()]
    if "labels" in arrays:
        labels = _numeric(np.atleast_1d(arrays["labels"]), "labels").reshape(len(arrays["labels"]), -1)
        if labels.shape != (len(z), len(names)):
            raise SpectraError(f"{len(z)} latents, but labels {labels.shape} under {len(names)} label_names")
        columns += [RawColumn(n, column) for n, column in zip(names, labels.T, strict=True)]
    declared = tuple(map(label_name, names)) if "labels" in arrays else None
    model_id = str(arrays.get("model_id", ""))
    return _checked(LatentTable(name, z, tuple(columns), _ids(columns), declared, model_id))


def _latent_array(arrays: dict[str, np.ndarray]) -> str:
    """The name of the array that holds the latents. SpectraError where none does, or two do equally well."""
    named = [k for n in LATENT_NAMES for k in arrays if k.lower() == n]
    found = [k for k in named if arrays[k].ndim == 2]
    if not found:
        hint = "; these are spectra: `encode` them first" if "flux" in arrays else ""
        if named:
            hint = f"; {named[0]} has the shape {arrays[named[0]].shape}, and latents are (stars, dimensions)"
        raise SpectraError(f"no array 'z' of latents (arrays: {', '.join(arrays)}){hint}")
    other = next((k for k in found if not np.array_equal(arrays[k], arrays[found[0]])), None)
    if other is not None:
        raise SpectraError(f"arrays {found[0]} and {other} may both be the latents: keep one of them")
    shape = arrays[found[0]].shape
    others = {k: v for k, v in arrays.items() if k not in (*named, "label_names")}
    turned = next((k for k, v in others.items() if v.shape == shape[1:] != shape[:1]), None)
    if turned is not None and not any(v.shape[:1] == shape[:1] for v in others.values()):
        raise SpectraError(f"{found[0]} is {shape}, but {turned} has {shape[1]} values: transpose it")
    return found[0]


def _numeric(values: np.ndarray, what: str) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise SpectraError(f"array {what} is not numeric")
    return values


# --- tables ---


def _latent_columns(columns: Sequence[RawColumn]) -> list[RawColumn]:
    """The column of lists that holds the latents, or the numbered ones in order; none without either.

    Raises SpectraError for two sets of numbered columns, such as z_0 … and dim_0 …, and for a number twice.
    """
    for column in columns:
        if column.name.lower() in LATENT_NAMES and column.values is not None and _is_nested(column.values):
            return [column]
    numbered: dict[int, RawColumn] = {}
    first = ""
    for column in columns:
        if match := _NUMBERED.fullmatch(column.name):
            before = numbered.setdefault(int(match[2]), column)
            first = first or match[1].lower()
            if before is not column or match[1].lower() != first:
                other = before if before is not column else next(iter(numbered.values()))
                raise SpectraError(
                    f"columns {other.name} and {column.name} may both be of the latents: keep one kind"
                )
    return [numbered[k] for k in sorted(numbered)]


def _is_nested(values: Any) -> bool:
    values = np.asarray(values)
    return values.ndim == 2 or (values.dtype.kind == "O" and any(np.ndim(v) == 1 for v in values))


def _from_table(table: RawTable | None, name: str, tables: Sequence[RawTable]) -> LatentTable:
    if table is None:
        columns = ", ".join(c.name for t in tables for c in t.columns)[:200]
        raise SpectraError(f"no latents: no column z of lists, nor z_0, z_1, … (columns: {columns})")
    latent = _latent_columns(table.columns)
    if len(latent) == 1 and _is_nested(latent[0].values):
        z = stack(latent[0].values, latent[0].name)[0]
    else:
        _check_complete(latent)
        z = np.column_stack([_float(column) for column in latent])
    parts = set(map(id, latent))
    others = tuple(c for c in table.columns if id(c) not in parts)
    meta = parse_provenance(table.meta.get(PROVENANCE_KEY, ""))
    declared = meta.get(_DECLARED)
    return _checked(
        LatentTable(
            name,
            z,
            others,
            _ids(others),
            None if declared is None else tuple(map(label_name, declared)),
            str(meta.get("model_id", "")),
        )
    )


def _check_complete(columns: Sequence[RawColumn]) -> None:
    """SpectraError where one of z_0, z_1, … is missing."""
    numbers = [int(m[2]) for c in columns if (m := _NUMBERED.fullmatch(c.name))]
    missing = set(range(numbers[0], numbers[-1])) - set(numbers)
    if missing or numbers[0] > 1:
        raise SpectraError(
            f"the latent's columns {columns[0].name} … {columns[-1].name} are not complete: number "
            f"{min(missing, default=0)} is missing"
        )


def _float(column: RawColumn) -> np.ndarray:
    try:
        return np.ma.filled(np.ma.asarray(column.values).astype(np.float64), np.nan)
    except (TypeError, ValueError):
        raise SpectraError(f"column {column.name} is not numeric") from None


def _ids(columns: Sequence[RawColumn]) -> np.ndarray | None:
    """The ids of the rows, None where no column holds any."""
    found = [Chosen(c, m) for c in columns if (m := meaning_of(c.name, c.ucd)) and m.role == ID]
    chosen = choose(found)
    return as_strings(joined(chosen)) if chosen else None


def _checked(table: LatentTable) -> LatentTable:
    """The table, its limits and rows of fillers missing. SpectraError without latents."""
    if not len(table.z) or not table.z.shape[1]:
        raise SpectraError(f"no latents: z has the shape {table.z.shape}")
    columns, remarks = without_limits(table.columns)
    z, fillers = table.z, rows_of_fillers(table.z)
    if fillers.any():
        z = np.where(fillers[:, None], np.nan, z)
        shown = f"{table.z[fillers][0, 0]:.6g}"
        remarks[""] = f"latents that are {shown} in each dimension: {int(fillers.sum()):,}, taken as missing"
    return replace(table, z=z, columns=columns, remarks=remarks | table.remarks)


def spelled(name: str) -> str:
    """A label as users write it, in the spelling that tables of latents have."""
    return label_name(canonical_name(name))
