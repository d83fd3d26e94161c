"""What a user's own stars say of the mean spectrum m(y): lines deeper or shallower by a share, smooth in y.

Physics errs in the strengths of lines, so the correction goes with their depth,

    Δ(y) = (1 − m(y))·(g₀ + Σ_k g_k·p_k(y)) + c,

where p are the labels and, where they are wanted, their products in pairs. Beyond the labels of the stars
that taught it, Δ has the strengths of the nearest label that they have.
Shapes: N stars, L pixels, C conditioned labels, F = 1 + C [+ C(C + 1)/2] terms.
"""

from torch import Tensor

from .start import StoredArrays, monomials


class LineShift(StoredArrays):
    """Δ at standardised labels y (N, C) for mean spectra (N, L), both in the units of the decoder's output.

    Attributes
    ----------
    low, high: (C,) labels beyond which the strengths stay as they are.
    centre, spread: (C,) by which labels are scaled before products are taken.
    strengths: (F, L), g.  level: (L,), c.  continuum: (L,) where the flux is 1.

    As it is made it is 0.
    """

    low: Tensor
    high: Tensor
    centre: Tensor
    spread: Tensor
    strengths: Tensor
    level: Tensor
    continuum: Tensor

    def __init__(self, labels: int, pixels: int) -> None:
        super().__init__(
            **dict.fromkeys(("low", "high", "centre", "spread"), (labels,)),
            strengths=(1, pixels),
            level=(pixels,),
            continuum=(pixels,),
        )

    def forward(self, y: Tensor, mean: Tensor) -> Tensor:  # (N, C), (N, L) -> (N, L)
        share = self.terms(y) @ self.strengths
        return (self.continuum - mean) * share + self.level

    def terms(self, y: Tensor) -> Tensor:  # (N, C) -> (N, F)
        """What the strengths are linear in."""
        x = (y.clamp(self.low, self.high) - self.centre) / self.spread.clamp(min=1e-9)
        return line_terms(x, len(self.strengths))


def line_terms(x: Tensor, count: int) -> Tensor:  # (N, C) -> (N, count)
    """The first terms of: 1, scaled labels, their products in pairs."""
    return monomials(x)[:, :count] if count > 1 else x.new_ones(len(x), 1)
