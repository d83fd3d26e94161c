"""Fully connected layers as one node of the autograd graph: the training step's share of time outside the
products.

A graph of single operations writes every activation twice and, at batches of 50 stars, spends as long in
bookkeeping as in products. Here activations are formed in place and the backward pass is written out. Same
operations in the same order as the layers one by one. Shapes: N stars, K networks of a stack, I inputs, O
outputs of a layer.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_aten = torch.ops.aten
# name -> (output from pre-activation, gradient from (gradient, saved), whether `saved` is the output)
_ACTIVATIONS = {
    "relu": (torch.relu_, lambda g, out: _aten.threshold_backward(g, out, 0), True),
    "tanh": (torch.tanh_, _aten.tanh_backward, True),
    "sigmoid": (torch.sigmoid_, _aten.sigmoid_backward, True),
    "silu": (_aten.silu, _aten.silu_backward, False),
    "linear": (lambda pre: pre, lambda g, _: g, True),
}


def dense(x: Tensor, weights: list[Tensor], biases: list[Tensor], activation: str) -> Tensor:
    """The layers' output for x (N, I), the activation between layers and none at the end.

    Weights are (O, I) with biases (O,), as nn.Linear has them: (N, O) comes back. Or they are a stack's, (K,
    I, O) with
    biases (K, 1, O): (K, N, O). Differentiable once.
    """
    return _Dense.apply(x, activation, *weights, *biases)


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, activation: str, *parameters: Tensor) -> Tensor:
        layers = len(parameters) // 2
        weights, biases = parameters[:layers], parameters[layers:]
        act, _, keeps_output = _ACTIVATIONS[activation]
        inputs, saved = [_start(x, weights[0])], []
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            pre = _affine(inputs[-1], weight, bias)
            if i == layers - 1:
                break
            inputs.append(act(pre))
            saved.append(inputs[-1] if keeps_output else pre)
        ctx.activation, ctx.layers = activation, layers
        ctx.save_for_backward(*inputs, *weights, *([] if keeps_output else saved))
        return pre

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        n, needs = ctx.layers, ctx.needs_input_grad
        inputs, weights = ctx.saved_tensors[:n], ctx.saved_tensors[n : 2 * n]
        saved = ctx.saved_tensors[2 * n :] or inputs[1:]
        through = _ACTIVATIONS[ctx.activation][1]
        of_weights: list[Tensor | None] = [None] * n
        of_biases: list[Tensor | None] = [None] * n
        for i in reversed(range(n)):
            if needs[2 + i]:
                of_weights[i], of_biases[i] = _gradients(gradient, inputs[i], weights[i])
            if i or needs[0]:
                gradient = torch.matmul(
                    gradient, weights[i] if weights[i].dim() == 2 else weights[i].transpose(1, 2)
                )
            if i:
                gradient = through(gradient, saved[i - 1])
        of_x = (gradient.sum(0) if gradient.dim() == 3 else gradient) if needs[0] else None
        return of_x, None, *of_weights, *of_biases


def _start(x: Tensor, weight: Tensor) -> Tensor:
    return x if weight.dim() == 2 else x.expand(len(weight), *x.shape)


def _affine(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.addmm(bias, x, weight.t()) if weight.dim() == 2 else torch.baddbmm(bias, x, weight)


def _gradients(gradient: Tensor, x: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Of a layer's weight and bias."""
    if weight.dim() == 2:
        return torch.mm(gradient.t(), x), gradient.sum(0)
    return torch.bmm(x.transpose(1, 2), gradient), gradient.sum(1, keepdim=True)
