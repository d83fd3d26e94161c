"""What a decoder in another language needs: the page's live decoder runs a model in the browser.

Shapes: L pixels, Z latent, C conditioned labels, R components in which the decoder draws, K networks whose
average is the mean spectrum, or what is added to its start; those of the other arrays are in
`networks.start`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.linalg import block_diag

from ..maps.projection import Projection
from ..networks.layers import Mlp
from ..networks.start import Correction, Responses
from .trained import TrainedModel

Layer = dict[str, np.ndarray]  # weight (out, in), bias (out,)


def decoder_spec(model: TrainedModel) -> dict[str, Any]:
    """The layers of a model's decoder, its activations and both scalings, as float32 arrays and plain values.

    `rest` and `mean` are lists of {weight (out, in), bias (out,)}; `mean` is empty without a mean spectrum.
    Where it starts from a grid, `start` has the arrays of a `GridStart` by name, `correction` those of a
    `Correction`, unless `mean` corrects it, and `responses` those of `Responses`, `reading` (J, Z) included.
    `shift` has those of a `LineShift`, where own stars corrected the mean spectrum.
    All but the start and the shift draw in the rows of `axes` (R, L), or in pixels where that is empty. Each
    conditioned label enters as (value − label_mean)/label_std; flux = output·scale + offset.
    """
    columns = model.config.columns(model.condition_on)
    config, scaler, decoder = model.config.model, model.scaler, model.decoder
    return {
        "rest": _layers([decoder.rest]),
        "mean": _layers(decoder.means),
        "start": _arrays(decoder.start),
        "correction": _arrays(decoder.mean) if isinstance(decoder.mean, Correction) else {},
        "responses": _responses(decoder.responses),
        "shift": _arrays(decoder.shift),
        "axes": decoder.axes.weight.numpy().T if isinstance(decoder.axes, torch.nn.Linear) else np.empty(0),
        "activation": config.activation,
        "output_activation": config.output_activation,
        "latent_size": config.latent_size,
        "labels": list(model.condition_on),
        "label_mean": scaler.label_mean[columns],
        "label_std": scaler.label_std[columns],
        "flux_offset": scaler.flux_offset,
        "flux_scale": scaler.flux_scale,
        "wavelength_nm": model.wavelength_nm,
    }


def stored_latents(model: TrainedModel) -> Projection | None:
    """A stored map that still holds the latents it was computed from, with their labels."""
    maps = (p for name, p in model.projections.items() if name.startswith("latent"))
    return next((p for p in maps if p.x.shape[1] == model.latent_size and not len(p.components)), None)


def usual_inputs(model: TrainedModel, count: int = 4000) -> np.ndarray | None:
    """(count, Z + C) inputs that a page gives a decoder: latents of stars, of which one number may be moved.

    The labels lie anywhere on the tracks of the sliders. None where no stored map has latents.
    """
    stored = stored_latents(model)
    if stored is None or not len(stored.x):
        return None
    rng, x = np.random.default_rng(0), np.asarray(stored.x, float)
    z = x[rng.integers(0, len(x), count)]
    moved, rows = rng.integers(0, z.shape[1], count), np.arange(0, count, 2)
    low, high = np.percentile(x, [1, 99], axis=0)
    z[rows, moved[rows]] = rng.uniform(low[moved[rows]], high[moved[rows]])
    ends = np.array([model.ranges[name] for name in model.condition_on], float).reshape(-1, 2)
    beyond = 0.2 * (ends[:, 1] - ends[:, 0])
    labels = rng.uniform(ends[:, 0] - beyond, ends[:, 1] + beyond, (count, len(ends)))
    columns = model.config.columns(model.condition_on)
    scaler = model.scaler
    return np.concatenate([z, (labels - scaler.label_mean[columns]) / scaler.label_std[columns]], 1)


def _arrays(module: torch.nn.Module | None) -> dict[str, np.ndarray]:
    return {} if module is None else {name: array.numpy() for name, array in module.named_buffers()}


def _responses(responses: Responses | None) -> dict[str, np.ndarray]:
    return {} if responses is None else _arrays(responses) | {"reading": responses.reading.weight.numpy()}


def _layers(nets: Sequence[Mlp]) -> list[Layer]:
    """The layers of one network equal to the average of `nets`."""
    linear = [[layer for layer in net if isinstance(layer, torch.nn.Linear)] for net in nets]
    depth = len(linear[0]) if nets else 0
    return [_side_by_side([own[i] for own in linear], i == 0, i == depth - 1) for i in range(depth)]


def _side_by_side(linear: Sequence[torch.nn.Linear], first: bool, last: bool) -> Layer:
    """One layer of K networks as a single layer.

    All networks see the same input, none sees the others' units, and the last layer takes the mean.
    """
    weights, biases = [m.weight.numpy() for m in linear], [m.bias.numpy() for m in linear]
    if last:
        return {"weight": np.concatenate(weights, 1) / len(linear), "bias": np.mean(biases, 0)}
    weight = np.concatenate(weights) if first else np.asarray(block_diag(*weights))
    return {"weight": weight, "bias": np.concatenate(biases)}
