"""What a slider changes, beside what physics changes: line by line, with one number of agreement.

Shapes: L pixels, P labels.
"""

from dataclasses import dataclass

import numpy as np

from ..auditing.counterfactual import EMULATED, change_error
from ..data.spectra import SpectraSet, same_grid
from ..errors import ModelError
from ..models.trained import TrainedModel
from ..parameters import LABELS, parameter
from ..simulator import inside, is_simulated, truth
from ..simulator.expected import expected_spectra
from ..simulator.grids import PIXELS_800
from .species import Shares

STAR, AVERAGE = "the star itself", "stars like it"
LEAST_PART = 0.01  # of the physical change, below which a group of species says nothing about a slider


@dataclass(frozen=True, eq=False)
class SliderEffect:
    """The change of one star's spectrum per step of a label.

    name, step: the label, and the step in its unit; the change is that from half a step below to half a step
    above the star's value.  decoded: (L,) by the decoder.  physics: (L,) by the simulator, of STAR, nuisance
    by nuisance, or of AVERAGE, with the nuisances that stars have on average (`against` says which); NaN
    where its grid ends.
    """

    name: str
    step: float
    decoded: np.ndarray
    physics: np.ndarray
    against: str

    @property
    def error(self) -> float:
        """‖decoded − physics‖ / ‖physics‖: 0 is right, 1 as wrong as no change; NaN where physics ends."""
        return change_error(self.decoded, self.physics)

    def sizes(self, shares: Shares) -> dict[str, float]:
        """Group of species → size of the decoder's change in units of the physical one; 1 is right.

        Least squares over the pixels, weighted by the group's share in them. Groups in which less than
        LEAST_PART of the physical change happens are left out.
        """
        good = np.isfinite(self.physics)
        decoded, physics = self.decoded[good], self.physics[good]
        strength = shares.parts[:, good] @ np.square(physics)
        both = shares.parts[:, good] @ (decoded * physics)
        enough = strength > LEAST_PART * strength.sum()
        return {
            g: float(b / s) for g, b, s, e in zip(shares.groups, both, strength, enough, strict=True) if e
        }


def slider_effects(model: TrainedModel, star: SpectraSet, labels: np.ndarray) -> list[SliderEffect]:
    """Of one star with labels (P,), for each of the four parameters that the decoder receives.

    Raises ModelError for a decoder that receives none of them, for more than one star and for another grid
    than the simulator's 800 pixels.
    """
    names = [n for n in model.condition_on if n in LABELS]
    if not names or len(star) != 1:
        reason = "its decoder receives no stellar parameter" if not names else f"{len(star)} stars, not one"
        raise ModelError(f"{model.name}: no slider can be explained: {reason}")
    if not same_grid(model.wavelength_nm, PIXELS_800):
        raise ModelError(f"{model.name}: the simulator knows the physics of Gaia's 800 pixels alone")
    latent = model.encode(star)
    effects = []
    for name in names:
        step, column = parameter(name).step or 1.0, model.label_names.index(name)
        ends = np.tile(labels, (2, 1))
        ends[:, column] += [-step / 2, step / 2]
        low, high = model.decode(latent.z[[0, 0]], ends)
        physics, against = _physics(model, star, ends)
        effects.append(SliderEffect(name, step, high - low, physics, against))
    return effects


def _physics(model: TrainedModel, star: SpectraSet, ends: np.ndarray) -> tuple[np.ndarray, str]:
    """(L,) the change between two rows of labels (2, P), and whose it is."""
    against = STAR if is_simulated(star) else AVERAGE
    nothing = np.full(len(model.wavelength_nm), np.nan)
    if not set(LABELS) <= set(model.label_names):
        return nothing, against
    places = ends[:, [model.label_names.index(n) for n in LABELS]]
    if not inside(places).all():
        return nothing, against
    if against == STAR:
        low, high = (truth(star, place[None], without=EMULATED).flux[0] for place in places)
    else:
        low, high = expected_spectra(places)
    return high - low, against
