"""What a column holds, by its name and its UCD: the one list of names that every reader goes by.

A name is looked up without its case, and without what stands in brackets behind it (`wave [nm]`, `Teff [K]`).
For wavelengths, fluxes, errors and masks the words may stand in any order and be joined by anything
(`ERR_FLUX`, `flux error`, `fluxerr`). docs/files.md prints these lists for users; a test compares.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ..errors import SpectraError
from ..parameters import LABELS, STELLAR, canonical_name

LABEL_PREFIX = "label_"  # before the name of a label outside the vocabulary
ID, WAVELENGTH, FLUX, ERROR, MASK = "source_id", "wavelength", "flux", "flux_error", "mask"
SPECTRAL = (ID, FLUX, ERROR, WAVELENGTH, MASK)  # roles of columns that are not labels

LONGEST_NAME = 200  # characters of a column's name, or UCD, that may mean something

VARIANCES, INVERSE_VARIANCES = "variances", "inverse variances"  # kinds of errors; "" are standard deviations
GOOD = "good"  # the kind of a mask that marks usable samples; "" marks those that are not
LOG10 = "log10"  # the kind of wavelengths given as their decimal logarithm, in Ångström

# --- words that make up a name; longer ones first where one begins with another ---

WAVELENGTH_WORDS = ("wavelength", "wave", "wavelen", "wav", "wvl", "wlen", "wl", "lambda", "lam", "λ")
WAVELENGTH_WORDS += ("spectralaxis",)
AIR_WORDS, VACUUM_WORDS = ("air",), ("vacuum", "vac")
FRAME_WORDS = (
    "observed",
    "obs",
    "restframe",
    "rest",
    "frame",
    "heliocentric",
    "helio",
    "barycentric",
    "bary",
)
UNIT_WORDS = {
    **dict.fromkeys(("nm", "nanometer", "nanometre"), "nm"),
    **dict.fromkeys(("angstrom", "ang", "aa", "a", "å"), "Angstrom"),
    **dict.fromkeys(("um", "µm", "μm", "micron", "micrometer", "micrometre"), "um"),
    **dict.fromkeys(("m", "meter", "metre"), "m"),
}
NORMALISED_WORDS = ("normalised", "normalized", "norm", "n")
FLUX_WORDS = ("fluxes", "flux", "intensity", "spec", "f")
ERROR_WORDS = ("errors", "error", "errs", "err", "sigma", "sig", "std", "stdev", "stddev", "sd", "rms")
ERROR_WORDS += ("uncertainties", "uncertainty", "uncerts", "uncert", "uncs", "unc", "stderr", "standarderror")
ERROR_WORDS += ("staterror", "staterr", "standarddeviation")
VARIANCE_WORDS = ("variances", "variance", "vars", "var", "sigma2", "err2", "error2", "sigmasq", "errsq")
INVERSE_WORDS = ("ivars", "ivar", "invvar", "inversevariance", "invvariance", "inversevar")
BAD_WORDS = ("masks", "masked", "mask", "flags", "flag", "badpixels", "badpixel", "badpix", "bad", "invalid")
BAD_WORDS += ("dqflags", "dqflag", "dq", "qual", "bitmask", "andmask", "rejected", "reject")
GOOD_WORDS = ("goodpixels", "goodpixel", "goodpix", "goodmask", "maskgood", "good", "valid", "usable")
GOOD_WORDS += ("useable", "use", "ok")

# Ids by their letters and digits, best first. The strong ones are ids whatever they hold; the weak ones are
# often something else (a probability, a reference), so their values decide.
STRONG_IDS = ("sourceid", "ids", "gaiasourceid", "dr3sourceid", "edr3sourceid", "gaiadr3sourceid")
STRONG_IDS += ("gaiaedr3sourceid", "gaiadr3", "gaiaedr3", "gaiaid", "dr3name", "edr3name", "gaiadr3id")
STRONG_IDS += ("gaiaedr3id", "gaiadr3name", "dr2sourceid", "gaiadr2sourceid", "gaiadr2", "dr2name")
STRONG_IDS += ("apogeeid", "sobjectid", "specobjid", "sdssid", "raveid", "raveobsid", "obsid", "starid")
STRONG_IDS += ("tmassid", "2massid", "objectid", "objid", "starname", "targetid")
WEAK_IDS = ("id", "gaia", "source", "star", "object", "target", "name", "designation", "mainid")
PLATE_ID = ("plate", "mjd", "fiber")  # together they name a spectrum of the SDSS
_PLATE = {**{word: word for word in PLATE_ID}, "fiberid": "fiber", "plateid": "plate"}

_SAYS_VARIANCE = re.compile(  # the beginning of a description, by its letters
    r"(?:the|flux|error|estimated)*(?P<inverse>inverse)?variance(?!weighted|based)"
)
_STATISTIC = r"\bstat\.(?:error|variance)\b"
_UCDS = (
    (re.compile(rf"{_STATISTIC}.*\bphot\.flux|\bphot\.flux.*{_STATISTIC}"), ERROR),
    (re.compile(r"\bphot\.flux"), FLUX),
    (re.compile(r"\bem\.wl\b"), WAVELENGTH),
)


@dataclass(frozen=True)
class Meaning:
    """What a column is for, by its name.

    role: one of SPECTRAL, or the name of a label. rank: of several columns with one role, the lowest is
    taken. kind: VARIANCES, INVERSE_VARIANCES, GOOD, LOG10, or "". unit, medium ("air", "vacuum"): as the name
    gives them, or "". observed: whether the name says that wavelengths are in the observer's frame.
    normalised: whether it says that a flux, or the flux of an error, is divided by its continuum. key: the
    name without its unit and its case.
    """

    role: str
    rank: int = 0
    kind: str = ""
    unit: str = ""
    medium: str = ""
    observed: bool = False
    normalised: bool = False
    key: str = ""


def meaning_of(column: str, ucd: str | None = None, description: str | None = None) -> Meaning | None:
    """What a column holds, by its name or else its UCD; None for a column that is none of ours.

    Whether errors are variances its description may say, too.
    """
    if len(column) > LONGEST_NAME or len(ucd or "") > LONGEST_NAME:
        return None
    meaning = _meaning(column, ucd)
    if meaning is None or meaning.role != ERROR or meaning.kind:
        return meaning
    return replace(meaning, kind=_kind_of_errors(description or "", ucd))


@lru_cache(maxsize=4096)
def _meaning(column: str, ucd: str | None) -> Meaning | None:
    name = column.strip()
    if name.lower().startswith(LABEL_PREFIX):
        return Meaning(label_name(name[len(LABEL_PREFIX) :]), key=name.lower())
    meaning = _label(name.lower(), "") or _spectral(name, "")
    if meaning is None and (bare := _without_unit(name)):
        meaning = _label(bare[0].lower(), bare[1]) or _spectral(*bare)
    if meaning is None and (match := re.fullmatch(r"(.*\S)\s*/\s*([A-Za-z]+)", name)):  # `Teff / K`
        meaning = _label(match[1].lower(), match[2])
    if meaning is None and ucd:
        role = next((role for pattern, role in _UCDS if pattern.search(ucd.lower())), None)
        meaning = None if role is None else Meaning(role, 9, key=name.lower())
    return meaning


def _kind_of_errors(description: str, ucd: str | None) -> str:
    """What errors are by how a description begins (`InverseVariance`, `variance of the flux`), or a UCD."""
    text = letters(description[:LONGEST_NAME])
    if said := _SAYS_VARIANCE.match(text):
        return INVERSE_VARIANCES if said["inverse"] else VARIANCES
    if text in (*VARIANCE_WORDS, *INVERSE_WORDS):
        return VARIANCES if text in VARIANCE_WORDS else INVERSE_VARIANCES
    return VARIANCES if "stat.variance" in (ucd or "").lower() else ""


def role_of(column: str, ucd: str | None = None) -> str | None:
    """The role of a column: source_id, wavelength, flux, flux_error, mask, the name of a label, or None."""
    meaning = meaning_of(column, ucd)
    return None if meaning is None else meaning.role


def label_name(name: str) -> str:
    """A label's name: the project's spelling for a known alias, any other unchanged."""
    return canonical_name(name) if canonical_name(name) in LABELS else name


def label_column(name: str) -> str:
    """The column under which a label is written, so that `role_of` recognises it."""
    return name if name in LABELS else LABEL_PREFIX + name


def refuse_repeats(columns: Sequence[str], names: Sequence[str]) -> None:
    """SpectraError when two label columns of a file have one name in the project's spelling (`names`)."""
    first: dict[str, int] = {}
    for k, name in enumerate(names):
        if first.setdefault(name, k) != k:
            raise SpectraError(
                f"labels {columns[first[name]]} and {columns[k]} are both {name}: keep one of them"
            )


