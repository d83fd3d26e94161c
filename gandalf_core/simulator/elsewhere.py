"""Simulated stars as another spectrograph sees them: at lower resolving power, on another or a shorter grid.

The synthetic spectra have R = 11,500 over 846-870 nm, so nothing sharper or beyond can be made. Such stars
are not the simulator's own: nobody can make them again under other labels, so they say no simulation.
Shapes: N stars, L pixels, S samples of 0.01 nm.
"""

import zlib
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import cholesky_banded
from scipy.ndimage import gaussian_filter1d

from ..data.instruments import INDEPENDENT, Instrument, instrument
from ..data.instruments import KEY as INSTRUMENT_KEY
from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..io import rebin
from .grids import CENTRE_NM, PIXELS_800, PIXELS_2401, STEP_NM
from .judging import refuse_reserved_sources
from .nuisances import DEFAULT
from .stars import nuisance_values, simulate

LOWEST, HIGHEST = 5000.0, 11500.0  # resolving power
FWHM = 2 * np.sqrt(2 * np.log(2))  # of a Gaussian, in units of its σ
SNR_PIXEL_NM = 0.03  # of which the simulator's S/N tells


@dataclass(frozen=True, eq=False)
class View:
    """What sees the stars: its name (in their ids), resolving power, grid (L,) in vacuum nm and noise.

    Raises SpectraError for what the synthetic spectra cannot show.
    """

    name: str
    resolving_power: float
    wavelength_nm: np.ndarray
    instrument: Instrument = INDEPENDENT

    def __post_init__(self) -> None:
        if not LOWEST <= self.resolving_power <= HIGHEST:
            raise SpectraError(
                f"R = {self.resolving_power:g}: the synthetic spectra can be shown at R = {LOWEST:,.0f} to "
                f"{HIGHEST:,.0f}"
            )
        first, last = PIXELS_2401[0] - STEP_NM, PIXELS_2401[-1] + STEP_NM
        grid = self.wavelength_nm
        if len(grid) < 2 or grid[0] < first or grid[-1] > last:
            span = f"{grid[0]:g}-{grid[-1]:g} nm" if len(grid) else "nothing"
            raise SpectraError(f"{span}: the synthetic spectra cover 846-870 nm: choose a part of that")

    @property
    def blur_nm(self) -> float:
        """σ of the Gaussian that takes R = 11,500 to this one, at 858 nm (1.4 % off at the ends)."""
        return CENTRE_NM / FWHM * np.sqrt(max(0.0, self.resolving_power**-2 - HIGHEST**-2))

    @property
    def error_of_pixel(self) -> float:
        """The error of a pixel in units of that of a pixel of 0.03 nm, whose noise the S/N tells."""
        width, own = float(np.median(np.diff(self.wavelength_nm))), self.instrument
        if not own.noise_correlation:
            return float(np.sqrt(SNR_PIXEL_NM / width))
        sizes = (own.error_of_mean(max(1, round(w / own.sample_nm))) for w in (width, SNR_PIXEL_NM))
        return next(sizes) / next(sizes)


def view_of(
    name: str | None, resolving_power: float | None, range_nm: tuple[float, float] | None, pixels: int = 800
) -> View:
    """A view by an instrument's name (with a grid in `instruments.json`), or by resolving power and range.

    What is given beside the name takes the place of the instrument's own. Without a name the grid is the
    simulator's, of 800 or 2401 pixels. ConfigError or SpectraError for what cannot be.
    """
    own = INDEPENDENT if name is None else instrument(name)
    if name is not None and own.simulated is None:
        raise SpectraError(f"{name}: no grid to simulate it on is described in instruments.json")
    grid = PIXELS_800 if pixels == 800 else PIXELS_2401
    if own.simulated is not None:
        first, step, count = own.simulated
        grid = first + step * np.arange(count)
    if range_nm is not None:
        grid = grid[(grid >= range_nm[0]) & (grid <= range_nm[1])]
    power = resolving_power or own.resolving_power or HIGHEST
    return View(name or f"r{power:.0f}", power, grid, own)


def simulate_view(
    view: View, n: int, seed: int = 0, *, snr: tuple[float, float] | None = None, clean: bool = False
) -> SpectraSet:
    """The first n stars of a seed as the view sees them, with ids `<name>-<seed>-<k>`.

    Labels and nuisances are those of `simulate`. S/N counts per 0.03 nm of the continuum, so narrower pixels
    are noisier. The noise of neighbouring pixels correlates as the instrument's does, or not at all. clean:
    neither noise nor nuisances. Star k is the same for every n.
    """
    refuse_reserved_sources([f"simulated:{n}:{seed}"], "show")
    nuisances = replace(DEFAULT, noise=False)
    fine = simulate(n, seed, snr=snr, clean=clean, pixels=2401, nuisances=nuisances)
    blurred = fine.flux
    if view.blur_nm:
        blurred = gaussian_filter1d(fine.flux, view.blur_nm / STEP_NM, axis=1, mode="nearest")
    seen = rebin(replace(fine, flux=blurred, provenance={}), view.wavelength_nm)
    ids = np.array([f"{view.name}-{seed}-{k}" for k in range(n)])
    about = {"spectra": f"simulated at R = {view.resolving_power:g}", INSTRUMENT_KEY: view.instrument.name}
    stars = replace(seen, ids=ids, provenance=about)
    if clean:
        return stars
    size = view.error_of_pixel / nuisance_values(fine)["snr"]
    error = np.repeat(size[:, None], len(view.wavelength_nm), 1).astype(np.float32)
    return replace(stars, flux=stars.flux + error * _noise(view, seed, n), flux_error=error)


def _noise(view: View, seed: int, n: int) -> np.ndarray:
    """(N, L) noise of unit variance, correlated as the instrument's; each star has draws of its own."""
    key = zlib.crc32(view.name.encode())
    draws = [np.random.default_rng([seed, key, k]).standard_normal(len(view.wavelength_nm)) for k in range(n)]
    white, bands = np.array(draws, np.float32), view.instrument.bands(view.wavelength_nm)
    if len(bands) == 1:
        return white
    root = cholesky_banded(bands, lower=True)
    out = np.zeros_like(white)
    for lag, row in enumerate(root):
        out[:, lag:] += white[:, : white.shape[1] - lag] * row[: white.shape[1] - lag].astype(np.float32)
    return out
