"""Stars divided by the continuum of their best physical fit (`physical_fit`): nothing is fitted anew here.

Nothing here is done unless a user asks for it. Shapes: N stars, L pixels, D Legendre terms.
"""

from dataclasses import replace

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import SpectraError
from ..simulator.grids import PIXELS_800
from .deviations import Deviations
from .physics import PIXEL_NM
from .verdicts import is_physical, physical_deviations

LEAST = 0.2  # a continuum that falls below it somewhere is none


def fitted_continua(stars: SpectraSet, found: Deviations | None = None) -> np.ndarray:
    """(N, L) the continuum of each star's best fit, on the stars' wavelengths; NaN where it is none.

    found: what `physical_deviations` says of the stars. Raises SpectraError where no physical fit is
    possible: for spectra of other wavelengths than 846 to 870 nm, or of coarser pixels.
    """
    if not is_physical(stars.wavelength_nm):
        raise SpectraError("no continuum is fitted to these wavelengths: synthetic spectra are of 846-870 nm")
    found = physical_deviations(stars) if found is None else found
    first, last = PIXELS_800[[0, -1]]
    # the fit has moved each star to rest by whole pixels, and its continuum with it
    places = stars.wavelength_nm - PIXEL_NM * found.pixels[:, None]  # (N, L)
    terms = np.polynomial.legendre.legvander(
        2 * (places - first) / (last - first) - 1, found.continuum.shape[1] - 1
    )
    continua = 1 + np.einsum("nld,nd->nl", terms, found.continuum)
    return np.where(continua.min(1, keepdims=True) > LEAST, continua, np.nan)


def divided(stars: SpectraSet, continua: np.ndarray | None = None) -> SpectraSet:
    """The stars with flux and errors divided by continua (N, L); by default `fitted_continua`.

    A star whose continuum is not known stays as it is.
    """
    continua = fitted_continua(stars) if continua is None else continua
    factor = np.where(np.isfinite(continua).all(1, keepdims=True), continua, 1.0)
    error = None if stars.flux_error is None else (stars.flux_error / factor).astype(np.float32)
    return replace(stars, flux=(stars.flux / factor).astype(np.float32), flux_error=error)
