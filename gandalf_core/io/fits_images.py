"""Spectra that are FITS images: one value per pixel, the wavelengths in keywords or in an image of their own.

Shapes: L pixels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import SpectraError
from .columns import RawColumn
from .fits_axis import CURE, axis_of
from .names import FLUX, WAVELENGTH, role_of

_FLUX_NAMES = ("", "PRIMARY", "SCI", "DATA", "SPECTRUM", "SPEC1D")
_CLASSES = {  # ESO's HDUCLAS2 and HDUCLAS3
    ("ERROR", "MSE"): "variance",
    ("ERROR", "RMSE"): "error",
    ("ERROR", "INVMSE"): "ivar",
    ("QUALITY", ""): "mask",
}
_KNOWN = {"STAT": "variance"}  # of ESO's MUSE; other extensions are called as columns are


def spectrum_of(
    images: Sequence[Any], known: RawColumn | None
) -> tuple[list[RawColumn], Any, tuple[str, ...]]:
    """(columns, the image of the flux, remarks) of the one-dimensional spectrum among the images of a file.

    known: a column of wavelengths from a table beside it. Further images of the same length are columns under
    their names. Raises SpectraError when no image is a spectrum or nothing gives its wavelengths.
    """
    values = {id(hdu): np.squeeze(hdu.data) for hdu in images}
    lines = [hdu for hdu in images if values[id(hdu)].ndim == 1 and values[id(hdu)].size > 1]
    main = next((hdu for hdu in lines if _is_flux(hdu)), None)
    if main is None:
        shapes = ", ".join(" × ".join(map(str, hdu.data.shape[::-1])) for hdu in images[:4])
        raise SpectraError(
            f"a FITS file without a table and a one-dimensional spectrum (images of {shapes} pixels): "
            "extract it, or write a table with the columns wavelength, flux, flux_error"
        )
    length = values[id(main)].size
    beside = [hdu for hdu in lines if hdu is not main and values[id(hdu)].size == length]
    columns = [column_of(hdu, _column_name(hdu)) for hdu in beside]
    others = [hdu.name or "one without a name" for hdu in images if hdu is not main and hdu not in beside]
    remarks = (f"images of another shape are not used: {', '.join(others)[:200]}",) if others else ()
    if not any(role_of(c.name) == WAVELENGTH for c in columns):
        wavelengths, said = _wavelengths([main, images[0]], length, known)
        columns.append(wavelengths)
        remarks += said
    return [*columns, column_of(main, main.name if role_of(main.name) == FLUX else "flux")], main, remarks


def _wavelengths(
    sources: Sequence[Any], length: int, known: RawColumn | None
) -> tuple[RawColumn, tuple[str, ...]]:
    """The wavelengths of `length` pixels: a known column, or the keywords of the first that has any."""
    if known is not None and np.size(known.values) == length:
        return known, ()
    axis = next((a for hdu in sources if (a := axis_of(hdu.header, length))), None)
    if axis is None:
        raise SpectraError(
            f"a FITS file without a table, whose image of {length} pixels gives no wavelengths: {CURE}"
        )
    return RawColumn("wavelength", axis.values, axis.unit, axis.ucd), axis.remarks


def _is_flux(hdu: Any) -> bool:
    return _class(hdu)[0] in ("", "DATA") and (hdu.name.upper() in _FLUX_NAMES or role_of(hdu.name) == FLUX)


def _class(hdu: Any) -> tuple[str, str]:
    kind, measure = (str(hdu.header.get(f"HDUCLAS{k}", "")).strip().upper() for k in (2, 3))
    return kind, measure if kind == "ERROR" else ""


def _column_name(hdu: Any) -> str:
    """What an extension would be called as a column."""
    return _CLASSES.get(_class(hdu)) or _KNOWN.get(hdu.name.upper()) or hdu.name or "an image without a name"


def column_of(hdu: Any, name: str) -> RawColumn:
    """The values (L,) of an image, in the machine's byte order; astropy's UTYPE says what errors are."""
    values = np.squeeze(hdu.data)
    unit, about = (str(hdu.header.get(key, "")).strip() or None for key in ("BUNIT", "UTYPE"))
    values = np.array(values, dtype=values.dtype.newbyteorder("="))
    return RawColumn(name, values, unit, description=about)
