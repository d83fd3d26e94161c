"""How unlike the reference sample a star is: three percentiles, and the score that joins them.

Shapes: N stars, L pixels, P labels, Z latent.
"""

from dataclasses import dataclass, fields, replace
from typing import NamedTuple

import numpy as np

from ..parameters import in_calcium_cores

# of the flux: what networks and atmospheres get wrong even for ordinary stars
RELATIVE_MODEL_ERROR = 0.007
# an ordinary real star's chi² over a simulated one's; beyond it the star is strange, not the simulator
REAL_CHI2 = 1.5
QUANTILES = np.linspace(0, 1, 201)


def reduced_chi2(
    flux: np.ndarray, guess: np.ndarray, error: np.ndarray | None, mask: np.ndarray
) -> np.ndarray:
    """(N,) mean of (x − x̂)²/(σ² + (0.007 x)²) over the usable pixels; without errors σ is 0.

    flux, guess, error, mask: (N, L).
    """
    sigma = 0.0 if error is None else np.nan_to_num(error, nan=0.0, posinf=0.0)
    variance = (RELATIVE_MODEL_ERROR * flux) ** 2 + sigma**2
    terms = np.where(mask, 0.0, (flux - guess) ** 2 / np.maximum(variance, 1e-10))
    return np.nan_to_num(terms).sum(1) / np.maximum((~mask).sum(1), 1)


def core_flux(flux: np.ndarray, wavelength_nm: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(N,) mean flux within ±0.12 nm of the three Ca II cores; NaN where no such pixel is usable."""
    usable = in_calcium_cores(wavelength_nm) & ~mask
    total = np.where(usable, flux, 0.0).sum(1)
    return np.divide(total, usable.sum(1), out=np.full(len(flux), np.nan), where=usable.any(1))


class Measured(NamedTuple):
    """Of N stars: chi2 and core (N,), labels (N, P) as the model reads them, z (N, Z)."""

    chi2: np.ndarray
    core: np.ndarray
    labels: np.ndarray
    z: np.ndarray


@dataclass(frozen=True, eq=False)
class OutlierReference:
    """Quantiles of what was measured of the reference stars, stored as arrays.

    Attributes
    ----------
    label_mean, label_std: (P,) of ordinary stars.
    core_fit: coefficients of the core flux expected from the labels (quadratic).
    latent_mean: (Z,).  latent_whiten: (Z, Z), to uncorrelated numbers of unit variance.
    chi2, core, distance, joint: (201,) quantiles of the reference stars, which told nothing of the above;
        joint of the largest of the three percentiles.
    """

    label_mean: np.ndarray
    label_std: np.ndarray
    core_fit: np.ndarray
    latent_mean: np.ndarray
    latent_whiten: np.ndarray
    chi2: np.ndarray
    core: np.ndarray
    distance: np.ndarray
    joint: np.ndarray

    def percentiles(
        self, chi2: np.ndarray, core: np.ndarray, labels: np.ndarray, z: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Each (N,) in 0-1: `chi2`, `core` (excess of the Ca II cores) and `distance` (in the latent).

        chi2, core: (N,) of stars with labels (N, P) and latents z (N, Z).
        """
        measured = self.measured(chi2, core, labels, z)
        return {name: np.interp(value, getattr(self, name), QUANTILES) for name, value in measured.items()}

    def score(self, percentiles: dict[str, np.ndarray]) -> np.ndarray:
        """(N,) in 0-1: the percentile of a star's largest known percentile, among the reference stars."""
        return np.interp(_largest(percentiles), self.joint, QUANTILES)

    def measured(
        self, chi2: np.ndarray, core: np.ndarray, labels: np.ndarray, z: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The three measures, each (N,): chi², core flux above the expected one, distance in the latent."""
        expected = _quadratic((labels - self.label_mean) / self.label_std) @ self.core_fit
        distance = np.linalg.norm((z - self.latent_mean) @ self.latent_whiten, axis=1)
        return {"chi2": chi2, "core": core - expected, "distance": distance}

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def fit_outliers(ordinary: Measured, compared: Measured) -> OutlierReference:
    """What is usual is learnt from `ordinary` stars, the quantiles are those of `compared` ones.

    Of one and the same stars, distances in the latent would be too small, and every new star far off.
    """
    core, labels, z = ordinary.core, ordinary.labels, ordinary.z
    mean, std = labels.mean(0), labels.std(0) + 1e-9
    finite = np.isfinite(core)
    core_fit = np.linalg.lstsq(_quadratic((labels[finite] - mean) / std), core[finite], rcond=None)[0]
    values, vectors = np.linalg.eigh(np.cov(z.T).reshape(z.shape[1], -1))
    unknown = np.zeros(len(QUANTILES))
    reference = OutlierReference(
        label_mean=mean,
        label_std=std,
        core_fit=core_fit,
        latent_mean=z.mean(0),
        latent_whiten=vectors / np.sqrt(np.maximum(values, 1e-8 * values.max())),
        chi2=unknown,
        core=unknown,
        distance=unknown,
        joint=unknown,
    )
    measured = reference.measured(*compared)
    reference = replace(reference, **{name: _quantiles(value) for name, value in measured.items()})
    largest = _largest(reference.percentiles(*compared))
    return replace(reference, joint=np.quantile(largest, QUANTILES))


def _quantiles(values: np.ndarray) -> np.ndarray:
    """(201,) quantiles of the known values; NaN where none is known (the Ca II cores on a grid elsewhere)."""
    finite = values[np.isfinite(values)]
    return np.quantile(finite, QUANTILES) if len(finite) else np.full(len(QUANTILES), np.nan)


def _largest(percentiles: dict[str, np.ndarray]) -> np.ndarray:
    return np.nanmax(np.stack(list(percentiles.values())), 0)


def _quadratic(labels: np.ndarray) -> np.ndarray:
    """(N, 1 + P + P(P+1)/2) the monomials up to second order."""
    n, p = labels.shape
    pairs = [labels[:, i] * labels[:, j] for i in range(p) for j in range(i, p)]
    return np.stack([np.ones(n), *labels.T, *pairs], 1)
