"""What a model says about stars: latents, predicted parameters, and how its population is spread."""

from dataclasses import replace

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.data.latents import LatentSet
from gandalf_core.data.scores import rank_correlations
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.data.traverse import bands
from gandalf_core.errors import SpectraError
from gandalf_core.models.browser import stored_latents
from gandalf_core.models.estimates import latent_values, spectrum_values
from gandalf_core.models.predictions import Predictions, join_predictions, widened
from gandalf_core.models.trained import TrainedModel
from pages.ui import state
from pages.ui.cache.stars import load_stars
from pages.ui.cache.uploads import uploads_on_grid

FEW = 300  # stars that are judged at once: a verdict takes a few milliseconds


def latents_of(model: TrainedModel, stars: SpectraSet) -> LatentSet:
    return _latents(model.identity, stars.identity, model, stars)


@st.cache_resource(max_entries=16, show_spinner="Encoding …")
def _latents(model: str, stars: str, _model: TrainedModel, _stars: SpectraSet) -> LatentSet:
    return _model.encode(_stars)


def predictions_of(
    model: TrainedModel, stars: SpectraSet, source: str = "latent", *, verdicts: bool | None = None
) -> Predictions:
    """Parameters read from the `latent` or the `spectrum`; χ² comes with either.

    verdicts: whether verdicts and outlier scores come, too; by default only for few stars.
    """
    judged = len(stars) <= FEW if verdicts is None else verdicts
    parts = parts_of(stars)
    found = [_predictions(model.identity, part.identity, source, judged, model, part) for _, part in parts]
    return found[0] if len(parts) == 1 else _in_order(join_predictions(found), [rows for rows, _ in parts])


def values_of(model: TrainedModel, stars: SpectraSet, source: str) -> np.ndarray:
    """(N, P) the values of `predictions_of` alone, which take a tenth of its time."""
    values = np.empty((len(stars), len(model.label_names)))
    for rows, part in parts_of(stars):
        values[rows] = _values(model.identity, part.identity, source, model, part)
    return values


@st.cache_resource(max_entries=16, show_spinner="Predicting parameters …")
def _values(model: str, stars: str, source: str, _model: TrainedModel, _stars: SpectraSet) -> np.ndarray:
    if source == "spectrum":
        return spectrum_values(_model, _stars)
    return latent_values(_model, latents_of(_model, _stars), _stars.snr)


def parts_of(stars: SpectraSet) -> list[tuple[np.ndarray, SpectraSet]]:
    """The stars with their rows (N,): those whose flux errors are known, and the others as a set without any.

    So what is said of a star does not depend on the stars beside it.
    """
    known = np.isfinite(stars.mean_error)
    if stars.flux_error is None or known.all():
        return [(np.arange(len(stars)), stars)]
    bare = replace(stars[~known], flux_error=None)
    parts = [(np.flatnonzero(known), stars[known]), (np.flatnonzero(~known), bare)]
    return [(rows, part) for rows, part in parts if len(part)]


def _in_order(joined: Predictions, rows: list[np.ndarray]) -> Predictions:
    """Predictions of parts, in the order of the stars that they are parts of."""
    return joined.of(np.argsort(np.concatenate(rows)))


@st.cache_resource(max_entries=16, show_spinner="Predicting parameters …")
def _predictions(
    model: str, stars: str, source: str, verdicts: bool, _model: TrainedModel, _stars: SpectraSet
) -> Predictions:
    if source == "latent" or not verdicts:
        return _model.predict(_stars, source=source, verdicts=verdicts)
    # as `_model.predict(…, source="spectrum")`; the verdicts, which take long, are made once for both
    values, errors, correlations = _model.read_spectrum(_stars)
    latent = predictions_of(_model, _stars, verdicts=True)
    errors = widened(errors, values, _model.label_ranges, latent.outside)
    return replace(latent, values=values, errors=errors, correlations=correlations)


def labels_of(model: TrainedModel, stars: SpectraSet) -> np.ndarray:
    """(N, P) the stars' own labels, or estimates from their spectra where they have none."""
    return _labels(model.identity, stars.identity, model, stars)


@st.cache_resource(max_entries=16, show_spinner=False)
def _labels(model: str, stars: str, _model: TrainedModel, _stars: SpectraSet) -> np.ndarray:
    labels = np.empty((len(_stars), len(_model.label_names)))
    for rows, part in parts_of(_stars):
        labels[rows] = _model.labels_of(part)[0]
    return labels


def reconstruction_of(model: TrainedModel, star: SpectraSet) -> np.ndarray:
    """(L,) what the model's decoder makes of one star's latent."""
    return _reconstruction(model.identity, star.identity, model, star)


@st.cache_resource(max_entries=256, show_spinner=False)
def _reconstruction(model: str, star: str, _model: TrainedModel, _star: SpectraSet) -> np.ndarray:
    return _model.reconstruct(_star)[0]


def correlations_of(z: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The rank correlations of latents (N, Z) with labels (N, P)."""
    return _correlations(identity(z, values), z, values)


@st.cache_resource(max_entries=32, show_spinner=False)
def _correlations(content: str, _z: np.ndarray, _values: np.ndarray) -> np.ndarray:
    return rank_correlations(_z, _values)


def population_bands(model: TrainedModel) -> np.ndarray:
    """(5, Z) percentiles of the latents of the stars in the model's maps, or else of the chosen stars."""
    stored = stored_latents(model)
    if stored is not None:
        return bands(stored.x)
    try:
        stars = load_stars(st.session_state[state.STARS], model)
    except SpectraError:  # test stars of a model of somebody's own stars, whose spectra it does not hold
        stars = uploads_on_grid(model)
    return bands(np.empty((0, model.latent_size)) if stars is None else latents_of(model, stars).z)
