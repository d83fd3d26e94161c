"""Two noisy views of each spectrum, so that no noise is learned by heart. Shapes: N stars, L pixels."""

from dataclasses import replace

import torch
from torch import Tensor

from .batches import Batch


def two_views(batch: Batch, error: Tensor, amount: float, random: torch.Generator) -> tuple[Batch, Batch]:
    """The batch as the encoder sees it, x + a·ε, and as the loss compares with it, x − ε/a.

    ε is as large as the spectrum's own noise, `error` (N, 1), so the noises of the two views are independent:
    what the encoder sees of the noise is of no use to the decoder (Pang et al. 2021, CVPR, eq. 3).
    """
    noise = error * torch.randn(batch.x.shape, generator=random, device=batch.x.device)
    return replace(batch, x=batch.x + amount * noise), replace(batch, x=batch.x - noise / amount)
