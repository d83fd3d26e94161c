"""FITS tables: the archive's (an id in the header, one extension per star when COMBINED) and our own."""

import warnings
from typing import BinaryIO

import numpy as np
from astropy.io import fits

from ..errors import SpectraError
from .columns import Table, role_of
from .sniff import size_of


def read(stream: BinaryIO) -> list[Table]:
    """Every table extension. Raises SpectraError when the file ends before its data do, or has no table."""
    size = size_of(stream)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(stream, memmap=False) as hdus:
            tables = [
                _table(hdu)
                for hdu in _complete(hdus, size)
                if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)
            ]
            about = Table.build((), _keywords(hdus[0].header)).meta
    spectra = [t for t in tables if "flux" in t.columns]
    if len(spectra) == 1:  # the primary header then speaks of this one
        spectra[0].meta = about | spectra[0].meta
    if not tables:
        raise SpectraError("a FITS file without a table: expected columns wavelength, flux, flux_error")
    return tables


def _complete(hdus: fits.HDUList, size: int):
    """The extensions, each checked against the length of the file before its data are touched."""
    for k, hdu in enumerate(hdus):
        end = hdu.fileinfo()["datLoc"] + hdu.size
        if end > size:
            raise SpectraError(
                f"truncated FITS: extension {k} should reach byte {end}, the file has {size}: fetch it again"
            )
        yield hdu


def _table(hdu: fits.BinTableHDU) -> Table:
    columns = [(c.name, _native(hdu.data[c.name]) if role_of(c.name) else None, c.unit) for c in hdu.columns]
    return Table.build(columns, _keywords(hdu.header))


def _keywords(header: fits.Header) -> dict[str, str | int | float]:
    return {k: v for k, v in header.items() if k and isinstance(v, str | int | float)}


def _native(values: np.ndarray) -> np.ndarray:
    """Own byte order, and plain arrays of text or of arrays."""
    if values.dtype.kind == "O":
        return np.array([*[np.asarray(v, np.float64) for v in values], None], dtype=object)[:-1]
    return np.array(values, dtype=values.dtype.newbyteorder("="))
