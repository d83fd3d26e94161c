"""Values that stand for something else: missing ones (-9999, 99.99), and labels in another unit.

Shapes: N stars, L pixels, R rows.
"""

import re
from collections import Counter
from typing import Any

import numpy as np

from ..errors import SpectraError
from .names import SPECTRAL, role_of
from .units import check_units

# What catalogues write for "no value", each with either sign. None is a plausible flux of a normalised
# spectrum; of labels, `label_without_fillers` decides whether the value can be meant.
FILLERS = (99.0, 99.9, 99.99, 99.999, 999.0, 999.9, 999.99, 9999.0, 9999.9, 9999.99)
LABEL_FILLERS = (9.99, *FILLERS)
LONGEST_LABEL = 200  # characters of a label that stands beside a table as text
HUGE = 1e20  # beyond it nothing is meant: 1e20, 1e30, 9.97e36 are fillers of other formats
LARGEST_FLUX = 100.0  # of a normalised spectrum, with either sign; no emission line comes near it
ABSURD = 1e6  # beyond it no parameter of a star lies, whatever its unit
ALWAYS = -9999.0  # at or below this nines are never meant, whatever the label is
ZERO_RUN = 3  # so many equal samples in a row, of 0 or less, are no flux
# what a star can have; beyond it a filler is a filler, and any other value is named
PLAUSIBLE = {"teff": (1000.0, 200_000.0), "logg": (-0.9, 9.8), "mh": (-8.0, 3.0), "alphafe": (-3.0, 3.0)}

Counts = dict[str, int]  # "teff = -9999" → how many times


# --- flux ---


def flux_fillers(flux: np.ndarray) -> np.ndarray | None:
    """(N, L) true where a flux of a normalised spectrum stands for a missing one; None when nowhere.

    That is any of LABEL_FILLERS, beyond HUGE, or one and the same number that is 0 or less in ZERO_RUN or
    more neighbouring samples.
    """
    if not flux.size:
        return None
    low, high = np.fmin.reduce(flux, axis=None), np.fmax.reduce(flux, axis=None)
    fillers = None
    if not (low > -LABEL_FILLERS[0] and high < LABEL_FILLERS[0]):  # also when all is NaN
        fillers = ~(np.abs(flux) < np.array(LABEL_FILLERS[0], flux.dtype)) & ~np.isnan(flux)
        size = np.abs(flux[fillers])
        fillers[fillers] = np.isin(size, np.array(LABEL_FILLERS, flux.dtype)) | (size >= HUGE)
    if low <= 0 and (runs := _runs_of_one_value(flux)).any():
        fillers = runs if fillers is None else fillers | runs
    return fillers if fillers is not None and fillers.any() else None


def rows_of_fillers(values: np.ndarray) -> np.ndarray:
    """(N,) true where all values of a row (N, Z) are one and the same of FILLERS, or beyond HUGE."""
    if values.dtype.kind != "f":
        return np.zeros(len(values), bool)
    first = np.abs(values[:, 0])
    filler = np.isin(np.round(first, 4), FILLERS) | ((first >= HUGE) & np.isfinite(first))
    return filler & (values == values[:, :1]).all(1)


def counted(name: str, values: np.ndarray) -> Counts:
    """How many times each filler occurs among values that were taken as missing."""
    counts = Counter(f"{name} = {_text(v)}" for v in values.tolist())
    return dict(sorted(counts.items()))


def _runs_of_one_value(flux: np.ndarray) -> np.ndarray:
    """(N, L) true for samples of 0 or less in a run of ZERO_RUN or more that are equal."""
    runs, last = np.zeros(flux.shape, bool), flux.shape[1] - ZERO_RUN + 1
    if last < 1:
        return runs
    first = flux[:, :last]
    starts = np.logical_and.reduce([flux[:, k : last + k] == first for k in range(1, ZERO_RUN)]) & (
        first <= 0
    )
    for k in range(ZERO_RUN):
        runs[:, k : last + k] |= starts
    return runs


def _text(value: float) -> str:
    """A filler as people write it: -9999, 99.99 (also when it was rounded to single precision)."""
    return f"{value:.6g}"


# --- labels ---


def label_without_fillers(name: str, values: np.ndarray) -> tuple[np.ndarray, Counts]:
    """(N,) values of a label with fillers as NaN, and how many of each there were.

    A filler counts only where it cannot be meant: of a known parameter, outside of what stars have, or (9999
    K) given to several stars; of any other label, -9999 and below, or far outside of the other values. Beyond
    ABSURD no value of a known parameter can be meant.
    """
    size = np.abs(values)
    candidate = np.isin(np.round(size, 4), LABEL_FILLERS) | ((size >= HUGE) & np.isfinite(values))
    missing = candidate & _cannot_be_meant(name, values, candidate) if candidate.any() else candidate
    counts = counted(name, values[missing])
    absurd = (size > ABSURD) & ~missing if name in PLAUSIBLE else np.zeros_like(missing)
    if absurd.any():
        counts |= {f"{name} such as {_text(values[absurd][0])}, which no star has,": int(absurd.sum())}
    missing = missing | absurd
    return (np.where(missing, np.nan, values) if missing.any() else values), counts


