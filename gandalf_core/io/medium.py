"""Wavelengths: their unit, and whether they are in vacuum or in air, which are 0.24 nm apart at 860 nm.

Air is converted to vacuum with the refractive index of Ciddor (1996, Applied Optics 35, 1566): dry air at
15 °C and 1013.25 hPa, the standard air of the IAU. Shapes: L pixels.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import SpectraError
from .lines import clipped
from .names import LOG10, Meaning
from .units import check_units

if TYPE_CHECKING:
    from .columns import RawColumn

LEAST_LOGARITHM, LARGEST_LOGARITHM = 2.0, 10.0  # of a wavelength in nm or Ångström, decimal or natural
AIR_FROM_NM = 200.0  # below, the ultraviolet is observed, and always given, in vacuum
_NM = {"nm": 1.0, "angstrom": 0.1, "aa": 0.1, "a": 0.1, "å": 0.1, "ang": 0.1, "angstroem": 0.1}
_NM |= {"um": 1e3, "µm": 1e3, "μm": 1e3, "micron": 1e3, "nanometer": 1.0, "nanometre": 1.0}
_NM |= {"micrometer": 1e3, "micrometre": 1e3, "ångström": 0.1, "angström": 0.1, "ångstrom": 0.1}

_WAVES = r"(?:wave\w*|lambda|λ|spectral\s+axis)"
_OTHER_AIR = r"(?!\s*(?:mass|force|temperature|pressure|glow|port))"  # air that no wavelength is in


def _said(medium: str) -> re.Pattern[str]:
    """How a text says that wavelengths are in a medium."""
    return re.compile(
        rf"\b(?:in|to|as)\s+(?:the\s+|standard\s+)?{medium}\b{_OTHER_AIR}|\b{medium}[-_\s]*(?:{_WAVES}|scale)"
        rf"|\b(?:{_WAVES}|scale)[\W_]*{medium}\b{_OTHER_AIR}|\bmedium\W+(?:\w+\W+)?{medium}\b",
        re.IGNORECASE,
    )


_AIR, _VACUUM = _said("air"), _said("vac(?:uum|uo)?")
_BOTH = re.compile(r"\bair\b.*\bvac(?:uum)?\b|\bvac(?:uum)?\b.*\bair\b", re.IGNORECASE)
_NOT = re.compile(r"\bnot\b|n't\b", re.IGNORECASE)
_TO = re.compile(
    r"(?:\bto\s+(?:the\s+|standard\s+)?|\b(?:air|vac)_?(?:to|2)_?)(air|vac(?:uum)?)(?![a-z])", re.IGNORECASE
)
_WAVE_KEY = re.compile(r"(?:wav|lam|spectral)\w*")  # begins a keyword on wavelengths, such as WAVEREF
_KEYWORDS = (
    "airorvac",
    "medium",
    "wavemed",
    "wavetype",
    "wave_medium",
    "spectral_medium",
    "airvac",
    "refframe",
)
_LOG_UNIT = re.compile(r"(?:dex|log(?:10)?|lg)\s*\(.*\)", re.IGNORECASE)
_TRUTHS = {"vacuum": "vacuum", "vac": "vacuum", "invac": "vacuum", "air": "air", "inair": "air"}
_TRUE = ("t", "true", "1", "y", "yes")
_AXIS = re.compile(r"(?:t?ctyp(?:e)?\d+|ctype)", re.IGNORECASE)


class Statement(NamedTuple):
    """What a file says about its wavelengths: "air" or "vacuum", and where it says so."""

    medium: str
    source: str


def stated_medium(
    column: "RawColumn", meaning: Meaning, meta: Mapping[str, Any], comments: Sequence[str]
) -> Statement | None:
    """What a file says of its wavelengths: by the column's name, UCD or description, keywords or comments.

    The first of them that says anything counts. None when nothing does.
    """
    if meaning.medium:
        return Statement("air" if meaning.medium == "air" else "vacuum", "by its name")
    if column.ucd and "obs.atmos" in column.ucd.lower():
        return Statement("air", f"UCD {column.ucd}")
    places: list[tuple[str, Iterable[Statement]]] = [
        ("description", _in_text([column.description or ""])),
        ("keyword", _in_keywords(meta)),
        ("comment", _in_text(comments)),
    ]
    for _, statements in places:
        found = list(statements)
        if found:
            return found[0]
    return None


def _in_keywords(meta: Mapping[str, Any]) -> Iterator[Statement]:
    """Of FITS (CTYPE = AWAV or WAVE, VACUUM = T, AIRORVAC = 'air') and of dictionaries inside others."""
    for key, value in meta.items():
        name, text = str(key).lower(), str(value).strip()
        if isinstance(value, Mapping):
            yield from _in_keywords(value)
        elif _AXIS.fullmatch(name) and text[:4].upper() in ("AWAV", "WAVE"):
            yield Statement("air" if text[:4].upper() == "AWAV" else "vacuum", f"{key} = {text}")
        elif name in _TRUTHS and text.lower() in (*_TRUE, "f", "false", "0", "n", "no"):
            medium, other = _TRUTHS[name], "air" if _TRUTHS[name] == "vacuum" else "vacuum"
            yield Statement(medium if text.lower() in _TRUE else other, f"{key} = {text}")
        elif _WAVE_KEY.fullmatch(name) and text.lower() in ("air", "vac", "vacuum"):
            yield Statement("air" if text.lower() == "air" else "vacuum", f"{key} = {text}")
        elif name in _KEYWORDS and re.search(r"\b(?:air|vac(?:uum)?)\b", text, re.IGNORECASE):
            yield Statement("air" if "air" in text.lower() else "vacuum", f"{key} = {text}")
        elif name in ("comments", "comment", "history", "description"):
            yield from _in_text(value if isinstance(value, list | tuple) else [text])


def _in_text(lines: Iterable[str]) -> Iterator[Statement]:
    """Of free text: `wavelengths in air`, `converted to vacuum`. A line that names both says nothing."""
    for line in clipped(lines):
        to = _TO.findall(line)
        air, vacuum = bool(_AIR.search(line)), bool(_VACUUM.search(line))
        if to:
            air = to[-1].lower() == "air"
            vacuum = not air
        if _NOT.search(line) or (_BOTH.search(line) and not to):
            continue
        if air != vacuum:
            yield Statement("air" if air else "vacuum", f"'{line.strip(' #').strip()[:60]}'")


# --- units ---


def wavelengths_nm(values: np.ndarray, unit: str, kind: str, medium: Statement | None) -> np.ndarray:
    """(L,) vacuum nanometres of wavelengths in `unit` ("" = not given). SpectraError as `to_nm` raises it."""
    kind = LOG10 if _LOG_UNIT.fullmatch(unit.strip()) else kind
    nm = 10.0**values * _log_unit(unit) if kind == LOG10 else to_nm(values, unit)
    return air_to_vacuum(nm) if medium and medium.medium == "air" else nm


def air_to_vacuum(wavelength_nm: np.ndarray) -> np.ndarray:
    """Vacuum wavelengths (L,) of wavelengths in standard air, both in nm; below 200 nm they are the same.

    The index is a function of the vacuum wavelength; two rounds of iteration settle it to 1e-9 nm.
    """
    vacuum = np.asarray(wavelength_nm, np.float64)
    for _ in range(3):
        vacuum = np.where(wavelength_nm < AIR_FROM_NM, wavelength_nm, wavelength_nm * _air_index(vacuum))
    return vacuum


def vacuum_to_air(wavelength_nm: np.ndarray) -> np.ndarray:
    """Wavelengths (L,) in standard air of vacuum wavelengths, both in nm; below 200 nm they are the same."""
    vacuum = np.asarray(wavelength_nm, np.float64)
    return np.where(vacuum < AIR_FROM_NM, vacuum, vacuum / _air_index(vacuum))


def _air_index(vacuum_nm: np.ndarray) -> np.ndarray:
    """Refractive index of standard air at vacuum wavelengths. Ciddor (1996), equation 1."""
    wavenumber = np.square(1e3 / np.maximum(vacuum_nm, AIR_FROM_NM))  # per µm²
    return 1 + 1e-8 * (5792105 / (238.0185 - wavenumber) + 167917 / (57.362 - wavenumber))


def to_nm(wavelength: np.ndarray, unit: str | None) -> np.ndarray:
    """Wavelengths in nanometres from a declared unit. Raises SpectraError for a unit that is not a length.

    Without a unit they are taken as nm; SpectraError where they look like the RVS range in another unit, lie
    below 2 nm as metres do, or below 10 nm as logarithms do.
    """
    if unit:
        return wavelength * _nm_per(unit)
    known = wavelength[np.isfinite(wavelength)]
    if not len(known):
        return wavelength
    middle, largest = np.median(known), known.max()
    advice = None
    if 8000 < middle < 9000:
        advice = "Ångström: divide by 10 to give vacuum nanometres, or name the column wavelength_angstrom"
    elif 0.8 < middle < 0.9:
        advice = "micrometres: multiply by 1000 to give vacuum nanometres, or name the column wavelength_um"
    if advice:
        raise SpectraError(f"wavelengths near {middle:.5g} without a unit look like {advice}")
    if largest < LARGEST_LOGARITHM and known.min() <= LEAST_LOGARITHM:
        raise SpectraError(
            f"wavelengths up to {largest:.5g} without a unit cannot be nanometres: declare their unit, "
            "or name the column for it (metres: wavelength_m)"
        )
    if largest < LARGEST_LOGARITHM:
        raise SpectraError(
            f"wavelengths up to {largest:.5g} without a unit look like logarithms: name the column loglam "
            "(decimal, of Ångström), or declare their unit"
        )
    return wavelength


def _nm_per(unit: str) -> float:
    key = unit.strip().lower().removesuffix("s")
    if key in _NM:
        return _NM[key]
    from astropy import units

    check_units(unit)
    try:
        own = units.Unit(unit)
        if isinstance(own, units.function.FunctionUnitBase):  # mag(nm): no factor leads from it to nm
            raise ValueError(unit)
        return float(np.asarray(own.to("nm")))
    except (ValueError, TypeError, units.UnitsError):
        raise SpectraError(f"unknown wavelength unit '{unit}': use nm or Angstrom, in vacuum") from None


def _log_unit(unit: str) -> float:
    """Nanometres per unit whose logarithm is given: Ångström, unless the file names another."""
    inner = re.sub(r"^(?:dex|log(?:10)?|lg)?\s*\(?|\)?$", "", unit.strip(), flags=re.IGNORECASE)
    return _nm_per(inner or "Angstrom")
