"""Two noisy views of each spectrum, so that no noise is learned by heart. Shapes: N stars, L pixels."""

from torch import Tensor


def two_views(x: Tensor, noise: Tensor, amount: float) -> tuple[Tensor, Tensor]:
    """Spectra (N, L) as the encoder sees them, x + a·ε, and as the loss compares with them, x − ε/a.

    noise: ε (N, L), as large as the spectra's own noise, so the noises of the two views are independent: what
    the encoder sees of the noise is of no use to the decoder (Pang et al. 2021, CVPR, eq. 3).
    """
    return x + amount * noise, x - noise / amount
