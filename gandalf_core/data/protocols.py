"""What the audit, the comparison, the products and the command line need of a trained model.

`models.trained.TrainedModel` has all of it. Whoever names this interface instead of the class needs no torch,
and a test may bring a model of its own.
Shapes: N stars, L pixels, P labels, Z latent.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np

from ..config.schema import Config
from .latents import LatentSet
from .noise_key import NoiseKey
from .scaling import Scaler
from .spectra import SpectraSet


class StarMap(Protocol):
    """A two-dimensional map of stars that a model carries."""

    @property
    def label_names(self) -> tuple[str, ...]: ...

    def neighbour_r2(self, k: int = 10) -> dict[str, float]:
        """R² with which the k nearest stars in the map predict each label."""
        ...

    def place(self, x_new: np.ndarray) -> np.ndarray:
        """(M, 2) places of new stars in the map; NaN for a star that has no neighbours there."""
        ...


class StarPredictions(Protocol):
    """Labels that a model reads from N stars; values and errors (N, P), the others (N,)."""

    @property
    def ids(self) -> np.ndarray: ...

    @property
    def label_names(self) -> tuple[str, ...]: ...

    @property
    def values(self) -> np.ndarray: ...

    @property
    def errors(self) -> np.ndarray: ...

    @property
    def chi2(self) -> np.ndarray: ...

    @property
    def outlier_score(self) -> np.ndarray: ...

    @property
    def verdict(self) -> np.ndarray: ...

    @property
    def reason(self) -> np.ndarray: ...

    @property
    def outside(self) -> np.ndarray: ...

    @property
    def velocity_kms(self) -> np.ndarray: ...

    def __len__(self) -> int: ...

    def rows(self) -> list[dict[str, Any]]:
        """One plain dictionary per star."""
        ...

    def columns(self) -> dict[str, np.ndarray]:
        """The same as a table: name of the column → (N,)."""
        ...


class LatentReference(Protocol):
    """The stars that an outlier score compares with; latent_mean is (Z,)."""

    @property
    def latent_mean(self) -> np.ndarray: ...


def measured(model: "StarModel", seed: int) -> "StarModel":
    """The model as it is measured: without a key of its own its noise follows from the seed.

    So whoever measures again, on whatever installation, finds the same numbers.
    """
    return model if model.key else model.under(NoiseKey.from_seed(seed))


class StarModel(Protocol):
    """A trained auto-encoder: spectra to latents and back, labels from either."""

    # --- what it is ---

    @property
    def name(self) -> str: ...

    @property
    def model_id(self) -> str: ...

    @property
    def identity(self) -> str: ...

    @property
    def config(self) -> Config: ...

    @property
    def scaler(self) -> Scaler: ...

    @property
    def wavelength_nm(self) -> np.ndarray: ...

    @property
    def latent_size(self) -> int: ...

    @property
    def label_names(self) -> tuple[str, ...]: ...

    @property
    def condition_on(self) -> tuple[str, ...]: ...

    @property
    def removed(self) -> tuple[str, ...]: ...

    @property
    def kept(self) -> tuple[str, ...]: ...

    @property
    def label_ranges(self) -> np.ndarray: ...

    @property
    def ranges(self) -> dict[str, tuple[float, float]]: ...

    @property
    def card(self) -> dict[str, Any]: ...

    @property
    def projections(self) -> Mapping[str, StarMap]: ...

    @property
    def outlier_reference(self) -> LatentReference | None: ...

    @property
    def key(self) -> NoiseKey | None: ...

    @property
    def noise_key(self) -> NoiseKey | None:
        """The key of its exported latents: `key`, else the installation's; None without noise."""
        ...

    def under(self, key: NoiseKey | None) -> "StarModel":
        """The same model with its exported latents under another key."""
        ...

    # --- checks ---

    def held_out(self, stars: SpectraSet) -> np.ndarray:
        """(N,) true for the stars that took no part in making the model."""
        ...

    def unseen(self, stars: SpectraSet) -> np.ndarray:
        """(N,) true for the stars that did not train its networks."""
        ...

    def on_grid(self, stars: SpectraSet) -> SpectraSet:
        """The stars on the model's wavelength grid; SpectraError for those that do not cover it."""
        ...

    def check_receives(self, names: Iterable[str]) -> None:
        """ModelError names the labels that the decoder does not receive."""
        ...

    # --- what it does ---

    def encode(self, stars: SpectraSet, *, key: NoiseKey | None = None) -> LatentSet:
        """The exported latent, with its noise under `key` (None: `noise_key`)."""
        ...

    def encode_mean(self, stars: SpectraSet) -> np.ndarray:
        """(N, Z) the latent without its noise."""
        ...

    def decode(self, latents: LatentSet | np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(N, L) flux of latents (N, Z) under labels (N, P)."""
        ...

    def reconstruct(self, stars: SpectraSet, labels: np.ndarray | None = None) -> np.ndarray:
        """(N, L) flux decoded from the stars' own latents."""
        ...

    def modify(self, stars: SpectraSet, changes: Mapping[str, float]) -> tuple[SpectraSet, np.ndarray]:
        """The stars under modified labels, and (N,) true where all labels are the star's own."""
        ...

    def labels_of(self, stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
        """(N, P) the stars' labels, own or estimated, and (N,) true where all of them are their own."""
        ...

    def predict(self, stars: SpectraSet) -> StarPredictions:
        """Labels read from the latent, with uncertainty and fit quality."""
        ...

    def predict_from_spectrum(self, stars: SpectraSet) -> tuple[np.ndarray, np.ndarray]:
        """(N, P) values and 1σ errors read from the spectrum itself."""
        ...

    def hidden(self, stars: SpectraSet) -> np.ndarray:
        """(N, L) true for pixels that the networks do not see."""
        ...

    def chi2(self, stars: SpectraSet, guess: np.ndarray) -> np.ndarray:
        """(N,) reduced chi² of a reconstruction (N, L)."""
        ...
