"""How well can any unbiased method measure a simulated star? The Cramér-Rao bound.

Covariance of a spectrum: photon noise with the correlation that the archive's band limit gives it, plus the
simulator's model error. Every nuisance is free but for its population spread, which enters as a Gaussian
prior of that standard deviation (a weak one: an exponential band depth and a uniform broadening are not
Gaussian); labels have no prior. Shapes: N stars, L pixels, P labels, K derivatives (labels, then nuisances).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ..data.spectra import SpectraSet, same_grid
from ..errors import AuditError
from ..jobs.progress import Progress, silent
from ..parameters import LABELS
from ..simulator import (
    NuisanceConfig,
    is_simulated,
    jacobian,
    model_error_covariance,
    nuisance_values,
    priors,
)
from ..simulator.grids import PIXELS_800, PIXELS_2401
from ..simulator.noise import NOISE_BEYOND, NOISE_EDGE_PER_NM

SNR_EDGES = (15, 30, 45, 60, 100, 400)  # per 0.03 nm pixel
CHUNK = 500  # stars at a time: limits the memory of the derivatives
SAMPLE_NM = 0.01  # between two samples of the archive


@dataclass(frozen=True, eq=False)
class Bounds:
    """Smallest standard deviation of an unbiased measurement: sigma (N, P) in the labels' units, snr (N,)."""

    ids: np.ndarray
    label_names: tuple[str, ...]
    sigma: np.ndarray
    snr: np.ndarray

    def per_snr(self, edges: tuple[float, ...] = SNR_EDGES) -> list[dict[str, float]]:
        """One row per S/N bin: `low`, `high`, `stars`, and each label's root mean square bound."""
        return rms_per_snr(self.sigma, self.snr, self.label_names, edges)

    def ratio_per_snr(
        self, error: np.ndarray, edges: tuple[float, ...] = SNR_EDGES
    ) -> list[dict[str, float]]:
        """The same rows with RMSE / rms bound in place of the bound, over the stars that have one.

        error: (N, P) measured − true values.
        """
        bounded = np.where(np.isfinite(self.sigma), error, np.nan)
        rows = zip(rms_per_snr(bounded, self.snr, self.label_names, edges), self.per_snr(edges), strict=True)
        return [rmse | {n: rmse[n] / bound[n] for n in self.label_names} for rmse, bound in rows]


def rms_per_snr(
    values: np.ndarray, snr: np.ndarray, names: tuple[str, ...], edges: tuple[float, ...] = SNR_EDGES
) -> list[dict[str, float]]:
    """One row per bin of S/N (N,): `low`, `high`, `stars`, and the root mean square of each column (N, P).

    Stars with a gap (NaN) are left out; the root mean square of no star is NaN.
    """
    rows = []
    for low, high in pairwise(edges):
        here = (snr >= low) & (snr < high) & np.isfinite(values).all(1)
        rms = np.sqrt(np.square(values[here]).mean(0)) if here.any() else np.full(len(names), np.nan)
        rows.append({"low": low, "high": high, "stars": int(here.sum())})
        rows[-1] |= zip(names, rms.tolist(), strict=True)
    return rows


def cramer_rao(whitened: np.ndarray, prior_sigma: np.ndarray | None = None) -> np.ndarray:
    """(N, K, K) smallest covariance of K parameters: (J C⁻¹ Jᵀ + prior⁻²)⁻¹ (Rao 1945; Gaussian errors).

    whitened: (N, K, L) derivatives in units in which the errors have unit covariance. prior_sigma: (K,), inf
    for no prior. NaN for a star whose derivatives are not finite.
    """
    whitened = np.asarray(whitened, float)
    information = whitened @ whitened.transpose(0, 2, 1)
    if prior_sigma is not None:
        information = information + np.diag(np.asarray(prior_sigma, float) ** -2.0)
    out = np.full(information.shape, np.nan)
    good = np.isfinite(information).all((1, 2))
    scale = np.sqrt(np.diagonal(information[good], axis1=1, axis2=2))
    pair = scale[:, :, None] * scale[:, None, :]
    # scaled: kelvins and dex differ by 1e8 in information
    out[good] = np.linalg.inv(information[good] / pair) / pair
    return out


