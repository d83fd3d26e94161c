"""A Gaussian process through spectra at nodes: most arrays of a `networks.start.GridStart`.

Shapes: N points, M nodes, D labels, L pixels, K components, F terms of a polynomial.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data.components import principal
from ..networks.start import kernel, monomials

COMPONENTS = 80
LIKELIHOOD_NODES = 400  # from which the kernel's lengths are found
LIKELIHOOD_COMPONENTS = 12  # the later ones hardly count
ITERATIONS = 25
BROAD = 100.0  # prior variance of the polynomial's coefficients, in units of a component's
LEAST_NOISE = 1e-6  # variance of a node of its own, so that the weights stay within single precision


@dataclass(frozen=True)
class Kernel:
    """Lengths (D,) of the kernel, and the variance of each node of its own beside that of a component."""

    lengths: Tensor
    noise: Tensor


@dataclass(frozen=True)
class Interpolation:
    """Spectra as a function of labels.

    nodes: (M, D).  weights: (M, K).  polynomial: (F, K).  components: (K, L).  offset: (L,).
    """

    nodes: Tensor
    shape: Kernel
    weights: Tensor
    polynomial: Tensor
    components: Tensor
    offset: Tensor

    def arrays(self) -> dict[str, Tensor]:
        """Its arrays by the names that `GridStart` has for them."""
        own = {name: value for name, value in vars(self).items() if name != "shape"}
        return own | {"lengths": self.shape.lengths}

    def mean_spectrum(self, x: np.ndarray) -> np.ndarray:
        """(L,) the mean of the spectra at points x (N, D)."""
        points = torch.as_tensor(x)
        terms = kernel(points, self.nodes, self.shape.lengths), monomials(points)
        coefficients = terms[0].mean(0) @ self.weights + terms[1].mean(0) @ self.polynomial
        return (coefficients @ self.components.double() + self.offset).numpy()


def fit_interpolation(nodes: np.ndarray, spectra: np.ndarray, shape: Kernel | None = None) -> Interpolation:
    """The process through spectra (M, L) at nodes (M, D), whose labels are of order one.

    shape: by default the likeliest one.
    """
    offset, axes = principal(spectra, min(COMPONENTS, *spectra.shape))
    amplitudes = torch.as_tensor((spectra - offset).astype(np.float64) @ axes.T.astype(np.float64))
    x = torch.as_tensor(nodes.astype(np.float32)).double()  # rounded as it is stored
    if shape is None:
        some = torch.as_tensor(np.random.default_rng(0).permutation(len(x))[:LIKELIHOOD_NODES])
        leading = amplitudes[some, :LIKELIHOOD_COMPONENTS]
        shape = likeliest(x[some], leading / leading.std(0).clamp(min=1e-12))
    solved = torch.cholesky_solve(amplitudes, torch.linalg.cholesky(covariance(x, shape)))
    return Interpolation(
        nodes=x,
        shape=shape,
        weights=solved,
        polynomial=BROAD * monomials(x).T @ solved,
        components=torch.as_tensor(axes),
        offset=torch.as_tensor(offset),
    )


def covariance(x: Tensor, shape: Kernel) -> Tensor:
    """(M, M) of a component's values at the nodes x (M, D), in units of its variance."""
    powers = monomials(x)
    own = shape.noise * torch.eye(len(x), dtype=x.dtype)
    return kernel(x, x, shape.lengths) + own + BROAD * powers @ powers.T


def likeliest(x: Tensor, values: Tensor) -> Kernel:
    """The kernel under which values (M, K) at x (M, D) are most likely (Rasmussen & Williams 2006, eq. 5.8).

    Each component has the amplitude that is likeliest for it.
    """
    start = torch.full((x.shape[1] + 1,), np.log(2.0), dtype=x.dtype)
    start[-1] = np.log(1e-4)
    logarithms = start.requires_grad_()
    optimiser = torch.optim.LBFGS([logarithms], max_iter=ITERATIONS, line_search_fn="strong_wolfe")

    def now() -> Kernel:
        return Kernel(logarithms[:-1].exp(), logarithms[-1].exp() + LEAST_NOISE)

    def closure() -> Tensor:
        optimiser.zero_grad()
        root = torch.linalg.cholesky(covariance(x, now()))
        white = torch.linalg.solve_triangular(root, values, upper=False)
        loss = 0.5 * len(x) * white.square().mean(0).log().mean() + root.diagonal().log().sum()
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        found = now()
        return Kernel(found.lengths.float().double(), found.noise)
