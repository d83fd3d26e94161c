"""What each latent dimension does to a star's spectrum. Shapes: L pixels, P labels, Z latent."""

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import ModelError
from ..models.trained import TrainedModel


def dimension_effects(model: TrainedModel, star: SpectraSet, labels: np.ndarray) -> np.ndarray:
    """(Z, L) half the change of the decoded flux when a dimension goes from 1 below to 1 above its value.

    Latents of models that normalise them have unit spread, so 1 is a usual difference between stars.
    labels: (P,) under which to decode. Raises ModelError for more than one star.
    """
    if len(star) != 1:
        raise ModelError(f"an explanation is of one star, not of {len(star)}")
    z, steps = model.encode(star).z, np.eye(model.latent_size, dtype=np.float32)
    high, low = (model.decode(z + sign * steps, np.tile(labels, (len(steps), 1))) for sign in (1, -1))
    return (high - low) / 2
