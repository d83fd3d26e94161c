"""A file of spectra as it is before it is written: named columns with their units, and what they say.

Shapes: N stars, L pixels.
"""

import io
import json
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import MaskedColumn, Table

SAMPLES = ("csv", "ecsv", "fits", "votable", "parquet", "ipac", "text")  # one row per sample
ROWS = ("fits-rows", "votable-rows", "parquet-rows", "ecsv-rows", "npz")  # one row per star
KINDS = (*SAMPLES, *ROWS)
STARS, PIXELS = 3, 60
NAMES = ("wavelength", "flux", "flux_error", "source_id", "teff", "logg")


@dataclass(frozen=True)
class Truth:
    """What a reader should say: (N,) ids, (L,) vacuum nm, (N, L) flux, errors and mask, labels (N,) by name.

    readable: false where what the file says cannot be right: it must be refused, or a note must say so.
    """

    ids: np.ndarray
    wavelength: np.ndarray
    flux: np.ndarray
    error: np.ndarray
    mask: np.ndarray
    labels: dict[str, np.ndarray]
    readable: bool = True


@dataclass(frozen=True)
class File:
    """Columns (R,) or (N, L) by name in the file's order, their units, keywords, and how they are written."""

    kind: str
    columns: dict[str, np.ndarray]
    units: dict[str, str]
    truth: Truth
    changes: tuple[str, ...] = ()
    keywords: dict[str, Any] = field(default_factory=dict)
    separator: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"
    above: str = ""  # text above the header
    blank: str = ""  # what stands for a value that is missing, in text

    @property
    def per_star(self) -> bool:
        return self.kind in ROWS

    def with_columns(self, **columns: np.ndarray) -> "File":
        return replace(self, columns=self.columns | columns)


def original(kind: str, chance: np.random.Generator) -> File:
    """A sound file of this kind: three stars, or one as text."""
    stars = 1 if kind == "text" else STARS
    wavelength = np.round(850 + 0.1 * np.arange(PIXELS), 1)
    line = np.exp(-0.5 * ((wavelength - 854.444) / 0.2) ** 2)
    depth = chance.uniform(0.3, 0.6, (stars, 1))
    flux = np.round(1 - depth * line + chance.normal(0, 0.004, (stars, PIXELS)), 4)
    error = np.round(chance.uniform(0.01, 0.03, (stars, PIXELS)), 4)
    ids = np.array([f"20527471191156{k}0353" for k in range(stars)])
    labels = {
        "teff": np.round(chance.uniform(4100, 6900, stars)),
        "logg": np.round(chance.uniform(1.6, 4.9, stars), 2),
    }
    truth = Truth(ids, wavelength, flux, error, np.zeros(flux.shape, bool), labels)
    return File(kind, columns_of(truth, kind in ROWS), {"wavelength": "nm"}, truth)


def columns_of(truth: Truth, per_star: bool) -> dict[str, np.ndarray]:
    """The columns of a file that says this."""
    stars, pixels = truth.flux.shape
    ids = truth.ids.astype(np.int64)
    if per_star:
        wavelength = np.tile(truth.wavelength, (stars, 1))
        return {
            "source_id": ids,
            "wavelength": wavelength,
            "flux": truth.flux,
            "flux_error": truth.error,
        } | truth.labels
    labels = {name: np.repeat(values, pixels) for name, values in truth.labels.items()}
    columns = {"source_id": np.repeat(ids, pixels), "wavelength": np.tile(truth.wavelength, stars)}
    return columns | {"flux": truth.flux.ravel(), "flux_error": truth.error.ravel()} | labels


# --- to bytes ---


def written(file: File) -> bytes:
    """The bytes of a file."""
    form = file.kind.removesuffix("-rows")
    if form in ("csv", "text"):
        return _text(file)
    if form == "npz":
        return _npz(file)
    if form == "parquet":
        return _parquet(file)
    table = Table({n: MaskedColumn(v) if np.ma.isMaskedArray(v) else v for n, v in file.columns.items()})
    for name, unit in file.units.items():
        if name in table.colnames:
            table[name].unit = unit
    table.meta.update(file.keywords)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _astropy(table, form)


def _astropy(table: Table, form: str) -> bytes:
    if form in ("ecsv", "ipac"):
        table.write(out := io.StringIO(), format=f"ascii.{form}")
        return out.getvalue().encode()
    if form == "fits":
        hdus = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table)])
        hdus.writeto(stream := io.BytesIO())
        return stream.getvalue()
    table.write(stream := io.BytesIO(), format="votable")
    return stream.getvalue()


def _cells(values: np.ndarray, blank: str) -> list[str]:
    masked = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else np.zeros(len(values), bool)
    plain = np.ma.getdata(values).tolist()
    return [
        blank if gone or value != value else str(value) for value, gone in zip(plain, masked, strict=True)
    ]


def _text(file: File) -> bytes:
    """Rows of cells under a header; `text` has one star's wavelength, flux and error, and no header."""
    columns = file.columns
    if file.kind == "text":
        columns = {n: v for n, v in columns.items() if n not in ("source_id", *file.truth.labels)}
    cells = [_cells(values, file.blank) for values in columns.values()]
    names = [f"{n} [{file.units[n]}]" if file.units.get(n, "nm") != "nm" else n for n in columns]
    lines = [file.separator.join(row) for row in zip(*cells, strict=True)]
    known = file.kind == "text" and set(columns) <= set(NAMES)
    header = [] if known else [file.separator.join(names)]
    about = [f"# {name}: {value}" for name, value in file.keywords.items()]
    return file.newline.join([*filter(None, [file.above]), *about, *header, *lines, ""]).encode(file.encoding)


def _npz(file: File) -> bytes:
    arrays = {n: np.ma.filled(v, np.nan) if np.ma.isMaskedArray(v) else v for n, v in file.columns.items()}
    grid = arrays.get("wavelength")
    if grid is not None and grid.ndim == 2 and file.units.get("wavelength") == "nm":
        arrays["wavelength_nm"] = arrays.pop("wavelength")[0]
    np.savez(out := io.BytesIO(), **arrays)
    return out.getvalue()


def _parquet(file: File) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for name, values in file.columns.items():
        masked = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
        plain = np.ascontiguousarray(np.ma.getdata(values)).astype(values.dtype.newbyteorder("="))
        if plain.ndim == 2:
            rows = plain.tolist()
            if masked is not None:
                rows = [
                    [None if gone else v for v, gone in zip(r, m, strict=True)]
                    for r, m in zip(rows, masked, strict=True)
                ]
            columns[name] = pa.array(rows)
        else:
            columns[name] = (
                pa.array(plain.tolist(), mask=masked)
                if plain.dtype.kind in "US"
                else pa.array(plain, mask=masked)
            )
    table = pa.table(columns)
    units = {n: {b"unit": u.encode()} for n, u in file.units.items() if n in columns}
    fields = [f.with_metadata(units[f.name]) if f.name in units else f for f in table.schema]
    meta = {k: json.dumps(v) if not isinstance(v, str) else v for k, v in file.keywords.items()}
    pq.write_table(table.cast(pa.schema(fields, metadata=meta)), out := io.BytesIO())
    return out.getvalue()