def letters(name: str) -> str:
    """The letters and digits of a name, in lower case."""
    return re.sub(r"[^a-z0-9åµμλσδ]", "", name.lower())


def plate_part(column: str) -> str | None:
    """Which part of an SDSS id (plate, mjd, fiber) a column holds, if any."""
    return _PLATE.get(letters(column))


# --- from a name to its meaning ---


def _any_of(words: Sequence[str]) -> str:
    return "(?:" + "|".join(sorted(map(re.escape, words), key=len, reverse=True)) + ")"


_F, _LONG_N, _N = _any_of(FLUX_WORDS), _any_of(NORMALISED_WORDS[:3]), _any_of(NORMALISED_WORDS)
# a word that others make up would let a long name be taken apart in more ways than can be tried
_SINGLE = [word for word in FRAME_WORDS if word != "restframe"]
_AROUND = f"(?P<{{}}>(?:{_any_of((*AIR_WORDS, *VACUUM_WORDS, *_SINGLE))})*)"
_UNITS = _any_of(list(UNIT_WORDS))
_WAVELENGTH = re.compile(
    _AROUND.format("before") + f"{_any_of(WAVELENGTH_WORDS)}s?" + _AROUND.format("after")
    + f"(?P<unit>{_UNITS}s?)?" + _AROUND.format("end")
)  # fmt: skip
_LOG_WAVELENGTH = re.compile(f"log(?:10)?{_any_of(WAVELENGTH_WORDS)}" + _AROUND.format("after"))
_FLUX = re.compile(f"(?P<before>{_LONG_N})?(?:relative)?flux(?:es)?(?P<after>{_N})?|intensity")
_OF_FLUX = f"(?:{_LONG_N}?{_F}{_LONG_N}?)"


