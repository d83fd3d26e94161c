"""`SpectraSet`: spectra with their labels, errors, masks and ids, checked at birth and kept aligned.

Shapes: N stars, L pixels, P parameters.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import SpectraError

MIN_COVERAGE = 0.95  # a spectrum with less of the grid usable is refused, never extrapolated


@dataclass(frozen=True, eq=False)
class SpectraSet:
    """N spectra on one wavelength grid.

    Attributes
    ----------
    flux: (N, L) float32, normalised flux; non-finite only where `mask` is true.
    wavelength_nm: (L,) float64, vacuum nanometres, increasing.
    ids: (N,) strings, one per star (a Gaia `source_id` as its decimal digits: never a float).
    labels: (N, P) float64 in physical units; NaN = missing, and so is what is infinite.
    label_names: the P names, in the project's spelling.
    flux_error: (N, L) float32, one standard deviation per pixel, or None when unknown.
    mask: (N, L) bool, true = unusable pixel.
    provenance: where the spectra come from; JSON-serialisable.

    Raises SpectraError when shapes disagree, the grid does not increase, unmasked flux is not finite, two
    labels share a name or ids are floats (a 64-bit id loses its last digits there).
    """

    flux: np.ndarray
    wavelength_nm: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    flux_error: np.ndarray | None = None
    mask: np.ndarray | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731 - a frozen class fills itself
        put("flux", np.asarray(self.flux, np.float32))
        put("wavelength_nm", np.asarray(self.wavelength_nm, np.float64))
        put("ids", _texts(self.ids))
        put("label_names", tuple(self.label_names))
        if self.flux.ndim != 2:
            raise SpectraError(f"flux must be (stars, pixels), not of shape {self.flux.shape}")
        n_stars, n_pixels = self.flux.shape
        labels = np.asarray(self.labels, np.float64)
        put("labels", np.where(np.isinf(labels), np.nan, labels) if np.isinf(labels).any() else labels)
        if self.flux_error is not None:
            put("flux_error", np.asarray(self.flux_error, np.float32))
        put("mask", np.zeros(self.flux.shape, bool) if self.mask is None else np.asarray(self.mask, bool))
        self._check(n_stars, n_pixels)

    def _check(self, n_stars: int, n_pixels: int) -> None:
        if self.wavelength_nm.shape != (n_pixels,):
            raise SpectraError(f"{n_pixels} pixels of flux but {self.wavelength_nm.shape} wavelengths")
        if n_pixels > 1 and not np.all(np.diff(self.wavelength_nm) > 0):
            raise SpectraError("wavelengths must increase from pixel to pixel")
        if self.ids.shape != (n_stars,):
            raise SpectraError(f"{n_stars} spectra but ids of shape {self.ids.shape}")
        if len(set(self.label_names)) != len(self.label_names):
            raise SpectraError(f"two labels share a name: {', '.join(self.label_names)}")
        if self.labels.shape != (n_stars, len(self.label_names)):
            raise SpectraError(
                f"labels have shape {self.labels.shape} for {n_stars} stars and {len(self.label_names)} label names"
            )
        for name in ("mask", "flux_error"):
            value = getattr(self, name)
            if value is not None and value.shape != self.flux.shape:
                raise SpectraError(f"{name} has shape {value.shape}, flux has {self.flux.shape}")
        bad = ~np.isfinite(self.flux) & ~self.mask
        if bad.any():
            raise SpectraError(f"{bad.sum()} pixels without a finite flux are not masked: mask them")

    def __len__(self) -> int:
        return len(self.flux)

    def __getitem__(self, rows) -> "SpectraSet":
        """The stars at `rows` (slice, index array or boolean array), everything aligned."""
        if np.isscalar(rows):
            rows = [rows]
        error = None if self.flux_error is None else self.flux_error[rows]
        return replace(
            self,
            flux=self.flux[rows],
            ids=self.ids[rows],
            labels=self.labels[rows],
            flux_error=error,
            mask=self.mask[rows],
        )

    def label(self, name: str) -> np.ndarray:
        """(N,) values of one label; NaN where missing. SpectraError when the set has no such label."""
        if name not in self.label_names:
            raise SpectraError(f"no label '{name}' here; there are: {', '.join(self.label_names) or 'none'}")
        return self.labels[:, self.label_names.index(name)]

    def labels_for(self, names: tuple[str, ...]) -> np.ndarray:
        """(N, P) the labels `names` in that order; a column this set lacks is all NaN."""
        columns = [self.label(n) if n in self.label_names else np.full(len(self), np.nan) for n in names]
        return np.stack(columns, 1) if columns else np.empty((len(self), 0))

    def with_labels(self, labels: np.ndarray, names: tuple[str, ...] | None = None) -> "SpectraSet":
        """The same spectra under other labels (N, P)."""
        return replace(self, labels=labels, label_names=self.label_names if names is None else names)

    @property
    def coverage(self) -> np.ndarray:
        """(N,) usable fraction of the pixels of each star."""
        return 1.0 - self.mask.mean(1)

    @property
    def snr(self) -> np.ndarray:
        """(N,) median flux over error per pixel; NaN where errors are unknown."""
        if self.flux_error is None:
            return np.full(len(self), np.nan)
        ratio = np.where(
            self.mask | ~(self.flux_error > 0), np.nan, self.flux / np.maximum(self.flux_error, 1e-12)
        )
        known = np.isfinite(ratio).any(1)
        out = np.full(len(self), np.nan)
        out[known] = np.nanmedian(ratio[known], 1)
        return out

    @property
    def known_snr(self) -> np.ndarray | None:
        """(N,) `snr`, or None where some star comes without errors."""
        snr = self.snr
        return snr if np.isfinite(snr).all() else None


def _texts(ids) -> np.ndarray:
    ids = np.asarray(ids)
    if ids.dtype.kind == "f" and ids.size:
        raise SpectraError(
            f"ids are floats (first: {ids.flat[0]}), which lose digits of a source_id: give texts or integers"
        )
    return ids.astype(str)


def concatenate(sets: list[SpectraSet]) -> SpectraSet:
    """One set from several on the same grid; labels are joined by name, a missing one is NaN.

    Raises SpectraError when there is nothing to join or the grids differ (resample first).
    """
    if not sets:
        raise SpectraError("no spectra given")
    first = sets[0]
    for other in sets[1:]:
        if not same_grid(first.wavelength_nm, other.wavelength_nm):
            raise SpectraError("the spectra are on different wavelength grids: resample them to one first")
    names = tuple(dict.fromkeys(n for s in sets for n in s.label_names))
    errors = None if any(s.flux_error is None for s in sets) else np.concatenate([s.flux_error for s in sets])
    return SpectraSet(
        np.concatenate([s.flux for s in sets]),
        first.wavelength_nm,
        np.concatenate([s.ids for s in sets]),
        np.concatenate([s.labels_for(names) for s in sets]),
        names,
        errors,
        np.concatenate([s.mask for s in sets]),
        first.provenance if len(sets) == 1 else {"parts": [s.provenance for s in sets]},
    )


def same_grid(a_nm: np.ndarray, b_nm: np.ndarray) -> bool:
    """True when two grids agree to a thousandth of a pixel."""
    if len(a_nm) != len(b_nm):
        return False
    return len(a_nm) < 2 or bool(np.abs(a_nm - b_nm).max() < 1e-3 * np.diff(a_nm).min())