def _cannot_be_meant(name: str, values: np.ndarray, candidate: np.ndarray) -> np.ndarray:
    if name in PLAUSIBLE:
        low, high = PLAUSIBLE[name]
        repeated = np.isin(values, [v for v, n in Counter(values[candidate].tolist()).items() if n > 1])
        return (values < low) | (values > high) | repeated
    always = (values <= ALWAYS) | (np.abs(values) >= HUGE)
    others = values[np.isfinite(values) & ~candidate]
    if len(others) < 3:
        return always
    low, high = others.min(), others.max()
    return always | (values < low - (high - low)) | (values > high + (high - low))


def implausible(name: str, values: np.ndarray) -> str | None:
    """A remark on values of a known parameter that no star has; None when there are none."""
    if name not in PLAUSIBLE:
        return None
    low, high = PLAUSIBLE[name]
    strange = values[(values < low) | (values > high)]
    if not len(strange):
        return None
    kilo = name == "teff" and (strange > low / 1000).all() and (strange < 100).all()
    cure = "are they in kK? name the column teff [kK]" if kilo else "for a missing value write NaN"
    times = f"{len(strange):,} times " if len(strange) > 1 else ""
    return f"{name} is {times}outside of what stars have, such as {_text(strange[0])}: {cure}"


# --- units of labels ---

_LOG_OF = re.compile(r"(?:log(?:10)?|dex)\s*\((.*)\)|\[(.*)\]", re.IGNORECASE)
_KELVIN = ("k", "kelvin", "kelvins", "deg_k", "degk", "degree kelvin")
_DEX = ("dex", "", "1", "-", "none", "sun", "solar", "cgs", "log", "log10", "dimensionless", "log(cgs)")


def label_in_own_unit(name: str, values: np.ndarray, unit: str) -> np.ndarray:
    """(R,) values of a known parameter, given in `unit`, in the project's: K, or dex (log g of cm/s²).

    Raises SpectraError, without a file's name, for a unit that is none of this parameter.
    """
    label = name.removesuffix("_error")
    if label not in PLAUSIBLE or _is_own(label, unit):
        return values
    from astropy import units

    if label != name:
        return _error_in_own_unit(label, values, unit)

    check_units(unit)
    match = _LOG_OF.fullmatch(unit.strip())
    inside = (match[1] or match[2] or "").strip() if match else ""
    if match and (inside.strip("-").lower() in _DEX):
        return values
    try:
        if name == "teff":
            return np.asarray(units.Quantity(values, unit).to_value(units.K, units.temperature()))
        if name == "logg":
            scale = units.Unit(inside or unit).to("cm / s2")
            return values + np.log10(scale) if match else np.log10(values * scale)
    except (ValueError, TypeError, units.UnitsError):
        pass
    own = {"teff": "K", "logg": "dex (of cm/s2)"}.get(name, "dex")
    raise SpectraError(f"{name} is given in '{unit}', which is no unit of it: give it in {own}")


def _error_in_own_unit(label: str, values: np.ndarray, unit: str) -> np.ndarray:
    """(R,) errors of a label in its own unit. SpectraError for another than K for Teff, or dex."""
    from astropy import units

    check_units(unit)
    try:
        if label == "teff":
            return np.asarray(units.Quantity(values, unit).to_value(units.K))
    except (ValueError, TypeError, units.UnitsError):
        pass
    own = "K" if label == "teff" else "dex"
    raise SpectraError(f"the error of {label} is given in '{unit}': give it in {own}")


def label_in_text(name: str, text: str) -> float | str:
    """A label beside a table, given as text: `5.7 kK`, `5700 ± 80 K`; what begins with no number stays.

    Raises SpectraError for a number in a unit that is none of this parameter.
    """
    text = text[:LONGEST_LABEL]
    match = re.match(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?(?![\d.,])", text.strip())
    if match is None:
        return text
    value = float(re.sub("[dD]", "e", match[0]))
    rest = re.sub(r"^\s*(?:±|\+/?-)\s*[\d.]+", "", text.strip()[match.end() :])
    unit = re.match(r"\s*([A-Za-zµ]\S*)", rest)
    if unit is None or len(rest.split()) > 1:  # `5700 from Smith (2010)`
        return value
    return float(label_in_own_unit(name, np.array([value]), unit[1])[0])


def keyword_in_unit(name: str, value: Any, unit: str) -> Any:
    """A label beside a table as a text such as `5.777 kK` (`label_in_text`); any other keyword as it is."""
    role, unit = role_of(name), ".".join(unit.replace(" / ", "/").split())
    if role is None or role in SPECTRAL or isinstance(value, str | bool) or not unit:
        return value
    return f"{value} {unit}"


def unit_problem(name: str, unit: str) -> str | None:
    """Why a label cannot be read from a column in `unit`; None when it can."""
    try:
        label_in_own_unit(name, np.ones(1), unit)
    except SpectraError as error:
        return str(error)
    return None


def _is_own(name: str, unit: str) -> bool:
    return unit.strip().strip("'\"").lower() in ((*_KELVIN, "") if name == "teff" else _DEX)