def _around_flux(words: Sequence[str]) -> re.Pattern[str]:
    """Any of the words alone, or before or after a word for flux."""
    return re.compile(f"(?P<before>{_OF_FLUX})?{_any_of(words)}|{_any_of(words)}(?P<after>{_OF_FLUX})")


_ERRORS = (
    ("", _around_flux(ERROR_WORDS)),
    (VARIANCES, _around_flux(VARIANCE_WORDS)),
    (INVERSE_VARIANCES, _around_flux(INVERSE_WORDS)),
)
_SHORT_ERROR = re.compile(rf"(?:e|d|u|delta|σ|δ)_?(?P<norm>{_LONG_N}_?)?flux|flux_[eu]")
_OF_PIXELS = _any_of(("fluxerror", "flux", "spec", "spectrum", "pixels", "pixel", "pix", "is"))
_MASKS = tuple(
    (kind, re.compile(f"{_OF_PIXELS}?{_any_of(words)}{_OF_PIXELS}?"))
    for kind, words in ((GOOD, GOOD_WORDS), ("", BAD_WORDS))
)


def _without_unit(name: str) -> tuple[str, str] | None:
    """(name, what stands in brackets behind it), as in `wave [nm]`; None without brackets behind a name."""
    match = re.fullmatch(r"(.*?\S)\s*[\[(]\s*([^\[\]()]*(?:\([^()]*\))?)\s*[\])]", name)
    return (match[1], match[2].strip()) if match else None


