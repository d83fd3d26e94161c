"""Several models of equal shapes, whose products are one batched product.

Their weights lie one above the other along a leading axis of models, and each model's own networks hold
slices of them: its optimisers, checkpoints and validation know nothing of the others.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..networks.layers import many_of
from .learner import Learner


class Stacked:
    """A `Team` (step.py) of several models. The optimisers are those of each model."""

    def __init__(
        self,
        learners: Sequence[Learner],
        optimisers: Sequence[Optimizer],
        opponents: Sequence[Optimizer],
    ) -> None:
        self._learners, self._optimisers = learners, {False: optimisers, True: opponents}
        own = {id(p) for group in opponents[0].param_groups for p in group["params"]}
        each = [dict(learner.named_parameters()) for learner in learners]
        self._slices = {name: [weights[name] for weights in each] for name in each[0]}
        self._weights = {n: nn.Parameter(_stack(s), s[0].requires_grad) for n, s in self._slices.items()}
        buffers = [_buffers(learner) for learner in learners]
        stacked = {name: _stack([b[name] for b in buffers]) for name in buffers[0]}
        self._many = many_of(learners[0], self._weights | stacked)
        self._is_opponent = {n: id(w) in own for n, w in each[0].items() if w.requires_grad}

    def call(self, method: str, *inputs: Any) -> Any:
        """What a method of `Learner` returns, with a leading axis of models."""
        return self._many(method, *inputs)

    def minimise(self, loss: Tensor, opponents: bool) -> None:
        """One update of each model, by its own optimiser, along its own part of the gradient."""
        names = [n for n, is_opponent in self._is_opponent.items() if is_opponent == opponents]
        for name in names:
            self._weights[name].grad = None
        loss.backward()
        for name in names:
            gradient = self._weights[name].grad
            for k, weight in enumerate(self._slices[name]):
                weight.grad = None if gradient is None else gradient[k]
        for optimiser in self._optimisers[opponents]:
            optimiser.step()

    def release(self) -> None:
        """Give each model weights of its own again; the stack's memory is freed."""
        for learner in self._learners:
            for tensor in (*learner.parameters(), *learner.buffers()):
                tensor.data = tensor.data.clone()
                tensor.grad = None


def _buffers(learner: Learner) -> dict[str, Tensor]:
    """The buffers that a step uses; those of what is looked up differ in size from model to model."""
    looked_up = ("decoder.mean.", "decoder.start.", "decoder.responses.")
    return {name: tensor for name, tensor in learner.named_buffers() if not name.startswith(looked_up)}


def _stack(each: Sequence[Tensor]) -> Tensor:
    """The tensors of all models as one; each is a slice of it from now on."""
    together = torch.stack([t.data for t in each])
    for tensor, own in zip(each, together, strict=True):
        tensor.data = own
    return together
