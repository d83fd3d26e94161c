"""On which wavelengths an estimate rests: how it moves when one pixel changes by its error.

Shapes: N stars, L pixels, P labels.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import ModelError
from ..models.estimates import LATENT, regressor_of, spectrum_values
from ..models.trained import TrainedModel
from .species import Shares, physical, shares

ASSUMED_ERROR = 0.01  # of a spectrum that comes without errors


@dataclass(frozen=True, eq=False)
class EstimateOrigin:
    """Where the estimates of one star come from.

    source: `latent` or `spectrum`.  label_names: P labels.  values: (P,) the estimates; from the latent,
    those of its mean, without the exported noise.  effect: (P, L) change of each estimate when the flux of a
    pixel rises by its error; 0 where the networks see nothing.  error: (L,).  assumed: the errors are not
    known and were taken as ASSUMED_ERROR.  shares: the species at each pixel.
    """

    source: str
    label_names: tuple[str, ...]
    values: np.ndarray
    effect: np.ndarray
    error: np.ndarray
    assumed: bool
    shares: Shares

    @property
    def noise(self) -> np.ndarray:
        """(P,) scatter of each estimate by the noise of the pixels, as if they were independent."""
        return np.sqrt(np.square(self.effect).sum(1))

    def parts(self, name: str) -> dict[str, float]:
        """Group of species → the part of Σ effect² that lies in its lines, from 0 to 1."""
        return self.shares.of(np.square(self.effect[self.label_names.index(name)]))


def estimate_origin(model: TrainedModel, star: SpectraSet, source: str) -> EstimateOrigin:
    """That of one star, read from the `spectrum` or the `latent`: the difference quotient over ± one error.

    Raises ModelError for another number of stars, or where the model has no such regressor, SpectraError for
    a spectrum that does not cover the model's wavelengths.
    """
    if len(star) != 1:
        raise ModelError(f"an explanation is of one star, not of {len(star)}")
    star = model.on_grid(star)
    given = star.flux_error if star.flux_error is not None else np.full(star.flux.shape, np.nan)
    error = np.where(np.isfinite(given[0]) & (given[0] > 0), given[0], ASSUMED_ERROR)
    error = np.where(model.hidden(star)[0], 0, error)
    changes = np.diag(error)
    values = _values(model, star, np.vstack([changes, -changes, 0 * error]), source)
    up, down, own = np.split(values, [len(error), 2 * len(error)])
    best = own[0] if model.regressor_spectrum is None else spectrum_values(model, star)[0]
    kind = shares(physical(model.label_names, best), model.wavelength_nm)
    effect = ((up - down) / 2).T
    return EstimateOrigin(source, model.label_names, own[0], effect, error, star.flux_error is None, kind)


def _values(model: TrainedModel, star: SpectraSet, changes: np.ndarray, source: str) -> np.ndarray:
    """(N, P) estimates of the star under N changes of its flux (N, L), at its own S/N."""
    regressor = regressor_of(model, source)
    rows = np.zeros(len(changes), int)
    changed = star[rows]
    changed = replace(changed, flux=(changed.flux + changes).astype(np.float32))
    if source == LATENT:
        numbers = model.encode_mean(changed)
    else:
        numbers = model.scaler.fill(changed.flux, changed.mask)
    return regressor.values(numbers, star.snr[rows])
