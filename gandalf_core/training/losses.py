"""Errors as scalars of tensors, where stars, pixels or labels may be missing.

Shapes: N stars, L pixels, K labels, B bins.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from ..networks.autoencoder import Decoder
from .batches import Batch


def known_mse(guess: Tensor, truth: Tensor, star_weight: Tensor | None = None) -> Tensor:
    """(K,) mean of (guess − truth)² over the stars whose truth is known; 0 where it is unknown for all.

    guess, truth: (K, N), NaN = unknown. star_weight: (N,), how much each star counts.
    """
    counts = (~torch.isnan(truth)).to(guess.dtype)
    counts = counts if star_weight is None else counts * star_weight
    error = (guess - torch.nan_to_num(truth)).square() * counts
    return error.sum(1) / counts.sum(1).clamp(min=1e-9)


def true_cross_entropy(log_q: Tensor, bins: Tensor) -> Tensor:
    """(K,) mean of −log q(true bin) over the stars whose label is known. log_q: (K, N, B), bins: (K, N)."""
    terms = F.nll_loss(log_q.transpose(1, 2), bins, ignore_index=-1, reduction="none")  # (K, N), 0 if missing
    return terms.sum(1) / (bins >= 0).sum(1).clamp(min=1)


def weighted_mse(guess: Tensor, x: Tensor, weight: Tensor | None) -> Tensor:
    """Scalar L_rec: the mean of (x − x̂)², or of weight·(x − x̂)² with a weight (N, 1) or (N, L)."""
    return F.mse_loss(guess, x) if weight is None else ((guess - x).square() * weight).mean()


def square_of_mean(decoder: Decoder, z: Tensor, batch: Batch) -> Tensor:
    """Scalar ‖E_z r(z, y)‖², each star counting as in L_rec.

    Estimated without bias by the product of r under the latents of two other stars.
    """
    others = torch.cat([z.roll(1, 0), z.roll(2, 0)])
    first, second = decoder.rest(torch.cat([others, batch.conditions.repeat(2, 1)], 1)).chunk(2)
    weight = 1.0 if batch.weight is None else batch.weight.mean(1, keepdim=True)
    return (weight * first * second).mean()
