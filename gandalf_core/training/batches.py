"""What one step of training sees.

Shapes: N stars, L pixels, C conditioned labels, P labels, K discriminators, B bins, Q nuisances.
"""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """What one step sees. weight: (N, 1) or (N, L) or None; bins and standard labels mark a missing label by
    −1 and NaN.
    """

    x: Tensor  # (N, L) scaled flux
    conditions: Tensor  # (N, C) standardised labels that the decoder receives
    standard: Tensor  # (N, P) standardised labels
    bins: Tensor  # (K, N) bin of each watched label, −1 = missing
    target: Tensor  # (K, N, B) what a reader knows without z
    weight: Tensor | None
    # (N, 1) noise of each spectrum, scaled; None: the encoder sees the spectra as they are
    error: Tensor | None = None
    nuisances: Tensor | None = None  # (N, Q) standardised, NaN = unknown; None: no head reads them
