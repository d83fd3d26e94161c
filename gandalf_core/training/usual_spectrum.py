"""The spectrum that stars of given labels have on average, from stars, or as a decoder draws it.

Shapes: N stars, B stars that tell, L pixels, C labels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ..data.scaling import Scaler
from ..networks.autoencoder import Decoder
from ..networks.start import Correction
from .correction import fit_correction

LENGTH = 4.0  # of the kernel, in standard deviations of the labels
OTHER_ERROR = 0.02  # of the flux: what scatters beside the noise
CHUNK = 4096


@dataclass(frozen=True, eq=False)
class UsualSpectrum:
    """(N, C) standardised labels → (N, L) flux."""

    function: Callable[[np.ndarray], np.ndarray]

    def __call__(self, standard: np.ndarray) -> np.ndarray:
        parts = [self.function(standard[i : i + CHUNK]) for i in range(0, max(len(standard), 1), CHUNK)]
        return np.concatenate(parts).astype(np.float64)

    @classmethod
    def of(
        cls, standard: np.ndarray, flux: np.ndarray, mask: np.ndarray, error: np.ndarray, seed: int
    ) -> "UsualSpectrum":
        """By kernel ridge regression (correction.py) through stars (B,), masked pixels as the mean star's.

        error: (B,) mean noise of each, NaN where it is not known.
        """
        mean = np.where(mask, np.nan, flux)
        mean = np.nan_to_num(np.nanmean(mean, 0), nan=1.0)
        filled = np.where(mask, mean, np.nan_to_num(flux)).astype(np.float32)
        weight = 1 / (np.nan_to_num(error.astype(np.float64)) ** 2 + OTHER_ERROR**2)
        y, labels = torch.as_tensor(standard, dtype=torch.float32), standard.shape[1]
        lengths = torch.full((labels,), LENGTH)
        arrays = fit_correction(y, torch.as_tensor(filled), torch.as_tensor(weight), lengths, seed)
        module = Correction(labels, flux.shape[1])
        module.set(arrays)
        return cls(_evaluated(module))


def _evaluated(module: Correction) -> Callable[[np.ndarray], np.ndarray]:
    @torch.no_grad()
    def at(standard: np.ndarray) -> np.ndarray:
        return module(torch.as_tensor(standard, dtype=torch.float32)).numpy()

    return at


def mean_of_decoder(decoder: Decoder, scaler: Scaler) -> UsualSpectrum:
    """m(y) of a decoder that has a mean part, before stars of another kind corrected it."""

    @torch.no_grad()
    def at(standard: np.ndarray) -> np.ndarray:
        scaled = decoder.unshifted_mean(torch.as_tensor(standard, dtype=torch.float32))
        return scaler.flux_out(scaled.numpy())

    return UsualSpectrum(at)
