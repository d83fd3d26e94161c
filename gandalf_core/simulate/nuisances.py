"""What stands between a star's labels and its observed spectrum: the settings, what each star is dealt, and how it changes a spectrum.

Shapes: N stars, L = 2421 samples of FINE_NM, K continuum terms. Every quantity has its own stream of chance (streams.py) and is
independent of the labels, unless `broadening_teff_correlation` says otherwise.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy import fft
from scipy.special import j1, ndtr, ndtri

from ..errors import ConfigError
from ..parameters import CALCIUM_CORES_NM, CALCIUM_HALF_WIDTH_NM
from . import streams
from .grids import CENTRE_NM, FINE_NM, LIGHT_KMS, PIXELS_2401, STEP_NM

DIB_NM, DIB_SIGMA_NM, DIB_SPREAD_KMS = 862.32, 0.15, 15.0
LIMB_DARKENING = 0.6
CONTINUUM_TERMS = 5
NOISE_EDGE_PER_NM, NOISE_BEYOND = 20.0, 1 / 50  # cycles per nm up to which the noise power is flux_error², and its share beyond
SNR_RANGE, SNR_MEDIAN, SNR_SPREAD = (15.0, 400.0), 43.0, 0.65  # per 0.03 nm pixel; the cut at 15 lifts the median to 45
PERIOD = 2500  # samples of a Fourier transform: more than L, so that nothing wraps, and fast


@dataclass(frozen=True)
class NuisanceConfig:
    """Amplitude of each nuisance; 0 (or False) switches it off and changes no other. JSON: `asdict`."""

    noise: bool = True
    continuum: float = 0.004  # rms of a slow multiplicative residual: Legendre polynomials of degree 0-4
    shift_kms: float = 1.5  # rms of the residual velocity shift
    broadening_kms: float = 20.0  # v sin i is uniform between 0 and this
    calcium: float = 0.10  # rms scatter of the relative depth of the Ca II cores ...
    calcium_mean: float = 0.05  # ... around this deepening (NLTE deepens, activity fills in); off with `calcium`
    dib_depth: float = 0.02  # mean depth of the 862.32 nm interstellar band (exponentially distributed)
    model_error: float = 0.006  # rms of what the synthetic spectra get wrong, drawn once per star
    model_error_length_nm: float = 0.045  # its correlation exp(-d²/2 length²): .80, .41, .14 at 1, 2, 3 pixels of 0.03 nm
    broadening_teff_correlation: float = 0.0  # a test of leakage through nuisances: rank correlation of v sin i with teff

    def __post_init__(self) -> None:
        bad = [name for name, value in asdict(self).items() if name not in ("calcium_mean",) and not 0 <= value < np.inf]
        if bad or abs(self.broadening_teff_correlation) > 1:
            raise ConfigError(f"nuisance amplitudes must be 0 (off) or positive: {', '.join(bad) or 'broadening_teff_correlation'}")


OFF = NuisanceConfig(False, 0, 0, 0, 0, 0, 0, 0)


def deal(seed: int, k: np.ndarray, config: NuisanceConfig, teff: np.ndarray, snr: tuple[float, float] | None) -> dict[str, np.ndarray]:
    """Nuisance values of the stars k (N,): (N,) each, and `continuum` (N, K). `teff` (N,) serves the correlation switch only."""
    return {
        "snr": signal_to_noise(streams.uniform(seed, "snr", k), snr),
        "shift_kms": config.shift_kms * streams.normal(seed, "shift", k),
        "broadening_kms": config.broadening_kms * _tied(streams.uniform(seed, "broadening", k), teff, config),
        "calcium_depth": (config.calcium > 0) * (config.calcium_mean + config.calcium * np.clip(streams.normal(seed, "calcium", k), -2.5, 2.5)),
        "dib_depth": config.dib_depth * np.minimum(-np.log1p(-streams.uniform(seed, "dib depth", k)), 6),
        "dib_velocity_kms": (config.dib_depth > 0) * DIB_SPREAD_KMS * streams.normal(seed, "dib velocity", k),
        "continuum": config.continuum / np.sqrt(CONTINUUM_TERMS) * streams.normal(seed, "continuum", k, CONTINUUM_TERMS),
    }


def priors(config: NuisanceConfig) -> dict[str, float]:
    """Standard deviation of each nuisance (of each continuum term alike) under the population: what a bound may assume known."""
    return {
        "shift_kms": config.shift_kms, "broadening_kms": config.broadening_kms / np.sqrt(12), "calcium_depth": config.calcium,
        "dib_depth": config.dib_depth, "dib_velocity_kms": DIB_SPREAD_KMS * (config.dib_depth > 0),
        "continuum": config.continuum / np.sqrt(CONTINUUM_TERMS),
    }  # fmt: skip


def signal_to_noise(u: np.ndarray, limits: tuple[float, float] | None) -> np.ndarray:
    """(N,) S/N of the continuum per 0.03 nm pixel from uniform numbers: log-uniform in `limits`, else log-normal within 15-400, median 45."""
    if limits is not None:
        low, high = limits
        return low * (high / low) ** u
    low, high = ndtr(np.log(np.array(SNR_RANGE) / SNR_MEDIAN) / SNR_SPREAD)
    return SNR_MEDIAN * np.exp(SNR_SPREAD * ndtri(low + (high - low) * u))


def _tied(u: np.ndarray, teff: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """Uniform numbers, tied to teff when the switch says so (a Gaussian copula with a rough standardisation of teff)."""
    rho = config.broadening_teff_correlation
    if not rho:
        return u
    return ndtr(rho * np.clip((teff - 5000) / 600, -2, 2) + np.sqrt(1 - rho**2) * ndtri(u))


def calcium_profile() -> np.ndarray:
    """(L,) 1 at the centre of each Ca II line, falling as a squared cosine to 0 at ±0.12 nm."""
    distance = np.abs(FINE_NM[:, None] - np.array(CALCIUM_CORES_NM)).min(1) / CALCIUM_HALF_WIDTH_NM
    return np.where(distance < 1, np.cos(np.pi / 2 * np.minimum(distance, 1)) ** 2, 0).astype(np.float32)


def continuum_basis() -> np.ndarray:
    """(K, L) Legendre polynomials over the spectrum, each of unit rms."""
    x = 2 * (FINE_NM - FINE_NM[0]) / (FINE_NM[-1] - FINE_NM[0]) - 1
    degree = np.arange(CONTINUUM_TERMS)
    return (np.polynomial.legendre.legvander(x, CONTINUUM_TERMS - 1) * np.sqrt(2 * degree + 1)).T.astype(np.float32)


def rotation_transfer(u: np.ndarray) -> np.ndarray:
    """Fourier transform of the rotation profile at u = 2π·frequency·half-width (Gray 2005, The Observation and Analysis of Stellar
    Photospheres, ch. 18: profile with linear limb darkening ε; here its closed form), 1 at u = 0.
    """
    u = np.maximum(u, 1e-3)  # below, the closed form loses its digits and differs from 1 by less than 1e-7
    ring, disc = 2 * j1(u) / u, 2 * (np.sin(u) - u * np.cos(u)) / u**3
    return ((1 - LIMB_DARKENING) * ring + LIMB_DARKENING * disc) / (1 - LIMB_DARKENING / 3)


def velocity(flux: np.ndarray, shift_kms: np.ndarray, broadening_kms: np.ndarray) -> np.ndarray:
    """(N, L) spectra shifted (positive: to the red) and rotationally broadened; one width in nm, that at 858 nm, along the spectrum."""
    if not shift_kms.any() and not broadening_kms.any():
        return flux
    bridge = np.linspace(0, 1, PERIOD - flux.shape[1] + 2, dtype=np.float32)[1:-1]  # from the red end back to the blue one
    periodic = np.concatenate([flux, flux[:, -1:] + (flux[:, :1] - flux[:, -1:]) * bridge], 1)
    frequency = 2 * np.pi * CENTRE_NM / LIGHT_KMS * fft.rfftfreq(PERIOD, STEP_NM)  # radians per km/s
    transfer = np.exp((-1j * shift_kms[:, None] * frequency).astype(np.complex64))
    transfer *= rotation_transfer(broadening_kms[:, None] * frequency).astype(np.float32)
    return fft.irfft(fft.rfft(periodic) * transfer, PERIOD)[:, : flux.shape[1]]


def apply(flux: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """(N, L) emulated spectra under the nuisance values: Ca II cores, rotation and shift, interstellar band, continuum."""
    deeper = 1 + values["calcium_depth"][:, None].astype(np.float32) * calcium_profile()
    out = velocity(1 - (1 - flux) * deeper, values["shift_kms"], values["broadening_kms"])
    centre = DIB_NM * (1 + values["dib_velocity_kms"] / LIGHT_KMS)
    band = np.exp(-0.5 * ((FINE_NM - centre[:, None]) / DIB_SIGMA_NM) ** 2).astype(np.float32)
    out *= 1 - values["dib_depth"][:, None].astype(np.float32) * band
    out *= 1 + values["continuum"].astype(np.float32) @ continuum_basis()
    return out


def model_errors(seed: int, k: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """(N, 2401) additive errors of the synthetic spectra: Gaussian, of the configured rms, correlated over `model_error_length_nm`."""
    width = 2 * np.pi * config.model_error_length_nm * fft.rfftfreq(PERIOD, STEP_NM)
    power = np.exp(-0.5 * width**2)  # the transform of exp(-d²/2 length²)
    return config.model_error * _coloured(seed, "model error", k, power)


def noise(seed: int, k: np.ndarray) -> np.ndarray:
    """(N, 2401) noise in units of flux_error: its power is flux_error² up to 20 cycles/nm and a fiftieth beyond, as in Gaia's archive."""
    return _coloured(seed, "noise", k, np.where(fft.rfftfreq(PERIOD, STEP_NM) <= NOISE_EDGE_PER_NM, 1.0, NOISE_BEYOND), unit=False)


