"""A grid of generated spectra: one latent decoded under every combination of labels (the paper's generator).

The latent carries what labels do not say (line widths, shifts, interstellar absorption). It is the mean
latent of the model's reference stars, an average star in all of that; or that of a star, for a grid of
spectra as this star would show them, where `median_star` is the one nearest to the middle of several.
Shapes: N nodes, L pixels, P labels, Z latent dimensions.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data.latents import LatentSet
from ..data.protocols import StarModel
from ..data.spectra import SpectraSet
from ..errors import ConfigError, ModelError
from ..parameters import LABELS, parameter
from ..simulator import inside

MAX_NODES = 200_000
DECIMALS = 9  # of a node's value: 4000 + 3·0.1 is 4000.3

Steps = (
    float | tuple[float, float, float] | list[float]
)  # a step, (low, high, step), or the values themselves


@dataclass(frozen=True, eq=False)
class Grid:
    """Generated spectra on a grid of labels.

    Attributes
    ----------
    flux: (N, L).  wavelength_nm: (L,).
    labels: (N, P) in physical units, NaN for a label that the decoder does not receive.  label_names: P
    names.
    axes: the values of each label; the first label varies slowest.
    extrapolated: (N,) true beyond the training sample, see `beyond_sample`.
    about: the model and the latent.  rms, comparison: see `grid_truth.compare_with_simulator`.
    """

    flux: np.ndarray
    wavelength_nm: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    axes: dict[str, np.ndarray]
    extrapolated: np.ndarray
    about: dict[str, Any] = field(default_factory=dict)
    rms: np.ndarray | None = None
    comparison: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.flux)

    @property
    def stellar_labels(self) -> np.ndarray:
        """(N, 4) the labels that the simulator needs."""
        return stellar_columns(self.label_names, self.labels)

    def stars(self) -> SpectraSet:
        """The nodes as stars, with ids `node-0`, `node-1`, …"""
        ids = np.char.add("node-", np.arange(len(self)).astype(str))
        return SpectraSet(
            self.flux, self.wavelength_nm, ids, self.labels, self.label_names, provenance={"grid": self.about}
        )


def generate_grid(
    model: StarModel, steps: Mapping[str, Steps], latent: np.ndarray | LatentSet | None = None
) -> Grid:
    """Decode one latent under every combination of labels.

    steps: label → a step over the range of the training sample, (low, high, step), or a list of values; a
    label of the decoder without steps has the training sample's mean.  latent: (Z,) or (1, Z) of one star;
    None: the mean latent. Raises ModelError for a label that the decoder does not receive, ConfigError for
    impossible steps or too many nodes.
    """
    model.check_receives(tuple(steps))
    axes = {
        n: axis_values(n, steps.get(n, [_mean_label(model, n)]), model.ranges[n]) for n in model.condition_on
    }
    labels = nodes(model.label_names, axes)
    z = mean_latent(model) if latent is None else _one_latent(latent)
    return Grid(
        flux=model.decode(np.repeat(z, len(labels), 0), labels),
        wavelength_nm=model.wavelength_nm,
        labels=labels,
        label_names=model.label_names,
        axes=axes,
        extrapolated=beyond_sample(model, labels),
        about={"model": model.model_id or model.name, "latent": "mean" if latent is None else "given"},
    )


# --- nodes ---


def axis_values(name: str, steps: Steps, sample: tuple[float, float]) -> np.ndarray:
    """The values of one label; `sample` is the range of the training sample.

    A step alone gives its multiples within that range. Raises ConfigError for impossible steps.
    """
    if isinstance(steps, list):
        values = np.unique(np.asarray(steps, np.float64))
    else:
        low, high, step = steps if isinstance(steps, tuple) else (*sample, steps)
        if not (np.isfinite([low, high, step]).all() and step > 0 and low <= high):
            raise ConfigError(f"{name}: from {low:g} to {high:g} in steps of {step:g} is not an axis")
        if (high - low) / step > MAX_NODES:
            raise ConfigError(f"{name}: more than {MAX_NODES:,} values: use larger steps")
        first = low if isinstance(steps, tuple) else np.ceil(low / step) * step
        values = np.round(first + step * np.arange(np.floor((high - first) / step + 1e-6) + 1), DECIMALS)
    if not len(values) or not np.isfinite(values).all():
        raise ConfigError(f"{name}: no finite values for the axis")
    return values


def nodes(label_names: tuple[str, ...], axes: Mapping[str, np.ndarray]) -> np.ndarray:
    """(N, P) every combination of the axes' values, NaN for a label without an axis.

    Raises ConfigError for too many.
    """
    count = int(np.prod([len(v) for v in axes.values()], dtype=np.float64))
    if count > MAX_NODES:
        sizes = " × ".join(f"{n} {len(v)}" for n, v in axes.items())
        raise ConfigError(f"{sizes} makes {count:,} nodes, more than {MAX_NODES:,}: use larger steps")
    labels = np.full((count, len(label_names)), np.nan)
    for name, values in zip(axes, np.array(list(itertools.product(*axes.values()))).T, strict=True):
        labels[:, label_names.index(name)] = values
    return labels


def beyond_sample(model: StarModel, labels: np.ndarray) -> np.ndarray:
    """(N,) true for labels (N, P) beyond the training sample.

    That is outside the range of a label that holds 98 % of the sample, or where no such star exists (outside
    the simulator's region).
    """
    beyond = np.zeros(len(labels), bool)
    for name in model.condition_on:
        low, high = model.ranges[name]
        column = labels[:, model.label_names.index(name)]
        beyond |= (column < low) | (column > high)
    if set(LABELS) <= set(model.condition_on):
        beyond |= ~inside(stellar_columns(model.label_names, labels))
    return beyond


def stellar_columns(names: tuple[str, ...], labels: np.ndarray) -> np.ndarray:
    """(N, 4) the columns of (N, P) labels that the simulator needs."""
    return labels[:, [names.index(n) for n in LABELS]]


def _mean_label(model: StarModel, name: str) -> float:
    """The mean of the training sample, rounded as the label deserves."""
    return round(float(model.scaler.label_mean[model.label_names.index(name)]), parameter(name).decimals)


# --- latents ---


def mean_latent(model: StarModel) -> np.ndarray:
    """(1, Z) the mean latent of the model's reference stars. ModelError when its folder does not hold it."""
    if model.outlier_reference is not None:
        return np.asarray(model.outlier_reference.latent_mean, np.float32)[None]
    if model.config.model.normalise_latent:  # by construction
        return np.zeros((1, model.latent_size), np.float32)
    raise ModelError(f"{model.name}: this folder does not hold a mean latent: give a star")


def median_star(latents: LatentSet) -> int:
    """The row of the star nearest to the mean latent, in units of each dimension's standard deviation."""
    spread = latents.z.std(0) + 1e-9
    return int(np.square((latents.z - latents.z.mean(0)) / spread).sum(1).argmin())


def _one_latent(latent: np.ndarray | LatentSet) -> np.ndarray:
    """(1, Z) float32."""
    z = latent.z if isinstance(latent, LatentSet) else latent
    return np.asarray(z, np.float32).reshape(1, -1)
