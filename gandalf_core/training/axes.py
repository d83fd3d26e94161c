"""Stars in the axes in which the networks see and draw them, so that a step has no pixel to pass over.

With orthonormal components A (R, L), scaled by s = √(R/L), a spectrum x has the coordinates c = s·A·x, and

    mean over pixels of (x − x̂)² = mean over components of (c − ĉ)² + mean over pixels of (x − AᵀA·x)²

for every x̂ that the decoder can draw. The last term does not depend on the weights. White noise of σ per
pixel is white noise of s·σ per component. m(y) is fitted before the first epoch and held: it is looked up. So
are the grid's responses to nuisances, which are in the decoder's axes in any case.

Where pixels are masked, or the output is squashed pixel by pixel, the axes are the pixels themselves.
Shapes: N stars, L pixels, R components.
"""

from dataclasses import replace

import torch
from torch import Tensor

from ..config.schema import ModelConfig
from ..networks.autoencoder import Decoder, Encoder
from .batches import Batch


def works_in_components(config: ModelConfig, data: Batch) -> bool:
    """Whether a step can compute in components: all pixels of a star count the same, the output is linear."""
    even = data.weight is None or data.weight.shape[1] == 1
    return bool(config.components) and even and config.output_activation == "linear"


@torch.no_grad()
def in_axes(encoder: Encoder, decoder: Decoder, data: Batch, config: ModelConfig, amount: float) -> Batch:
    """The training split as a step sees it, with m(y) and the responses to nuisances looked up.

    data: in pixels.  amount: a of the two views (views.py), whose noise beyond the components counts in
    L_rec.
    """
    data = replace(data, responses=_responses(decoder, data))
    if not works_in_components(config, data):
        means = [decoder.mean_spectrum(part.conditions) for part in data.chunks() if decoder.mean is not None]
        return replace(data, mean=torch.cat(means) if means else None)
    parts = [_in_components(encoder, decoder, part) for part in data.chunks()]
    x, mean, beyond = (torch.cat(values) for values in zip(*parts, strict=True))
    share = x.shape[1] / data.x.shape[1]
    if data.error is not None:
        beyond = beyond + (1 - share) * (data.error / amount).square()
    return replace(
        data,
        x=x,
        mean=None if decoder.mean is None else mean,
        error=None if data.error is None else data.error * share**0.5,
        beyond=beyond if data.weight is None else beyond * data.weight,
    )


def _responses(decoder: Decoder, data: Batch) -> Tensor | None:
    """(N, J·R) of each star; None without responses."""
    start, responses = decoder.start, decoder.responses
    if start is None or responses is None:
        return None
    return torch.cat([responses.at(start.basis(part.conditions)) for part in data.chunks()])


def _in_components(encoder: Encoder, decoder: Decoder, part: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Of some stars: c (N, R), m(y) (N, R), and the mean square (N, 1) of x − m(y) beyond the components."""
    mean = torch.zeros_like(part.x) if decoder.mean is None else decoder.mean_spectrum(part.conditions)
    left = part.x - mean
    over = left.square().mean(1, keepdim=True) - encoder.axes(left).square().mean(1, keepdim=True)
    return encoder.axes(part.x), encoder.axes(mean), over.clamp(min=0)
