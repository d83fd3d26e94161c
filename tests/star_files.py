"""One star, or some, as other people's tools write them: the same columns in every format and layout."""

import io
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from astropy.table import Table

from gandalf_core.simulator import simulate

SAMPLES = ("csv", "commented", "ecsv", "fits", "votable", "parquet")  # one row per sample
ARRAYS = ("npz", "fits-rows", "votable-rows", "parquet-rows")  # one row per star, arrays as cells
FORMATS = (*SAMPLES, *ARRAYS)

STAR = simulate(1, seed=5)
WAVE, FLUX, ERROR = STAR.wavelength_nm, STAR.flux[0], STAR.flux_error[0]


def star_file(kind: str, columns: Mapping[str, np.ndarray], units: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a file with these columns of one star, (L,) each.

    kind: one of FORMATS. units: of columns, for the formats that can say them (ecsv, fits, votable).
    """
    layout, _, rows = kind.partition("-")
    if layout == "npz":
        np.savez(out := io.BytesIO(), **{name: _row(values) for name, values in columns.items()})
        return out.getvalue()
    if rows:
        columns = {name: np.asarray(values)[None] for name, values in columns.items()}
    if layout == "parquet":
        return pd.DataFrame({n: list(v) if rows else v for n, v in columns.items()}).to_parquet()
    return _table(layout, Table(dict(columns), units=dict(units or {})))


def _row(values: np.ndarray) -> np.ndarray:
    """Arrays of spectra are (stars, pixels) in an npz, wavelengths (pixels,)."""
    values = np.asarray(values)
    return values if values.dtype.kind == "f" and np.all(np.diff(values) > 0) else values[None]


def _table(kind: str, table: Table) -> bytes:
    text = kind in ("csv", "commented", "ecsv")
    out = io.StringIO() if text else io.BytesIO()
    names = {"csv": "ascii.csv", "commented": "ascii.commented_header", "ecsv": "ascii.ecsv"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names and units that a VOTable should not have
        table.write(out, format=names.get(kind, kind))
    return out.getvalue().encode() if text else out.getvalue()
