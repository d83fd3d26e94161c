"""Files laid out in another way, each with the truth that it says: what a reader must find in it, or refuse.

A mutation takes a file and returns another; None where it does not apply to that kind of file.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gandalf_core.io.medium import air_to_vacuum

from .tables import File, Truth

Chance = np.random.Generator
Mutation = Callable[[File, Chance], File | None]
MUTATIONS: dict[str, Mutation] = {}
ALIASES = {
    "wavelength": ("wave", "WAVELENGTH", "lambda", "wl", "Wave", "wavelen"),
    "flux": ("FLUX", "Flux", "normalized_flux", "flux_norm", "spec"),
    "flux_error": ("error", "FLUX_ERR", "e_flux", "sigma", "flux_uncertainty", "err"),
    "source_id": ("SOURCE_ID", "gaia_source_id", "dr3_source_id", "Source_ID"),
    "teff": ("TEFF", "Teff", "teff_gspspec"),
    "logg": ("LOGG", "logg_gspspec", "Logg"),
}
FILLERS = (np.nan, -9999.0, 99.99, 1e30, np.inf, -1e20)


def mutation(function: Mutation) -> Mutation:
    MUTATIONS[function.__name__] = function
    return function


def changed_truth(file: File, truth: Truth | None = None, **changes) -> File:
    return replace(file, truth=replace(truth or file.truth, **changes))


def _where(file: File, marked: np.ndarray) -> np.ndarray:
    """Samples (N, L) in the shape of the file's columns, in which rows are as they were at first."""
    return marked if file.per_star else marked.ravel()


def untouched(file: File) -> bool:
    """Whether the rows are still those of the truth, in its order."""
    moved = {"shuffled", "dropped", "repeated_sample", "repeated_star", "descending", "padded"}
    return not moved & set(file.changes)


def is_of(file: File, name: str, kind: str) -> bool:
    """Whether a file has a column of that kind of numbers."""
    return name in file.columns and file.columns[name].dtype.kind == kind


def some_samples(file: File, chance: Chance, share: float = 0.04) -> np.ndarray:
    marked = chance.random(file.truth.flux.shape) < share
    marked[0, 5] = True
    return marked


def _rename(file: File, names: dict[str, str]) -> File:
    columns = {names.get(n, n): v for n, v in file.columns.items()}
    return replace(file, columns=columns, units={names.get(n, n): u for n, u in file.units.items()})


# --- units, and other words for the same ---


@mutation
def other_unit(file: File, chance: Chance) -> File | None:
    unit, factor = [("Angstrom", 10.0), ("um", 1e-3), ("m", 1e-9)][chance.integers(3)]
    if (
        "wavelength" not in file.columns
        or file.kind in ("npz", "text")
        or file.units.get("wavelength") != "nm"
    ):
        return None
    changed = file.with_columns(wavelength=file.columns["wavelength"] * factor)
    return replace(changed, units=file.units | {"wavelength": unit})


@mutation
def kilokelvin(file: File, chance: Chance) -> File | None:
    if (
        "teff" not in file.columns
        or file.kind in ("npz", "text")
        or file.columns["teff"].dtype.kind not in "f"
    ):
        return None
    changed = file.with_columns(teff=file.columns["teff"] / 1000)
    return replace(changed, units=file.units | {"teff": "kK"})


@mutation
def variances(file: File, chance: Chance) -> File | None:
    if "flux_error" not in file.columns or file.kind == "text":
        return None
    error = file.columns["flux_error"]
    if (np.ma.getdata(error) < 0).any():  # whose square is an error that one cannot tell from others
        return None
    inverse = chance.random() < 0.5
    with np.errstate(all="ignore"):
        values = 1 / np.square(error) if inverse else np.square(error)
    renamed = _rename(file, {"flux_error": "ivar" if inverse else "flux_var"})
    return renamed.with_columns(**{"ivar" if inverse else "flux_var": values})


@mutation
def in_air(file: File, chance: Chance) -> File | None:
    if "wavelength" not in file.columns or file.kind in ("npz", "text"):
        return None
    named = _rename(file, {"wavelength": "wave_air"})
    return changed_truth(named, wavelength=air_to_vacuum(file.truth.wavelength))


@mutation
def other_names(file: File, chance: Chance) -> File | None:
    if file.kind in ("npz", "text"):
        return None
    return _rename(file, {n: str(chance.choice(ALIASES[n])) for n in ALIASES if chance.random() < 0.5})


# --- what is missing, and how it is said ---


@mutation
def fillers(file: File, chance: Chance) -> File | None:
    if not untouched(file) or "flux" not in file.columns or not is_of(file, "flux", "f"):
        return None
    marked, flux = some_samples(file, chance), file.columns["flux"].copy()
    flux[_where(file, marked)] = FILLERS[chance.integers(len(FILLERS))]
    return changed_truth(file.with_columns(flux=flux), mask=file.truth.mask | marked)


@mutation
def masked_cells(file: File, chance: Chance) -> File | None:
    if not untouched(file) or file.kind in ("npz", "text", "csv") or "flux" not in file.columns:
        return None
    marked = some_samples(file, chance)
    flux = np.ma.masked_array(np.ma.getdata(file.columns["flux"]), _where(file, marked | file.truth.mask))
    return changed_truth(file.with_columns(flux=flux), mask=file.truth.mask | marked)


@mutation
def mask_column(file: File, chance: Chance) -> File | None:
    if not untouched(file) or "flux" not in file.columns or file.kind == "text" or _has_mask(file):
        return None
    marked = some_samples(file, chance)
    good = chance.random() < 0.4
    flags = _where(file, ~marked if good else marked)
    kind = chance.integers(3)
    values = (
        flags
        if kind == 0
        else flags.astype(np.int16) * (1 if good else 4)
        if kind == 1
        else flags.astype(np.uint8)
    )
    name = str(chance.choice(("good", "valid") if good else ("mask", "flags", "bad_pixel")))
    flux = (
        np.ma.copy(file.columns["flux"])
        if np.ma.isMaskedArray(file.columns["flux"])
        else file.columns["flux"].copy()
    )
    if flux.dtype.kind == "f":
        flux[_where(file, marked)] = 1.07
    return changed_truth(file.with_columns(flux=flux, **{name: values}), mask=file.truth.mask | marked)


def _has_mask(file: File) -> bool:
    return any(name in file.columns for name in ("good", "valid", "mask", "flags", "bad_pixel"))


@mutation
def errors_that_are_none(file: File, chance: Chance) -> File | None:
    if not untouched(file) or "flux_error" not in file.columns:
        return None
    marked, error = some_samples(file, chance), file.columns["flux_error"].copy()
    error[_where(file, marked)] = (np.nan, 0.0, -1.0, 1e10, 1e-30)[chance.integers(5)]
    return changed_truth(file.with_columns(flux_error=error), mask=file.truth.mask | marked)


@mutation
def labels_missing(file: File, chance: Chance) -> File | None:
    if not untouched(file) or "teff" not in file.columns or file.columns["teff"].dtype.kind != "f":
        return None
    star, values = int(chance.integers(len(file.truth.ids))), file.columns["teff"].copy()
    rows = (
        [star]
        if file.per_star
        else slice(star * file.truth.flux.shape[1], (star + 1) * file.truth.flux.shape[1])
    )
    values[rows] = (np.nan, -9999.0, 1e20, 1e300)[chance.integers(4)]
    known = file.truth.labels["teff"].copy()
    known[star] = np.nan
    return changed_truth(file.with_columns(teff=values), labels=file.truth.labels | {"teff": known})
