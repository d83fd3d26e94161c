"""`TrainedModel`: one object that encodes, decodes, reconstructs and predicts. Everything in it is read-only.

Shapes: N stars, L pixels, P labels, C conditioned labels, Z latent.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.linalg import block_diag

from ..config.schema import Config
from ..data.latents import LatentSet
from ..data.scaling import Scaler
from ..data.spectra import MIN_COVERAGE, SpectraSet, same_grid
from ..errors import ModelError, SpectraError
from ..io import resample
from ..maps.projection import Projection
from ..networks.autoencoder import Decoder, Encoder
from ..networks.layers import Mlp
from ..regression.fitting import Regressor
from . import outliers
from .noise import star_noise
from .outliers import OutlierReference

CHUNK = 8192  # stars at once: bounds the memory without costing speed


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of N stars. values, errors: (N, P), physical units, errors 1σ.

    chi2: (N,) of the reconstruction, reduced, with a model error of 0.7 % of the flux.  outlier_score: (N,)
    in 0-1.
    percentiles: its parts (`chi2`, `core`, `distance`), each (N,).
    """

    ids: np.ndarray
    label_names: tuple[str, ...]
    values: np.ndarray
    errors: np.ndarray
    chi2: np.ndarray
    outlier_score: np.ndarray
    percentiles: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> list[dict[str, Any]]:
        """One plain dictionary a star: id, each label with its `_error`, chi2, outlier_score."""
        table = []
        for i, star in enumerate(self.ids):
            row: dict[str, Any] = {"id": str(star)}
            for j, name in enumerate(self.label_names):
                row |= {name: float(self.values[i, j]), f"{name}_error": float(self.errors[i, j])}
            table.append(row | {"chi2": float(self.chi2[i]), "outlier_score": float(self.outlier_score[i])})
        return table


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained auto-encoder with what belongs to it: scaling, regressors, maps, card.

    The networks are in evaluation mode and take no gradient; methods may be called from several threads.
    """

    name: str
    config: Config
    scaler: Scaler
    encoder: Encoder
    decoder: Decoder
    train_ids: np.ndarray
    test_ids: np.ndarray
    label_ranges: np.ndarray  # (P, 2) the 1st and 99th percentile of the training sample
    history: list[dict] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    model_id: str = ""
    # training stars held back for validation
    check_ids: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    regressor_latent: Regressor | None = None
    regressor_spectrum: Regressor | None = None
    outlier_reference: OutlierReference | None = None
    projections: dict[str, Projection] = field(default_factory=dict)

    # --- what it is ---

    @property
    def wavelength_nm(self) -> np.ndarray:
        return self.scaler.wavelength_nm

    @property
    def label_names(self) -> tuple[str, ...]:
        return self.config.model.labels

    @property
    def condition_on(self) -> tuple[str, ...]:
        return self.config.model.condition_on

    @property
    def lambdas(self) -> dict[str, float]:
        return self.config.lambdas

    @property
    def removed(self) -> tuple[str, ...]:
        return self.config.removed

    @property
    def kept(self) -> tuple[str, ...]:
        return self.config.kept

    @property
    def latent_size(self) -> int:
        return self.config.model.latent_size

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Label → the range that holds 98 % of the training sample."""
        return {
            n: (float(low), float(high))
            for n, (low, high) in zip(self.label_names, self.label_ranges, strict=True)
        }

    def held_out(self, stars: SpectraSet) -> np.ndarray:
        """(N,) true for the stars that did not train this model."""
        return ~np.isin(stars.ids, self.train_ids)

    def on_grid(self, stars: SpectraSet) -> SpectraSet:
        """The stars on this model's wavelength grid. SpectraError names a star that covers less than 95 % of
        it.
        """
        if not same_grid(stars.wavelength_nm, self.wavelength_nm):
            return resample(stars, self.wavelength_nm)
        thin = stars.coverage < MIN_COVERAGE
        if thin.any():
            worst = stars.ids[thin][0]
            raise SpectraError(
                f"{worst}: usable on less than 95 % of the grid ({thin.sum()} of {len(stars)} such stars)"
            )
        return stars

    # --- encode ---

    def encode(self, stars: SpectraSet, *, seed: int | None = None) -> LatentSet:
        """The exported latent: z = μ(x) + σ·ε, ε a function of the star's id and the seed (the model's, if
        not given).

        Raises SpectraError for spectra that do not cover the grid, ModelError when a conditional encoder
        lacks labels.
        """
        stars = self.on_grid(stars)
        z = self.encode_mean(stars)
        if self.config.model.noise:
            noise_seed = self.config.training.seed if seed is None else seed
            z = z + self.config.model.noise * star_noise(stars.ids, self.latent_size, noise_seed)
        return LatentSet(z, stars.ids, stars.labels_for(self.label_names), self.label_names, self.model_id)

    def encode_mean(self, stars: SpectraSet) -> np.ndarray:
        """(N, Z) μ(x), for the audit only: μ is what the noise of the exported latent hides."""
        stars = self.on_grid(stars)
        if (
            self.config.model.conditional_encoder
            and np.isnan(self._conditions(stars.labels_for(self.label_names))).any()
        ):
            raise ModelError(
                f"{self.name}: its encoder needs {', '.join(self.condition_on)} of every star: give labels"
            )
        return np.concatenate([self._encode_chunk(stars[rows]) for rows in _chunks(len(stars))])

    @torch.inference_mode()
    def _encode_chunk(self, stars: SpectraSet) -> np.ndarray:
        x = self.scaler.flux_in(stars.flux, stars.mask)
        if self.config.model.conditional_encoder:
            labels = self.scaler.labels_standard(stars.labels_for(self.label_names))
            x = np.concatenate([x, self._conditions(labels)], 1)
        return self.encoder(torch.from_numpy(x)).numpy()

    # --- decode ---

    def decode(self, latents: LatentSet | np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(N, L) float32 flux of latents (N, Z) under labels (N, P) in physical units.

        Labels that this model's decoder does not receive have no effect. ModelError for a missing one that it
        does, for latents of another model and for shapes that do not fit.
        """
        z = np.asarray(latents.z if isinstance(latents, LatentSet) else latents, np.float32)
        labels = np.asarray(labels, np.float64)
        if isinstance(latents, LatentSet) and _other_networks(latents.model_id, self.model_id):
            raise ModelError(f"{self.name}: these latents are of {latents.model_id}, not of {self.model_id}")
        if z.shape[1:] != (self.latent_size,) or labels.shape != (len(z), len(self.label_names)):
            wanted = f"({self.latent_size} latent numbers, {len(self.label_names)} labels)"
            raise ModelError(f"{self.name}: decode needs {wanted} a star, not {z.shape} and {labels.shape}")
        if not np.isfinite(z).all():
            raise ModelError(
                f"{self.name}: {(~np.isfinite(z)).any(1).sum()} of {len(z)} latents are not finite"
            )
        conditions = self._conditions(self.scaler.labels_standard(labels))
        if not np.isfinite(conditions).all():
            missing = int((~np.isfinite(conditions)).any(1).sum())
            raise ModelError(
                f"{self.name}: {missing} stars lack one of {', '.join(self.condition_on)}, which its decoder needs"
            )
        return np.concatenate([self._decode_chunk(z[rows], conditions[rows]) for rows in _chunks(len(z))])

    @torch.inference_mode()
    def _decode_chunk(self, z: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        return self.scaler.flux_out(
            self.decoder(torch.from_numpy(z), torch.from_numpy(conditions)).numpy()
        ).astype(np.float32)

    def _conditions(self, labels: np.ndarray) -> np.ndarray:
        return labels[:, [self.label_names.index(n) for n in self.condition_on]]

    def reconstruct(self, stars: SpectraSet, labels: np.ndarray | None = None) -> np.ndarray:
        """(N, L) flux decoded from the stars' own latents under `labels`, or the labels of `labels_of`."""
        stars = self.on_grid(stars)
        return self.decode(self.encode(stars), self.labels_of(stars)[0] if labels is None else labels)

    def labels_of(self, stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
        """(N, P) labels to decode under and (N,) true where all of them are the star's own.

        A label that a star lacks is what the spectrum's regressor reads; those it has stay.
        """
        labels = stars.labels_for(self.label_names)
        given = np.isfinite(labels).all(1)
        if not given.all() and (self.regressor_spectrum is not None or self.condition_on):
            estimates = self.predict_from_spectrum(self.on_grid(stars)[np.flatnonzero(~given)])[0]
            labels = labels.copy()
            labels[~given] = np.where(np.isfinite(labels[~given]), labels[~given], estimates)
        return labels, given

    # --- predict ---

    def predict_from_spectrum(self, stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
        """(N, P) values and 1σ errors read from the spectrum itself. ModelError when the folder holds no
        regressor.
        """
        if self.regressor_spectrum is None:
            raise ModelError(
                f"{self.name}: no regressor from the spectrum in this model; give the stars' labels"
            )
        stars = self.on_grid(stars)
        return self.regressor_spectrum.predict(self.scaler.filled(stars.flux, stars.mask), snr=stars.snr)

    def predict(self, stars: SpectraSet, *, seed: int | None = None) -> Predictions:
        """Parameters read from the exported latent (`seed` as in `encode`), with uncertainty and fit quality.

        A removed label comes out with the spread of the sample as its error: the latent does not hold it.
        """
        if self.regressor_latent is None:
            raise ModelError(f"{self.name}: no regressor in this model folder")
        stars = self.on_grid(stars)
        latents = self.encode(stars, seed=seed)
        values, errors = self.regressor_latent.predict(latents.z, snr=stars.snr)
        labels, _ = self.labels_of(stars)
        chi2, core = self.fit_quality(stars, self.decode(latents, labels))
        if self.outlier_reference is None:
            nothing = np.full(len(stars), np.nan)
            return Predictions(stars.ids, self.label_names, values, errors, chi2, nothing, {})
        # without errors it says nothing
        known = chi2 if stars.flux_error is not None else np.full(len(stars), np.nan)
        parts = self.outlier_reference.percentiles(known, core, self._estimates(stars, labels), latents.z)
        score = self.outlier_reference.score(parts)
        return Predictions(stars.ids, self.label_names, values, errors, chi2, score, parts)

    def _estimates(self, stars: SpectraSet, labels: np.ndarray) -> np.ndarray:
        return labels if self.regressor_spectrum is None else self.predict_from_spectrum(stars)[0]

    def hidden(self, stars: SpectraSet) -> np.ndarray:
        """(N, L) true for the pixels that say nothing of the model: masked in the star, or never seen by the
        networks.
        """
        return stars.mask | self.scaler.unseen

    def fit_quality(self, stars: SpectraSet, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) reduced chi² of a reconstruction (N, L) and (N,) mean flux in the Ca II cores."""
        flux = np.nan_to_num(stars.flux)
        chi2 = outliers.reduced_chi2(flux, guess, stars.flux_error, self.hidden(stars))
        return chi2, outliers.core_flux(flux, self.wavelength_nm, stars.mask)

    # --- for the browser ---

    def decoder_spec(self) -> dict[str, Any]:
        """Everything a decoder in another language needs: float32 layers, activations and both scalings.

        `rest` and `mean` are lists of {weight (out, in), bias (out,)}; `mean` is empty without a mean part.
        Each conditioned label enters as (value − label_mean)/label_std; flux = output·scale + offset.
        """
        columns = [self.label_names.index(n) for n in self.condition_on]
        m = self.config.model
        return {
            "rest": _drawing([self.decoder.rest], self.decoder.axes),
            "mean": _drawing(self.decoder.means, self.decoder.axes),
            "activation": m.activation,
            "output_activation": m.output_activation,
            "latent_size": m.latent_size,
            "labels": list(self.condition_on),
            "label_mean": self.scaler.label_mean[columns],
            "label_std": self.scaler.label_std[columns],
            "flux_offset": self.scaler.flux_offset,
            "flux_scale": self.scaler.flux_scale,
            "wavelength_nm": self.wavelength_nm,
        }


def _drawing(nets: list[Mlp], axes: torch.nn.Module) -> list[dict[str, np.ndarray]]:
    """The layers of one network that is the average of these and, within the last one, the product with the
    axes it draws in.
    """
    depth = len(nets[0].linear) if nets else 0
    layers = [
        _side_by_side([net.linear[i] for net in nets], first=i == 0, last=i == depth - 1)
        for i in range(depth)
    ]
    if layers and isinstance(axes, torch.nn.Linear):
        layers[-1] = {k: axes.weight.numpy() @ v for k, v in layers[-1].items()}
    return layers


def _side_by_side(linear: list[torch.nn.Linear], first: bool, last: bool) -> dict[str, np.ndarray]:
    """One layer of K networks as one: all see the same input, none sees the others' units, the last one
    averages.
    """
    weights, biases = [m.weight.numpy() for m in linear], [m.bias.numpy() for m in linear]
    if last:
        return {"weight": np.concatenate(weights, 1) / len(linear), "bias": np.mean(biases, 0)}
    weight = np.concatenate(weights) if first else block_diag(*weights)
    return {"weight": weight, "bias": np.concatenate(biases)}


def _other_networks(one_id: str, other_id: str) -> bool:
    """True for the ids of different weights; a model that was never stored has none."""
    return bool(one_id and other_id) and one_id.rpartition("@")[2] != other_id.rpartition("@")[2]


def _chunks(n: int) -> Iterator[slice]:
    yield from (slice(i, min(i + CHUNK, n)) for i in range(0, max(n, 1), CHUNK))
