"""How large the networks of a configuration are, before there is memory for them."""

from itertools import pairwise
from typing import TYPE_CHECKING

from ..errors import ConfigError

if TYPE_CHECKING:
    from .schema import Config, ModelConfig

MOST_WEIGHTS = 100_000_000  # 400 MB, and four times that in training
HEAD_WIDTHS = (64, 32)  # of the networks that read one number from the latent


def autoencoder_weights(model: "ModelConfig", pixels: int) -> int:
    """The number of weights of encoder and decoder for spectra of so many pixels."""
    labels = len(model.condition_on)
    width = min(model.components, pixels) or pixels
    inputs = width + (labels if model.conditional_encoder else 0)
    total = _weights((inputs, *model.encoder_hidden, model.latent_size))
    total += _weights((model.latent_size + labels, *model.decoder_hidden, width))
    total += 2 * width * pixels if model.components else 0
    if model.mean_hidden:
        total += model.mean_networks * _weights((labels, *model.mean_hidden, width))
    return total


def adversary_weights(config: "Config") -> int:
    """The number of weights of the discriminators and heads."""
    a, latent = config.adversary, config.model.latent_size
    outputs = a.bins ** len(config.watched) if a.joint else a.bins
    count = min(len(config.watched), 1) if a.joint else len(config.watched)
    total = count * _weights((latent + len(config.labels_seen), *a.hidden, outputs))
    total += len(config.with_heads) * _weights((latent, *HEAD_WIDTHS, 1))
    return total + len(a.nuisances) * _weights((latent + len(config.model.condition_on), *HEAD_WIDTHS, 1))


def check_size(config: "Config", pixels: int = 0) -> None:
    """ConfigError for networks that are too large for any computer that this is made for."""
    total = autoencoder_weights(config.model, pixels) + adversary_weights(config)
    if total > MOST_WEIGHTS:
        where = f" for {pixels:,} pixels" if pixels else ""
        raise ConfigError(
            f"networks of these widths have {total / 1e6:,.0f} million weights{where}: at most "
            f"{MOST_WEIGHTS / 1e6:,.0f} million are possible, so take fewer or narrower layers, or fewer bins"
        )


def _weights(sizes: tuple[int, ...]) -> int:
    """Of fully connected layers of these sizes."""
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(sizes))
