"""The pieces that networks are made of: fully connected layers, averages of networks, stacks of small ones.

Shapes: N stars, I inputs, O outputs, K networks of a stack.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from .dense import dense

ACTIVATIONS = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}


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


def _held(inputs: int, outputs: int) -> nn.Linear:
    """A product with a matrix that is set once, by `set_components`, and takes no gradient."""
    return nn.Linear(inputs, outputs, bias=False).requires_grad_(False)


class Average(nn.ModuleList):
    """What several networks say on average: (N, I) → (N, O)."""

    def forward(self, x: Tensor) -> Tensor:  # (N, I) -> (N, O)
        return torch.stack([net(x) for net in self]).mean(0)


class Stack(nn.Module):
    """K small networks of equal shape that read the same input, evaluated as one batched product: (N, D) →
    (K, N, B).

    Used for the discriminators and for the regression heads. `frozen` evaluates them without a gradient to
    their own
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
