"""A mean part m(y) that starts from a grid: the grid's spectra, interpolated, and what stars add to them.

A Gaussian process (Rasmussen & Williams 2006, chapter 2) through the grid's nodes, whose mean is a
polynomial, gives the coefficients of principal components: of spectra, and of how spectra respond to
nuisances. All but the reading of these from the latent is data: buffers of the decoder, in a model's folder
as plain arrays. Their products are of double precision: neighbouring nodes have large weights of opposite
signs.
Shapes: N stars, L pixels, R components of the decoder, C conditioned labels, Q of them that the grid has,
H further labels of the grid, D = Q + H, M nodes, F terms of the polynomial, K components, W walls, Z latent,
J responses.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


def monomials(x: Tensor) -> Tensor:  # (N, D) -> (N, F)
    """1, the coordinates, and their products in pairs."""
    i, j = torch.triu_indices(x.shape[1], x.shape[1], device=x.device)
    return torch.cat([x.new_ones(len(x), 1), x, x[:, i] * x[:, j]], 1)


def kernel(x: Tensor, nodes: Tensor, lengths: Tensor) -> Tensor:  # (N, D), (M, D), (D,) -> (N, M)
    """(1 + d²/4)⁻², the rational-quadratic kernel of distances d in units of `lengths`.

    The simulator's emulator uses the same one (simulator/emulator.py says why).
    """
    x, nodes = x / lengths, nodes / lengths
    squares = x.square().sum(1, keepdim=True) + nodes.square().sum(1) - 2 * x @ nodes.T
    return (1 + squares.clamp(min=0) / 4) ** -2


def pulled_in(x: Tensor, centre: Tensor, walls: Tensor) -> Tensor:  # (N, Q), (Q,), (W, Q) -> (N, Q)
    """Points beyond a wall are moved on the straight line to the centre, up to the wall.

    walls: a point x lies within one where wall · (x − centre) ≤ 1.
    """
    if not len(walls):
        return x
    reach = ((x - centre) @ walls.T).amax(1, keepdim=True).clamp(min=1)
    return centre + (x - centre) / reach


class Basis(NamedTuple):
    """What a function on the grid is a linear combination of, at N points.

    near: (N, M) kernel of each node.  powers: (N, F) terms of the polynomial.
    """

    near: Tensor
    powers: Tensor


class StoredArrays(nn.Module):
    """A module of buffers whose sizes no configuration tells: they are those of what is set or loaded."""

    def __init__(self, **shapes: tuple[int, ...]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    def set(self, arrays: Mapping[str, Tensor]) -> None:
        """Take these arrays, one for each buffer."""
        for name, own in dict(self.named_buffers()).items():
            setattr(self, name, arrays[name].to(own.device, torch.float32))

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name, own in dict(self.named_buffers()).items():
            stored = state_dict.get(prefix + name)
            if isinstance(stored, Tensor):
                setattr(self, name, torch.empty(stored.shape, dtype=own.dtype, device=own.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class OnGrid(StoredArrays):
    """A function of the labels that the grid's nodes carry: a combination of their basis.

    Attributes
    ----------
    weights, polynomial: (M, K) and (F, K), from the basis to components.
    components, offset: (K, L) and (L,), from there to the L numbers of the function.
    """

    weights: Tensor
    polynomial: Tensor
    components: Tensor
    offset: Tensor

    def __init__(self, numbers: int, **shapes: tuple[int, ...]) -> None:
        super().__init__(
            weights=(0, 0), polynomial=(1, 0), components=(0, numbers), offset=(numbers,), **shapes
        )

    def at(self, basis: Basis) -> Tensor:  # -> (N, L)
        """The function where the basis has these values."""
        coefficients = basis.near @ self.weights.double() + basis.powers @ self.polynomial.double()
        return (coefficients @ self.components.double() + self.offset).to(self.offset.dtype)


class GridStart(OnGrid):
    """The grid's spectrum at standardised labels y: (N, C) → (N, L), in the units of the decoder's output.

    Attributes
    ----------
    columns: (Q,) of the conditioned labels that the grid has.  held: (H,) values of its further labels.
    nodes: (M, D) labels of the nodes, standardised as y is.  lengths: (D,) of the kernel.
    centre, walls: (Q,) and (W, Q), the region of the nodes: beyond it, the spectrum is that of the nearest
        point on the line to the centre.

    Without nodes it is 0.
    """

    columns: Tensor
    held: Tensor
    nodes: Tensor
    lengths: Tensor
    centre: Tensor
    walls: Tensor

    def __init__(self, pixels: int) -> None:
        super().__init__(
            pixels, columns=(0,), held=(0,), nodes=(0, 0), lengths=(0,), centre=(0,), walls=(0, 0)
        )

    def forward(self, y: Tensor) -> Tensor:  # (N, C) -> (N, L)
        return self.at(self.basis(y))

    def basis(self, y: Tensor) -> Basis:  # (N, C)
        """The basis at labels y, which `Responses` combine, too."""
        own = pulled_in(y[:, self.columns.long()].double(), self.centre.double(), self.walls.double())
        x = torch.cat([own, self.held.double().expand(len(y), -1)], 1)
        return Basis(kernel(x, self.nodes.double(), self.lengths.double()), monomials(x))


class Responses(OnGrid):
    """How a star's spectrum differs as its nuisances do: Σ_j a_j(z)·D_j(y), in the axes of the decoder.

    D_j(y), the grid's response to the nuisance j, is half the difference of its spectra at labels y with the
    nuisance raised and lowered. The amplitudes a are linear in the latent, whose mean is 0: no offset of
    theirs says what m(y) should say. As a function on the grid it is all D_j, one behind the other (J·R).

    Attributes
    ----------
    reading: (J, Z) of the amplitudes from the latent; the only part that is learned.

    Without nodes it is 0.
    """

    def __init__(self, latent: int, count: int, width: int) -> None:
        super().__init__(count * width)
        self.reading = nn.Linear(latent, count, bias=False)

    def forward(self, z: Tensor, responses: Tensor) -> Tensor:  # (N, Z), (N, J·R) -> (N, R)
        amplitudes = self.reading(z)
        each = responses.unflatten(-1, (amplitudes.shape[-1], -1))
        return (amplitudes.unsqueeze(-1) * each).sum(-2)


class Correction(StoredArrays):
    """What stars add to a start: (N, C) → (N, R), in the axes in which the decoder draws.

    Attributes
    ----------
    nodes: (M, C) labels of some stars.  lengths: (C,) of the kernel.  weights: (M, R).  offset: (R,), what is
    left far from all stars.

    Without nodes it is 0.
    """

    nodes: Tensor
    lengths: Tensor
    weights: Tensor
    offset: Tensor

    def __init__(self, labels: int, width: int) -> None:
        super().__init__(nodes=(0, labels), lengths=(labels,), weights=(0, width), offset=(width,))

    def forward(self, y: Tensor) -> Tensor:  # (N, C) -> (N, R)
        near = kernel(y.double(), self.nodes.double(), self.lengths.double())
        return (near @ self.weights.double() + self.offset).to(y.dtype)