def _coloured(seed: int, name: str, k: np.ndarray, power: np.ndarray, unit: bool = True) -> np.ndarray:
    """(N, 2401) Gaussian noise of the given power spectrum; `unit`: scaled to unit variance."""
    white = streams.dealt(seed, name, k, lambda rng: rng.standard_normal((streams.BLOCK, PERIOD), np.float32))
    if unit:
        power = power / (2 * power[1:-1].sum() + power[0] + power[-1]) * PERIOD
    return fft.irfft(fft.rfft(white) * np.sqrt(power).astype(np.float32), PERIOD)[:, : len(PIXELS_2401)]


def model_error_covariance(wavelength_nm: np.ndarray, config: NuisanceConfig = NuisanceConfig()) -> np.ndarray:  # noqa: B008 - frozen
    """(L, L) covariance of the model errors on pixels as wide as their spacing: exp(-d²/2 length²) averaged over both pixels."""
    half_samples = max(int(round(np.median(np.diff(wavelength_nm)) / STEP_NM)), 1)
    offset = STEP_NM * (np.arange(half_samples) - (half_samples - 1) / 2)
    lag = (wavelength_nm[:, None] - wavelength_nm)[:, :, None] + (offset[:, None] - offset).ravel()
    return config.model_error**2 * np.exp(-0.5 * (lag / config.model_error_length_nm) ** 2).mean(2)
