"""What a finished epoch reports: losses, and the quality of the validation stars.

Shapes: N stars, L pixels, Z latent, K discriminators, B bins.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..config.schema import Config
from ..errors import ModelError
from ..networks.autoencoder import Decoder
from .adversary import Adversary
from .batches import Batch


@dataclass(frozen=True)
class EpochRecord:
    """One finished epoch. Losses are in scaled units, `reconstruction_mse` in flux units."""

    epoch: int
    epochs: int
    loss: float
    reconstruction: float
    adversary: float
    heads: float
    reconstruction_mse: float  # of the validation stars
    discriminator_accuracy: dict[str, float]  # on the validation stars
    chance: dict[str, float]  # accuracy of the best guess without z
    seconds: float
    spectra_per_second: float
    seconds_left: float


@torch.no_grad()
def validation_mse(decoder: Decoder, z: Tensor, stars: Batch, flux_scale: Tensor) -> float:
    """Mean squared error in flux of the spectra redrawn from z (N, Z), over the unmasked pixels."""
    error = (decoder(z, stars.conditions) - stars.x) * flux_scale
    if stars.weight is None:
        return float(error.square().mean())
    usable = (stars.weight > 0).expand_as(error)
    return float((error.square() * usable).mean()) / float(usable.float().mean())


@torch.no_grad()
def accuracies(adversary: Adversary, z: Tensor, stars: Batch) -> tuple[dict[str, float], dict[str, float]]:
    """Each discriminator's accuracy on z (N, Z), and that of the best guess without z."""
    if not adversary.watched:
        return {}, {}
    log_q = adversary.log_probabilities(z, stars.standard)
    return _accuracy(adversary.watched, log_q, stars), _accuracy(adversary.watched, stars.target, stars)


def _accuracy(names: tuple[str, ...], belief: Tensor, stars: Batch) -> dict[str, float]:
    """How often the most likely bin of a belief (K, N, B) is the true one, by label."""
    known = stars.bins >= 0
    hits = ((belief.argmax(2) == stars.bins) & known).sum(1) / known.sum(1).clamp(min=1)
    return dict(zip(names, hits.tolist(), strict=True))


def check_finite(record: EpochRecord, config: Config) -> None:
    """ModelError when the training has diverged; it names what to lower."""
    if np.isfinite([record.loss, record.reconstruction_mse]).all():
        return
    rate, largest = config.training.learning_rate, max(map(abs, config.lambdas.values()), default=0)
    settings = f"training.learning_rate is {rate:g}, the largest |λ| {largest:g}"
    raise ModelError(f"the loss of epoch {record.epoch} is not a number: {settings}; lower one of them")
