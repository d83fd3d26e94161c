"""A penalty without an opponent on what the latent says about removed labels.

It acts on differences of the latent between the stars of different bins. For label i with bins b and
p_b = p(bin | kept labels), every star has the residuals e_b = √B·(1[bin = b] − p_b), which the kept labels do
not predict. A latent that says nothing beyond them has

    C_db = mean over the stars of φ_d(μ)·e_b = 0   for any φ;
    here φ(μ) = (μ_d; √(s/2)·(μ_d·μ_e − [d = e])) for all d and e,

so that neither the mean nor, with weight s, spreads and correlations of latent dimensions differ between
bins. The penalty is Σ_i Σ_db C_db². A nuisance that is measured well in some stars and badly in others has a
spread that differs between labels, along a direction that need not be one of the latent's own.

One batch estimates C badly; a running mean over about 1/(1 − MEMORY) batches does it well, and the gradient
flows through the present batch. This is a kernel dependence measure (HSIC, Gretton et al. 2005) with an
explicit quadratic kernel on z and a delta kernel on bins.
Shapes: N stars, K removed labels, Z latent, B bins.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MEMORY = 0.99


class Dependence(nn.Module):
    """Σ_i Σ_db C_db² over K labels; the running C is a buffer, and so part of a checkpoint."""

    running: Tensor  # (K, Z + Z², B)

    def __init__(self, labels: int, latent: int, bins: int, spread: float = 1.0) -> None:
        super().__init__()
        self.scale = (spread / 2) ** 0.5  # the products hold each pair of dimensions twice
        self.register_buffer("running", torch.zeros(labels, latent * (latent + 1), bins))

    def forward(self, mu: Tensor, bins: Tensor, target: Tensor) -> Tensor:
        """Scalar. mu: (N, Z); bins: (K, N), −1 = missing; target: (K, N, B) p(bin) of a reader without z."""
        count = target.shape[-1]
        residual = (F.one_hot(bins.clamp(min=0), count) - target) * (bins >= 0)[..., None] * count**0.5
        unit = torch.eye(mu.shape[-1], dtype=mu.dtype, device=mu.device)
        products = (mu[..., :, None] * mu[..., None, :] - unit).flatten(-2)
        features = torch.cat([mu, products * self.scale], -1)
        present = torch.matmul(features.mT.unsqueeze(-3), residual) / mu.shape[-2]  # (K, Z + Z², B)
        with torch.no_grad():
            self.running.mul_(MEMORY).add_(present, alpha=1 - MEMORY)
        return (self.running * present).sum((-3, -2, -1))
