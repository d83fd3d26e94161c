"""How the latents of a model's sample are spread, from what is stored with the model."""

import numpy as np

from ..data.traverse import bands
from ..maps.projection import Projection
from ..models.trained import TrainedModel


def stored_latents(model: TrainedModel) -> Projection | None:
    """A stored map that still holds the latents it was computed from, with their labels."""
    maps = (p for name, p in model.projections.items() if name.startswith("latent"))
    return next((p for p in maps if p.x.shape[1] == model.latent_size and not len(p.components)), None)


def stored_bands(model: TrainedModel) -> np.ndarray | None:
    """(5, Z) percentiles of the stored latents; None where none are stored."""
    stored = stored_latents(model)
    return None if stored is None else bands(stored.x)
