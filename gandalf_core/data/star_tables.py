"""Stars as tables of astropy and pandas, and as spectra of specutils, and back.

Shapes: N stars, L pixels, P labels.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SpectraError
from .column_notes import note_on
from .positions import position_columns

if TYPE_CHECKING:
    import pandas as pd
    from astropy.table import Table

    from .spectra import SpectraSet

SAME_NM = 1e-6  # wavelengths that differ by less are the same, in whatever unit they came
_MISSING = "specutils is not installed: pip install 'gandalf-explorer[specutils]'"


def as_table(columns: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> "Table":
    """Equally long columns as an astropy table, with the unit, UCD and description of each that has them."""
    from astropy.table import Table

    table = Table(dict(columns), meta=dict(meta), copy=False)
    for name in table.colnames:
        note, column = note_on(name), cast(Any, table[name])
        column.unit = note.unit or None
        column.description = note.description or None
        if note.ucd:
            column.meta["ucd"] = note.ucd
    return table


def to_table(stars: "SpectraSet") -> "Table":
    """One row per star: source_id, wavelength (N, L), flux (N, L), flux_error, labels and positions."""
    columns = {"source_id": stars.ids, "wavelength": np.tile(stars.wavelength_nm, (len(stars), 1))}
    columns["flux"] = np.where(stars.mask, np.float32(np.nan), stars.flux)
    if stars.flux_error is not None:
        columns["flux_error"] = np.where(stars.mask, np.float32(np.nan), stars.flux_error)
    of_stars = _labels(stars) | position_columns(stars.positions)
    return as_table(columns | of_stars, {"source": _source(stars)})


def to_pandas(stars: "SpectraSet") -> "pd.DataFrame":
    """Labels (N, P), median S/N per pixel, usable fraction and position of each star, under its id."""
    import pandas as pd

    columns = _labels(stars) | {"snr": stars.snr, "coverage": stars.coverage}
    columns |= position_columns(stars.positions)
    return pd.DataFrame(columns, index=pd.Index(stars.ids.tolist(), name="source_id"))


def _labels(stars: "SpectraSet") -> dict[str, np.ndarray]:
    return dict(zip(stars.label_names, stars.labels.T, strict=True))


def _source(stars: "SpectraSet") -> str:
    return str(stars.provenance.get("source", stars.provenance.get("file", "")))


# --- specutils ---


def to_specutils(stars: "SpectraSet") -> Any:
    """A `specutils.Spectrum` of flux (N, L): errors and mask with it, ids and labels in its `meta`."""
    import astropy.units as u
    from astropy.nddata import StdDevUncertainty

    flux = np.where(stars.mask, np.float32(np.nan), stars.flux)
    errors = None if stars.flux_error is None else StdDevUncertainty(stars.flux_error)
    return _spectrum_class()(
        flux=u.Quantity(flux, u.dimensionless_unscaled, copy=False),
        spectral_axis=u.Quantity(stars.wavelength_nm, u.nm),
        uncertainty=errors,
        mask=stars.mask.copy(),
        meta={"ids": stars.ids.tolist(), "labels": _labels(stars)},
    )


def from_specutils(spectra: Any, ids: ArrayLike | None = None) -> dict[str, Any]:
    """The arguments of a SpectraSet from one spectrum of flux (L,) or (N, L), or a sequence of them.

    ids: (N,); None: those in `meta`, or else numbers. Raises SpectraError for flux with a unit, other
    wavelengths from spectrum to spectrum, and errors that are none.
    """
    kind = _spectrum_class()
    single = [spectra] if isinstance(spectra, kind) else list(spectra)
    if not single or not all(isinstance(one, kind) for one in single):
        raise SpectraError("no spectra: give a specutils Spectrum, or a list of them")
    parts = [_part(one) for one in single]
    grid = parts[0].wavelength_nm
    if any(
        len(p.wavelength_nm) != len(grid) or np.abs(p.wavelength_nm - grid).max() > SAME_NM for p in parts
    ):
        raise SpectraError("the spectra are on different wavelengths: resample them to one grid first")
    flux = np.concatenate([part.flux for part in parts])
    errors = [part.error for part in parts if part.error is not None]
    labels, names = _labels_in(single, len(flux))
    return {
        "flux": flux,
        "wavelength_nm": grid,
        "ids": _ids_in(single, len(flux)) if ids is None else ids,
        "labels": labels,
        "label_names": names,
        "flux_error": np.concatenate(errors) if len(errors) == len(parts) else None,
        "mask": np.concatenate([part.mask for part in parts]) | ~np.isfinite(flux),
        "provenance": {"source": "specutils"},
    }


class _Part(NamedTuple):
    """One spectrum, or several: wavelengths (L,) in order; flux, its errors or None, and mask (n, L)."""

    wavelength_nm: np.ndarray
    flux: np.ndarray
    error: np.ndarray | None
    mask: np.ndarray


def _part(spectrum: Any) -> _Part:
    grid, error = _wavelength_nm(spectrum), _errors(spectrum)
    order = np.argsort(grid)
    ordered = None if error is None else error[:, order]
    return _Part(grid[order], _flux(spectrum)[:, order], ordered, _mask(spectrum)[:, order])


def _spectrum_class() -> Any:
    try:
        specutils = import_module("specutils")
    except ImportError:
        raise SpectraError(_MISSING) from None
    return getattr(specutils, "Spectrum", None) or specutils.Spectrum1D  # its name before specutils 2


def _wavelength_nm(spectrum: Any) -> np.ndarray:
    import astropy.units as u

    return np.asarray(spectrum.spectral_axis.to_value(u.nm, u.spectral()), np.float64)


def _flux(spectrum: Any) -> np.ndarray:
    import astropy.units as u

    if not spectrum.flux.unit.is_equivalent(u.dimensionless_unscaled):
        unit = spectrum.flux.unit
        raise SpectraError(f"flux in {unit}: divide the spectra by their continuum, so that it has no unit")
    return np.atleast_2d(spectrum.flux.to_value(u.dimensionless_unscaled))


def _errors(spectrum: Any) -> np.ndarray | None:
    """(n, L) standard deviations of whatever uncertainty the spectrum has; None without."""
    from astropy.nddata import StdDevUncertainty

    given = spectrum.uncertainty
    if given is None:
        return None
    try:
        found = given.represent_as(StdDevUncertainty)
    except TypeError:
        raise SpectraError(
            f"uncertainties of the kind '{given.uncertainty_type}': give standard deviations, variances or "
            "inverse variances"
        ) from None
    return np.atleast_2d(np.asarray(found.array))


def _mask(spectrum: Any) -> np.ndarray:
    shape = np.atleast_2d(spectrum.flux.value).shape
    return np.zeros(shape, bool) if spectrum.mask is None else np.broadcast_to(spectrum.mask != 0, shape)


def _ids_in(single: Sequence[Any], count: int) -> list[str]:
    """The ids in the spectra's `meta`; numbers where they do not have one per star."""
    found = [
        str(star) for one in single for star in np.atleast_1d(one.meta.get("ids", one.meta.get("id", [])))
    ]
    return found if len(found) == count else [str(k) for k in range(count)]


def _labels_in(single: Sequence[Any], count: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """(N, P) the labels that `to_specutils` wrote into `meta`, NaN where there are none, and their names."""
    tables = [one.meta.get("labels", {}) for one in single]
    names = tuple(dict.fromkeys(name for table in tables for name in table))
    values = np.full((count, len(names)), np.nan)
    start = 0
    for one, table in zip(single, tables, strict=True):
        rows = slice(start, start := start + len(np.atleast_2d(one.flux.value)))
        for name, column in table.items():
            values[rows, names.index(name)] = column
    return values, names
