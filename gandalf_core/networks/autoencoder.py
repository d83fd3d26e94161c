"""The networks: encoder, decoder, discriminators. Nothing here reads, prints or knows a loss.

Shapes: N stars, L pixels, R components, C conditioned labels, Z latent, K networks of a stack, B outputs.
"""

import torch
from torch import Tensor, nn

from ..config.schema import ModelConfig
from .layers import ACTIVATIONS, Average, Mlp, _held


def networks_width(config: ModelConfig, pixels: int) -> int:
    """How many numbers of a spectrum the networks see and draw: its pixels, or R ≤ L components."""
    return min(config.components, pixels) or pixels


class Encoder(nn.Module):
    """μ(x) or μ(x ⊕ y): (N, L [+ C]) → (N, Z) (paper section 3)."""

    def __init__(self, config: ModelConfig, pixels: int) -> None:
        super().__init__()
        self.pixels, seen = pixels, networks_width(config, pixels)
        self.axes = _held(pixels, seen) if config.components else nn.Identity()
        inputs = seen + (len(config.condition_on) if config.conditional_encoder else 0)
        self.net = Mlp((inputs, *config.encoder_hidden, config.latent_size), config.activation)
        self.squash = ACTIVATIONS[config.latent_activation]()
        self.norm = (
            nn.BatchNorm1d(config.latent_size, affine=False) if config.normalise_latent else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:  # (N, L [+ C]) -> (N, Z)
        return self.norm(self.raw(x))

    def raw(self, x: Tensor) -> Tensor:  # (N, L [+ C]) -> (N, Z) before the normalisation
        seen, labels = self.axes(x[:, : self.pixels]), x[:, self.pixels :]
        return self.squash(self.net(torch.cat([seen, labels], 1) if labels.shape[1] else seen))


class Decoder(nn.Module):
    """x̂ = D(z ⊕ y), or m(y) + r(z ⊕ y) with m fitted apart: (N, Z), (N, C) → (N, L)."""

    def __init__(self, config: ModelConfig, pixels: int) -> None:
        super().__init__()
        labels, drawn = len(config.condition_on), networks_width(config, pixels)
        self.axes = _held(drawn, pixels) if config.components else nn.Identity()
        count = config.mean_networks if config.mean_hidden else 0
        means = [Mlp((labels, *config.mean_hidden, drawn), config.activation) for _ in range(count)]
        self.mean = Average(means) if count > 1 else next(iter(means), None)
        self.rest = Mlp((config.latent_size + labels, *config.decoder_hidden, drawn), config.activation)
        self.squash = ACTIVATIONS[config.output_activation]()

    @property
    def means(self) -> list[Mlp]:
        """The networks whose average is m; none without a mean part."""
        return (
            [*self.mean] if isinstance(self.mean, Average) else [self.mean] if self.mean is not None else []
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:  # (N, Z), (N, C) -> (N, L)
        rest = self.rest(torch.cat([z, y], 1))
        return self.squash(self.axes(rest if self.mean is None else self.mean(y).detach() + rest))


@torch.no_grad()
def set_components(encoder: Encoder, decoder: Decoder, axes: Tensor) -> None:
    """Give both networks the orthonormal axes (R, L) they work in, scaled so that inputs keep the mean square
    of pixels.
    """
    scale = (axes.shape[0] / axes.shape[1]) ** 0.5
    encoder.axes.weight.copy_(axes * scale)
    decoder.axes.weight.copy_(axes.T / scale)
