"""`model.mean_start: grid`: what the mean spectrum is before anything is learned.

The spectra of a grid's nodes become principal components, and these a smooth function of the labels
(kernel_fit.py). The networks of m(y) then learn what is left of the stars' spectra (mean_spectrum.py).
Shapes: N stars, L pixels, C conditioned labels, Q of them that the grid has.
"""

import numpy as np
import torch
from torch import Tensor

from ..config.schema import Config
from ..data.scaling import Scaler
from .batches import Batch
from .grid_file import nodes_of_file
from .grid_nodes import Sample, simulated_nodes
from .kernel_fit import fit_interpolation
from .region import walls


def start_arrays(data: Batch, scaler: Scaler, config: Config) -> dict[str, Tensor]:
    """The arrays of the decoder's `GridStart` for the training split.

    Raises ModelError or SpectraError where grid and stars do not fit each other.
    """
    sample = sample_of(data, scaler, config)
    file = config.model.mean_grid
    nodes = nodes_of_file(file, sample) if file else simulated_nodes(sample)
    fitted = fit_interpolation(nodes.coordinates, scaler.flux_in(nodes.flux))
    centre, planes = walls(nodes.region)
    return {
        "columns": torch.tensor([sample.names.index(name) for name in nodes.names]),
        "held": torch.zeros(nodes.coordinates.shape[1] - len(nodes.names)),
        "centre": torch.as_tensor(centre),
        "walls": torch.as_tensor(planes),
        **fitted.arrays(),
    }


def sample_of(data: Batch, scaler: Scaler, config: Config) -> Sample:
    """The training split as a start is made for it."""
    columns = config.columns(config.model.condition_on)
    standard = data.conditions.cpu().numpy().astype(np.float64)
    labels = standard * scaler.label_std[columns] + scaler.label_mean[columns]
    flux = scaler.flux_out(data.x.mean(0).cpu().numpy())
    return Sample(config.model.condition_on, labels, flux, scaler, columns)
