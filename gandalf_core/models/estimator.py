"""`GandalfEncoder`: the auto-encoder as a scikit-learn transformer, for pipelines and grid searches.

Shapes: N stars, L pixels, P labels, Z latent.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from ..config.presets import preset, with_signs
from ..config.schema import Config, with_fields
from ..data.spectra import SpectraSet
from ..data.splits import split
from ..errors import ModelError
from ..io.latent_tables import spelled
from ..parameters import default_labels
from .fit import Extras, finish_model, trainer_for, usable_division
from .trained import TrainedModel

FEWEST_STARS, FEWEST_PIXELS = 10, 2  # fewer leave no star to validate, or nothing to compress
_LATENT_SIZE = "model.latent_size"
_WITH_NAN = {"ensure_all_finite": "allow-nan"}  # keywords of scikit-learn's checks
_check_array: Any = check_array  # their declared types know texts alone
_validate_data: Any = validate_data
ID_LETTERS = 32  # of the digest of a spectrum that comes without an id


class GandalfEncoder(TransformerMixin, BaseEstimator):
    """Spectra X (N, L) to latents (N, Z) and back, with the methods of a scikit-learn transformer.

    X holds normalised flux, one row per star; NaN marks an unusable pixel. y (N, P) holds labels in physical
    units, NaN where missing; without it nothing can be removed or kept.

    >>> encoder = GandalfEncoder(removed=("teff",), kept=("mh",), label_names=("teff", "mh"))
    >>> pipeline = make_pipeline(encoder, Ridge()).fit(flux, labels)

    Parameters
    ----------
    removed, kept: labels that the latent must not tell, and those that it reinforces.
    label_names: of the P columns of y; None: those of a DataFrame, or else y_0, y_1, …
    preset: the recipe; None: `bottleneck` where a label is removed or kept, else `autoencoder`.
    wavelength_nm: (L,) vacuum nm; None: pixels are counted, which recipes of synthetic grids refuse.
    latent_size: Z; None: the recipe's.
    changes: further fields of the configuration by path, such as {"training.epochs": 100}.
    random_state: a whole number; the same one makes the same networks.

    After `fit`, `model_` is a TrainedModel without regressors: `save_model` stores it, `audit` measures what
    its latent tells. As in every model of this package, some of the stars given train nothing, by id:
    `model_.test_ids`, a fifth, and a tenth or so that would calibrate regressors.

    The checks of scikit-learn's `check_estimator` pass but one: `check_estimators_pickle` makes a third of
    the pixels NaN, and a spectrum with more than 5 % of them unusable is refused here (it can be pickled).
    What they do not look at: where the recipe has noise (`bottleneck`), latents carry it, a secret function
    of the installation, of the star's id and of its spectrum, so that other installations compute other
    ones; `inverse_transform` needs y where the decoder receives labels; latents have 32 bits whatever X has.

    Every error is a ValueError. With fewer than 10 stars or 2 pixels, or infinite flux, it is scikit-learn's;
    ModelError, SpectraError and ConfigError say what else is wrong with stars or configuration.
    """

    model_: TrainedModel
    n_features_in_: int

    def __init__(
        self,
        removed: Sequence[str] = (),
        kept: Sequence[str] = (),
        label_names: Sequence[str] | None = None,
        preset: str | None = None,
        wavelength_nm: ArrayLike | None = None,
        latent_size: int | None = None,
        changes: Mapping[str, Any] | None = None,
        random_state: int = 0,
    ) -> None:
        self.removed = removed
        self.kept = kept
        self.label_names = label_names
        self.preset = preset
        self.wavelength_nm = wavelength_nm
        self.latent_size = latent_size
        self.changes = changes
        self.random_state = random_state

    # --- scikit-learn's methods ---

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        ids: ArrayLike | None = None,
        flux_error: ArrayLike | None = None,
    ) -> Self:
        """Train the networks on X (N, L), with labels y (N, P) or (N,).

        ids: (N,) texts or integers; None: a digest of each spectrum, so that repeats of one serve one
        purpose. flux_error: (N, L) one standard deviation per pixel, for recipes that weight by it.
        """
        names, labels = self._labels(y)
        flux = self._flux(X, reset=True)
        check_consistent_length(flux, labels if names else None, ids, flux_error)
        stars = self._stars(flux, ids, flux_error).with_labels(labels.reshape(len(flux), -1), names)
        config = self._config(stars)
        if config.model.conditional_encoder:
            cure = "leave out model.conditional_encoder"
            raise ModelError(f"transform gets no labels, which a conditional encoder needs: {cure}")
        known = np.isfinite(stars.labels_for(config.model.condition_on))
        stars = stars[np.flatnonzero(known.all(1))]
        config = with_fields(config, {"training.batch_size": _batch_size(stars, config)})
        trainer = trainer_for(stars, config)
        for _ in trainer.epochs():
            pass
        self.model_ = finish_model(trainer, stars, Extras(regressor_epochs=0, source="arrays"))
        return self

    def transform(self, X: ArrayLike, *, ids: ArrayLike | None = None) -> np.ndarray:
        """(N, Z) float32 latents of X (N, L), with the recipe's noise. ids: as for `fit`."""
        check_is_fitted(self)
        return self.model_.encode(self._stars(self._flux(X), ids)).z

    def inverse_transform(self, X: ArrayLike, y: ArrayLike | None = None) -> np.ndarray:
        """(N, L) float32 flux of latents X (N, Z), under the labels y (N, P) where the decoder takes any.

        Raises ModelError where it does and y is not given.
        """
        check_is_fitted(self)
        latents = _check_array(X, dtype=np.float32, estimator=self, input_name="X")
        names = self.model_.label_names
        if y is None and self.model_.condition_on:
            received = ", ".join(self.model_.condition_on)
            raise ModelError(f"the decoder receives {received}: give y, the labels to decode under")
        given = np.full((len(latents), len(names)), np.nan) if y is None else self._labels(y)[1]
        return self.model_.decode(latents, given.reshape(len(latents), -1))

    def score(self, X: ArrayLike, y: ArrayLike | None = None) -> float:
        """Minus the mean squared error of the reconstruction of X (N, L): more is better.

        It says nothing about what was removed; `audit` does. y: as for `inverse_transform`.
        """
        flux = self._flux(X)
        error = self.inverse_transform(self.transform(X), y) - flux
        return -float(np.nanmean(error**2))

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """(Z,) the names z_0, z_1, … which latents have in files, too."""
        check_is_fitted(self)
        return np.array([f"z_{k}" for k in range(self.model_.latent_size)], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        if tags.transformer_tags is not None:
            tags.transformer_tags.preserves_dtype = []
        return tags

    # --- from arrays to stars ---

    def _flux(self, X: ArrayLike, *, reset: bool = False) -> np.ndarray:
        """(N, L) checked as scikit-learn does, NaN where unusable."""
        least = {"ensure_min_samples": FEWEST_STARS, "ensure_min_features": FEWEST_PIXELS} if reset else {}
        return np.asarray(_validate_data(self, X, reset=reset, dtype=np.float32, **_WITH_NAN, **least))

    def _stars(
        self, flux: np.ndarray, ids: ArrayLike | None, flux_error: ArrayLike | None = None
    ) -> SpectraSet:
        """Flux (N, L) as stars without labels."""
        if self.wavelength_nm is None:
            wavelength_nm = np.arange(1.0, flux.shape[1] + 1)
        else:
            wavelength_nm = np.asarray(self.wavelength_nm, np.float64)
        names = np.asarray([_digest(row) for row in flux] if ids is None else ids)
        errors = None if flux_error is None else np.asarray(flux_error, np.float32)
        empty = np.empty((len(flux), 0))
        about = {"source": "arrays"}
        return SpectraSet(flux, wavelength_nm, names, empty, (), errors, np.isnan(flux), about)

    def _labels(self, y: ArrayLike | None) -> tuple[tuple[str, ...], np.ndarray]:
        """The names of labels, and their values (N, P)."""
        if y is None:
            return (), np.empty((0, 0))
        columns = getattr(y, "columns", None)
        values = _check_array(y, dtype=np.float64, ensure_2d=False, input_name="y", **_WITH_NAN)
        values = values.reshape(len(values), -1)
        if self.label_names is not None:
            names = self.label_names
        else:
            names = columns if columns is not None else [f"y_{k}" for k in range(values.shape[1])]
        return tuple(spelled(str(name)) for name in names), values

    def _config(self, stars: SpectraSet) -> Config:
        """The configuration for these stars. ConfigError for what is impossible."""
        removed, kept = (tuple(map(spelled, names)) for names in (self.removed, self.kept))
        signed = bool(removed or kept)
        labels = default_labels(stars.label_names)
        config = preset(self.preset or ("bottleneck" if signed else "autoencoder"), labels)
        if signed:
            config = with_signs(config, removed, kept)
        config = with_fields(config, {"training.seed": self.random_state, **(self.changes or {})})
        return config if self.latent_size is None else with_fields(config, {_LATENT_SIZE: self.latent_size})


def _batch_size(stars: SpectraSet, config: Config) -> int:
    """The configuration's, or as many stars as there are to train on, where that is fewer."""
    rows = usable_division(stars).fitting
    training, _ = split(stars.ids[rows], config.training.validation_fraction, config.training.seed)
    return max(2, min(config.training.batch_size, len(training)))


def _digest(row: np.ndarray) -> str:
    """The id of a spectrum (L,) that comes without one."""
    return sha256(np.ascontiguousarray(row, "<f4").tobytes()).hexdigest()[:ID_LETTERS]
