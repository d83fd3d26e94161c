"""FITS tables: the archive's (an id in the header, one extension per star when COMBINED) and our own."""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits

from ..errors import SpectraError
from .columns import PROVENANCE_KEY, RawColumn, Table, role_of
from .layouts import Columns, to_astropy
from .sniff import size_of


def read(stream: BinaryIO) -> list[Table]:
    """Every table extension. Raises SpectraError for a truncated file, and for one without a table."""
    size = size_of(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(stream, memmap=False) as hdus:
            complete = list(_complete(hdus, size))
            tables = [_table(hdu) for hdu in complete if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
            about = Table.build((), _keywords(complete[0].header)).meta
    spectra = [t for t in tables if "flux" in t.columns]
    if len(spectra) == 1:  # the keywords of the primary header are about this one
        spectra[0].meta = about | spectra[0].meta
    if not tables:
        raise SpectraError("a FITS file without a table: expected columns wavelength, flux, flux_error")
    return tables


def _complete(hdus: fits.HDUList, size: int) -> Iterator[Any]:  # of HDUs, which astropy does not type
    """The extensions, each checked against the length of the file before its data are touched."""
    for k, hdu in enumerate(hdus):
        end = hdu.fileinfo()["datLoc"] + hdu.size
        if end > size:
            raise SpectraError(
                f"truncated FITS: extension {k} should reach byte {end}, the file has {size}: fetch it again"
            )
        yield hdu


def _table(hdu: Any) -> Table:
    columns = [
        RawColumn(c.name, _native(hdu.data[c.name]) if role_of(c.name) else None, c.unit) for c in hdu.columns
    ]
    return Table.build(columns, _keywords(hdu.header))


def _keywords(header: fits.Header) -> dict[str, str | int | float]:
    return {k: v for k, v in header.items() if k and isinstance(v, str | int | float)}


def _native(values: np.ndarray) -> np.ndarray:
    """Values in the machine's byte order, as a plain array of numbers, text or arrays."""
    if values.dtype.kind == "O":
        return np.array([*[np.asarray(v, np.float64) for v in values], None], dtype=object)[:-1]
    return np.array(values, dtype=values.dtype.newbyteorder("="))


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