ERROR_SUFFIX = "_error"  # after the name of a label: one standard deviation of it
_LABEL_ERROR = re.compile(
    r"(?:e|err|error|sigma|unc|uncertainty)_?(?P<after>[\[a-z].*)|"
    r"(?P<before>.*?\S)[_ ]?(?:e|err|error|sigma|std|unc|uncertainty)"
)


def label_error(name: str) -> str | None:
    """The known label whose error a column of this name holds (`teff_error`, `e_Teff`), or None."""
    match = _LABEL_ERROR.fullmatch(name.strip().lower())
    label = canonical_name(match["after"] or match["before"]) if match else ""
    return label if label in LABELS else None


def _label(name: str, unit: str) -> Meaning | None:
    label = canonical_name(name)
    if label not in LABELS:
        wrong = label_error(name)
        return Meaning(wrong + ERROR_SUFFIX, unit=unit, key=name.strip()) if wrong else None
    names = (label, *STELLAR[label].aliases)
    return Meaning(label, names.index(name.strip()), unit=unit, key=name.strip())


def _spectral(name: str, unit: str) -> Meaning | None:
    key = letters(name)
    if meaning := _wavelength(key, unit):
        return meaning
    if match := _FLUX.fullmatch(key):
        normalised = bool(match["before"] or match["after"])
        rank = 0 if normalised else 1 if "flux" in key else 2
        return Meaning(FLUX, rank, "", unit, normalised=normalised, key=key)
    if meaning := _error(name, key, unit):
        return meaning
    for kind, pattern in _MASKS:
        if pattern.fullmatch(key):
            return Meaning(MASK, kind=kind, key=key)
    if key in STRONG_IDS or key in WEAK_IDS:
        return Meaning(ID, (*STRONG_IDS, *WEAK_IDS).index(key), key=key)
    return Meaning(ID, len(STRONG_IDS), "plate", key=key) if key in _PLATE else None


def _error(name: str, key: str, unit: str) -> Meaning | None:
    unit = unit or ("%" if "%" in name else "")
    if match := _SHORT_ERROR.fullmatch(name.strip().lower().replace(" ", "_")):
        return Meaning(ERROR, 1, "", unit, normalised=bool(match["norm"]), key=key)
    for step, (kind, pattern) in enumerate(_ERRORS):
        if match := pattern.fullmatch(key):
            flux = match["before"] or match["after"] or ""
            rank = 2 * step + (1 if flux else 2) - (key == "fluxerror")
            return Meaning(ERROR, rank, kind, unit, normalised="norm" in flux, key=key)
    return None


def _wavelength(key: str, unit: str) -> Meaning | None:
    if match := _LOG_WAVELENGTH.fullmatch(key):
        said, kind, own = match["after"], LOG10, ""
    elif match := _WAVELENGTH.fullmatch(key):
        said, kind = match["before"] + match["after"] + match["end"], ""
        own = UNIT_WORDS.get((match["unit"] or "").removesuffix("s") or "", "")
    else:
        return None
    medium = "air" if "air" in said else "vacuum" if "vac" in said else ""
    in_brackets = re.split(r"[,;\s]+", unit)  # `wavelength (air)`, `wavelength [nm, vacuum]`
    said_there = [word.lower() for word in in_brackets if word.lower() in (*AIR_WORDS, *VACUUM_WORDS)]
    if said_there:
        medium = "air" if said_there[0] == "air" else "vacuum"
        unit = " ".join(word for word in in_brackets if word.lower() not in said_there)
    frame = 0 if "rest" in said else 2 if "obs" in said else 1
    rank = 3 * frame + ("vacuum", "air", "").index(medium) + 9 * bool(kind)
    return Meaning(WAVELENGTH, rank, kind, unit or own, medium, "obs" in said, key=key)
