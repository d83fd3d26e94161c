"""The mean part m(y) of a decoder: the expected spectrum of stars with labels y, fitted by itself.

m takes no gradient from r(z, y), so it can be fitted before everything else and held: a small network on a
few labels passes over the sample in a fraction of an epoch's time. Once r is known, m is fitted again, to
x − r(z, y): the nuisances that r explains scatter x about m more than the noise does, and z is independent of
y, so that leaving them out costs no truth.
Shapes: N stars, L pixels, R components, C conditioned labels.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ..config.schema import Config
from ..networks.autoencoder import Decoder, Encoder
from ..networks.start import Correction, GridStart
from .batches import CHUNK, Batch
from .correction import USUAL_LENGTH, WIDER, fit_correction
from .losses import weighted_mse
from .schedule import one_cycle

ROUGH = 4  # an m that is fitted again later gets this fraction of the passes first
# Norm of a gradient; without a limit, a fit now and then jumped away and did not come back.
MAX_GRADIENT = 1.0


@dataclass(frozen=True)
class Passes:
    """How a network of m is fitted."""

    batch_size: int
    epochs: int
    learning_rate: float
    seed: int
    shrinkage: float  # of the weights at a full step (Loshchilov & Hutter 2019)


def prepare_mean(encoder: Encoder, decoder: Decoder, data: Batch, config: Config) -> None:
    """Fit m before the first epoch, roughly if `refit_mean` fits it again after the last.

    Where m starts from a grid (`decoder.start`), what is fitted is what that leaves over.
    """
    epochs = config.training.mean_epochs
    _fit(encoder, decoder, data, config, max(1, epochs // ROUGH) if is_refitted(config) else epochs)


def refit_mean(encoder: Encoder, decoder: Decoder, data: Batch, config: Config) -> None:
    """Fit m after the last epoch to what r leaves over."""
    if is_refitted(config):
        remainder = replace(data, x=data.x - rest_spectra(encoder, decoder, data, config))
        _fit(encoder, decoder, remainder, config, config.training.mean_epochs)


def is_refitted(config: Config) -> bool:
    """Whether networks of m are fitted again: if z holds none of the labels.

    Otherwise r says part of what m should say. A `Correction` is not: it knows how to deal with scatter, and
    what r(μ, y) has learned by heart of the stars would spoil its slopes.
    """
    return bool(config.model.mean_hidden) and set(config.model.condition_on) <= set(config.removed)


def _fit(encoder: Encoder, decoder: Decoder, data: Batch, config: Config, epochs: int) -> None:
    """Fit m to data.x (N, L)."""
    if decoder.start is not None:
        data = replace(data, x=data.x - start_spectra(decoder.start, data))
    if isinstance(decoder.mean, Correction):
        decoder.mean.set(correction_arrays(encoder, decoder, data, config.training.seed))
    else:
        _fit_networks(encoder, decoder, data, config, epochs)


def _fit_networks(encoder: Encoder, decoder: Decoder, data: Batch, config: Config, epochs: int) -> None:
    """Fit each network of m, or of what is added to its start, to data.x (N, L).

    Where all pixels of a star count the same, components give the same error at less cost.
    """
    t, axes = config.training, decoder.axes
    if data.weight is None or data.weight.shape[1] == 1:
        data, axes = replace(data, x=encoder.axes(data.x)), nn.Identity()
    for k, net in enumerate(decoder.means):
        passes = Passes(t.batch_size, epochs, t.mean_learning_rate, t.seed + k, t.mean_shrinkage)
        fit_network(net, axes, data, passes)


@torch.no_grad()
def correction_arrays(encoder: Encoder, decoder: Decoder, data: Batch, seed: int) -> dict[str, Tensor]:
    """The arrays of a `Correction` fitted to data.x (N, L).

    A masked pixel counts as if the start were right there.
    """
    start, labels = decoder.start, data.conditions.shape[1]
    lengths = torch.full((labels,), USUAL_LENGTH)
    if start is not None:
        columns = start.columns.long().cpu()
        lengths[columns] = start.lengths[: len(columns)].cpu()
    weight = torch.ones(len(data), 1, device=data.x.device) if data.weight is None else data.weight
    left = data.x if weight.shape[1] == 1 else data.x * (weight > 0)
    x = torch.cat([encoder.axes(part) for part in left.split(CHUNK)])
    return fit_correction(data.conditions, x, weight.mean(1), WIDER * lengths, seed)


def fit_network(net: nn.Module, axes: nn.Module, data: Batch, passes: Passes) -> None:
    """Minimise the mean squared error of axes(net(y)) against data.x over the weights of `net`, in place.

    axes: (N, R) → (N, L), or the identity, when data.x is (N, R).
    """
    net.train().requires_grad_(True)
    rate = passes.learning_rate
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=passes.shrinkage / rate, fused=True)
    generator = torch.Generator(data.x.device).manual_seed(passes.seed)
    steps = len(data) // passes.batch_size
    for epoch in range(passes.epochs):
        order = torch.randperm(len(data), generator=generator, device=data.x.device)
        for i, rows in enumerate(order[: steps * passes.batch_size].split(passes.batch_size)):
            optimiser.param_groups[0]["lr"] = rate * one_cycle((epoch * steps + i) / (passes.epochs * steps))
            optimiser.zero_grad(set_to_none=True)
            weight = None if data.weight is None else data.weight[rows]
            guess = axes(net(data.conditions[rows]))
            weighted_mse(guess, data.x.index_select(0, rows), weight).backward()
            nn.utils.clip_grad_norm_(net.parameters(), MAX_GRADIENT)
            optimiser.step()
    net.requires_grad_(False)


@torch.no_grad()
def rest_spectra(encoder: Encoder, decoder: Decoder, data: Batch, config: Config) -> Tensor:
    """(N, L) r(μ, y) of each star; the noise of z would only scatter what m is fitted to."""
    encoder.eval()
    decoder.eval()

    def rest(stars: Batch) -> Tensor:
        mu = encoder(stars.encoder_input(config.model))
        return decoder.axes(decoder.differences(mu, stars.conditions))

    return torch.cat([rest(stars) for stars in data.chunks()])


@torch.no_grad()
def start_spectra(start: GridStart, data: Batch) -> Tensor:
    """(N, L) the grid's spectrum of each star."""
    return torch.cat([start(stars.conditions) for stars in data.chunks()])
