"""The auto-encoder: encoder and decoder. Nothing here reads files, prints or knows a loss.

Shapes: N stars, L pixels, R components, C conditioned labels, Z latent.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ..config.schema import ModelConfig
from .layers import ACTIVATIONS, Average, Mlp, fixed_linear
from .shift import LineShift
from .start import Basis, Correction, GridStart, Responses


def networks_width(config: ModelConfig, pixels: int) -> int:
    """The width in which the networks see and draw a spectrum: its L pixels, or R ≤ L components."""
    return min(config.components, pixels) or pixels


class Encoder(nn.Module):
    """μ(x) or μ(x ⊕ y): (N, L [+ C]) → (N, Z) (paper section 3)."""

    def __init__(self, config: ModelConfig, pixels: int) -> None:
        super().__init__()
        self.pixels, width = pixels, networks_width(config, pixels)
        self.axes = fixed_linear(pixels, width) if config.components else nn.Identity()
        inputs = width + (len(config.condition_on) if config.conditional_encoder else 0)
        self.net = Mlp((inputs, *config.encoder_hidden, config.latent_size), config.activation)
        self.squash = ACTIVATIONS[config.latent_activation]()
        self.norm = (
            nn.BatchNorm1d(config.latent_size, affine=False) if config.normalise_latent else nn.Identity()
        )

    def forward(self, x: Tensor) -> Tensor:  # (N, L [+ C]) -> (N, Z)
        return self.norm(self.raw(x))

    def raw(self, x: Tensor) -> Tensor:  # (N, L [+ C]) -> (N, Z)
        """The latent before its normalisation."""
        spectrum, labels = self.axes(x[:, : self.pixels]), x[:, self.pixels :]
        return self.from_axes(torch.cat([spectrum, labels], 1) if labels.shape[1] else spectrum)

    def from_axes(self, seen: Tensor) -> Tensor:  # (N, R [+ C]) -> (N, Z)
        """The latent before its normalisation, of spectra that are in the network's axes already."""
        return self.squash(self.net(seen))


class Decoder(nn.Module):
    """x̂ = D(z ⊕ y), or m(y) + r(z ⊕ y) with m fitted by itself: (N, Z), (N, C) → (N, L).

    `means` are the networks whose average is m; where m starts from a grid (`start`) they, or without any of
    them a `Correction`, say what is to be added. r is the network `rest`, plus the grid's `responses` to
    nuisances where the configuration wants them. `shift` is what stars of another kind have taught m later
    (training/own_lines.py); no configuration tells of it.
    """

    def __init__(self, config: ModelConfig, pixels: int) -> None:
        super().__init__()
        labels, width = len(config.condition_on), networks_width(config, pixels)
        self.axes = fixed_linear(width, pixels) if config.components else nn.Identity()
        count = config.mean_networks if config.mean_hidden else 0
        self.means = [Mlp((labels, *config.mean_hidden, width), config.activation) for _ in range(count)]
        self.mean: nn.Module | None = Average(self.means) if count > 1 else next(iter(self.means), None)
        self.start = GridStart(pixels) if config.mean_start == "grid" else None
        if self.start is not None and self.mean is None:
            self.mean = Correction(labels, width)
        self.rest = Mlp((config.latent_size + labels, *config.decoder_hidden, width), config.activation)
        self.responses = (
            Responses(config.latent_size, len(config.responses), width) if config.responses else None
        )
        self.squash = ACTIVATIONS[config.output_activation]()
        self.shift: LineShift | None = None

    def forward(self, z: Tensor, y: Tensor) -> Tensor:  # (N, Z), (N, C) -> (N, L)
        if self.shift is not None:
            return self.mean_spectrum(y) + self.axes(self.differences(z, y))
        basis = None if self.start is None else self.start.basis(y)
        rest = self.differences(z, y, basis)
        drawn = self.squash(self.axes(rest if self.mean is None else self.mean(y).detach() + rest))
        return drawn if self.start is None or basis is None else self.start.at(basis) + drawn

    def differences(self, z: Tensor, y: Tensor, basis: Basis | None = None) -> Tensor:  # -> (N, R)
        """r(z, y). basis: of the start at y, where it is known already."""
        rest = self.rest(torch.cat([z, y], 1))
        if self.responses is None or self.start is None:
            return rest
        basis = self.start.basis(y) if basis is None else basis
        return rest + self.responses(z, self.responses.at(basis))

    def mean_spectrum(self, y: Tensor) -> Tensor:  # (N, C) -> (N, L)
        """m(y) in pixels, of a decoder that has a mean part."""
        mean = self.unshifted_mean(y)
        return mean if self.shift is None else mean + self.shift(y, mean)

    def unshifted_mean(self, y: Tensor) -> Tensor:  # (N, C) -> (N, L)
        """m(y) as it was before stars of another kind corrected it."""
        assert self.mean is not None
        mean = self.axes(self.mean(y).detach())
        return mean if self.start is None else self.start(y) + mean


@torch.no_grad()
def set_components(encoder: Encoder, decoder: Decoder, axes: Tensor) -> None:
    """Let both networks work in the orthonormal axes (R, L).

    They are scaled so that the networks' inputs have the mean square of pixels.
    """
    scale = (axes.shape[0] / axes.shape[1]) ** 0.5
    encoder.axes.get_parameter("weight").copy_(axes * scale)
    decoder.axes.get_parameter("weight").copy_(axes.T / scale)


@torch.no_grad()
def set_normalisation(encoder: Encoder, inputs: Iterable[Tensor]) -> None:
    """Normalise the latent by the mean and variance over these inputs, in pieces of (N, L [+ C]).

    The running averages of the training lag behind the weights.
    """
    encoder.eval()
    raw = torch.cat([encoder.raw(x) for x in inputs])
    encoder.norm.get_buffer("running_mean").copy_(raw.mean(0))
    encoder.norm.get_buffer("running_var").copy_(raw.var(0))
