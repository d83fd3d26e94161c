"""What a reader without z knows of a watched label. Shapes: N stars, K discriminators, B bins."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config.schema import Config
from ..networks.layers import Mlp

MAX_STEPS = 1500  # of the classifier that learns p(bin | kept labels); reached on the standard sample
MAX_PASSES = 63  # over the stars, so that a small sample gets fewer steps
LEARNING_RATE = 3e-3


class Knowledge:
    """p(bin_i | kept labels), learned once from the labels of the training split.

    Without kept labels, or with a target that does not need them, it is the frequency of the bins; for
    `target = uniform` it is 1/B.

    bins: (K, N), −1 = missing.  kept: (N, number of kept labels that the discriminators see), standardised.
    """

    def __init__(self, bins: Tensor, kept: Tensor, config: Config) -> None:
        n_bins, target = config.adversary.bins, config.adversary.target
        counts = [torch.bincount(b[b >= 0], minlength=n_bins).float() + 1 for b in bins]
        self.frequency = torch.stack(counts) if counts else kept.new_zeros((0, n_bins))  # (K, B)
        if target == "uniform":
            self.frequency = torch.ones_like(self.frequency)
        self.frequency /= self.frequency.sum(1, keepdim=True)
        conditional = target == "conditional" and kept.shape[1] > 0
        kept, seed = torch.nan_to_num(kept), config.training.seed
        self.nets = [_classifier(b, kept, n_bins, seed) for b in bins] if conditional else []

    @torch.no_grad()
    def __call__(self, kept: Tensor) -> Tensor:
        """(K, N, B) for the kept labels of N stars."""
        if self.nets:
            return torch.stack([torch.softmax(net(torch.nan_to_num(kept)), 1) for net in self.nets])
        # contiguous, since picking rows of an expanded tensor is slow
        return self.frequency[:, None].expand(-1, len(kept), -1).contiguous()


def _classifier(bins: Tensor, kept: Tensor, n_bins: int, seed: int) -> nn.Module:
    """A small network labels → bin, by cross-entropy with a cosine learning rate.

    A small sample gets small batches and fewer steps: a classifier that knows its stars by heart would push
    the encoder to encode what it should remove.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Mlp((kept.shape[1], 64, 64, n_bins), "silu").to(kept.device)
        optimiser = torch.optim.Adam(net.parameters(), LEARNING_RATE)
        known = torch.nonzero(bins >= 0)[:, 0]
        batch = min(2048, max(64, len(known) // 8))
        steps = max(1, min(MAX_STEPS, MAX_PASSES * len(known) // batch))
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            rows = known[torch.randint(len(known), (batch,), device=known.device)]
            optimiser.zero_grad()
            F.cross_entropy(net(kept[rows]), bins[rows]).backward()
            optimiser.step()
    return net.requires_grad_(False)
