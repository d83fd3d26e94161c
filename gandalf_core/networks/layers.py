"""The pieces that networks are made of: fully connected layers, averages of networks, stacks of small ones.

Shapes: N stars, I inputs, O outputs, K networks of a stack.
"""

import copy
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
        networks = weights[0].shape[:-2]  # (K,), or (models, K)
        hidden = x.unsqueeze(-3).expand(*networks, *x.shape[-2:]).flatten(0, -3)
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = self.activation(hidden) if layer else hidden
            hidden = torch.baddbmm(bias.flatten(0, -3), hidden, weight.flatten(0, -3))
        return hidden.unflatten(0, networks)


class ManyLinear(nn.Linear):
    """The same layer of M models, as one batched product: (M, N, I) → (M, N, O)."""

    def forward(self, input: Tensor) -> Tensor:
        bias = self.weight.new_zeros(self.weight.shape[:2]) if self.bias is None else self.bias
        if input.is_cuda:
            return torch.baddbmm(bias[:, None], input, self.weight.mT)
        return _Product.apply(input, self.weight, bias)


class ManyNorm(nn.BatchNorm1d):
    """The batch normalisation of M models, without an affine part: (M, N, Z) → (M, N, Z)."""

    def forward(self, input: Tensor) -> Tensor:
        models, _, latent = input.shape
        mean, variance, count = (
            self.get_buffer(n) for n in ("running_mean", "running_var", "num_batches_tracked")
        )
        count.add_(1)
        flat = input.transpose(0, 1).flatten(1)
        normal = F.batch_norm(
            flat, mean.view(-1), variance.view(-1), None, None, True, self.momentum or 0.0, self.eps
        )
        return normal.unflatten(1, (models, latent)).transpose(0, 1)


class _Product(torch.autograd.Function):
    """x·Wᵀ + b on the processor: (M, N, I), (M, O, I), (M, O) → (M, N, O).

    PyTorch's own gradient of W comes in another order than W lies in memory, and is copied into it; that
    takes half as long as the products.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _multiply(x, weight.mT).add_(bias[:, None])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,), (x, weight) = gradients, ctx.saved_tensors
        of_x, of_weight, of_bias = ctx.needs_input_grad
        return (
            _multiply(gradient, weight) if of_x else None,
            _multiply(gradient.mT, x) if of_weight else None,
            gradient.sum(1) if of_bias else None,
        )


def _multiply(left: Tensor, right: Tensor) -> Tensor:
    """(M, A, B)·(M, B, C) → (M, A, C), every core with as much to do as the others.

    A batched product gives whole models to the cores: of three models, one of two cores gets two.
    """
    models = len(left)
    even = models - models % torch.get_num_threads()
    if even == models:
        return torch.bmm(left, right)
    out = left.new_empty(models, left.shape[1], right.shape[2])
    if even:
        torch.bmm(left[:even], right[:even], out=out[:even])
    for k in range(even, models):
        torch.mm(left[k], right[k], out=out[k])
    return out


MANY = {nn.Linear: ManyLinear, nn.BatchNorm1d: ManyNorm}


def many_of(network: nn.Module, tensors: Mapping[str, Tensor]) -> nn.Module:
    """A network of these shapes for several models.

    tensors: its weights and buffers by name, with a leading axis of models.
    """
    many = copy.deepcopy(network).to("meta")
    for part in many.modules():
        part.__class__ = MANY.get(type(part), type(part))
    for name, values in tensors.items():
        place, _, leaf = name.rpartition(".")
        setattr(many.get_submodule(place), leaf, values)
    return many
