"""`SpectraSet`: spectra with their labels, errors, masks and ids, checked at birth and kept aligned.

Shapes: N stars, L pixels, P parameters.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SpectraError
from . import star_tables
from .identity import identity, without_reading
from .positions import checked_positions, joined_positions
from .rows import Rows, as_index

if TYPE_CHECKING:
    from astropy.table import Table
    from pandas import DataFrame

MIN_COVERAGE = 0.95  # a spectrum with less of the grid usable is refused, never extrapolated


@dataclass(frozen=True, eq=False)
class SpectraSet:
    """N spectra on one wavelength grid.

    Attributes
    ----------
    flux: (N, L) float32, normalised flux; non-finite only where `mask` is true.
    wavelength_nm: (L,) float64, vacuum nanometres, increasing.
    ids: (N,) strings, one per star (a Gaia `source_id` as its decimal digits, never a float).
    labels: (N, P) float64 in physical units; NaN = missing. Infinite values become NaN.
    label_names: the P names, in the project's spelling.
    flux_error: (N, L) float32, one standard deviation per pixel, or None when unknown.
    mask: (N, L) bool, true = unusable pixel; no pixel is masked unless the caller says so.
    provenance: where the spectra come from; JSON-serialisable.
    positions: (N, 2) float64 right ascension and declination in degrees (ICRS, or J2000), NaN where unknown;
        None where no star's is known.

    Raises SpectraError when shapes disagree, the grid does not increase, unmasked flux is not finite, two
    labels share a name or ids are floats (a 64-bit id loses its last digits there).
    """

    flux: np.ndarray
    wavelength_nm: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    flux_error: np.ndarray | None = None
    mask: np.ndarray = field(default=cast(np.ndarray, None))
    provenance: dict[str, Any] = field(default=cast(dict[str, Any], None))
    positions: np.ndarray | None = None

    def __post_init__(self) -> None:
        flux, labels = np.asarray(self.flux, np.float32), np.asarray(self.labels, np.float64)
        error = self.flux_error
        vars(self).update(  # whatever was given, such as lists, becomes arrays
            flux=flux,
            wavelength_nm=np.asarray(self.wavelength_nm, np.float64),
            ids=_text_ids(self.ids),
            labels=np.where(np.isinf(labels), np.nan, labels) if np.isinf(labels).any() else labels,
            label_names=tuple(self.label_names),
            flux_error=None if error is None else np.asarray(error, np.float32),
            mask=np.zeros(flux.shape, bool) if self.mask is None else np.asarray(self.mask, bool),
            provenance={} if self.provenance is None else self.provenance,
            positions=checked_positions(self.positions, len(np.atleast_1d(flux))),
        )
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        if self.flux.ndim != 2:
            raise SpectraError(f"flux must be (stars, pixels), not of shape {self.flux.shape}")
        n_stars, n_pixels = self.flux.shape
        if self.wavelength_nm.shape != (n_pixels,):
            raise SpectraError(f"{n_pixels} pixels of flux but {self.wavelength_nm.shape} wavelengths")
        if self.ids.shape != (n_stars,):
            raise SpectraError(f"{n_stars} spectra but ids of shape {self.ids.shape}")
        if self.labels.shape != (n_stars, len(self.label_names)):
            names = f"{len(self.label_names)} label names"
            raise SpectraError(f"labels have shape {self.labels.shape} for {n_stars} stars and {names}")
        for name, value in (("mask", self.mask), ("flux_error", self.flux_error)):
            if value is not None and value.shape != self.flux.shape:
                raise SpectraError(f"{name} has shape {value.shape}, flux has {self.flux.shape}")

    def _check_values(self) -> None:
        if not np.all(np.diff(self.wavelength_nm) > 0):
            raise SpectraError("wavelengths must increase from pixel to pixel")
        if len(set(self.label_names)) != len(self.label_names):
            raise SpectraError(f"two labels share a name: {', '.join(self.label_names)}")
        bad = ~np.isfinite(self.flux) & ~self.mask
        if bad.any():
            raise SpectraError(f"{bad.sum()} pixels without a finite flux are not masked: mask them")

    def __len__(self) -> int:
        return len(self.flux)

    def __getitem__(self, rows: Rows) -> "SpectraSet":
        """The stars at `rows` (a number, slice, index array or boolean array), everything aligned."""
        index = as_index(rows)
        return replace(
            self,
            flux=self.flux[index],
            ids=self.ids[index],
            labels=self.labels[index],
            flux_error=None if self.flux_error is None else self.flux_error[index],
            mask=self.mask[index],
            positions=None if self.positions is None else self.positions[index],
        )

    # --- other libraries ---

    @classmethod
    def from_specutils(cls, spectra: Any, ids: ArrayLike | None = None) -> "SpectraSet":
        """The stars of a `specutils.Spectrum`, or of a list of them on one spectral axis.

        Any unit of wavelength, frequency or energy; what is a wavelength counts as in vacuum and at rest.
        ids: (N,); None: those in `meta`, or else 0, 1, … SpectraError for flux that has a unit (divide it by
        the continuum first), for different axes, and where specutils is not installed.
        """
        return cls(**star_tables.from_specutils(spectra, ids))

    def to_specutils(self) -> Any:
        """One `specutils.Spectrum`: flux (N, L), standard deviations, mask, and ids and labels in `meta`."""
        return star_tables.to_specutils(self)

    def to_table(self) -> "Table":
        """An astropy table, a row per star, with units, UCDs and descriptions; NaN in unusable pixels."""
        return star_tables.to_table(self)

    def to_pandas(self) -> "DataFrame":
        """A DataFrame without the spectra: labels, `snr` and `coverage` (usable fraction) by source_id."""
        return star_tables.to_pandas(self)

    def label(self, name: str) -> np.ndarray:
        """(N,) values of one label; NaN where missing. SpectraError when the set has no such label."""
        if name not in self.label_names:
            raise SpectraError(f"no label '{name}' here; there are: {', '.join(self.label_names) or 'none'}")
        return self.labels[:, self.label_names.index(name)]

    def labels_for(self, names: tuple[str, ...]) -> np.ndarray:
        """(N, P) the labels `names` in that order; a column this set lacks is all NaN."""
        columns = [self.label(n) if n in self.label_names else np.full(len(self), np.nan) for n in names]
        return np.stack(columns, 1) if columns else np.empty((len(self), 0))

    def label_errors_for(self, names: tuple[str, ...]) -> np.ndarray:
        """(N, P) one standard deviation of each label, from labels called `NAME_error`; NaN where unknown."""
        errors = self.labels_for(tuple(f"{name}_error" for name in names))
        return np.where(errors > 0, errors, np.nan)

    def with_labels(self, labels: np.ndarray, names: tuple[str, ...] | None = None) -> "SpectraSet":
        """The same spectra under other labels (N, P)."""
        return replace(self, labels=labels, label_names=self.label_names if names is None else names)

    @cached_property
    def identity(self) -> str:
        """Identifies the whole content; only the file that it was read from does not count."""
        spectra = (self.flux, self.wavelength_nm, self.flux_error, self.mask)
        names = (self.ids, self.labels, self.label_names)
        places = () if self.positions is None else (self.positions,)
        return identity(spectra, names, without_reading(self.provenance), *places)

    @property
    def coverage(self) -> np.ndarray:
        """(N,) usable fraction of the pixels of each star."""
        return 1.0 - self.mask.mean(1)

    @property
    def mean_error(self) -> np.ndarray:
        """(N,) mean flux error over the usable pixels of each star; NaN where it is unknown."""
        if self.flux_error is None:
            return np.full(len(self), np.nan, np.float32)
        known = ~self.mask & np.isfinite(self.flux_error)
        total, count = np.where(known, self.flux_error, 0).sum(1), known.sum(1)
        return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0, casting="unsafe")

    @property
    def usable(self) -> np.ndarray:
        """(N,) true where a star covers the grid and, if the set has errors, its own are known."""
        covered = self.coverage >= MIN_COVERAGE
        return covered if self.flux_error is None else covered & np.isfinite(self.mean_error)

    @property
    def snr(self) -> np.ndarray:
        """(N,) median flux over error per pixel; NaN where errors are unknown."""
        result = np.full(len(self), np.nan)
        if self.flux_error is None:
            return result
        usable = ~self.mask & (self.flux_error > 0)
        ratio = np.where(usable, self.flux / np.maximum(self.flux_error, 1e-12), np.nan)
        known = np.isfinite(ratio)
        whole, some = known.all(1), known.any(1)
        result[whole] = np.median(ratio[whole], 1)  # many times faster than to look for gaps
        result[some & ~whole] = np.nanmedian(ratio[some & ~whole], 1)
        return result

    @property
    def known_snr(self) -> np.ndarray | None:
        """(N,) `snr`, or None where some star comes without errors."""
        snr = self.snr
        return snr if np.isfinite(snr).all() else None


def _text_ids(ids: ArrayLike) -> np.ndarray:
    array = np.asarray(ids)
    if array.dtype.kind == "f" and array.size:
        example = f"ids are floats (first: {array.flat[0]})"
        raise SpectraError(f"{example}, which lose digits of a source_id: give texts or integers")
    return array.astype(str)


def concatenate(sets: list[SpectraSet]) -> SpectraSet:
    """One set from several on the same grid. Labels are joined by name; one that a set lacks is NaN there.

    Raises SpectraError when there is nothing to join or the grids differ (resample first).
    """
    if not sets:
        raise SpectraError("no spectra given")
    first = sets[0]
    if not all(same_grid(first.wavelength_nm, s.wavelength_nm) for s in sets):
        raise SpectraError("the spectra are on different wavelength grids: resample them to one first")
    names = tuple(dict.fromkeys(n for s in sets for n in s.label_names))
    errors = [s.flux_error for s in sets if s.flux_error is not None]
    return SpectraSet(
        flux=np.concatenate([s.flux for s in sets]),
        wavelength_nm=first.wavelength_nm,
        ids=np.concatenate([s.ids for s in sets]),
        labels=np.concatenate([s.labels_for(names) for s in sets]),
        label_names=names,
        flux_error=np.concatenate(errors) if len(errors) == len(sets) else None,
        mask=np.concatenate([s.mask for s in sets]),
        provenance=first.provenance if len(sets) == 1 else {"parts": [s.provenance for s in sets]},
        positions=joined_positions([(s.positions, len(s)) for s in sets]),
    )


def same_grid(a_nm: np.ndarray, b_nm: np.ndarray) -> bool:
    """True when two grids (L,) agree to a thousandth of the narrowest pixel."""
    if len(a_nm) != len(b_nm):
        return False
    return len(a_nm) < 2 or bool(np.abs(a_nm - b_nm).max() < 1e-3 * np.diff(a_nm).min())
