"""What stars add to a start from a grid, as a smooth function of their labels: kernel ridge regression.

f(y) = k(y, nodes)·W + f₀ minimises Σ weight·‖x − f(y)‖² + ρ·‖f − f₀‖², with the norm of the kernel's space
(Rasmussen & Williams 2006, section 8.3.1, the subset of regressors). ρ goes with the one of least generalised
cross-validation (Golub, Heath & Wahba 1979, Technometrics 21, 215): where stars are as the grid says, f stays
near 0. Far from all stars it is the constant f₀, and derivatives are those of the grid.
Shapes: N stars, C conditioned labels, R components, M nodes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..networks.start import kernel

NODES = 1000
JITTER = 1e-6
# The kernel is wider than the start's, as what is left over is smoother; and ρ is larger than the one of
# least error, as a slider errs by the slope of f, which suffers more from noise than f itself. With both,
# sliders of 12,000 stars err by a tenth to a third less.
WIDER, SMOOTHER, USUAL_LENGTH = 2.0, 10.0, 2.0
RIDGES = torch.logspace(-5, 6, 45, dtype=torch.float64)
CHUNK = 4096


@dataclass(frozen=True)
class Sums:
    """Sums over stars, each with its weight, of products of the centred kernel k (M) and values x (R).

    kk: (M, M).  kx: (M, R).  xx: scalar, of all components.  stars: N.  mean_k, mean_x: (M,) and (R,).
    """

    kk: Tensor
    kx: Tensor
    xx: Tensor
    stars: int
    mean_k: Tensor
    mean_x: Tensor


def fit_correction(y: Tensor, x: Tensor, weight: Tensor, lengths: Tensor, seed: int) -> dict[str, Tensor]:
    """The arrays of a `Correction` that fits x (N, R) at labels y (N, C).

    weight: (N,) how much a star counts.  lengths: (C,) of the kernel.
    """
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(seed))
    nodes, lengths = y[order[:NODES].to(y.device)].double(), lengths.to(y.device).double()
    sums = _sums(y, x, weight, nodes, lengths)
    own = kernel(nodes, nodes, lengths) + JITTER * torch.eye(len(nodes), dtype=nodes.dtype, device=y.device)
    root = torch.linalg.cholesky(own)
    half = torch.linalg.solve_triangular(root, sums.kk, upper=False)
    values, axes = torch.linalg.eigh(torch.linalg.solve_triangular(root, half.T, upper=False))
    values = values.clamp(min=0)
    rotated = axes.T @ torch.linalg.solve_triangular(root, sums.kx, upper=False)
    ridge = SMOOTHER * least_error(values, rotated.square().sum(1), sums)
    inner = axes @ (rotated / (values + ridge)[:, None])
    weights = torch.linalg.solve_triangular(root.T, inner, upper=True)
    offset = sums.mean_x - sums.mean_k @ weights
    return {"nodes": nodes, "lengths": lengths, "weights": weights, "offset": offset}


def _sums(y: Tensor, x: Tensor, weight: Tensor, nodes: Tensor, lengths: Tensor) -> Sums:
    share = (weight / weight.mean()).double()[:, None]
    mean_x = (x * share).mean(0).double()
    kk = torch.zeros(len(nodes), len(nodes), dtype=nodes.dtype, device=y.device)
    kx, k1 = kk[:, :1] @ mean_x[None], kk[:, 0].clone()
    for labels, values, w in zip(y.split(CHUNK), x.split(CHUNK), share.split(CHUNK), strict=True):
        near = kernel(labels.double(), nodes, lengths)
        weighted = (near * w).T
        kk += weighted @ near
        kx += weighted @ (values.double() - mean_x)
        k1 += weighted.sum(1)
    xx = ((x.double() - mean_x).square() * share).sum()
    return Sums(kk - torch.outer(k1, k1) / len(y), kx, xx, len(y), k1 / len(y), mean_x)


def least_error(values: Tensor, squares: Tensor, sums: Sums) -> Tensor:
    """The ridge ρ of least generalised cross-validation.

    values: (M,) of the kernel's principal axes over the stars.  squares: (M,) of x along them.
    """
    gain = 1 / (values + RIDGES.to(values.device)[:, None])  # (ridges, M)
    left = sums.xx - (2 * gain - gain.square() * values) @ squares
    freedom = sums.stars - (values * gain).sum(1)
    return RIDGES.to(values.device)[(left / freedom.clamp(min=1).square()).argmin()]
