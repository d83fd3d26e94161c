"""A regressor goes on learning from where it stands, on stars of another kind than those that fitted it.

Its networks keep the directions of the inputs that they have found, and everything behind them is tuned: with
a few hundred stars nothing else can be learned without learning noise by heart. Stars of the first kind, made
like those of the second (`own_lines`), may take part.
Shapes: N stars, D numbers per star, R inputs of a network, P labels, Q labels of a group.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..regression.network import ArrayNetwork
from ..regression.regressor import LabelGroup, Regressor
from .schedule import one_cycle

LEARNING_RATE, WEIGHT_DECAY, WARM_UP = 5e-4, 0.1, 0.2
BATCH = 256
SMALLEST = 1e-4  # singular values beside the largest, below which a first layer does not look


@dataclass(frozen=True, eq=False)
class Lessons:
    """Stars with labels: x (N, D), y (N, P) in physical units, NaN = missing, snr (N,).

    weight: (N, P) how much a label counts.  chance: (N,) how often a star is shown, relative to the others.
    spread: of the white noise that is added to x whenever a star is shown.
    """

    x: np.ndarray
    y: np.ndarray
    snr: np.ndarray
    weight: np.ndarray
    chance: np.ndarray
    spread: float = 0.0


def tuned(regressor: Regressor, lessons: Lessons, steps: int) -> Regressor:
    """The regressor after so many steps on the lessons; error bars stay as they were, for others to mend."""
    rng = np.random.default_rng([len(lessons.x), steps])
    standard = torch.from_numpy(regressor.standard_inputs(lessons.x, lessons.snr).astype(np.float32))
    y = (lessons.y - regressor.y_mean) / regressor.y_scale
    known = np.isfinite(y)
    target = torch.from_numpy(np.where(known, y, 0.0).astype(np.float32))
    weight = torch.from_numpy((known * lessons.weight).astype(np.float32))
    shown = _Shown(standard, target, weight, lessons.chance / lessons.chance.sum())
    spread = torch.from_numpy((lessons.spread / regressor.x_scale).astype(np.float32))
    if regressor.reads_snr:
        spread[-1] = 0.0
    groups = [_tuned_group(group, shown, spread, steps, rng) for group in regressor.groups]
    return replace(regressor, groups=tuple(groups))


@dataclass(frozen=True, eq=False)
class _Shown:
    x: Tensor
    y: Tensor
    weight: Tensor
    chance: np.ndarray


def _tuned_group(
    group: LabelGroup, shown: _Shown, spread: Tensor, steps: int, rng: np.random.Generator
) -> LabelGroup:
    """The networks of a group, each in the directions that all of them look in."""
    seen = _directions(group.members)
    networks = [_Network.of(member, seen) for member in group.members]
    x, noise = shown.x @ seen, spread[:, None] * seen
    columns = torch.as_tensor(group.columns.astype(np.int64))
    y, weight = shown.y[:, columns], shown.weight[:, columns]
    decayed = [w for network in networks for w in network.weights]
    free = [b for network in networks for b in network.biases]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": free, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, LEARNING_RATE, fused=True)
    for step in range(steps):
        for parameters in optimiser.param_groups:
            parameters["lr"] = LEARNING_RATE * one_cycle(step / steps, WARM_UP)
        rows = torch.from_numpy(rng.choice(len(x), BATCH, p=shown.chance))
        batch, counts = x[rows], weight[rows]
        if noise.any():
            fresh = rng.standard_normal((BATCH, len(noise)), np.float32)
            batch = batch + torch.from_numpy(fresh) @ noise
        squares = [(network(batch) - y[rows]).square() * counts for network in networks]
        loss = torch.stack([s.sum() for s in squares]).sum() / counts.sum().clamp(min=1e-9)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return replace(group, members=tuple(network.arrays(seen) for network in networks))


def _directions(members: Sequence[ArrayNetwork]) -> Tensor:
    """(D, R) orthonormal directions of the inputs that the first layers look in."""
    left, values, _ = np.linalg.svd(np.concatenate([m.weights[0] for m in members], 1), full_matrices=False)
    return torch.from_numpy(left[:, values > SMALLEST * values[0]].astype(np.float32))


@dataclass(frozen=True, eq=False)
class _Network:
    """A network with ReLU between its layers, whose weights take a gradient."""

    weights: list[Tensor]
    biases: list[Tensor]

    @classmethod
    def of(cls, network: ArrayNetwork, seen: Tensor) -> "_Network":
        first, *others = (torch.from_numpy(w.astype(np.float32)) for w in network.weights)
        weights = [(seen.T @ first).requires_grad_(), *(w.clone().requires_grad_() for w in others)]
        return cls(weights, [torch.tensor(b, dtype=torch.float32).requires_grad_() for b in network.biases])

    def __call__(self, x: Tensor) -> Tensor:  # (N, R) -> (N, Q)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.addmm(bias, x.relu() if layer else x, weight)
        return x

    def arrays(self, seen: Tensor) -> ArrayNetwork:
        """The network on all inputs again."""
        first, *others = (w.detach() for w in self.weights)
        weights = [(seen @ first).numpy(), *(w.numpy().copy() for w in others)]
        return ArrayNetwork(tuple(weights), tuple(b.detach().numpy().copy() for b in self.biases))
