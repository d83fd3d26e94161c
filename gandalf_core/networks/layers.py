"""The pieces that networks are made of: fully connected layers, averages of networks, stacks of small ones.

Shapes: N stars, I inputs, O outputs, K networks of a stack.
"""

import copy
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "linear": nn.Identity,
}


class Mlp(nn.Sequential):
    """Fully connected layers of these sizes, an activation between them, none at the end: (N, I) → (N, O)."""

    def __init__(self, sizes: tuple[int, ...], activation: str) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(sizes):
            layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        super().__init__(*layers[:-1])


def fixed_linear(inputs: int, outputs: int) -> nn.Linear:
    """A product with a matrix that is set once (`set_components`) and never trained."""
    return nn.Linear(inputs, outputs, bias=False).requires_grad_(False)


class Average(nn.ModuleList):
    """The mean output of several networks: (N, I) → (N, O)."""

    def forward(self, x: Tensor) -> Tensor:  # (N, I) -> (N, O)
        return torch.stack([net(x) for net in self]).mean(0)


class Stack(nn.Module):
    """K small networks of equal shape on the same input, as one batched product: (N, I) → (K, N, O).

    Used for the discriminators and for the regression heads. `frozen` evaluates them without a gradient to
    their own weights: the auto-encoder's step must not train its adversary.
    """

    def __init__(self, count: int, sizes: tuple[int, ...], activation: str) -> None:
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(sizes):
            bound = inputs**-0.5  # the range of nn.Linear
            self.weights.append(nn.Parameter(torch.empty(count, inputs, outputs).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(count, 1, outputs).uniform_(-bound, bound)))
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor, frozen: bool = False) -> Tensor:  # (N, I) -> (K, N, O)
        weights, biases = list(self.weights), list(self.biases)
        if frozen:
            weights, biases = [w.detach() for w in weights], [b.detach() for b in biases]
        hidden = torch.baddbmm(biases[0], x.expand(len(weights[0]), *x.shape), weights[0])
        for weight, bias in zip(weights[1:], biases[1:], strict=True):
            hidden = torch.baddbmm(bias, self.activation(hidden), weight)
        return hidden


class StackedLinear(nn.Linear):
    """A layer whose weights are mapped over a stack of models by `vmap`: one batched product for all.

    PyTorch's own rule gives the gradient of the weights in another order than they lie in memory, and copies
    it; that takes as long as the products themselves.
    """

    def forward(self, input: Tensor) -> Tensor:  # (N, I) -> (N, O)
        bias = self.weight.new_zeros(len(self.weight)) if self.bias is None else self.bias
        return _Product.apply(input, self.weight, bias)


class _Product(torch.autograd.Function):
    """x·Wᵀ + b: (M, N, I), (M, O, I), (M, O) → (M, N, O) for M models."""

    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return torch.baddbmm(bias[:, None], x, weight.mT)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:2])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            torch.bmm(gradient, weight) if of_x else None,
            torch.bmm(gradient.mT, x) if of_weight else None,
            gradient.sum(1) if of_bias else None,
        )

    @staticmethod
    def vmap(info: Any, dims: tuple[int | None, ...], *inputs: Tensor) -> tuple[Tensor, int]:
        """Called with the axis of models of each input; None: the same input for all."""
        leading = [
            t.expand(info.batch_size, *t.shape) if dim is None else t.movedim(dim, 0)
            for t, dim in zip(inputs, dims, strict=True)
        ]
        return _Product.apply(*leading), 0


def for_a_stack(module: nn.Module) -> nn.Module:
    """A copy of the networks of a model, without weights, to be mapped over the weights of several."""
    shell = copy.deepcopy(module).to("meta")
    for part in shell.modules():
        if type(part) is nn.Linear:
            part.__class__ = StackedLinear
    return shell
