"""What the nuisances do to a spectrum: Ca II cores, rotation, shift, interstellar band, continuum.

Shapes: N stars, L = 2421 samples of FINE_NM, K continuum terms.
"""

import numpy as np
from scipy import fft
from scipy.special import j1

from ..parameters import CALCIUM_CORES_NM, CALCIUM_HALF_WIDTH_NM
from .grids import CENTRE_NM, FINE_NM, FREQUENCY, LIGHT_KMS, MARGIN, PERIOD
from .nuisances import CALCIUM_LINES, CONTINUUM_TERMS

DIB_NM, DIB_SIGMA_NM, DIB_REACH_NM = 862.32, 0.15, 1.2  # centre, width, and how far it is computed
LIMB_DARKENING = 0.6


def apply_nuisances(flux: np.ndarray, values: dict[str, np.ndarray]) -> np.ndarray:
    """(N, 2401) observed samples of emulated spectra (N, L) under the nuisance values; the margin is cut off.

    In this order: Ca II cores, rotation and shift, interstellar band, the level at which the spectrum is
    normalised, continuum. values: as `nuisances.draw` returns them.
    """
    deepening = values["calcium_depth"][:, None] + np.stack([values[name] for name in CALCIUM_LINES], 1)
    flux = 1 - (1 - flux) * (1 + deepening.astype(np.float32) @ calcium_profiles())
    out = shift_and_broaden(flux, values["shift_kms"], values["broadening_kms"])
    absorb_band(out, values["dib_depth"], values["dib_velocity_kms"])
    out = out[:, MARGIN:-MARGIN]
    normalise(out, values)
    return out


def normalise(flux: np.ndarray, values: dict[str, np.ndarray]) -> None:
    """Divide spectra (N, 2401) over their true continuum, in place, by what observers take for it."""
    flux *= 1 + values["pseudo_continuum"].astype(np.float32)[:, None] * blanketing(flux)[:, None]
    flux *= 1 + values["continuum"].astype(np.float32) @ continuum_basis()[:, MARGIN:-MARGIN]


def blanketing(flux: np.ndarray) -> np.ndarray:
    """(N,) how far the 85th percentile of spectra (N, L) lies below their continuum.

    Observers divide a spectrum by a smooth curve near its tops, which are not free of lines.
    """
    rank = int(0.85 * flux.shape[1])
    return 1 - np.partition(flux, rank, axis=1)[:, rank]


def calcium_profiles() -> np.ndarray:
    """(3, L) of each Ca II line: 1 at its centre, falling as a squared cosine to 0 at ±0.12 nm."""
    distance = np.abs(FINE_NM - np.array(CALCIUM_CORES_NM)[:, None]) / CALCIUM_HALF_WIDTH_NM
    return np.where(distance < 1, np.cos(np.pi / 2 * np.minimum(distance, 1)) ** 2, 0).astype(np.float32)


def continuum_basis() -> np.ndarray:
    """(K, L) Legendre polynomials over the spectrum, each of unit rms."""
    x = 2 * (FINE_NM - FINE_NM[0]) / (FINE_NM[-1] - FINE_NM[0]) - 1
    polynomials = np.polynomial.legendre.legvander(x, CONTINUUM_TERMS - 1)
    return (polynomials * np.sqrt(2 * np.arange(CONTINUUM_TERMS) + 1)).T.astype(np.float32)


def rotation_transfer(u: np.ndarray) -> np.ndarray:
    """Fourier transform of the rotation profile at u = 2π · frequency · half-width; 1 at u = 0.

    Closed form for the profile with linear limb darkening ε (Gray 2005, The Observation and Analysis of
    Stellar Photospheres, chapter 18).
    """
    u = np.maximum(u, 1e-3)  # below, the closed form loses its digits and differs from 1 by less than 1e-7
    ring, disc = 2 * j1(u) / u, 2 * (np.sin(u) - u * np.cos(u)) / u**3
    return ((1 - LIMB_DARKENING) * ring + LIMB_DARKENING * disc) / (1 - LIMB_DARKENING / 3)


def shift_and_broaden(flux: np.ndarray, shift_kms: np.ndarray, broadening_kms: np.ndarray) -> np.ndarray:
    """(N, L) spectra shifted (positive: to the red) and rotationally broadened.

    One km/s is taken as the same width in nm all along the spectrum, that at 858 nm (1.4 % off at the ends).
    At R = 11,500 a spectrum holds nothing beyond 25 cycles/nm, so higher frequencies are dropped.
    """
    if not shift_kms.any() and not broadening_kms.any():
        return flux
    # a straight line from the red end back to the blue one makes the spectrum periodic
    bridge = np.linspace(0, 1, PERIOD - flux.shape[1] + 2, dtype=np.float32)[1:-1]
    periodic = np.concatenate([flux, flux[:, -1:] + (flux[:, :1] - flux[:, -1:]) * bridge], 1)
    frequency = FREQUENCY[: PERIOD // 4] * (2 * np.pi * CENTRE_NM / LIGHT_KMS)  # radians per km/s
    phase = (shift_kms[:, None] * frequency).astype(np.float32)
    transfer = np.empty(phase.shape, np.complex64)
    transfer.real, transfer.imag = np.cos(phase), -np.sin(phase)
    transfer *= rotation_transfer(broadening_kms[:, None] * frequency).astype(np.float32)
    spectrum = np.asarray(fft.rfft(periodic))[:, : PERIOD // 4]
    return np.asarray(fft.irfft(spectrum * transfer, PERIOD))[:, : flux.shape[1]]


def absorb_band(flux: np.ndarray, depth: np.ndarray, velocity_kms: np.ndarray) -> None:
    """Multiply spectra (N, L), in place, by an interstellar band of each star's depth and velocity (N,)."""
    near = np.abs(FINE_NM - DIB_NM) < DIB_REACH_NM
    centre = (DIB_NM * (1 + velocity_kms / LIGHT_KMS))[:, None]
    profile = np.exp(-0.5 * ((FINE_NM[near] - centre) / DIB_SIGMA_NM) ** 2).astype(np.float32)
    flux[:, near] *= 1 - depth.astype(np.float32)[:, None] * profile
