"""What stands between a star's labels and its observed spectrum: the settings, what each star is dealt, what
that does.

Shapes: N stars, L = 2421 samples of FINE_NM, K continuum terms. Every quantity has its own stream of chance
(streams.py) and is independent of the labels, unless `broadening_teff_correlation` says otherwise.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy import fft
from scipy.special import j1, ndtr, ndtri

from ..errors import ConfigError
from ..parameters import CALCIUM_CORES_NM, CALCIUM_HALF_WIDTH_NM
from . import streams
from .grids import CENTRE_NM, FINE_NM, LIGHT_KMS, MARGIN, PIXELS_2401, STEP_NM

DIB_NM, DIB_SIGMA_NM, DIB_SPREAD_KMS = 862.32, 0.15, 15.0
LIMB_DARKENING = 0.6
CONTINUUM_TERMS = 5
# cycles per nm up to which the noise power is flux_error², and its share beyond
NOISE_EDGE_PER_NM, NOISE_BEYOND = 20.0, 1 / 50
# per 0.03 nm pixel; the cut at 15 lifts the median to 45
SNR_RANGE, SNR_MEDIAN, SNR_SPREAD = (15.0, 400.0), 43.0, 0.65
PERIOD = 2500  # samples of a Fourier transform: more than L, so that nothing wraps, and fast
FREQUENCY = fft.rfftfreq(PERIOD, STEP_NM)  # (F,) cycles per nm


@dataclass(frozen=True)
class NuisanceConfig:
    """Amplitude of each nuisance; 0 (or False) switches it off and changes no other. JSON: `asdict`."""

    noise: bool = True
    continuum: float = 0.004  # rms of a slow multiplicative residual: Legendre polynomials of degree 0-4
    shift_kms: float = 1.5  # rms of the residual velocity shift
    broadening_kms: float = 20.0  # v sin i is uniform between 0 and this
    calcium: float = 0.10  # rms scatter of the relative depth of the Ca II cores ...
    # ... around this deepening (NLTE deepens, activity fills in); off with `calcium`
    calcium_mean: float = 0.05
    dib_depth: float = 0.02  # mean depth of the 862.32 nm interstellar band (exponentially distributed)
    model_error: float = 0.006  # rms of what the synthetic spectra get wrong, drawn once per star
    # its correlation exp(-d²/2 length²): .80, .41, .14 at 1, 2, 3 pixels of 0.03 nm
    model_error_length_nm: float = 0.045
    # a test of leakage through nuisances: rank correlation of v sin i with teff
    broadening_teff_correlation: float = 0.0

    def __post_init__(self) -> None:
        signed = ("calcium_mean", "broadening_teff_correlation")
        bad = [
            name
            for name, value in asdict(self).items()
            if not np.isfinite(value) or (value < 0 and name not in signed)
        ]
        if bad:
            raise ConfigError(
                f"nuisance amplitudes must be 0 (off) or positive, these are not: {', '.join(bad)}"
            )
        if abs(self.broadening_teff_correlation) > 1 or not self.model_error_length_nm:
            raise ConfigError(
                "broadening_teff_correlation must lie between -1 and 1, model_error_length_nm above 0"
            )


DEFAULT = NuisanceConfig()
OFF = NuisanceConfig(False, 0, 0, 0, 0, 0, 0, 0)


def deal(
    seed: int, k: np.ndarray, config: NuisanceConfig, teff: np.ndarray, snr: tuple[float, float] | None
) -> dict[str, np.ndarray]:
    """Nuisance values of the stars k (N,): (N,) each, and `continuum` (N, K). `teff` (N,) serves the
    correlation switch only.
    """
    # further out the deepest cores would fall below zero
    calcium = np.clip(streams.normal(seed, "calcium", k), -2.5, 2.5)
    return {
        "snr": signal_to_noise(streams.uniform(seed, "snr", k), snr),
        "shift_kms": config.shift_kms * streams.normal(seed, "shift", k),
        "broadening_kms": config.broadening_kms * _tied(streams.uniform(seed, "broadening", k), teff, config),
        "calcium_depth": (config.calcium > 0) * (config.calcium_mean + config.calcium * calcium),
        "dib_depth": config.dib_depth * np.minimum(-np.log1p(-streams.uniform(seed, "dib depth", k)), 6),
        "dib_velocity_kms": (config.dib_depth > 0) * DIB_SPREAD_KMS * streams.normal(seed, "dib velocity", k),
        "continuum": config.continuum
        / np.sqrt(CONTINUUM_TERMS)
        * streams.normal(seed, "continuum", k, CONTINUUM_TERMS),
    }


def priors(config: NuisanceConfig) -> dict[str, float]:
    """Standard deviation of each nuisance (of each continuum term alike) under the population: what a bound
    may assume known.
    """
    return {
        "shift_kms": config.shift_kms,
        "broadening_kms": config.broadening_kms / np.sqrt(12),
        "calcium_depth": config.calcium,
        "dib_depth": config.dib_depth,
        "dib_velocity_kms": DIB_SPREAD_KMS * (config.dib_depth > 0),
        "continuum": config.continuum / np.sqrt(CONTINUUM_TERMS),
    }


def signal_to_noise(u: np.ndarray, limits: tuple[float, float] | None) -> np.ndarray:
    """(N,) S/N of the continuum per 0.03 nm pixel from uniform numbers: log-uniform in `limits`, else as in
    SNR_RANGE.
    """
    if limits is not None:
        low, high = limits
        return low * (high / low) ** u
    low, high = ndtr(np.log(np.array(SNR_RANGE) / SNR_MEDIAN) / SNR_SPREAD)
    return SNR_MEDIAN * np.exp(SNR_SPREAD * ndtri(low + (high - low) * u))


def _tied(u: np.ndarray, teff: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """Uniform numbers, tied to teff when the switch says so (a Gaussian copula with a rough standardisation
    of teff).
    """
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
    return (np.polynomial.legendre.legvander(x, CONTINUUM_TERMS - 1) * np.sqrt(2 * degree + 1)).T.astype(
        np.float32
    )


def rotation_transfer(u: np.ndarray) -> np.ndarray:
    """Fourier transform of the rotation profile at u = 2π·frequency·half-width; 1 at u = 0.

    Closed form for the profile with linear limb darkening ε of Gray 2005 (The Observation and Analysis of
    Stellar Photospheres, chapter 18).
    """
    u = np.maximum(u, 1e-3)  # below, the closed form loses its digits and differs from 1 by less than 1e-7
    ring, disc = 2 * j1(u) / u, 2 * (np.sin(u) - u * np.cos(u)) / u**3
    return ((1 - LIMB_DARKENING) * ring + LIMB_DARKENING * disc) / (1 - LIMB_DARKENING / 3)


def velocity(flux: np.ndarray, shift_kms: np.ndarray, broadening_kms: np.ndarray) -> np.ndarray:
    """(N, L) spectra shifted (positive: to the red) and rotationally broadened.

    One km/s is as many nm all along the spectrum as at 858 nm (1.4 % off at the ends). At R = 11,500 a
    spectrum holds nothing beyond 25 cycles/nm, so nothing is kept there.
    """
    if not shift_kms.any() and not broadening_kms.any():
        return flux
    # from the red end back to the blue one
    bridge = np.linspace(0, 1, PERIOD - flux.shape[1] + 2, dtype=np.float32)[1:-1]
    periodic = np.concatenate([flux, flux[:, -1:] + (flux[:, :1] - flux[:, -1:]) * bridge], 1)
    frequency = FREQUENCY[: PERIOD // 4] * (2 * np.pi * CENTRE_NM / LIGHT_KMS)  # radians per km/s
    phase = (shift_kms[:, None] * frequency).astype(np.float32)
    transfer = np.empty(phase.shape, np.complex64)
    transfer.real, transfer.imag = np.cos(phase), -np.sin(phase)
    transfer *= rotation_transfer(broadening_kms[:, None] * frequency).astype(np.float32)
    return fft.irfft(fft.rfft(periodic)[:, : PERIOD // 4] * transfer, PERIOD)[:, : flux.shape[1]]


def apply(flux: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """(N, 2401) observed samples of emulated spectra (N, L) under the nuisance values; the margin is cut off.

    In this order: Ca II cores, rotation and shift, interstellar band, continuum.
    """
    depth, dib_depth, weights = (
        values[name].astype(np.float32) for name in ("calcium_depth", "dib_depth", "continuum")
    )
    out = velocity(
        1 - (1 - flux) * (1 + depth[:, None] * calcium_profile()),
        values["shift_kms"],
        values["broadening_kms"],
    )
    near = np.abs(FINE_NM - DIB_NM) < 1.2
    centre = (DIB_NM * (1 + values["dib_velocity_kms"] / LIGHT_KMS))[:, None]
    out[:, near] *= 1 - dib_depth[:, None] * np.exp(
        -0.5 * ((FINE_NM[near] - centre) / DIB_SIGMA_NM) ** 2
    ).astype(np.float32)
    out *= 1 + weights @ continuum_basis()
    return out[:, MARGIN:-MARGIN]


def model_errors(seed: int, k: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """(N, 2401) additive errors of the synthetic spectra, of the configured rms and correlation length."""
    # the transform of exp(-d²/2 length²)
    power = np.exp(-0.5 * (2 * np.pi * config.model_error_length_nm * FREQUENCY) ** 2)
    power *= PERIOD / (2 * power.sum() - power[0] - power[-1])  # to unit variance
    return config.model_error * _coloured(seed, "model error", k, power)


def noise(seed: int, k: np.ndarray) -> np.ndarray:
    """(N, 2401) noise in units of flux_error: its power is flux_error² up to 20 cycles/nm and a fiftieth
    beyond, as Gaia's is.
    """
    return _coloured(seed, "noise", k, np.where(FREQUENCY <= NOISE_EDGE_PER_NM, 1.0, NOISE_BEYOND))


def _coloured(seed: int, name: str, k: np.ndarray, power: np.ndarray) -> np.ndarray:
    """(N, 2401) Gaussian numbers of a power spectrum (F,); a flat one of 1 is white noise of unit variance."""
    used = np.flatnonzero(power > 1e-7 * power.max())[-1] + 1
    amplitude = np.sqrt(power[:used] * PERIOD / 2)
    amplitude[0] *= np.sqrt(2)  # only the real part of the mean counts
    waves = streams.dealt(
        seed, name, k, lambda rng: rng.standard_normal((streams.BLOCK, 2 * used), np.float32)
    )
    return fft.irfft(waves.view(np.complex64) * amplitude.astype(np.float32), PERIOD)[:, : len(PIXELS_2401)]


def model_error_covariance(wavelength_nm: np.ndarray, config: NuisanceConfig = DEFAULT) -> np.ndarray:
    """(L, L) covariance of the model errors on pixels as wide as their spacing: exp(-d²/2 length²) averaged
    over both pixels.
    """
    samples = max(round(float(np.median(np.diff(wavelength_nm))) / STEP_NM), 1)
    offset = STEP_NM * (np.arange(samples) - (samples - 1) / 2)
    lag = (wavelength_nm[:, None] - wavelength_nm)[:, :, None] + (offset[:, None] - offset).ravel()
    return config.model_error**2 * np.exp(-0.5 * (lag / config.model_error_length_nm) ** 2).mean(2)
