"""The networks: encoder, decoder, discriminators. Nothing here reads, prints or knows a loss.

Shapes: N stars, L pixels, R components, C conditioned labels, Z latent, K networks of a stack, B outputs.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ..config.schema import ModelConfig
from .dense import dense

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": nn.Identity}


class Mlp(nn.Sequential):
    """Fully connected layers of these sizes; the activation between them, none at the end: (N, I) → (N, O)."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        super().__init__(*layers[:-1])
        self.activation, self.linear = activation, layers[:-1:2]

    def forward(self, x: Tensor) -> Tensor:  # (N, I) -> (N, O)
        if not self.training or x.is_cuda:  # one node of the graph pays on a processor only
            return super().forward(x)
        return dense(x, [m.weight for m in self.linear], [m.bias for m in self.linear], self.activation)


def networks_width(config: ModelConfig, pixels: int) -> int:
    """How many numbers of a spectrum the networks see and draw: its pixels, or R ≤ L components."""
    return min(config.components, pixels) or pixels


def _held(inputs: int, outputs: int) -> nn.Linear:
    """A product with a matrix that is set once, by `set_components`, and takes no gradient."""
    return nn.Linear(inputs, outputs, bias=False).requires_grad_(False)


class Encoder(nn.Module):
    """μ(x) or μ(x ⊕ y): (N, L [+ C]) → (N, Z) (paper section 3)."""

    def __init__(self, config: ModelConfig, pixels: int) -> None:
        super().__init__()
        self.pixels, seen = pixels, networks_width(config, pixels)
        self.axes = _held(pixels, seen) if config.components else nn.Identity()
        inputs = seen + (len(config.condition_on) if config.conditional_encoder else 0)
        self.net = Mlp((inputs, *config.encoder_hidden, config.latent_size), config.activation)
        self.squash = ACTIVATIONS[config.latent_activation]()
        self.norm = nn.BatchNorm1d(config.latent_size, affine=False) if config.normalise_latent else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:  # (N, L [+ C]) -> (N, Z)
        return self.norm(self.raw(x))

    def raw(self, x: Tensor) -> Tensor:  # (N, L [+ C]) -> (N, Z) before the normalisation
        seen, labels = self.axes(x[:, : self.pixels]), x[:, self.pixels :]
        return self.squash(self.net(torch.cat([seen, labels], 1) if labels.shape[1] else seen))


class Average(nn.ModuleList):
    """What several networks say on average: (N, I) → (N, O)."""

    def forward(self, x: Tensor) -> Tensor:  # (N, I) -> (N, O)
        return torch.stack([net(x) for net in self]).mean(0)


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
        return [*self.mean] if isinstance(self.mean, Average) else [self.mean] if self.mean is not None else []

    def forward(self, z: Tensor, y: Tensor) -> Tensor:  # (N, Z), (N, C) -> (N, L)
        rest = self.rest(torch.cat([z, y], 1))
        return self.squash(self.axes(rest if self.mean is None else self.mean(y).detach() + rest))


@torch.no_grad()
def set_components(encoder: Encoder, decoder: Decoder, axes: Tensor) -> None:
    """Give both networks the orthonormal axes (R, L) they work in, scaled so that inputs keep the mean square of pixels."""
    scale = (axes.shape[0] / axes.shape[1]) ** 0.5
    encoder.axes.weight.copy_(axes * scale)
    decoder.axes.weight.copy_(axes.T / scale)


class Stack(nn.Module):
    """K small networks of equal shape that read the same input, evaluated as one batched product: (N, D) → (K, N, B).

    Used for the discriminators and for the regression heads. `frozen` evaluates them without a gradient to their own
    weights: the auto-encoder's step must not train its adversary.
    """

    def __init__(self, count: int, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(sizes):
            bound = inputs**-0.5  # the range of nn.Linear
            self.weights.append(nn.Parameter(torch.empty(count, inputs, outputs).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(count, 1, outputs).uniform_(-bound, bound)))
        self.activation = activation

    def forward(self, x: Tensor, frozen: bool = False) -> Tensor:  # (N, D) -> (K, N, B)
        weights, biases = list(self.weights), list(self.biases)
        if frozen:
            weights, biases = [w.detach() for w in weights], [b.detach() for b in biases]
        return dense(x, weights, biases, self.activation)
