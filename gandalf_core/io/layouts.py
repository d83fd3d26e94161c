"""The columns of the files that we write: one row per sample, or one row per star.

Shapes: N stars, L pixels, P labels. A masked pixel's flux and error are written as NaN.
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.positions import NAMES as POSITION
from ..data.positions import position_columns
from ..data.spectra import SpectraSet
from ..data.star_tables import as_table
from . import ids as star_ids
from .names import label_column
from .provenance import PROVENANCE_KEY

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

Columns = Mapping[str, np.ndarray]  # equally long arrays by name


def samples(stars: SpectraSet) -> dict[str, np.ndarray]:
    """Columns of one row per sample, (N·L,) each, named as the archive names them."""
    pixels = len(stars.wavelength_nm)
    columns = {
        "source_id": np.repeat(id_column(stars.ids), pixels),
        "wavelength": np.tile(stars.wavelength_nm, len(stars)),
    }
    columns |= {name: values.ravel() for name, values in fluxes(stars).items()}
    of_star = label_columns(stars.labels, stars.label_names) | position_columns(stars.positions)
    return columns | {name: np.repeat(values, pixels) for name, values in of_star.items()}


def rows(stars: SpectraSet) -> dict[str, np.ndarray]:
    """Columns of one row per star: (N,), and (N, L) for flux and error."""
    columns = {"source_id": id_column(stars.ids), **fluxes(stars)}
    return columns | label_columns(stars.labels, stars.label_names) | position_columns(stars.positions)


def fluxes(stars: SpectraSet) -> dict[str, np.ndarray]:
    """flux (N, L) and, where it is known, flux_error (N, L); not copied where nothing is masked."""
    columns = {"flux": stars.flux}
    if stars.flux_error is not None:
        columns["flux_error"] = stars.flux_error
    if not stars.mask.any():
        return columns
    return {name: np.where(stars.mask, np.float32(np.nan), values) for name, values in columns.items()}


def id_column(ids: np.ndarray) -> np.ndarray:
    """(N,) ids as 64-bit integers if they all are decimal integers, else as text."""
    integers = star_ids.as_integers(ids)
    return ids if integers is None else integers


def label_columns(labels: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Labels (N, P) by the names of their columns."""
    return {label_column(name): values for name, values in zip(names, labels.T, strict=True)}


def result_column(name: str, values: Any) -> np.ndarray:
    """(N,) values of a column of results; ids as `id_column` has them."""
    array = np.asarray(values)
    if array.dtype.kind == "O":
        array = array.astype(str)
    is_id = array.dtype.kind == "U" and name in ("source_id", "id", "ids")
    return id_column(array) if is_id else array


def to_astropy(
    columns: Columns, provenance: Mapping[str, Any] | None = None, about: Mapping[str, str] | None = None
) -> "Table":
    """An astropy table with units, UCDs and descriptions, and in its metadata the provenance and `about`."""
    told = {PROVENANCE_KEY: json.dumps(provenance)} if provenance else {}
    return as_table(columns, told | dict(about or {}))


def rounded(columns: Columns, digits: int) -> dict[str, np.ndarray]:
    """The columns, numbers in double precision with so many significant digits: all that a result has.

    Positions are no results, and stay.
    """
    results = {n for n, v in columns.items() if v.dtype == np.float64 and n not in POSITION}
    return {name: _rounded(v, digits) if name in results else v for name, v in columns.items()}


def _rounded(values: np.ndarray, digits: int) -> np.ndarray:
    texts = (f"{value:.{digits}g}" for value in values.ravel().tolist())
    return np.fromiter(map(float, texts), float, values.size).reshape(values.shape)


def to_arrow(values: np.ndarray) -> "pa.Array":
    """A column as an Arrow array."""
    import pyarrow as pa

    return pa.array(values.tolist(), pa.string()) if values.dtype.kind == "U" else pa.array(values)
