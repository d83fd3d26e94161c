"""Noise and model errors: Gaussian numbers with a given power spectrum.

Shapes: N stars, F frequencies, L pixels.
"""

import numpy as np
from scipy import fft

from . import streams
from .grids import FREQUENCY, PERIOD, PIXELS_2401, STEP_NM
from .nuisances import DEFAULT, NuisanceConfig

NOISE_EDGE_PER_NM = 20.0  # cycles per nm up to which the noise power is flux_error² ...
NOISE_BEYOND = 1 / 50  # ... and its share beyond, as in Gaia's spectra


def unit_noise(seed: int, k: np.ndarray) -> np.ndarray:
    """(N, 2401) noise of the stars k (N,) in units of flux_error, with the power spectrum of Gaia's."""
    return _coloured(seed, "noise", k, np.where(FREQUENCY <= NOISE_EDGE_PER_NM, 1.0, NOISE_BEYOND))


def model_errors(seed: int, k: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """(N, 2401) additive errors of the synthetic spectra, of the configured rms and correlation length."""
    # the transform of exp(-d²/2 length²)
    power = np.exp(-0.5 * (2 * np.pi * config.model_error_length_nm * FREQUENCY) ** 2)
    power *= PERIOD / (2 * power.sum() - power[0] - power[-1])  # to unit variance
    return config.model_error * _coloured(seed, "model error", k, power)


def _coloured(seed: int, name: str, k: np.ndarray, power: np.ndarray) -> np.ndarray:
    """(N, 2401) Gaussian numbers of a power spectrum (F,): white noise of unit variance where it is 1."""
    used = np.flatnonzero(power > 1e-7 * power.max())[-1] + 1
    amplitude = np.sqrt(power[:used] * PERIOD / 2)
    amplitude[0] *= np.sqrt(2)  # the mean has no imaginary part to carry the other half of its power
    waves = streams.sample(
        seed, name, k, lambda rng: rng.standard_normal((streams.BLOCK, 2 * used), np.float32)
    )
    noise = fft.irfft(waves.view(np.complex64) * amplitude.astype(np.float32), PERIOD)
    return np.asarray(noise)[:, : len(PIXELS_2401)]


def model_error_covariance(wavelength_nm: np.ndarray, config: NuisanceConfig = DEFAULT) -> np.ndarray:
    """(L, L) covariance of the model errors on pixels (L,) as wide as their spacing.

    It is model_error² exp(-d²/2 length²), averaged over the widths of both pixels.
    """
    samples = max(round(float(np.median(np.diff(wavelength_nm))) / STEP_NM), 1)
    offset = STEP_NM * (np.arange(samples) - (samples - 1) / 2)
    lag = (wavelength_nm[:, None] - wavelength_nm)[:, :, None] + (offset[:, None] - offset).ravel()
    return config.model_error**2 * np.exp(-0.5 * (lag / config.model_error_length_nm) ** 2).mean(2)