@dataclass(frozen=True, eq=False)
class Metric:
    """A basis (L, L) in which errors on one grid are independent; the model error's variance (L,) there."""

    basis: np.ndarray
    variance: np.ndarray

    def whitened(self, x: np.ndarray, error: np.ndarray) -> np.ndarray:
        """x (..., L) in units of unit error covariance; `error` (...) is the same along a spectrum."""
        return x @ self.basis / np.sqrt(np.asarray(error)[..., None] ** 2 + self.variance)


def error_metric(wavelength_nm: np.ndarray, config: NuisanceConfig) -> Metric:
    """The basis in which photon noise (of any size) and model error are diagonal together."""
    noise, model = noise_correlation(wavelength_nm), model_error_covariance(wavelength_nm, config)
    values, vectors = np.linalg.eigh(noise)
    white = vectors / np.sqrt(np.maximum(values, 1e-6 * values.max()))
    variance, turn = np.linalg.eigh(white.T @ model @ white)
    return Metric(white @ turn, np.maximum(variance, 0))


def noise_correlation(wavelength_nm: np.ndarray) -> np.ndarray:
    """(L, L) covariance of noise of unit flux_error, averaged into the pixels.

    White up to 20 cycles/nm, a fiftieth beyond. AuditError for a grid that is not the simulator's.
    """
    width = 3 if same_grid(wavelength_nm, PIXELS_800) else 1
    if width == 1 and not same_grid(wavelength_nm, PIXELS_2401):
        raise AuditError("bounds are computed on the simulator's own grids of 800 or 2401 pixels only")
    frequency = np.fft.rfftfreq(2**14, SAMPLE_NM)
    by_lag = np.fft.irfft(np.where(frequency <= NOISE_EDGE_PER_NM, 1.0, NOISE_BEYOND))
    pixel = np.arange(len(wavelength_nm))
    lag = (
        width * (pixel[:, None] - pixel)[:, :, None] + (np.arange(width)[:, None] - np.arange(width)).ravel()
    )
    return width * by_lag[np.abs(lag)].mean(2)


def config_of(stars: SpectraSet) -> NuisanceConfig:
    """The nuisances that one simulated set was made with. AuditError when it is not one simulated set."""
    if not is_simulated(stars) or "simulated" not in stars.provenance or stars.flux_error is None:
        raise AuditError(
            "bounds need the truth and the noise: give stars of one simulation, simulated:N[:SEED]"
        )
    return NuisanceConfig(**stars.provenance["simulated"]["nuisances"])


def free_parameters(names: list[str], config: NuisanceConfig) -> tuple[np.ndarray, np.ndarray]:
    """(K,) which parameters are free, and (K,) their prior widths, inf for labels.

    A nuisance that is switched off is known.
    """
    width = priors(config)
    sigma = np.array(
        [np.inf if n in LABELS else width["continuum" if n.startswith("continuum") else n] for n in names]
    )
    return sigma > 0, sigma


def star_bounds(stars: SpectraSet, progress: Progress = silent) -> Bounds:
    """The Cramér-Rao bound of each label of each simulated star at its truth, all else free.

    AuditError for stars that are not of one simulation.
    """
    config = config_of(stars)
    metric = error_metric(stars.wavelength_nm, config)
    sigma = np.full((len(stars), len(LABELS)), np.nan)
    for start in range(0, len(stars), CHUNK):
        part = stars[start : start + CHUNK]
        derivatives, names = jacobian(part)
        free, prior = free_parameters(names, config)
        white = metric.whitened(derivatives[:, free], noise_level(part)[:, None])
        covariance = cramer_rao(white, prior[free])
        sigma[start : start + CHUNK] = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)[:, : len(LABELS)])
        progress(min(1.0, (start + CHUNK) / len(stars)), "Cramér-Rao bounds")
    return Bounds(stars.ids, LABELS, sigma, nuisance_values(stars)["snr"])


def noise_level(stars: SpectraSet) -> np.ndarray:
    """(N,) the flux error of simulated stars, which does not change along a spectrum."""
    assert stars.flux_error is not None, "checked by config_of"
    return np.median(stars.flux_error, 1).astype(float)
