"""How well can any method measure a simulated star? The Cramér-Rao bound, and the posterior mean under the
sample itself.

Shapes: N stars, L pixels, P labels, K derivatives (labels, then nuisances), M candidates of one star.

Covariance of a spectrum: photon noise with the correlation that the archive's band limit gives it, plus the
simulator's model error. Every nuisance is free but for its population spread, which enters as a Gaussian
prior of that standard deviation (a weak
one: an exponential band depth and a uniform broadening are not Gaussian); labels have no prior in the bound.
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
from ..simulator.nuisances import NOISE_BEYOND, NOISE_EDGE_PER_NM

SNR_EDGES = (15, 30, 45, 60, 100, 400)  # per 0.03 nm pixel
CHUNK = 500  # stars: bounds the memory of the derivatives
SAMPLE_NM = 0.01  # of the archive


@dataclass(frozen=True, eq=False)
class Bounds:
    """Smallest standard deviation of an unbiased measurement. sigma: (N, P), labels in `label_names`; snr:
    (N,).
    """

    ids: np.ndarray
    label_names: tuple[str, ...]
    sigma: np.ndarray
    snr: np.ndarray

    def per_snr(self, edges: tuple[float, ...] = SNR_EDGES) -> list[dict]:
        """A row per S/N bin: `low`, `high`, `stars`, and each label's root mean square bound."""
        rows = []
        for low, high in pairwise(edges):
            here = (self.snr >= low) & (self.snr < high) & np.isfinite(self.sigma).all(1)
            rms = (
                np.sqrt(np.square(self.sigma[here]).mean(0))
                if here.any()
                else np.full(len(self.label_names), np.nan)
            )
            named = dict(zip(self.label_names, rms.tolist(), strict=True))
            rows.append({"low": low, "high": high, "stars": int(here.sum())} | named)
        return rows


def cramer_rao(whitened: np.ndarray, prior_sigma: np.ndarray | None = None) -> np.ndarray:
    """(N, K, K) smallest covariance of K parameters: (J C⁻¹ Jᵀ + prior⁻²)⁻¹ (Rao 1945; Gaussian errors).

    whitened: (N, K, L) derivatives in units in which the errors have unit covariance.  prior_sigma: (K,), inf
    = no prior. NaN for a star whose derivatives are not finite.
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
    """Where errors of simulated stars on one grid are independent: basis (L, L) and the model error's
    variance there (L,).
    """

    basis: np.ndarray
    variance: np.ndarray

    def whitened(self, x: np.ndarray, error: np.ndarray) -> np.ndarray:
        """x (..., L) of stars of noise `error` (...), the same along a spectrum, to where errors have unit
        covariance.
        """
        return x @ self.basis / np.sqrt(np.asarray(error)[..., None] ** 2 + self.variance)


def error_metric(wavelength_nm: np.ndarray, config: NuisanceConfig) -> Metric:
    """The basis in which photon noise (of any size) and model error are diagonal together."""
    noise, model = noise_correlation(wavelength_nm), model_error_covariance(wavelength_nm, config)
    values, vectors = np.linalg.eigh(noise)
    white = vectors / np.sqrt(np.maximum(values, 1e-6 * values.max()))
    variance, turn = np.linalg.eigh(white.T @ model @ white)
    return Metric(white @ turn, np.maximum(variance, 0))


def noise_correlation(wavelength_nm: np.ndarray) -> np.ndarray:
    """(L, L) covariance of noise of unit flux_error: white up to 20 cycles/nm, a fiftieth beyond, averaged
    into the pixels.
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
    """(K,) which parameters are free (a nuisance that is off is known) and (K,) their prior widths, inf for
    labels.
    """
    width = priors(config)
    sigma = np.array(
        [np.inf if n in LABELS else width["continuum" if n.startswith("continuum") else n] for n in names]
    )
    return sigma > 0, sigma


def star_bounds(stars: SpectraSet, progress: Progress = silent) -> Bounds:
    """The Cramér-Rao bound of each label of each simulated star at its truth, all other labels and nuisances
    free.
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
    return np.median(stars.flux_error, 1).astype(float)


def rmse_over(values: np.ndarray, truth: np.ndarray, reference_rmse: np.ndarray) -> np.ndarray:
    """(P,) RMSE of measured values (N, P) in units of a reference's RMSE (P,)."""
    return np.sqrt(np.square(values - truth).mean(0)) / reference_rmse
