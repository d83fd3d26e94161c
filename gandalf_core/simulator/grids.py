"""Wavelength grids of the simulator, and the stored grid of synthetic spectra.

The simulator computes on FINE_NM, samples of 0.01 nm over slightly more than the observed range, so that
shifts find spectrum at both ends. Shapes: N stars (or nodes of the grid), L pixels, F frequencies.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np

from ..data.instruments import instrument
from ..errors import ModelError, SpectraError
from ..places import data_folder

GRID_FILES = {"a": data_folder() / "rvs_grid.npz", "b": data_folder() / "rvs_grid_b.npz"}
FLUX_UNIT = 50_000  # the stored grid counts flux in 1/50,000
INSTRUMENT = instrument("gaia-rvs")  # whose spectra are simulated
RESOLVING_POWER = INSTRUMENT.resolving_power
LIGHT_KMS = 299_792.458

STEP_NM = 0.01
MARGIN = 10  # samples of FINE_NM beyond each end of PIXELS_2401
PIXELS_2401 = np.round(846.0 + STEP_NM * np.arange(2401), 2)
FINE_NM = np.round(846.0 + STEP_NM * np.arange(-MARGIN, 2401 + MARGIN), 2)
PIXELS_800 = PIXELS_2401[:2400].reshape(800, 3).mean(1)  # means of three samples, without the last, 870.00 nm
CENTRE_NM = 858.0

PERIOD = 2500  # samples of a Fourier transform: more than FINE_NM has, so that nothing wraps, and fast
FREQUENCY = np.fft.rfftfreq(PERIOD, STEP_NM)  # (F,) cycles per nm


def wavelengths(pixels: int) -> np.ndarray:
    """The grid of 800 or 2401 pixels [vacuum nm]. Raises SpectraError for any other number."""
    if pixels not in (800, 2401):
        raise SpectraError(f"the simulator makes 800 or 2401 pixels, not {pixels}")
    return PIXELS_800 if pixels == 800 else PIXELS_2401


def observe(fine: np.ndarray, pixels: int) -> np.ndarray:
    """(N, 2401) samples as they are, or their means of three: (N, 800)."""
    return fine if pixels == 2401 else (fine[:, :2400:3] + fine[:, 1:2400:3] + fine[:, 2:2400:3]) / 3


def pack_flux(flux: np.ndarray) -> dict[str, np.ndarray]:
    """Spectra (N, L) as 16-bit second differences along wavelength, low and high bytes apart.

    They compress to half the size of the plain counts.
    """
    counts = np.round(flux * FLUX_UNIT).astype(np.int32)
    bends = np.diff(np.pad(counts, ((0, 0), (2, 0))), n=2, axis=1)
    return {"bends_low": (bends & 255).astype(np.uint8), "bends_high": (bends >> 8).astype(np.int8)}


def unpack_flux(packed: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N, L) float32, the inverse of `pack_flux`, to the rounding of 1/FLUX_UNIT."""
    bends = packed["bends_low"].astype(np.int32) + (packed["bends_high"].astype(np.int32) << 8)
    counts = bends.cumsum(1).cumsum(1) & 0xFFFF  # differences of 16 bits are exact modulo 2^16
    return (counts / FLUX_UNIT).astype(np.float32)


@cache
def grid_labels(nature: str = "a") -> np.ndarray:
    """(N, 5) float64 labels of a grid's nodes, in physical units; the last is cn."""
    return _stored(nature, "labels")["labels"]


def grid_flux(nature: str = "a") -> np.ndarray:
    """(N, 2421) float32 spectra of the nodes at R = 11,500 on FINE_NM."""
    return unpack_flux(_stored(nature, "bends_low", "bends_high"))


def _stored(nature: str, *names: str) -> dict[str, np.ndarray]:
    path = GRID_FILES[nature]
    if not path.exists():
        raise ModelError(f"{path} is missing: the simulator needs it; restore it from the repository")
    with np.load(path) as stored:
        return {name: stored[name] for name in names}
