"""What columns of our tables hold, for files that have a place for it: unit, UCD and a description.

UCDs: https://www.ivoa.net/documents/UCD1+/ (version 1.6). dex is no unit in FITS nor in VOTable.
"""

import re
from typing import NamedTuple

from ..parameters import STELLAR


class Note(NamedTuple):
    """Of a column: its unit, its UCD and what it holds; "" where there is nothing to say."""

    unit: str = ""
    ucd: str = ""
    description: str = ""


_OF_IDS = Note("", "meta.id;meta.main", "Identifier of the star, such as the source_id of Gaia")
_NOTES = {
    **dict.fromkeys(("source_id", "id", "ids"), _OF_IDS),
    "wavelength": Note("nm", "em.wl", "Wavelength in vacuum"),
    "flux": Note("", "phot.flux.density;arith.ratio", "Flux divided by the continuum; NaN where unusable"),
    "flux_error": Note("", "stat.error;phot.flux.density;arith.ratio", "Standard deviation of the flux"),
    "teff": Note("", "phys.temperature.effective", "Effective temperature"),
    "logg": Note("", "phys.gravity", "Surface gravity, log10 of cm/s2, in dex"),
    "mh": Note("", "phys.abund.Z", "Metallicity [M/H], of all metals but the alpha elements, in dex"),
    "alphafe": Note("", "phys.abund", "Abundance of the alpha elements [alpha/Fe], in dex"),
    "chi2": Note("", "stat.fit.chi2", "Reduced chi squared of the reconstruction"),
    "outlier_score": Note("", "stat.probability", "Share of ordinary stars that fit better"),
    "velocity_kms": Note("km.s-1", "spect.dopplerVeloc", "Shift of the lines, as a velocity"),
    "verdict": Note("", "meta.note", "What kind of star the spectrum looks like"),
    "reason": Note("", "meta.note", "Why, with numbers"),
    "outside": Note("", "meta.code.qual", "Whether the labels are outside the sample and not to be trusted"),
    "flags": Note("", "meta.code.qual", "Why a number is missing or doubtful, as bits (docs/files.md)"),
    "ra": Note("deg", "pos.eq.ra;meta.main", "Right ascension, as the star's file gives it"),
    "dec": Note("deg", "pos.eq.dec;meta.main", "Declination, as the star's file gives it"),
    "x": Note("", "", "First axis of the map"),
    "y": Note("", "", "Second axis of the map"),
}
_ERROR = "_error"
_LATENT = re.compile(r"z_\d+")


def note_on(column: str) -> Note:
    """The note on a column of this name; an empty one for a name that means nothing here."""
    if column in _NOTES:
        found = _NOTES[column]
        return found._replace(unit=_unit(column)) if column in STELLAR else found
    if _LATENT.fullmatch(column):
        return Note(description="A dimension of the latent, as exported")
    of = column.removesuffix(_ERROR)
    if of != column and of in _NOTES:
        value = note_on(of)
        ucd = f"stat.error;{value.ucd}" if value.ucd else "stat.error"
        return Note(value.unit, ucd, f"1 sigma error: {value.description[:1].lower()}{value.description[1:]}")
    return Note()


def _unit(label: str) -> str:
    unit = STELLAR[label].unit
    return "" if unit == "dex" else unit
