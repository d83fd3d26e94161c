"""Errors as scalars of tensors, where stars, pixels or labels may be missing.

Shapes: N stars, L pixels, K labels, B bins; a leading axis of models, where several train together, stays.
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
    counts = counts if star_weight is None else counts * star_weight.unsqueeze(-2)
    error = (guess - torch.nan_to_num(truth)).square() * counts
    return error.sum(-1) / counts.sum(-1).clamp(min=1e-9)


def true_cross_entropy(log_q: Tensor, bins: Tensor) -> Tensor:
    """(K,) mean of −log q(true bin) over the stars whose label is known. log_q: (K, N, B), bins: (K, N)."""
    flat_q, flat_bins = log_q.flatten(0, -3).transpose(1, 2), bins.flatten(0, -2)
    terms = F.nll_loss(flat_q, flat_bins, ignore_index=-1, reduction="none").view(bins.shape)  # 0 if missing
    return terms.sum(-1) / (bins >= 0).sum(-1).clamp(min=1)


def weighted_mse(guess: Tensor, x: Tensor, weight: Tensor | None) -> Tensor:
    """Scalar L_rec: the mean of (x − x̂)², or of weight·(x − x̂)² with a weight (N, 1) or (N, L)."""
    if weight is None and guess.ndim == 2:
        return F.mse_loss(guess, x)
    error = F.mse_loss(guess, x, reduction="none")
    return (error if weight is None else error * weight).mean((-2, -1))


def square_of_mean(decoder: Decoder, z: Tensor, batch: Batch) -> Tensor:
    """Scalar ‖E_z r(z, y)‖², each star counting as in L_rec.

    Estimated without bias by the product of r under the latents of two other stars.
    """
    others = torch.cat([z.roll(1, -2), z.roll(2, -2)], -2)
    labels = torch.cat([batch.conditions, batch.conditions], -2)
    first, second = decoder.rest(torch.cat([others, labels], -1)).chunk(2, -2)
    weight = 1.0 if batch.weight is None else batch.weight.mean(-1, keepdim=True)
    return (weight * first * second).mean((-2, -1))
