"""What the mean part m(y) starts from: spectra of a grid, interpolated between its nodes.

A Gaussian process (Rasmussen & Williams 2006, chapter 2) through the nodes, whose mean is a polynomial, gives
the coefficients of principal components. It is data: buffers of the decoder, in its folder as plain arrays.
Shapes: N stars, L pixels, C conditioned labels, Q of them that the grid has, H further labels of the grid,
D = Q + H, M nodes, F terms of the polynomial, K components, W walls.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

# name -> what its shape is made of, at a start from no nodes
EMPTY = {
    "columns": (0,),
    "held": (0,),
    "nodes": (0, 0),
    "lengths": (0,),
    "weights": (0, 0),
    "polynomial": (1, 0),
    "components": (0, 1),
    "offset": (1,),
    "centre": (0,),
    "walls": (0, 0),
}


def monomials(x: Tensor) -> Tensor:  # (N, D) -> (N, F)
    """1, the coordinates, and their products in pairs."""
    i, j = torch.triu_indices(x.shape[1], x.shape[1], device=x.device)
    return torch.cat([torch.ones_like(x[:, :1]), x, x[:, i] * x[:, j]], 1)


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


class GridStart(nn.Module):
    """The grid's spectrum at standardised labels y: (N, C) → (N, L), in the units of the decoder's output.

    Attributes
    ----------
    columns: (Q,) of the conditioned labels that the grid has.  held: (H,) values of its further labels.
    nodes: (M, D) labels of the nodes, standardised as y is.  lengths: (D,) of the kernel.
    weights, polynomial: (M, K) and (F, K), from kernel and monomials to components.
    components, offset: (K, L) and (L,), from there to pixels.
    centre, walls: (Q,) and (W, Q), the region of the nodes: beyond it, the spectrum is that of the nearest
        point on the line to the centre.

    Without nodes it is 0. Products are of double precision: neighbouring nodes have large weights of
    opposite signs.
    """

    columns: Tensor
    held: Tensor
    nodes: Tensor
    lengths: Tensor
    weights: Tensor
    polynomial: Tensor
    components: Tensor
    offset: Tensor
    centre: Tensor
    walls: Tensor

    def __init__(self, arrays: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        for name, shape in EMPTY.items():
            kind = torch.int64 if name == "columns" else torch.float32
            self.register_buffer(name, torch.zeros(shape, dtype=kind))
        if arrays is not None:
            self.set(arrays)

    def set(self, arrays: Mapping[str, Tensor]) -> None:
        """Start from these arrays, by the names of the attributes."""
        for name in EMPTY:
            own = self.get_buffer(name)
            setattr(self, name, arrays[name].to(own.device, own.dtype))

    def forward(self, y: Tensor) -> Tensor:  # (N, C) -> (N, L)
        if not len(self.nodes):
            return torch.zeros_like(y[:, :1])
        return (self.coefficients(y) @ self.components.double() + self.offset).to(y.dtype)

    def coefficients(self, y: Tensor) -> Tensor:  # (N, C) -> (N, K)
        """Those of the principal components."""
        own = pulled_in(y[:, self.columns].double(), self.centre.double(), self.walls.double())
        x = torch.cat([own, self.held.double().expand(len(y), -1)], 1)
        return (
            kernel(x, self.nodes.double(), self.lengths.double()) @ self.weights.double()
            + monomials(x) @ self.polynomial.double()
        )

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take over the sizes of what is loaded: a configuration does not say how many nodes there are."""
        for name in EMPTY:
            stored = state_dict.get(prefix + name)
            if isinstance(stored, Tensor):
                own = self.get_buffer(name)
                setattr(self, name, torch.empty(stored.shape, dtype=own.dtype, device=own.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)
