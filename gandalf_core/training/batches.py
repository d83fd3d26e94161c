"""Stars as the networks see them: the training split in memory, and the batches taken from it.

Shapes: N stars, L pixels, C conditioned labels, P labels, K discriminators, B bins, Q nuisances, J responses,
R components in which the decoder draws.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..config.schema import Config, ModelConfig
from ..data.scaling import Scaler, fit_scaler
from ..data.spectra import SpectraSet
from ..simulator import nuisances_for
from .knowledge import Knowledge

CHUNK = 4096  # stars at once where no gradient is needed
# What the networks cannot fit anyway, in flux: keeps one bright star from outweighing a hundred.
ERROR_FLOOR = 0.006


@dataclass(frozen=True)
class Batch:
    """N stars: the whole training split, the validation split, or what one step sees of them.

    A step sees them in the networks' axes (axes.py): L is then R where there are components.
    """

    x: Tensor  # (N, L) scaled flux
    conditions: Tensor  # (N, C) standardised labels that the decoder receives
    standard: Tensor  # (N, P) standardised labels, NaN = missing
    bins: Tensor  # (K, N) bin of each watched label, −1 = missing
    target: Tensor  # (K, N, B) p(bin) as a reader without z knows it
    weight: Tensor | None = None  # (N, 1), or (N, L) where pixels are masked; None: all count the same
    error: Tensor | None = None  # (N, 1) noise of each spectrum, scaled; None: the encoder sees x as it is
    nuisances: Tensor | None = None  # (N, Q) standardised, NaN = unknown; None: no head reads them
    mean: Tensor | None = None  # (N, L) m(y) in the axes of x; None: the decoder has no mean part
    responses: Tensor | None = None  # (N, J·R) of the grid to nuisances; None: the decoder has none
    beyond: Tensor | None = None  # (N, 1) the part of L_rec that no choice in the axes of x changes; None: 0

    def __len__(self) -> int:
        return len(self.x)

    def tensors(self) -> dict[str, Tensor]:
        """The fields that are there, by name."""
        return {name: values for name, values in vars(self).items() if values is not None}

    def select(self, rows: Tensor) -> "Batch":
        """The stars at these row numbers."""
        return Batch(**{n: v.index_select(_star_axis(n), rows) for n, v in self.tensors().items()})

    def part(self, start: int, count: int) -> "Batch":
        """`count` stars from the row `start` on, without a copy; also of batches stacked model by model."""
        return Batch(**{n: v.narrow(_star_axis(n), start, count) for n, v in self.tensors().items()})

    def chunks(self) -> Iterator["Batch"]:
        """All stars in order, at most CHUNK at a time."""
        return map(self.select, torch.arange(len(self), device=self.x.device).split(CHUNK))

    def encoder_input(self, config: ModelConfig) -> Tensor:
        """(N, L), or (N, L + C) for a conditional encoder."""
        return torch.cat([self.x, self.conditions], 1) if config.conditional_encoder else self.x


def _star_axis(field: str) -> int:
    """The axis of a field that counts stars, from the end."""
    return -1 if field == "bins" else -2


class StarTensors:
    """Stars → `Batch`, with the scaling and the knowledge fitted to the training split.

    scaler: one that is fitted already.
    """

    def __init__(
        self, training: SpectraSet, config: Config, device: torch.device, scaler: Scaler | None = None
    ) -> None:
        self.config, self.device = config, device
        self.scaler = scaler or fit_scaler(training, config)
        standard, bins = self._labels_and_bins(training)
        self.knowledge = Knowledge(bins, self._labels_seen(standard), config)

    def __call__(self, stars: SpectraSet, with_nuisances: bool = False) -> Batch:
        """The stars on the device, with the nuisances that regression heads read if so requested."""
        standard, bins = self._labels_and_bins(stars)
        return Batch(
            x=torch.as_tensor(self.scaler.flux_in(stars.flux, stars.mask)).to(self.device),
            conditions=standard[:, self.config.columns(self.config.model.condition_on)].to(self.device),
            standard=standard.to(self.device),
            bins=bins.to(self.device),
            target=self.knowledge(self._labels_seen(standard)).to(self.device),
            weight=self._optional(pixel_weights(stars, self.scaler, self.config)),
            error=self._optional(scaled_errors(stars, self.scaler, self.config)),
            nuisances=self._optional(standard_nuisances(stars, self.config)) if with_nuisances else None,
        )

    def _labels_and_bins(self, stars: SpectraSet) -> tuple[Tensor, Tensor]:
        """Standardised labels (N, P) and bins of the watched ones (K, N), on the processor."""
        labels = stars.labels_for(self.config.model.labels)
        standard = torch.as_tensor(self.scaler.labels_standard(labels))
        watched = self.config.columns(self.config.watched)
        bins = torch.as_tensor(self.scaler.bins(labels))[:, watched].T.contiguous()
        # a discriminator that sees the kept labels says nothing about a star that lacks one of them
        bins[:, torch.isnan(self._labels_seen(standard)).any(1)] = -1
        return standard, bins

    def _labels_seen(self, standard: Tensor) -> Tensor:
        """(N, number of kept labels) that the discriminators see beside z; (N, 0) where they see z alone."""
        return standard[:, self.config.columns(self.config.labels_seen)]

    def _optional(self, array: np.ndarray | None) -> Tensor | None:
        return None if array is None else torch.as_tensor(array, device=self.device)


def pixel_weights(stars: SpectraSet, scaler: Scaler, config: Config) -> np.ndarray | None:
    """(N, 1) that makes L_rec a reduced χ², (N, L) where pixels are masked; None: all pixels count the same.

    weight = scale² / (σ² + ERROR_FLOOR²), with σ the mean error of the star, scale the rms of `flux_scale`.
    """
    weight = np.ones((len(stars), 1), np.float32)
    if config.training.weight_by_error and stars.flux_error is not None:
        variance = stars.mean_error[:, None].astype(np.float64) ** 2
        weight = (np.mean(scaler.flux_scale**2) / (variance + ERROR_FLOOR**2)).astype(np.float32)
    elif not stars.mask.any():
        return None
    return weight * ~stars.mask if stars.mask.any() else weight


def scaled_errors(stars: SpectraSet, scaler: Scaler, config: Config) -> np.ndarray | None:
    """(N, 1) mean error of each star in the units of x; None: the encoder sees the spectra as they are."""
    if not config.training.input_noise or stars.flux_error is None:
        return None
    return (stars.mean_error[:, None] / np.sqrt(np.mean(scaler.flux_scale**2))).astype(np.float32)


def standard_nuisances(stars: SpectraSet, config: Config) -> np.ndarray | None:
    """(N, Q) float32 nuisances, standardised over these stars; NaN = unknown. None where no head reads any.

    A nuisance that does not vary cannot be read from anything: it counts as unknown.
    """
    names = tuple(config.adversary.nuisances)
    if not names:
        return None
    values = np.ma.masked_invalid(nuisances_for(stars, names))
    spread = np.ma.masked_less_equal(values.std(0), 0)
    return ((values - values.mean(0)) / spread).astype(np.float32).filled(np.nan)
