"""Every loss term, and the one home of λ's sign.

    L = L_rec − Σ_i λ_i·CE_i                                        (paper section 3: `target = maximise`)

L_rec is the mean squared error of x̂, CE_i the cross-entropy of discriminator i on the true bin of label i,
which the discriminator itself minimises. λ_i > 0 removes label i from z, λ_i < 0 reinforces it, λ_i = 0 only
watches.

A maximised error pays for confident wrong answers, which are information too. With `target = uniform |
conditional` a removed label's term is instead the bounded cross-entropy against what a reader knows without
z,

    + λ_i·H(t_i, q_i),   t_i = 1/B  or  p(bin_i | kept labels),

and with `reinforce = regression` a kept label's term is |λ_i|·(h_i(z) − y_i)² of a regression head h_i.
`nuisances` adds such terms, w_j·(g_j(z, y) − n_j)², for what is known of a star besides its labels and would
drown in the latent's noise. `dependence` adds a penalty without an opponent (dependence.py). For a decoder
m(y) + r(z, y), `centring` keeps r from saying what y alone says,

    + c·‖E_z r(z, y)‖²,

so that the sliders act through m, which knows no nuisance.
Shapes: N stars, L pixels, Z latent.
"""

from typing import NamedTuple

from torch import Tensor

from ..networks.autoencoder import Decoder
from .adversary import Adversary
from .batches import Batch
from .losses import square_of_mean, weighted_mse


class Terms(NamedTuple):
    """The auto-encoder's loss and its parts, all scalars; (models,) where several train together."""

    total: Tensor
    reconstruction: Tensor  # L_rec
    adversary: Tensor  # of the discriminators and the dependence penalty, before the ramp
    heads: Tensor  # of the regression heads for labels and nuisances


def autoencoder_loss(
    decoder: Decoder,
    adversary: Adversary,
    z: Tensor,
    batch: Batch,
    ramp: float | Tensor,
    exported: tuple[Tensor, Tensor] | None = None,
    redrawn: Tensor | None = None,
) -> Terms:
    """The formula at the top of this module. `ramp` (0-1) scales the adversarial term in the first epochs.

    z: (N, Z), from which the decoder redraws the spectra.  exported: μ and z (N, Z) that the adversary reads,
    where `z` is that of spectra with added noise.  redrawn: x̂ in the axes of `batch.x`, where these are not
    pixels.
    """
    mu, exported_z = exported or (z, z)
    guess = decoder(z, batch.conditions) if redrawn is None else redrawn
    reconstruction = weighted_mse(guess, batch.x, batch.weight)
    reconstruction = reconstruction if batch.beyond is None else reconstruction + batch.beyond.mean((-2, -1))
    adversarial = adversary.term(exported_z, batch) + adversary.dependence_term(mu, batch)
    heads = adversary.head_term(z, batch) + adversary.nuisance_term(z, batch)
    weight = adversary.config.training.centring
    centring = weight * square_of_mean(decoder, z, batch) if weight and decoder.mean is not None else 0.0
    total = reconstruction + ramp * adversarial + heads + centring
    return Terms(total, reconstruction, adversarial, heads)
