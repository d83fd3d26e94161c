"""What a reader knows of a removed label without z. Shapes: N stars, K discriminators, B bins."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config.schema import Config
from ..networks.layers import Mlp

# passes over the labels when p(bin | kept labels) is learned: 1500 steps on the standard sample
KNOWLEDGE_EPOCHS = 63


class Knowledge:
    """p(bin_i | kept labels): what a reader knows without z, learned once from the labels of the training
    split.

    bins: (K, N), −1 = missing; kept: (N, number of kept labels seen), standardised. Without kept labels, or
    with a target that does not need them, it is the frequency of the bins; for `target = uniform` it is 1/B.
    """

    def __init__(self, bins: Tensor, kept: Tensor, config: Config, steps: int = 1500) -> None:
        n_bins = config.adversary.bins
        counts = [torch.bincount(b[b >= 0], minlength=n_bins).float() + 1 for b in bins]
        self.frequency = torch.stack(counts) if counts else kept.new_zeros((0, n_bins))
        if config.adversary.target == "uniform":
            self.frequency = torch.ones_like(self.frequency)
        self.frequency /= self.frequency.sum(1, keepdim=True)
        asks = config.adversary.target == "conditional" and kept.shape[1]
        seed = config.training.seed
        self.nets = (
            [_classifier(b, torch.nan_to_num(kept), n_bins, seed, steps) for b in bins] if asks else []
        )

    @torch.no_grad()
    def __call__(self, kept: Tensor) -> Tensor:
        """(K, N, B) for the kept labels of N stars."""
        if self.nets:
            return torch.stack([torch.softmax(net(torch.nan_to_num(kept)), 1) for net in self.nets])
        # picking rows of an expanded one is slow
        return self.frequency[:, None].expand(-1, len(kept), -1).contiguous()


def _classifier(bins: Tensor, kept: Tensor, n_bins: int, seed: int, steps: int) -> nn.Module:
    """A small network labels → bin, by cross-entropy with a cosine learning rate.

    A small sample gets small batches and fewer steps: a classifier that has learned its stars by heart would
    tell the encoder to encode what it should remove.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = Mlp((kept.shape[1], 64, 64, n_bins), "silu").to(kept.device)
        optimiser = torch.optim.Adam(net.parameters(), 3e-3)
        known = torch.nonzero(bins >= 0)[:, 0]
        batch = min(2048, max(64, len(known) // 8))
        steps = max(1, min(steps, KNOWLEDGE_EPOCHS * len(known) // batch))
        for step in range(steps):
            optimiser.param_groups[0]["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * step / steps))
            rows = known[torch.randint(len(known), (batch,), device=known.device)]
            optimiser.zero_grad()
            F.cross_entropy(net(kept[rows]), bins[rows]).backward()
            optimiser.step()
    return net.requires_grad_(False)
