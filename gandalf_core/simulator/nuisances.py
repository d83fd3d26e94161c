"""The nuisances between a star's labels and its observed spectrum: their amplitudes, and each star's values.

Every nuisance has its own stream of chance (streams.py) and is independent of the labels, unless
`broadening_teff_correlation` says otherwise. What they do to a spectrum stands in effects.py and noise.py.
Shapes: N stars, K continuum terms.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from ..errors import ConfigError
from . import streams

CONTINUUM_TERMS = 5
DIB_SPREAD_KMS = 15.0
# S/N per 0.03 nm pixel is log-normal; the cut at 15 lifts the median to 45
SNR_RANGE, SNR_MEDIAN, SNR_SPREAD = (15.0, 400.0), 43.0, 0.65


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
OFF = NuisanceConfig(
    noise=False,
    continuum=0,
    shift_kms=0,
    broadening_kms=0,
    calcium=0,
    calcium_mean=0,
    dib_depth=0,
    model_error=0,
)


def draw(
    seed: int, k: np.ndarray, config: NuisanceConfig, labels: np.ndarray, snr: tuple[float, float] | None
) -> dict[str, np.ndarray]:
    """Nuisance values of the stars k (N,): (N,) each, and `continuum` (N, K).

    labels: (N, 4), on whose teff `broadening_teff_correlation` may tie broadening. snr: as in `simulate`.
    """
    # further out the deepest cores would fall below zero
    calcium = np.clip(streams.normal(seed, "calcium", k), -2.5, 2.5)
    return {
        "cn": np.zeros(len(k)),
        "snr": signal_to_noise(streams.uniform(seed, "snr", k), snr),
        "shift_kms": config.shift_kms * streams.normal(seed, "shift", k),
        "broadening_kms": config.broadening_kms
        * _tied(streams.uniform(seed, "broadening", k), labels[:, 0], config),
        "calcium_depth": (config.calcium > 0) * (config.calcium_mean + config.calcium * calcium),
        "dib_depth": config.dib_depth * np.minimum(-np.log1p(-streams.uniform(seed, "dib depth", k)), 6),
        "dib_velocity_kms": (config.dib_depth > 0) * DIB_SPREAD_KMS * streams.normal(seed, "dib velocity", k),
        "continuum": config.continuum
        / np.sqrt(CONTINUUM_TERMS)
        * streams.normal(seed, "continuum", k, CONTINUUM_TERMS),
    }


def priors(config: NuisanceConfig) -> dict[str, float]:
    """Standard deviation of each nuisance under the population: what a Cramér-Rao bound may assume.

    `continuum` is that of every one of its terms.
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
    """(N,) S/N of the continuum per 0.03 nm pixel from uniform numbers u (N,).

    Log-uniform in `limits`; without limits log-normal, cut at SNR_RANGE.
    """
    if limits is not None:
        low, high = limits
        return low * (high / low) ** u
    low, high = ndtr(np.log(np.array(SNR_RANGE) / SNR_MEDIAN) / SNR_SPREAD)
    return SNR_MEDIAN * np.exp(SNR_SPREAD * ndtri(low + (high - low) * u))


def _tied(u: np.ndarray, teff: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """Uniform numbers, tied to teff by a Gaussian copula where the configuration wants that.

    The copula standardises teff roughly: 5000 ± 600 K.
    """
    rho = config.broadening_teff_correlation
    if not rho:
        return u
    return ndtr(rho * np.clip((teff - 5000) / 600, -2, 2) + np.sqrt(1 - rho**2) * ndtri(u))
