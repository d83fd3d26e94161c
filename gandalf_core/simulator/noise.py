"""Noise and model errors: Gaussian numbers with a given power spectrum.

Shapes: N stars, F frequencies, L pixels, B bands of a covariance matrix.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from ..data.instruments import pixel_bands
from . import streams
from .grids import FREQUENCY, INSTRUMENT, PERIOD, PIXELS_2401, STEP_NM
from .nuisances import NuisanceConfig

PIXEL_ERROR = INSTRUMENT.error_of_mean(3)  # of a 0.03 nm pixel, in units of that of a 0.01 nm sample
REACH = 5.7  # correlation lengths beyond which model errors count as independent: below 1e-7


def flux_error(snr: np.ndarray, pixels: int) -> np.ndarray:
    """One standard deviation per pixel, float32, nominal: 1/snr on 800 pixels, 1/(.87 snr) on 2401.

    S/N is that of the continuum per 0.03 nm pixel.
    """
    return ((1 if pixels == 800 else 1 / PIXEL_ERROR) / snr).astype(np.float32)


def add_errors(
    samples: np.ndarray,
    seed: int,
    k: np.ndarray,
    config: NuisanceConfig,
    values: dict[str, np.ndarray],
    noise: bool,
) -> None:
    """Add the stars' model errors and, where `noise`, their noise to samples (N, 2401), in place.

    values: as `nuisances.draw` returns them. The noise is `noise_scale` times what flux_error says.
    """
    if config.model_error:
        samples += model_errors(seed, k, config, samples)
    if noise:
        size = flux_error(values["snr"], 2401) * values["noise_scale"].astype(np.float32)
        samples += size[:, None] * unit_noise(seed, k)


def unit_noise(seed: int, k: np.ndarray) -> np.ndarray:
    """(N, 2401) noise of the stars k (N,) in units of flux_error, with the power spectrum of Gaia's."""
    return _coloured(seed, "noise", k, INSTRUMENT.noise_power(FREQUENCY))


def model_errors(seed: int, k: np.ndarray, config: NuisanceConfig, flux: np.ndarray) -> np.ndarray:
    """(N, 2401) errors of the synthetic spectra `flux` (N, 2401) of the stars k (N,): they go with the depth.

    One Gaussian field for each star, of the configured correlation length, times `model_error_spread`.
    """
    # the transform of exp(-d²/2 length²)
    power = np.exp(-0.5 * (2 * np.pi * config.model_error_length_nm * FREQUENCY) ** 2)
    power *= PERIOD / (2 * power.sum() - power[0] - power[-1])  # to unit variance
    return model_error_spread(flux, config) * _coloured(seed, "model error", k, power)


def model_error_spread(flux: np.ndarray, config: NuisanceConfig) -> np.ndarray:
    """(..., L) rms of the model errors of spectra (..., L): in the depth of lines, and in the continuum."""
    if not config.model_error:
        return np.zeros_like(flux)
    return np.sqrt((config.model_error * (1 - flux)) ** 2 + config.model_error_continuum**2)


def _coloured(seed: int, name: str, k: np.ndarray, power: np.ndarray) -> np.ndarray:
    """(N, 2401) Gaussian numbers of a power spectrum (F,): white noise of unit variance where it is 1."""
    used = np.flatnonzero(power > 1e-7 * power.max())[-1] + 1
    amplitude = np.sqrt(power[:used] * PERIOD / 2)
    amplitude[0] *= np.sqrt(2)  # the mean has no imaginary part to carry the other half of its power
    if used == len(FREQUENCY):
        amplitude[-1] *= np.sqrt(2)  # nor has the highest frequency
    waves = streams.sample(
        seed, name, k, lambda rng: rng.standard_normal((streams.BLOCK, 2 * used), np.float32)
    )
    noise = fft.irfft(waves.view(np.complex64) * amplitude.astype(np.float32), PERIOD)
    return np.asarray(noise)[:, : len(PIXELS_2401)]


# --- their covariance ---


@dataclass(frozen=True, eq=False)
class ErrorModel:
    """The covariance of what is random in simulated spectra on one grid: noise and model errors.

    noise, field: (B, L) correlations of pixels j apart, in the lower banded form of
    `scipy.linalg.cholesky_banded`; field: of the model errors, averaged over the widths of both pixels.
    """

    noise: np.ndarray
    field: np.ndarray
    config: NuisanceConfig

    @classmethod
    def on(cls, wavelength_nm: np.ndarray, config: NuisanceConfig) -> "ErrorModel":
        """That of pixels (L,) as wide as their spacing."""
        length = config.model_error_length_nm
        reach, noise = REACH * length, INSTRUMENT.bands(wavelength_nm)
        field = pixel_bands(wavelength_nm, STEP_NM, lambda nm: np.exp(-0.5 * (nm / length) ** 2), reach)
        return cls(noise, field, config)

    def covariance(self, flux: np.ndarray, error: np.ndarray | float) -> np.ndarray:
        """(B, L) covariance of one spectrum, in lower banded form: (j, k) is that of pixels k and k + j.

        flux: (L,) without noise and model errors. error: (L,) or a number, the true size of the noise.
        """
        out = np.zeros((max(len(self.noise), len(self.field)), len(flux)))
        spread = model_error_spread(np.asarray(flux, float), self.config)
        for bands, sigma in ((self.noise, np.broadcast_to(error, spread.shape)), (self.field, spread)):
            for lag, row in enumerate(bands):
                end = len(flux) - lag
                out[lag, :end] += row[:end] * sigma[:end] * sigma[lag:]
        return out
