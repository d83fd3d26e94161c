"""The wavelengths of a FITS image from its keywords: linear or logarithmic, after FITS Paper III or IRAF.

Greisen et al. (2006, A&A 446, 747) have `WAVE-LOG`; IRAF, SDSS and APOGEE have DC-FLAG = 1 or `LOG-LINEAR`,
the decimal logarithm of Ångström. Shapes: L pixels.
"""

import re
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits

from ..errors import SpectraError

CURE = "add CRVAL1, CDELT1 and CUNIT1, or write a table with the columns wavelength, flux, flux_error"
_OTHERS = ("FREQ", "ENER", "WAVN", "VRAD", "VOPT", "ZOPT", "BETA", "VELO", "FELO")  # of Paper III
_LOG10 = re.compile(r"LOG-LINEAR|LOG(10)?[-_ (]*(LAM|WAV|ANG)|LOGL", re.IGNORECASE)
_LN = re.compile(r"(LN|LOGE)[-_ (]*(LAM|WAV)", re.IGNORECASE)
LARGEST_LOG10 = 6.0  # of an optical wavelength in Ångström; beyond, logarithms are natural (HERMES)
_LOG_UNIT = re.compile(r"(?:log10|log|ln|dex)\s*\(?\s*([^()]*?)\s*\)?", re.IGNORECASE)


class Axis(NamedTuple):
    """Wavelengths (L,), their unit, their UCD where keywords say air, and what users must know of them."""

    values: np.ndarray
    unit: str | None
    ucd: str | None
    remarks: tuple[str, ...]


def axis_of(header: fits.Header, length: int) -> Axis | None:
    """The wavelengths of the axis with `length` pixels; None when the header gives none.

    Raises SpectraError for an axis that is none of wavelengths, or no line that keywords can describe.
    """
    number = next((k for k in range(1, 10) if header.get(f"NAXIS{k}") == length), 1)
    line = _line(header, number)
    if line is None:
        return None
    start, step, pixel = line
    kind = str(header.get(f"CTYPE{number}", "")).strip().upper()
    _refuse_other_axes(kind, number)
    unit, logarithm = _unit(header, number)
    steps = step * (np.arange(length) + 1.0 - (1.0 if pixel is None else pixel))
    values, said = _wavelengths(header, kind, logarithm, (start, steps))
    remarks = [f"CRPIX{number} is missing: taken as 1"] if pixel is None else []
    if said and unit is None:
        unit = "Angstrom"
        said += ", taken in Ångström as no CUNIT1 says otherwise"
    unit = unit or _unit_in(kind)
    if unit is None and 3000 < np.median(values) < 30_000:
        raise SpectraError(
            f"wavelengths near {np.median(values):.5g} without a unit look like Ångström: add CUNIT{number}"
        )
    if not said and unit is None and not kind and np.abs(values).max() < 10:
        raise SpectraError(
            f"CRVAL{number} = {start:g} without a unit: if it is a logarithm, add DC-FLAG = 1 and "
            f"CUNIT{number}"
        )
    remarks += [said] if said else []
    ucd = "em.wl;obs.atmos" if kind.startswith("AWAV") else None
    return Axis(values, unit, ucd, tuple(remarks))


def _line(header: fits.Header, number: int) -> tuple[float, float, float | None] | None:
    """(value at the reference pixel, step, reference pixel) in the header's own terms."""
    start, pixel = _number(header, f"CRVAL{number}"), _number(header, f"CRPIX{number}")
    step = _number(header, f"CD{number}_{number}")
    if step is None and (step := _number(header, f"CDELT{number}")) is not None:
        step *= _number(header, f"PC{number}_{number}") or 1.0
    if start is None or not step:  # SDSS before its WCS
        start, step, pixel = _number(header, "COEFF0"), _number(header, "COEFF1"), 1.0
    return None if start is None or not step else (start, step, pixel)


def _number(header: fits.Header, key: str) -> float | None:
    """A card of the axis, also where it is a number in quotes. SpectraError for anything else."""
    value: Any = header.get(key)
    if value is None or isinstance(value, fits.card.Undefined):
        return None
    try:
        if not isinstance(value, bool):
            return float(value)
    except ValueError:
        pass
    raise SpectraError(f"{key} = {str(value)[:40]} is no number: correct the card")


def _refuse_other_axes(kind: str, number: int) -> None:
    if kind[:4] in _OTHERS:
        raise SpectraError(f"its axis is no wavelength (CTYPE{number} = {kind}): convert it to vacuum nm")
    if kind.startswith("MULTISPE") or kind.endswith(("-TAB", "-GRI", "-GRA")):
        raise SpectraError(
            f"its wavelengths are not linear (CTYPE{number} = {kind}): resample it (IRAF: dispcor), or write "
            "a table"
        )


def _unit(header: fits.Header, number: int) -> tuple[str | None, bool]:
    """(the unit, whether it is said to be one of logarithms): CUNIT, or IRAF's `units=` in WAT."""
    unit = str(header.get(f"CUNIT{number}", "")).strip()
    if not unit:
        cards = "".join(str(v).ljust(68) for k, v in header.items() if k.startswith(f"WAT{number}_"))
        match = re.search(r"\bunits=(\w+)", cards)
        unit = match[1] if match else ""
    match = _LOG_UNIT.fullmatch(unit)
    if match:
        return match[1] or None, True
    return unit or None, False


def _unit_in(kind: str) -> str | None:
    """The unit that some pipelines (HARPS) put where the kind of axis should stand."""
    return kind.lower() if kind.lower() in ("angstrom", "angstroms", "nm", "um", "micron") else None


def _wavelengths(
    header: fits.Header, kind: str, logarithm: bool, line: tuple[float, np.ndarray]
) -> tuple[np.ndarray, str]:
    """(wavelengths (L,), what is said of their scale) from a value at the reference pixel and steps."""
    start, steps = line
    logarithm |= str(header.get("WFITTYPE", "")).strip().upper() == "LOG-LINEAR" or bool(_LOG10.search(kind))
    with np.errstate(over="ignore"):
        if kind.endswith("-LOG") and not 2 < start < 5:
            return start * np.exp(steps / start), ""
        if _LN.search(kind) or (logarithm and start > LARGEST_LOG10):
            return np.exp(start + steps), "wavelengths are natural logarithms"
        if logarithm or header.get("DC-FLAG") == 1 or kind.endswith("-LOG"):
            return 10.0 ** (start + steps), "wavelengths are decimal logarithms"
    return start + steps, ""
