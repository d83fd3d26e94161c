"""The mean part m(y) of a decoder: the expected spectrum of stars with labels y, fitted alone, with a loss of
its own.

m takes no gradient from r(z, y), so it can be fitted before everything else and held: a small network on a
few labels passes over the sample in a fraction of an epoch's time. When r is known, m is fitted once more, to
x − r(z, y): the nuisances that r explains scatter x about m more than the noise does, and z is independent of
y, so that leaving them out costs no truth.
Shapes: N stars, L pixels, R components, C conditioned labels.
"""

import torch
from torch import Tensor, nn

from .losses import weighted_mse
from .schedule import one_cycle

# norm of a gradient; without a limit a fit was now and then thrown off and did not come back
LARGEST_STEP = 1.0
# of the weights at a full step: a tamer m where a slider leaves the sample (Loshchilov & Hutter 2019)
SHRINKAGE = 1e-4


def fit_mean(
    net: nn.Module,
    axes: nn.Module,
    conditions: Tensor,
    x: Tensor,
    weight: Tensor | None,
    *,
    batch_size: int,
    epochs: int,
    learning_rate: float,
    seed: int,
) -> None:
    """Minimise the mean squared error of axes(m(y)) against x over m, in place.

    axes: (·, R) → (·, L), held. conditions: (N, C) standardised; x: (N, L) scaled flux; weight: (N, 1) or (N,
    L), or None where all count the same.
    """
    net.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(
        net.parameters(), learning_rate, weight_decay=SHRINKAGE / learning_rate, fused=True
    )
    generator = torch.Generator(x.device).manual_seed(seed)
    steps = len(x) // batch_size
    for epoch in range(epochs):
        order = torch.randperm(len(x), generator=generator, device=x.device)
        for i, rows in enumerate(order[: steps * batch_size].split(batch_size)):
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * one_cycle((epoch * steps + i) / (epochs * steps))
            optimiser.zero_grad(set_to_none=True)
            guess = axes(net(conditions[rows]))
            weighted_mse(guess, x.index_select(0, rows), None if weight is None else weight[rows]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), LARGEST_STEP)
            optimiser.step()
    net.requires_grad_(False)
