"""Scaling of flux and labels and the bins of the discriminators: fitted on the training split, stored as
arrays.

Shapes: N stars, L pixels, P labels, B bins.
"""

from dataclasses import dataclass, fields

import numpy as np

from ..config.schema import Config
from ..parameters import CALCIUM_CORES_NM, CALCIUM_HALF_WIDTH_NM
from .spectra import SpectraSet

FLATTEST = 1e-3  # of the spectra's rms: a pixel that varies less is not blown up to the size of a line


@dataclass(frozen=True, eq=False)
class Scaler:
    """Invertible scaling between physical units and the network's.

    wavelength_nm, flux_offset, flux_scale, flux_mean: (L,), flux_mean being the training mean that stands for
    a masked pixel.  label_mean, label_std: (P,) in physical units.  bin_edges: (P, B−1), the inner edges.
    unseen: (L,) bool, pixels the networks never see: usable in no training star, or Ca II cores that the
    configuration masks.
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
        """(N, L) float32 flux as the network sees it: filled, then scaled."""
        return ((self.filled(flux, mask) - self.flux_offset) / self.flux_scale).astype(np.float32)

    def filled(self, flux: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """(N, L) flux in which a masked or unseen pixel is the training mean of that pixel."""
        hidden = self.unseen if mask is None else mask | self.unseen
        return np.where(hidden, self.flux_mean, flux) if hidden.any() else flux

    def flux_out(self, scaled: np.ndarray) -> np.ndarray:
        """(N, L) flux from the network's output."""
        return scaled * self.flux_scale + self.flux_offset

    def labels_standard(self, labels: np.ndarray) -> np.ndarray:
        """(N, P) float32 of zero mean and unit variance over the training split, as the networks receive
        them; NaN stays NaN.
        """
        return ((labels - self.label_mean) / self.label_std).astype(np.float32)

    def bins(self, labels: np.ndarray) -> np.ndarray:
        """(N, P) int64 bin of each label, 0 to B−1; −1 where the label is missing."""
        found = [
            np.searchsorted(edges, column, "right")
            for edges, column in zip(self.bin_edges, labels.T, strict=True)
        ]
        return np.where(np.isnan(labels), -1, np.stack(found, 1)).astype(np.int64)

    def arrays(self) -> dict[str, np.ndarray]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


def fit_scaler(stars: SpectraSet, config: Config) -> Scaler:
    """The scaling of a training split (and of nothing else).

    Raises nothing of its own: a label missing for every star gets the range 0-1, a constant one is scaled by
    its own size.
    """
    labels = stars.labels_for(config.model.labels)
    blank = stars.mask.all(0)
    mean, std = _flux_statistics(stars, blank)
    offset, scale = _flux_scaling(config.model.flux_scaling, stars, mean, std)
    low, high = _finite(np.nanmin, labels, 0.0), _finite(np.nanmax, labels, 1.0)
    centre, spread = _finite(np.nanmean, labels, 0.0), _finite(np.nanstd, labels, 1.0)
    return Scaler(
        stars.wavelength_nm,
        offset,
        scale,
        mean,
        centre,
        np.where(high > low, spread, np.maximum(np.abs(centre), 1.0)),
        _bin_edges(labels, low, np.where(high > low, high, low + 1.0), config),
        blank | _calcium(stars.wavelength_nm, config.model.mask_calcium),
    )


def _flux_statistics(stars: SpectraSet, blank: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (L,) over the unmasked pixels; float32, as the networks. blank: (L,) where
    there are none.
    """
    usable = ~stars.mask
    count = np.maximum(usable.sum(0), 1)
    mean = np.where(usable, stars.flux, 0).sum(0, dtype=np.float64) / count
    variance = np.where(usable, stars.flux - mean, 0).astype(np.float32)
    std = np.sqrt(np.einsum("nl,nl->l", variance, variance, dtype=np.float64) / count)
    if blank.any() and not blank.all():  # nobody will see what stands there
        mean[blank] = np.interp(stars.wavelength_nm[blank], stars.wavelength_nm[~blank], mean[~blank])
    rms = np.sqrt(np.mean(std**2)) or 1.0
    return mean.astype(np.float32), np.maximum(std, FLATTEST * rms).astype(np.float32)


def _flux_scaling(
    kind: str, stars: SpectraSet, mean: np.ndarray, std: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if kind == "none":
        return np.zeros_like(mean), np.ones_like(std)
    if kind == "range":
        low, high = (
            np.full_like(mean, pick(np.where(stars.mask, mean, stars.flux))) for pick in (np.min, np.max)
        )
        return low, np.where(high > low, high - low, np.float32(1))
    if kind == "global":
        return mean, np.full_like(std, np.sqrt(np.mean(std**2)))
    return mean, std


def _finite(statistic, labels: np.ndarray, default: float) -> np.ndarray:
    """(P,) a NaN-aware statistic; the default for a label that no star has."""
    return np.array([statistic(c) if np.isfinite(c).any() else default for c in labels.T])


def _bin_edges(labels: np.ndarray, low: np.ndarray, high: np.ndarray, config: Config) -> np.ndarray:
    bins = config.adversary.bins
    inner = np.arange(1, bins) / bins
    if config.adversary.binning == "width":
        return low[:, None] + (high - low)[:, None] * inner
    columns = [c[np.isfinite(c)] for c in labels.T]
    return np.array([np.quantile(c, inner) if len(c) else inner for c in columns]).reshape(
        labels.shape[1], bins - 1
    )


def _calcium(wavelength_nm: np.ndarray, mask_calcium: bool) -> np.ndarray:
    if not mask_calcium:
        return np.zeros(len(wavelength_nm), bool)
    distance = np.abs(wavelength_nm[:, None] - np.array(CALCIUM_CORES_NM)).min(1)
    return distance <= CALCIUM_HALF_WIDTH_NM
