"""Scaling of flux and labels, and the bins of the discriminators.

Fitted on the training split and stored as arrays.
Shapes: N stars, L pixels, P labels, B bins.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np

from ..config.schema import Config
from ..parameters import in_calcium_cores
from .spectra import SpectraSet

# The least scale of a pixel, as a fraction of the rms over all pixels: one that hardly varies is not blown up
# to the size of a line.
LEAST_SCALE = 1e-3


@dataclass(frozen=True, eq=False)
class Scaler:
    """Invertible scaling between physical units and the networks' own.

    Attributes
    ----------
    wavelength_nm, flux_offset, flux_scale: (L,).
    flux_mean: (L,) training mean, which stands in for a masked pixel.
    label_mean, label_std: (P,) in physical units.
    bin_edges: (P, B − 1) inner edges of the bins, in physical units.
    unseen: (L,) bool, pixels that the networks never see: usable in no training star, or in a Ca II core that
        the configuration masks.
    """

    wavelength_nm: np.ndarray
    flux_offset: np.ndarray
    flux_scale: np.ndarray
    flux_mean: np.ndarray
    label_mean: np.ndarray
    label_std: np.ndarray
    bin_edges: np.ndarray
    unseen: np.ndarray

    def flux_in(self, flux: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """(N, L) float32 flux as the networks see it: masked pixels filled, then scaled."""
        return ((self.fill(flux, mask) - self.flux_offset) / self.flux_scale).astype(np.float32)

    def fill(self, flux: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """(N, L) flux with the training mean in place of every masked or unseen pixel."""
        hidden = self.unseen if mask is None else mask | self.unseen
        return np.where(hidden, self.flux_mean, flux) if hidden.any() else flux

    def flux_out(self, scaled: np.ndarray) -> np.ndarray:
        """(N, L) flux from the decoder's output."""
        return scaled * self.flux_scale + self.flux_offset

    def labels_standard(self, labels: np.ndarray) -> np.ndarray:
        """(N, P) float32 labels with zero mean and unit variance over the training split; NaN stays NaN."""
        return ((labels - self.label_mean) / self.label_std).astype(np.float32)

    def bins(self, labels: np.ndarray) -> np.ndarray:
        """(N, P) int64 bin of each label, 0 to B − 1; −1 where the label is missing."""
        columns = zip(self.bin_edges, labels.T, strict=True)
        bins = np.stack([np.searchsorted(edges, column, "right") for edges, column in columns], 1)
        return np.where(np.isnan(labels), -1, bins).astype(np.int64)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by attribute name, to be stored: `Scaler(**arrays)` is the same scaler."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def fit_scaler(stars: SpectraSet, config: Config) -> Scaler:
    """The scaling of a training split, fitted to nothing else.

    A label that every star lacks gets the range 0 to 1; a constant one is scaled by its own size.
    """
    blank = np.asarray(stars.mask.all(0))
    mean, std = _flux_moments(stars, blank)
    offset, scale = _flux_scaling(config.model.flux_scaling, stars, mean, std)
    labels = stars.labels_for(config.model.labels)
    low, high = _per_label(np.nanmin, labels, 0.0), _per_label(np.nanmax, labels, 1.0)
    centre, spread = _per_label(np.nanmean, labels, 0.0), _per_label(np.nanstd, labels, 1.0)
    return Scaler(
        wavelength_nm=stars.wavelength_nm,
        flux_offset=offset,
        flux_scale=scale,
        flux_mean=mean,
        label_mean=centre,
        label_std=np.where(high > low, spread, np.maximum(np.abs(centre), 1.0)),
        bin_edges=_bin_edges(labels, low, np.where(high > low, high, low + 1.0), config),
        unseen=blank | in_calcium_cores(stars.wavelength_nm) if config.model.mask_calcium else blank,
    )


def _flux_moments(stars: SpectraSet, blank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (L,) of the unmasked pixels, float32. blank: (L,) where there are none."""
    usable = ~stars.mask
    count = np.maximum(usable.sum(0), 1)
    mean = np.where(usable, stars.flux, 0).sum(0, dtype=np.float64) / count
    deviation = np.where(usable, stars.flux - mean, 0).astype(np.float32)
    std = np.sqrt(np.einsum("nl,nl->l", deviation, deviation, dtype=np.float64) / count)
    if blank.any() and not blank.all():  # the networks do not see these pixels, but figures draw them
        mean[blank] = np.interp(stars.wavelength_nm[blank], stars.wavelength_nm[~blank], mean[~blank])
    rms = np.sqrt(np.mean(std**2)) or 1.0
    return mean.astype(np.float32), np.maximum(std, LEAST_SCALE * rms).astype(np.float32)


def _flux_scaling(
    kind: str, stars: SpectraSet, mean: np.ndarray, std: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale (L,) of one kind of `flux_scaling`."""
    if kind == "none":
        return np.zeros_like(mean), np.ones_like(std)
    if kind == "range":
        flux = np.where(stars.mask, mean, stars.flux)
        low, high = np.full_like(mean, flux.min()), np.full_like(mean, flux.max())
        return low, np.where(high > low, high - low, np.float32(1))
    if kind == "global":
        return mean, np.full_like(std, np.sqrt(np.mean(std**2)))
    return mean, std


def _per_label(moment: Callable[[np.ndarray], float], labels: np.ndarray, default: float) -> np.ndarray:
    """(P,) a NaN-aware moment of each label; the default for a label that every star lacks."""
    return np.array([moment(c) if np.isfinite(c).any() else default for c in labels.T])


def _bin_edges(labels: np.ndarray, low: np.ndarray, high: np.ndarray, config: Config) -> np.ndarray:
    """(P, B − 1) inner edges: bins of equal width over the range, or of equal numbers of stars."""
    bins = config.adversary.bins
    inner = np.arange(1, bins) / bins
    if config.adversary.binning == "width":
        return low[:, None] + (high - low)[:, None] * inner
    columns = [c[np.isfinite(c)] for c in labels.T]
    return np.array([np.quantile(c, inner) if len(c) else inner for c in columns])
