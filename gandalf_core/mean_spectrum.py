"""The mean part m(y) of a decoder: the expected spectrum of stars with labels y, fitted alone before everything else.

m has its own loss and takes no gradient from r(z, y), so nothing is lost by fitting it first and holding it; much is
gained: a small network on a few labels passes over the sample in a fraction of an epoch's time.
Shapes: N stars, L pixels, C conditioned labels.
"""

import torch
from torch import Tensor, nn

from .objective import weighted_mse
from .schedule import one_cycle

LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.03  # a tamer m where a slider leaves the sample (Loshchilov & Hutter 2019)


def fit_mean(
    net: nn.Module, conditions: Tensor, x: Tensor, weight: Tensor | None, *, batch_size: int, epochs: int, seed: int
) -> None:
    """Minimise the mean squared error of m(y) against x, in place.

    conditions: (N, C) standardised; x: (N, L) scaled flux; weight: (N, 1) or (N, L), or None where all count the same.
    """
    net.train()
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
    generator = torch.Generator(x.device).manual_seed(seed)
    steps = len(x) // batch_size
    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=generator, device=x.device)
        for i, rows in enumerate(order[: steps * batch_size].split(batch_size)):
            for group in optimiser.param_groups:
                group["lr"] = LEARNING_RATE * one_cycle((epoch * steps + i) / (epochs * steps))
            optimiser.zero_grad(set_to_none=True)
            weighted_mse(net(conditions[rows]), x.index_select(0, rows), None if weight is None else weight[rows]).backward()
            optimiser.step()
    net.requires_grad_(False)
