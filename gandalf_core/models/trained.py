"""`TrainedModel`: one object that encodes, decodes, reconstructs and predicts. Everything in it is read-only.

Shapes: N stars, L pixels, P labels, C conditioned labels, Z latent.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..config.schema import Config
from ..data.latents import LatentSet
from ..data.noise_key import NoiseKey, fingerprint, installation_key
from ..data.protocols import StarModel
from ..data.scaling import Scaler
from ..data.spectra import SpectraSet
from ..errors import ModelError
from ..io import resample
from ..maps.projection import Projection
from ..networks.autoencoder import Decoder, Encoder
from ..regression.crossed import AnyRegressor
from ..regression.regressor import Reading
from .estimates import spectrum_reading, spectrum_values
from .misfit import reduced_chi2
from .noise import noise_domain, star_noise
from .outliers import OutlierReference, uses_physics
from .predicting import predict
from .predictions import Predictions

CHUNK = 8192  # stars at once: bounds the memory without costing speed


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained auto-encoder with its scaling, regressors, maps and card: a `data.protocols.StarModel`.

    label_ranges: (P, 2) 1st and 99th percentile of the training sample.  train_ids: of all stars that took
    part in making the model. Three parts of them trained no network: check_ids validated it, calibration_ids
    tell how wide error bars are, reference_ids are what the outlier score compares with.  model_id: name and
    a digest of the weights.  identity: of all that results depend on, the regressors included. Both are empty
    for a model that was never stored.  key: see `under`.  The networks are in evaluation mode and take no
    gradient; methods may be called from several threads.
    """

    name: str
    config: Config
    scaler: Scaler
    encoder: Encoder
    decoder: Decoder
    train_ids: np.ndarray
    test_ids: np.ndarray
    label_ranges: np.ndarray
    history: list[dict[str, Any]] = field(default_factory=list)
    card: dict[str, Any] = field(default_factory=dict)
    model_id: str = ""
    identity: str = ""
    check_ids: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    calibration_ids: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    reference_ids: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    regressor_latent: AnyRegressor | None = None
    regressor_spectrum: AnyRegressor | None = None
    outlier_reference: OutlierReference | None = None
    projections: dict[str, Projection] = field(default_factory=dict)
    key: NoiseKey | None = None

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
        pairs = zip(self.label_names, self.label_ranges.tolist(), strict=True)
        return {name: (low, high) for name, (low, high) in pairs}

    # --- checks ---

    def held_out(self, stars: SpectraSet) -> np.ndarray:
        """(N,) true for the stars that took no part in making this model."""
        return ~np.isin(stars.ids, self.train_ids)

    def unseen(self, stars: SpectraSet) -> np.ndarray:
        """(N,) true for the stars that did not train its networks."""
        held_back = np.concatenate([self.check_ids, self.calibration_ids, self.reference_ids])
        return self.held_out(stars) | np.isin(stars.ids, held_back)

    def on_grid(self, stars: SpectraSet) -> SpectraSet:
        """The stars on this model's wavelength grid. SpectraError names those that cover too little of it."""
        return resample(stars, self.wavelength_nm)

    def check_receives(self, names: Iterable[str]) -> None:
        """ModelError names the labels that the decoder does not receive; setting them would do nothing."""
        refused = ", ".join(name for name in names if name not in self.condition_on)
        if refused:
            received = f"only {', '.join(self.condition_on)}" if self.condition_on else "no labels"
            cause = f"cannot set {refused}: its decoder receives {received}; use a generator"
            raise ModelError(f"{self.name}: {cause}")

    # --- encode ---

    def encode(self, stars: SpectraSet, *, key: NoiseKey | None = None) -> LatentSet:
        """The exported latent z = μ(x) + σ·ε, where ε is a secret function of a star and its spectrum.

        key: of ε (see noise.py); None: `noise_key`. Raises SpectraError for spectra that do not cover the
        grid, ModelError when a conditional encoder lacks labels.
        """
        stars, sigma = self.on_grid(stars), self.config.model.noise
        key = (key or self.noise_key) if sigma else None
        parts = []
        for x, ids in self._inputs(stars):
            z = self._mean(x)
            if key is not None:
                z = z + sigma * star_noise(key, self._noise_domain, ids, x, self.latent_size)
            parts.append(z)
        z, labels = np.concatenate(parts), stars.labels_for(self.label_names)
        return LatentSet(z, stars.ids, labels, self.label_names, self.model_id, fingerprint(key))

    def encode_mean(self, stars: SpectraSet) -> np.ndarray:
        """(N, Z) μ(x), for the audit and for fits: it is what the noise of the exported latent hides."""
        return np.concatenate([self._mean(x) for x, _ in self._inputs(self.on_grid(stars))])

    @property
    def noise_key(self) -> NoiseKey | None:
        """The key of its exported latents, by default this installation's; None without noise."""
        return (self.key or installation_key()) if self.config.model.noise else None

    def under(self, key: NoiseKey | None) -> "TrainedModel":
        """This model with its exported latents under another key (None: this installation's)."""
        return replace(self, key=key)

    @cached_property
    def _noise_domain(self) -> bytes:
        return noise_domain(self.encoder, self.config.model.noise)

    def _inputs(self, stars: SpectraSet) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """What enters the encoder (n, L [+ C]), piece by piece, with the stars' ids (n,)."""
        labels, conditional = stars.labels_for(self.label_names), self.config.model.conditional_encoder
        if conditional and np.isnan(self._conditions(labels)).any():
            needed = f"{', '.join(self.condition_on)} of every star"
            raise ModelError(f"{self.name}: its encoder needs {needed}: give labels")
        for rows in _chunks(len(stars)):
            x = self.scaler.flux_in(stars.flux[rows], stars.mask[rows])
            if conditional:
                x = np.concatenate([x, self._conditions(self.scaler.labels_standard(labels[rows]))], 1)
            yield x, stars.ids[rows]

    @torch.inference_mode()
    def _mean(self, x: np.ndarray) -> np.ndarray:
        return self.encoder(torch.from_numpy(x)).numpy()

    def _conditions(self, labels: np.ndarray) -> np.ndarray:
        """(N, C) the columns of labels (N, P) that the decoder receives."""
        return labels[:, self.config.columns(self.condition_on)]

    # --- decode ---

    def decode(self, latents: LatentSet | np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(N, L) float32 flux of latents (N, Z) under labels (N, P) in physical units.

        Labels that this model's decoder does not receive have no effect. Raises ModelError for a missing
        value of one that it does receive, for latents of another model and for shapes that do not fit.
        """
        if isinstance(latents, LatentSet) and latents.of_other_networks(self.model_id):
            raise ModelError(f"{self.name}: these latents are of {latents.model_id}, not of {self.model_id}")
        z = np.asarray(latents.z if isinstance(latents, LatentSet) else latents, np.float32)
        labels = np.asarray(labels, np.float64)
        self._check_shapes(z, labels)
        conditions = self._conditions(self.scaler.labels_standard(labels))
        missing = int((~np.isfinite(conditions)).any(1).sum())
        if missing:
            needed = f"one of {', '.join(self.condition_on)}, which its decoder needs"
            raise ModelError(f"{self.name}: {missing} stars lack {needed}")
        return np.concatenate([self._decode_chunk(z[rows], conditions[rows]) for rows in _chunks(len(z))])

    def _check_shapes(self, z: np.ndarray, labels: np.ndarray) -> None:
        if z.shape[1:] != (self.latent_size,) or labels.shape != (len(z), len(self.label_names)):
            sizes = f"{self.latent_size} latent dimensions and {len(self.label_names)} labels per star"
            raise ModelError(f"{self.name}: decode needs {sizes}, not {z.shape} and {labels.shape}")
        bad = int((~np.isfinite(z)).any(1).sum())
        if bad:
            raise ModelError(f"{self.name}: {bad} of {len(z)} latents are not finite")

    @torch.inference_mode()
    def _decode_chunk(self, z: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        scaled = self.decoder(torch.from_numpy(z), torch.from_numpy(conditions)).numpy()
        return self.scaler.flux_out(scaled).astype(np.float32)

    def reconstruct(self, stars: SpectraSet, labels: np.ndarray | None = None) -> np.ndarray:
        """(N, L) flux decoded from the stars' own latents under `labels`; by default those of `labels_of`."""
        stars = self.on_grid(stars)
        return self.decode(self.encode(stars), self.labels_of(stars)[0] if labels is None else labels)

    def modify(self, stars: SpectraSet, changes: Mapping[str, float]) -> tuple[SpectraSet, np.ndarray]:
        """The stars as the model decodes them with some labels changed: `changes` is label → value.

        The second result is (N,) true where the other labels are the star's own, not estimates. Raises
        ModelError for a label that the decoder does not receive.
        """
        self.check_receives(changes)
        own_labels, own = self.labels_of(stars)
        labels = own_labels.copy()
        for name, value in changes.items():
            labels[:, self.label_names.index(name)] = value
        flux = self.decode(self.encode(stars), labels)
        about = {"decoded_by": self.model_id, "set": dict(changes), "from": stars.provenance}
        decoded = SpectraSet(flux, stars.wavelength_nm, stars.ids, labels, self.label_names, provenance=about)
        return decoded, own

    # --- labels ---

    def labels_of(self, stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
        """(N, P) labels to decode under, and (N,) true where all of them are the star's own.

        A label that a star lacks is estimated from its spectrum; those it has stay.
        """
        labels = stars.labels_for(self.label_names)
        own = np.asarray(np.isfinite(labels).all(1))
        if not own.all() and (self.regressor_spectrum is not None or self.condition_on):
            estimates = spectrum_values(self, stars[np.flatnonzero(~own)])
            labels = labels.copy()
            labels[~own] = np.where(np.isfinite(labels[~own]), labels[~own], estimates)
        return labels, own

    def predict_from_spectrum(self, stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
        """(N, P) values and 1σ errors read from the spectrum itself.

        Raises ModelError when the folder holds no regressor for spectra.
        """
        return self.read_spectrum(stars)[:2]

    def read_spectrum(self, stars: SpectraSet) -> Reading:
        """As `predict_from_spectrum`, with the correlations of the errors (N, P, P)."""
        return spectrum_reading(self, self.on_grid(stars))

    def predict(self, stars: SpectraSet, *, source: str = "latent", verdicts: bool = True) -> Predictions:
        """Labels read from the exported latent, with uncertainty, fit quality and a verdict on each star.

        A removed label comes out with the spread of the sample as its error: the latent does not hold it.
        source: `spectrum` reads all labels from the spectrum itself; fit and verdict are the same.
        verdicts: they take a few milliseconds a star; without them score, verdict and velocity are unknown.
        """
        return predict(self, stars, source=source, verdicts=verdicts)

    # --- quality of a reconstruction ---

    def hidden(self, stars: SpectraSet) -> np.ndarray:
        """(N, L) true for pixels that say nothing about the model: masked, or never seen by the networks."""
        return stars.mask | self.scaler.unseen

    def chi2(self, stars: SpectraSet, guess: np.ndarray) -> np.ndarray:
        """(N,) reduced chi² of a reconstruction (N, L); NaN without flux errors."""
        flux, physics = np.nan_to_num(stars.flux), uses_physics(self)
        return reduced_chi2(flux, guess, stars.flux_error, self.hidden(stars), physics)


def _chunks(n: int) -> Iterator[slice]:
    yield from (slice(i, min(i + CHUNK, n)) for i in range(0, max(n, 1), CHUNK))


if TYPE_CHECKING:
    _: type[StarModel] = TrainedModel  # the type checker compares the class with the interface
