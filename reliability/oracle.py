"""Whether a reader said the truth about a file, refused it in one line, or was silently wrong.

Samples and stars may be left out where a note counts them; a value that is given must be right.
"""

import re

import numpy as np

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.io.understanding import Understanding, understandings

from .tables import File, Truth

SAME, REFUSED, NOTED = "same", "refused", "noted"
WRONG, CRASHED, SLOW, LARGE, MESSAGE = (
    "silently wrong",
    "traceback",
    "above 20 s",
    "above 1.2 GB",
    "no one line",
)
FAULTS = (WRONG, CRASHED, SLOW, LARGE, MESSAGE)
CLOSE_NM, CLOSE = (
    5e-4,
    2e-4,
)  # wavelengths, and relative accuracy of values, where a file holds single precision
LONGEST = 500  # letters of a refusal


def of_error(name: str, error: SpectraError) -> tuple[str, str]:
    """(verdict, message) of a refusal."""
    said = str(error)
    if re.search(r"cannot be read \(\w+\)|reading it failed|an answer that is none", said):
        return CRASHED, said
    if "more memory than a page" in said:
        return LARGE, said
    if "took longer than" in said:
        return SLOW, said
    plain = said.startswith(name.split("/")[0].split(".")[0]) and "\n" not in said and len(said) < LONGEST
    return (REFUSED if plain else MESSAGE), said


def of_stars(file: File, stars: SpectraSet) -> tuple[str, str]:
    """(verdict, why) of what was read from a file."""
    read = Understanding() if not understandings(stars) else understandings(stars)[0]
    if not file.truth.readable:
        noted = bool(read.rejected or read.remarks or read.missing)
        return (NOTED, "") if noted else (WRONG, "read without a word, though it cannot be right")
    why = differences(file, stars, read)
    if why:
        checksum = any("SUM does not fit" in remark for remark in read.remarks)
        return (NOTED, why) if checksum or (read.remarks and "values" not in why) else (WRONG, why)
    changed = read.missing or read.rejected or read.remarks or read.spikes or read.padding
    return (NOTED, "") if changed else (SAME, "")


def differences(file: File, stars: SpectraSet, read: Understanding) -> str:
    """What differs from the truth without being counted in the notes; empty for nothing."""
    truth = file.truth
    known = {star: row for row, star in enumerate(truth.ids.tolist())}
    ids = truth.ids[: len(stars)].tolist() if file.kind == "text" else stars.ids.tolist()
    if strangers := [star for star in ids if star not in known]:
        return f"ids {strangers[:2]} are values of no star"
    gone = set(known) - set(ids)
    if not gone <= set(read.rejected):
        return f"{len(gone)} stars are gone"
    rows = np.array([known[star] for star in ids])
    pixel = np.abs(stars.wavelength_nm[:, None] - truth.wavelength).argmin(1)
    if (np.abs(stars.wavelength_nm - truth.wavelength[pixel]) > CLOSE_NM).any():
        return f"wavelength values such as {stars.wavelength_nm[0]:.6g}"
    usable = np.zeros((len(rows), len(truth.wavelength)), bool)
    usable[:, pixel] = ~stars.mask
    flux = np.full(usable.shape, np.nan)
    flux[:, pixel] = stars.flux
    return (
        _mask(usable, truth.mask[rows], read)
        or _values("flux", flux, truth.flux[rows], usable)
        or _errors(stars, truth, rows, pixel, usable, read)
        or _labels(file, stars, rows, read)
    )


def _mask(usable: np.ndarray, masked: np.ndarray, read: Understanding) -> str:
    if (usable & masked).any():
        return f"{int((usable & masked).sum())} values that are none are used"
    extra = int((~usable & ~masked).sum())
    return (
        f"{extra} samples are masked" if extra and not (read.missing or read.spikes or read.padding) else ""
    )


def _values(what: str, found: np.ndarray, true: np.ndarray, where: np.ndarray) -> str:
    off = where & ~np.isclose(found, true, rtol=CLOSE, atol=1e-6)
    if not off.any():
        return ""
    return f"{int(off.sum())} values of {what}, such as {found[off][0]:.7g} for {true[off][0]:.7g}"


def _errors(
    stars: SpectraSet,
    truth: Truth,
    rows: np.ndarray,
    pixel: np.ndarray,
    usable: np.ndarray,
    read: Understanding,
) -> str:
    if stars.flux_error is None:
        return "" if read.ignored or read.remarks else "errors are gone"
    error = np.full(usable.shape, np.nan)
    error[:, pixel] = stars.flux_error
    return _values("flux_error", error, truth.error[rows], usable)


def _labels(file: File, stars: SpectraSet, rows: np.ndarray, read: Understanding) -> str:
    for name, true in file.truth.labels.items():
        if file.kind == "text":
            continue
        if name not in stars.label_names:
            if read.ignored or read.remarks:
                continue
            return f"label {name} is gone"
        found, wanted = stars.label(name), true[rows]
        if why := _values(name, found, wanted, np.isfinite(found)):
            return why
        if (np.isnan(found) & np.isfinite(wanted)).any() and not (read.missing or read.remarks):
            return f"{name} is missing"
    return ""
