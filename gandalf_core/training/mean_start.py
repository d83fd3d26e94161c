"""`model.mean_start: grid`: what the mean spectrum is before anything is learned.

The spectra of a grid's nodes become principal components, and these a smooth function of the labels
(kernel_fit.py). The networks of m(y) then learn what is left of the stars' spectra (mean_spectrum.py). The
spectra's responses to nuisances, which r(z, y) may have beside its network, become such functions, too.
Shapes: N stars, L pixels, C conditioned labels, Q of them that the grid has, M nodes, J responses, R
components in which the decoder draws.
"""

import numpy as np
import torch
from torch import Tensor

from ..config.schema import Config
from ..data.scaling import Scaler
from ..networks.autoencoder import Decoder, Encoder
from .batches import Batch
from .grid_file import nodes_of_file
from .grid_nodes import Nodes, Sample, simulated_nodes
from .kernel_fit import Interpolation, fit_interpolation
from .region import walls


def set_start(encoder: Encoder, decoder: Decoder, data: Batch, scaler: Scaler, config: Config) -> None:
    """Give a decoder that starts from a grid the arrays of its start, and of its responses to nuisances.

    data: the training split. Raises ModelError or SpectraError where grid and stars do not fit each other.
    """
    if decoder.start is None:
        return
    sample, file, names = sample_of(data, scaler, config), config.model.mean_grid, config.model.responses
    nodes = nodes_of_file(file, sample, names) if file else simulated_nodes(sample, names)
    fitted = fit_interpolation(nodes.coordinates, scaler.flux_in(nodes.flux))
    decoder.start.set(_start_arrays(nodes, sample, fitted))
    if decoder.responses is not None:
        in_axes = _in_axes(encoder, data.x.new_tensor(nodes.responses / scaler.flux_scale))
        responses = fit_interpolation(nodes.coordinates, in_axes, fitted.shape)  # of the same kernel
        decoder.responses.set(responses.arrays())


def _start_arrays(nodes: Nodes, sample: Sample, fitted: Interpolation) -> dict[str, Tensor]:
    """The arrays of a `GridStart` through these nodes."""
    centre, planes = walls(nodes.region)
    return {
        "columns": torch.tensor([sample.names.index(name) for name in nodes.names]),
        "held": torch.zeros(nodes.coordinates.shape[1] - len(nodes.names)),
        "centre": torch.as_tensor(centre),
        "walls": torch.as_tensor(planes),
        **fitted.arrays(),
    }


@torch.no_grad()
def _in_axes(encoder: Encoder, responses: Tensor) -> np.ndarray:
    """(M, J·R) responses (M, J, L) in the axes in which the decoder draws."""
    return encoder.axes(responses).flatten(1).float().cpu().numpy()


def sample_of(data: Batch, scaler: Scaler, config: Config) -> Sample:
    """The training split as a start is made for it."""
    columns = config.columns(config.model.condition_on)
    standard = data.conditions.cpu().numpy().astype(np.float64)
    labels = standard * scaler.label_std[columns] + scaler.label_mean[columns]
    flux = scaler.flux_out(data.x.mean(0).cpu().numpy())
    return Sample(config.model.condition_on, labels, flux, scaler, columns)
