"""Stars moved to rest: how far their lines lie from where they belong, and the spectra without that shift.

Nothing here is done unless a user asks for it. Shapes: N stars, L pixels.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import CubicSpline

from ..data.spectra import SpectraSet
from ..io import rebin
from ..io.normalised import POORLY_NORMALISED
from ..simulator.grids import LIGHT_KMS
from .outliers import own_velocities, uses_physics
from .predictions import Predictions
from .reasons import is_shifted, shift_text
from .verdicts import is_physical, physical_deviations

if TYPE_CHECKING:
    from .trained import TrainedModel

MAX_NAMED = 3  # stars that a note names
MOVED = "moved to rest"


def velocities(stars: SpectraSet, model: "TrainedModel | None" = None) -> tuple[np.ndarray, np.ndarray]:
    """(N,) km/s by which the lines of stars lie to the red, and the errors; NaN where that is not known.

    By the best physical fit where there is one, else as `own_velocities` of the model.
    """
    if is_physical(stars.wavelength_nm) and (model is None or uses_physics(model)):
        found = physical_deviations(stars)
        return found.velocity_kms, found.velocity_error
    if model is None:
        return np.full(len(stars), np.nan), np.full(len(stars), np.nan)
    return own_velocities(model, rebin(stars, model.wavelength_nm))


def moved_to_rest(stars: SpectraSet, velocity_kms: np.ndarray) -> SpectraSet:
    """The same stars with their lines moved back by these velocities (N,), on their own wavelengths.

    A cubic spline through the usable samples; what comes from beyond the ends, or beside a masked sample, is
    masked. The errors are moved along. A velocity that is not known moves nothing.
    """
    grid = stars.wavelength_nm
    flux, mask = stars.flux.copy(), stars.mask.copy()
    error = None if stars.flux_error is None else stars.flux_error.copy()
    for row in np.flatnonzero(np.nan_to_num(velocity_kms)):
        usable = ~stars.mask[row]
        if usable.sum() < 4:
            continue
        source = grid * (1 + velocity_kms[row] / LIGHT_KMS)
        near = np.interp(source, grid, stars.mask[row].astype(float), left=1, right=1) > 0
        flux[row] = np.where(near, np.nan, CubicSpline(grid[usable], stars.flux[row][usable])(source))
        mask[row] = near
        if error is not None and stars.flux_error is not None:
            error[row] = np.where(near, np.nan, np.interp(source, grid, np.nan_to_num(stars.flux_error[row])))
    return replace(stars, flux=flux, mask=mask, flux_error=error)


def told_moved(predictions: Predictions, moved: Mapping[str, float]) -> Predictions:
    """Predictions that give the velocities of the spectra as they were before they were moved to rest.

    moved: {id: km/s} of the stars that were moved.
    """
    shift = np.array([moved.get(star, 0.0) for star in predictions.ids.tolist()])
    said = [
        f"{reason} ({MOVED} by {-by:+.1f} km/s)" if by else reason
        for reason, by in zip(predictions.reason.tolist(), shift.tolist(), strict=True)
    ]
    return replace(predictions, velocity_kms=predictions.velocity_kms + shift, reason=np.array(said, str))


def preparation_notes(predictions: Predictions) -> list[str]:
    """A sentence each on stars that are not at rest and on stars that are not normalised, the first named."""
    ids, reasons = predictions.ids.tolist(), predictions.reason.tolist()
    velocity, error = predictions.velocity_kms, predictions.velocity_kms_error
    moved = np.char.find(predictions.reason.astype(str), MOVED) >= 0
    shifted = np.flatnonzero(is_shifted(velocity, error) & ~moved).tolist()
    told = [f"{ids[i]}: {shift_text(velocity[i], error[i])}{_more(shifted)}" for i in shifted[:1]]
    poor = [i for i, reason in enumerate(reasons) if reason.startswith(POORLY_NORMALISED)]
    return [*told, *(f"{ids[i]}: {reasons[i]}{_more(poor)}" for i in poor[:1])]


def _more(rows: list[int]) -> str:
    return f" (and {len(rows) - 1:,} more)" if len(rows) > 1 else ""


@dataclass
class RestFrame:
    """Moves the stars to rest that need it, and remembers which.

    model: the one that the stars are meant for.  moved: {id: km/s} of the stars that were moved.
    """

    model: "TrainedModel"
    moved: dict[str, float] = field(default_factory=dict)

    def __call__(self, stars: SpectraSet) -> SpectraSet:
        """The stars on their own wavelengths, those at rest that are shifted by more than models know."""
        shift, error = velocities(stars, self.model)
        shifted = is_shifted(shift, error)
        if not shifted.any():
            return stars
        rows = np.flatnonzero(shifted)
        some, first = stars[rows], shift[rows]
        # once more: one km/s is not the same width all along the spectrum, which counts for large shifts
        left = velocities(moved_to_rest(some, first), self.model)[0]
        total = np.zeros(len(stars))
        total[rows] = first + np.nan_to_num(left)
        self.moved |= dict(zip(stars.ids[rows].tolist(), total[rows].tolist(), strict=True))
        return moved_to_rest(stars, total)

    @property
    def notes(self) -> list[str]:
        """A sentence on what was moved, if anything was."""
        if not self.moved:
            return []
        first = [f"{star} by {-v:+.1f} km/s" for star, v in list(self.moved.items())[:MAX_NAMED]]
        more = f" and {len(self.moved) - MAX_NAMED:,} more" if len(self.moved) > MAX_NAMED else ""
        stars = "1 star was" if len(self.moved) == 1 else f"{len(self.moved):,} stars were"
        return [f"{stars} {MOVED}: {', '.join(first)}{more}"]
