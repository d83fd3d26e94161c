"""The last step of every reader: what cannot be meant is masked, missing or refused, and all of it is noted.

Shapes: N stars, L pixels, P labels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..data.instruments import KEY as INSTRUMENT
from ..data.instruments import declared, recognised
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from .calcium import looks_like_air
from .ids import doubts
from .medium import Statement, air_to_vacuum
from .normalised import LARGEST_ERROR, LEAST_ERROR, errors_of_another_flux, unnormalised
from .spikes import spikes
from .understanding import ASSUMED, KEY, Understanding
from .values import LARGEST_FLUX, Counts, counted, flux_fillers, implausible, label_without_fillers

BY_LINES = "the file does not say, but its calcium lines stand 0.236 nm short of their places in vacuum"


@dataclass(frozen=True)
class Found:
    """The spectra of a file as its columns give them.

    flux, flux_error (None when unknown), mask: (N, L). wavelength_nm: (L,). ids: (N,). labels: (N, P) in the
    project's units. read: what is known of the file so far. refused: {row: cause} of stars that cannot be
    used. positions: (N, 2) right ascension and declination in degrees, NaN where unknown.
    """

    flux: np.ndarray
    wavelength_nm: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    flux_error: np.ndarray | None = None
    mask: np.ndarray | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    read: Understanding = field(default_factory=Understanding)
    refused: dict[int, str] = field(default_factory=dict)
    positions: np.ndarray | None = None


@dataclass(frozen=True)
class Checks:
    """How the stars of a file are checked.

    stem: the id of a star without one, or what its id begins with; None = from the file's name.
    keep_spikes: leave cosmic-ray hits as they are. part: these are some of a file's stars, so that none of
    them need be usable. first_row: the number of the first of them. medium: what earlier ones showed of the
    wavelengths, which then are not looked at again.
    """

    stem: str | None = None
    keep_spikes: bool = False
    part: bool = False
    first_row: int = 0
    medium: Statement | None = None


DEFAULT = Checks()


def checked(found: Found, checks: Checks = DEFAULT) -> SpectraSet:
    """The usable stars of a file; how it was understood stands in their provenance under `read`.

    Raises SpectraError, without the file's name, when no flux is usable, when there are errors but none is
    positive, and when every star is refused.
    """
    fillers = flux_fillers(found.flux)
    mask = ~np.isfinite(found.flux)
    mask = mask if fillers is None else mask | fillers
    mask = mask if found.mask is None else mask | found.mask
    strange, constant = unnormalised(found.flux, mask)
    refused = found.refused | strange
    if len(refused) < len(found.ids):
        refused = ({} if found.flux_error is None else errors_of_another_flux(found.flux_error)) | refused
    if refused and len(refused) == len(found.ids) and not checks.part:
        raise _all_refused(found.ids, refused)
    error, mask, missing = _errors(found, mask)
    if mask.all() and not checks.part:
        by = f" (mask: {', '.join(found.read.mask_from)})" if found.read.mask_from else ""
        raise SpectraError(
            f"no usable flux: all {mask.size} samples are missing, NaN or without a positive error{by}"
        )
    remarks = [f"spectra whose flux is the same everywhere, without a line: {constant:,}"] if constant else []
    read = replace(found.read, remarks=(*found.read.remarks, *remarks), missing=found.read.missing | missing)
    found = replace(found, flux_error=error, mask=mask, read=read, refused=refused)
    if fillers is not None and refused:
        fillers = np.delete(fillers, list(refused), axis=0)
    return _noted(_kept(found), fillers, found, checks)


def _errors(found: Found, mask: np.ndarray) -> tuple[np.ndarray | None, np.ndarray, Counts]:
    """Errors (None where no value is given at all), the mask with samples without one, what was no error."""
    error = found.flux_error
    if error is None:
        return None, mask, {}
    if error.size and error.min() >= LEAST_ERROR and error.max() < LARGEST_ERROR:  # quick; NaN is neither
        return error, mask, {}
    large, small = error >= LARGEST_ERROR, (error > 0) & (error < LEAST_ERROR)
    good = (error > 0) & ~large & ~small
    sizes = {f"of {LARGEST_ERROR:g} or more": large, f"below {LEAST_ERROR:g}": small}
    sizes |= {"of 0 or less": error <= 0}
    counts = {f"flux error {size}": int(np.count_nonzero(~mask & rows)) for size, rows in sizes.items()}
    if good.any():
        return np.where(good, error, np.float32(np.nan)), mask | ~good, {k: n for k, n in counts.items() if n}
    if (error < 0).any():
        raise SpectraError("no flux error is positive: give one standard deviation of each sample, above 0")
    return None, mask, {}


def _kept(found: Found) -> Found:
    """The stars that are not refused."""
    if not found.refused:
        return found
    keep = np.delete(np.arange(len(found.ids)), list(found.refused))
    return replace(
        found,
        flux=found.flux[keep],
        ids=found.ids[keep],
        labels=found.labels[keep],
        flux_error=None if found.flux_error is None else found.flux_error[keep],
        mask=None if found.mask is None else found.mask[keep],
        positions=None if found.positions is None else found.positions[keep],
    )


def _noted(kept: Found, fillers: np.ndarray | None, found: Found, checks: Checks) -> SpectraSet:
    """The set of the stars that are left, with the notes on all that was done to them."""
    assert kept.mask is not None
    mask, flux, read = kept.mask, kept.flux, kept.read
    missing = _missing_flux(flux, mask, fillers)
    hits = None if checks.keep_spikes else spikes(flux, mask, kept.flux_error, kept.wavelength_nm)
    mask = mask if hits is None else mask | hits
    flux, mask, too_far = _without_absurd(flux, mask)
    labels, of_labels, remarks = _labels(kept)
    grid, read = _in_vacuum(kept, mask, checks)
    read = replace(
        read,
        stars=len(flux),
        pixels=len(grid),
        errors_from=read.errors_from if kept.flux_error is not None else "",
        missing=read.missing | missing | too_far | of_labels,
        spikes=0 if hits is None else int(hits.sum()),
        rejected={str(found.ids[row]): cause for row, cause in sorted(found.refused.items())},
        remarks=(*read.remarks, *remarks, *_repeated(kept.ids), *doubts(kept.ids, read.ids_from)),
    )
    about = kept.provenance | _instrument(kept.provenance, grid) | {KEY: read.to_json()}
    named, spectra = (kept.ids, labels, kept.label_names), (kept.flux_error, mask)
    return SpectraSet(flux, grid, *named, *spectra, about, kept.positions)


def _repeated(ids: np.ndarray) -> list[str]:
    """A remark on ids (N,) that several stars have; none where each has its own."""
    if len(set(ids.tolist())) == len(ids):
        return []
    names, times = np.unique(ids, return_counts=True)
    more = f", and {(times > 1).sum() - 1:,} more ids are repeated" if (times > 1).sum() > 1 else ""
    return [f"{times.max():,} stars have the id {names[times.argmax()]}{more}: give each star its own"]


def _without_absurd(flux: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, Counts]:
    """Flux and mask without values that no normalised spectrum has, also masked ones; how many were not."""
    if flux.size and flux.max() < LARGEST_FLUX and flux.min() > -LARGEST_FLUX:  # quick; NaN is neither
        return flux, mask, {}
    absurd = np.abs(flux) >= LARGEST_FLUX
    if not absurd.any():
        return flux, mask, {}
    count = int(np.count_nonzero(absurd & ~mask))
    counts = {f"flux beyond {LARGEST_FLUX:g} or -{LARGEST_FLUX:g}": count} if count else {}
    return np.where(absurd, np.float32(np.nan), flux), mask | absurd, counts


def _instrument(provenance: Mapping[str, Any], wavelength_nm: np.ndarray) -> dict[str, str]:
    """The instrument to add to a provenance that names none: the one whose own grid (L,) this is."""
    name = None if any(declared(provenance)) else recognised(wavelength_nm)
    return {} if name is None else {INSTRUMENT: name}


def _in_vacuum(kept: Found, mask: np.ndarray, checks: Checks) -> tuple[np.ndarray, Understanding]:
    """(L,) vacuum wavelengths, and the notes: where the file says nothing, its lines show if it is in air."""
    if kept.read.medium != ASSUMED:
        return kept.wavelength_nm, kept.read
    if checks.medium is None:
        in_air = looks_like_air(kept.flux, mask, kept.wavelength_nm)
    else:
        in_air = checks.medium.medium == "air"
    if not in_air:
        return kept.wavelength_nm, kept.read
    return air_to_vacuum(kept.wavelength_nm), replace(kept.read, medium="air", medium_from=BY_LINES)


def _missing_flux(flux: np.ndarray, mask: np.ndarray, fillers: np.ndarray | None) -> dict[str, int]:
    """How many values of the flux are missing: not given, or each filler."""
    absent = int(np.isnan(flux).sum()) if mask.any() else 0
    none = {"flux without a value": absent} if absent else {}
    return none if fillers is None else none | counted("flux", flux[fillers])


def _labels(kept: Found) -> tuple[np.ndarray, dict[str, int], list[str]]:
    """The labels without fillers, how many of each there were, and what is strange about the others."""
    labels, missing, remarks = kept.labels, {}, []
    columns = []
    for name, values in zip(kept.label_names, labels.T, strict=True):
        values, counts = label_without_fillers(name, values)
        columns.append(values)
        missing |= counts
        if remark := implausible(name, values):
            remarks.append(remark)
    return (np.stack(columns, 1) if missing else labels), missing, remarks


def _all_refused(ids: np.ndarray, refused: dict[int, str]) -> SpectraError:
    row, cause = next(iter(sorted(refused.items())))
    more = f" (and {len(refused) - 1:,} more stars are refused)" if len(refused) > 1 else ""
    return SpectraError(f"star {ids[row]}: {cause}{more}")
