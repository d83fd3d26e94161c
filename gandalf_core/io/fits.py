"""FITS: tables, and images of one dimension.

The archive's tables have an id in the header, and one extension per star when COMBINED.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits

from ..errors import SpectraError
from .columns import PROVENANCE_KEY, RawColumn
from .fits_headers import check_extensions
from .fits_images import spectrum_of
from .layouts import Columns, to_astropy
from .names import FLUX, WAVELENGTH
from .raw import RawTable, Wanted, has_role
from .sniff import check_expansion, size_of


def read(stream: BinaryIO, wanted: Wanted = has_role) -> list[RawTable]:
    """Every table extension; where none has a flux, the spectrum that an image is.

    Raises SpectraError for a truncated file, and for one without a table or a one-dimensional spectrum.
    """
    check_extensions(stream)
    size = size_of(stream)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with fits.open(stream, memmap=False, disable_image_compression=True, checksum=True) as opened:
            hdus: list[Any] = list(opened)
            about = hdus[0].header
            tables = [
                _table(hdu, wanted, size) for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)
            ]
            images = [hdu for hdu in hdus if hdu.is_image and hdu.data is not None and hdu.data.size]
            if not any(t.has(FLUX) for t in tables) and (images or not tables):
                tables = _with_image(tables, images)
                images = []
    damaged = any("atasum verification failed" in str(w.message) for w in caught)
    remarks = ("DATASUM does not fit the data: they were changed after it was written, or damaged",) * damaged
    if images:
        remarks += (
            f"images beside the table are not used: {', '.join(hdu.name or '?' for hdu in images)[:200]}",
        )
    spectra = [k for k, t in enumerate(tables) if t.has(FLUX)]
    if len(spectra) == 1:  # the keywords of the primary header are about this one
        tables[spectra[0]] = _about(tables[spectra[0]], about)
    tables[0] = replace(tables[0], remarks=(*tables[0].remarks, *remarks))
    return tables


def _with_image(tables: list[RawTable], images: list[Any]) -> list[RawTable]:
    """The tables, without values, behind the spectrum that the images hold.

    SpectraError when they hold none and there is no table that may be one of labels.
    """
    known = next((c for t in tables if t.has(WAVELENGTH) for c in t.columns if c.values is not None), None)
    if not images:
        raise SpectraError("a FITS file without a table: expected columns wavelength, flux, flux_error")
    try:
        columns, main, remarks = spectrum_of(images, known)
    except SpectraError:
        if tables:
            return tables
        raise
    spectrum = RawTable(tuple(columns), _keywords(main.header), _comments(main.header), remarks)
    return [spectrum, *tables]


def _about(table: RawTable, header: fits.Header) -> RawTable:
    comments = tuple(dict.fromkeys((*_comments(header), *table.comments)))
    return replace(table, meta=_keywords(header) | dict(table.meta), comments=comments)


def _table(hdu: Any, wanted: Wanted, size: int) -> RawTable:
    columns = []
    for k, column in enumerate(hdu.columns):
        ucd = _text(hdu.header, f"TUCD{k + 1}") or None
        values, null = _values(hdu, k, size) if wanted(column.name, ucd) else (None, None)
        told = _text(hdu.header, f"TCOMM{k + 1}") or hdu.header.comments[f"TTYPE{k + 1}"]
        columns.append(RawColumn(column.name, values, column.unit or None, ucd, told or None, null))
    return RawTable(tuple(columns), _keywords(hdu.header), _comments(hdu.header))


def _text(header: fits.Header, key: str) -> str:
    return str(header.get(key, "")).strip()


def _keywords(header: fits.Header) -> dict[str, str | int | float]:
    return {k: v for k, v in header.items() if k and isinstance(v, str | int | float)}


def _comments(header: Any) -> tuple[str, ...]:
    """COMMENT and HISTORY, and the comments beside the keywords of the axis."""
    beside = [header.comments[k] for k in ("CTYPE1", "CRVAL1", "CUNIT1") if k in header]
    free = [line for key in ("COMMENT", "HISTORY") for line in header.get(key, ())]
    return tuple(text for line in (*beside, *free) if (text := str(line).strip()))


def _values(hdu: Any, k: int, size: int) -> tuple[np.ndarray, Any]:
    """(column k in the machine's byte order, masked where TNULL says so; TNULL where it is not scaled)."""
    column, stored = hdu.columns[k], np.recarray.field(hdu.data, k)
    if column.format and ("P" in column.format or "Q" in column.format) and isinstance(hdu, fits.BinTableHDU):
        check_expansion(8 * int(stored[:, 0].astype(np.int64).sum()), size)
        rows = hdu.data.field(k)
        cells = [_masked(np.asarray(row), np.asarray(row), column.null) for row in rows]
        return np.array([*[np.ma.filled(c.astype(np.float64), np.nan) for c in cells], None], object)[
            :-1
        ], None
    values = hdu.data.field(k)
    values = np.array(values, dtype=values.dtype.newbyteorder("="))
    if isinstance(hdu, fits.TableHDU):
        texts = np.char.strip(stored.astype(str))
        missing = (texts == "") | (texts == str(column.null or "").strip())
        return (
            np.ma.array(values, mask=missing) if missing.any() and values.dtype.kind != "U" else values
        ), None
    scaled = column.bscale not in (None, "", 1) or column.bzero not in (None, "", 0)
    return _masked(values, stored, column.null), None if scaled else column.null


def _masked(values: np.ndarray, stored: np.ndarray, null: Any) -> np.ndarray:
    """Values with a mask where the stored integers are TNULL."""
    if null in (None, "") or stored.dtype.kind not in "iu":
        return values
    return np.ma.array(values, mask=stored == null)


# --- writing ---


def write(stream: BinaryIO, tables: Sequence[Columns], provenance: Mapping[str, Any] | None = None) -> None:
    """One extension for each set of columns; the first carries the provenance. `check_ascii` comes first."""
    hdus = [fits.table_to_hdu(to_astropy(t)) for t in tables]
    if provenance:
        hdus[0].header.update({PROVENANCE_KEY: json.dumps(provenance)})
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(stream)


def check_ascii(path: Path, tables: Sequence[Columns]) -> None:
    """SpectraError naming the first text that FITS, which knows ASCII only, cannot hold."""
    for name, values in (column for table in tables for column in table.items()):
        texts = [name, *(values.tolist() if values.dtype.kind == "U" else ())]
        foreign = next((t for t in texts if not t.isascii()), None)
        if foreign is not None:
            raise SpectraError(
                f"{path}: FITS holds ASCII text only, not '{foreign}': choose .csv, .vot, .npz or .parquet"
            )
