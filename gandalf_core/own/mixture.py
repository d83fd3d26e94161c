"""Stars of a model's own training kind, made like a user's stars: their resolution, and their physics.

Where the user's spectra have a lower resolution than the model's, the simulated ones are smoothed and sampled
as the user's are, and both come to the model's grid in the same way. What is left between the two is taken
for physics, and added to the simulated stars as a function of their labels (training/own_lines.py).
Shapes: N own stars, B simulated ones, L pixels, P labels, C labels that the decoder receives.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..data.instruments import instrument_of
from ..data.spectra import SpectraSet, concatenate, same_grid
from ..io.resampling import covering
from ..seeds import MIXED_IN_SEED
from ..simulator import nuisances_for, simulate_kind
from ..simulator.grids import RESOLVING_POWER

if TYPE_CHECKING:
    from ..models.trained import TrainedModel

STARS = 8000
FWHM = 2.3548  # of a Gaussian, in standard deviations
COARSER = 1.05  # a resolution this much lower than the model's makes a difference


@dataclass(frozen=True)
class Sampling:
    """How the user's spectra were taken.

    resolving_power: λ/Δλ; None where it is not known.  wavelength_nm: (K,) of their own pixels.
    """

    resolving_power: float | None
    wavelength_nm: np.ndarray

    @classmethod
    def of(cls, stars: SpectraSet, resolving_power: float | None = None) -> "Sampling":
        """That of stars on their own wavelengths; their instrument tells the resolution if nobody does."""
        return cls(resolving_power or instrument_of(stars).resolving_power, stars.wavelength_nm)

    @property
    def is_coarser(self) -> bool:
        """Whether lines are broader than the simulator makes them."""
        power = self.resolving_power
        return power is not None and RESOLVING_POWER is not None and power * COARSER < RESOLVING_POWER

    def step_nm(self) -> float:
        """The usual distance of its pixels."""
        return float(np.median(np.diff(self.wavelength_nm)))


def simulated_like(model: "TrainedModel", sampling: Sampling, count: int = STARS) -> SpectraSet:
    """Simulated stars of the kind that trains models, taken as the user's are, on the model's grid."""
    coarse = sampling.step_nm() > 1.2 * float(np.median(np.diff(model.wavelength_nm)))
    stars = simulate_kind("wide", count, MIXED_IN_SEED)
    stars = stars[stars.usable]
    if sampling.is_coarser:
        stars = smoothed(stars, float(sampling.resolving_power or 0))
    if coarse and not same_grid(sampling.wavelength_nm, stars.wavelength_nm):
        within = (sampling.wavelength_nm >= stars.wavelength_nm[0]) & (
            sampling.wavelength_nm <= stars.wavelength_nm[-1]
        )
        stars = covering(stars, sampling.wavelength_nm[within])[0]
    names = tuple(model.config.adversary.nuisances)
    if names:  # so that they stay known beside stars of which they are not
        known = np.column_stack([stars.labels, nuisances_for(stars, names)])
        stars = stars.with_labels(known, (*stars.label_names, *names))
    return model.on_grid(stars)


def smoothed(stars: SpectraSet, resolving_power: float) -> SpectraSet:
    """Simulated stars at a lower resolution, by a Gaussian; their noise is smoothed with them."""
    from scipy.ndimage import gaussian_filter1d

    middle = float(np.median(stars.wavelength_nm))
    width_nm = middle / FWHM * np.sqrt(1 / resolving_power**2 - 1 / float(RESOLVING_POWER or 1) ** 2)
    pixels = width_nm / float(np.median(np.diff(stars.wavelength_nm)))
    return replace(stars, flux=gaussian_filter1d(stars.flux, pixels, axis=1, mode="nearest"))


@dataclass(frozen=True, eq=False)
class Mixture:
    """Own and simulated stars together.

    stars: (N + B).  own: (N + B,) true for the user's.  label_errors: (N + B, P), NaN where not known, 0 for
    simulated ones.  share: of what is shown, that own stars have.
    """

    stars: SpectraSet
    own: np.ndarray
    label_errors: np.ndarray
    share: float

    @property
    def times(self) -> np.ndarray:
        """(N + B,) how often a star is shown while every simulated one is shown once."""
        owned, others = int(self.own.sum()), int((~self.own).sum())
        if not others or not owned:
            return np.ones(len(self.own), np.int64)
        wanted = self.share / (1 - self.share) * others / owned
        return np.where(self.own, max(1, round(wanted)), 1)


def mixed(own: SpectraSet, errors: np.ndarray, others: SpectraSet | None, share: float) -> Mixture:
    """Own stars (N,) with errors of their labels (N, P), and others (B,) that are like them."""
    if others is None:
        return Mixture(own, np.ones(len(own), bool), errors, 1.0)
    stars = concatenate([own, others])
    mine = np.arange(len(stars)) < len(own)
    both = np.concatenate([errors, np.zeros((len(others), errors.shape[1]))])
    return Mixture(stars, mine, both, share)
