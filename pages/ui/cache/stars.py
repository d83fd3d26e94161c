"""The stars of a source on a model's grid: simulated once and kept on disk, or uploaded.

A source is `test stars`, `simulated:N:SEED`, `uploaded:KEY` or `all my stars`.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core import io, sources
from gandalf_core.data.identity import identity
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import SpectraError
from gandalf_core.models.trained import TrainedModel
from gandalf_core.seeds import CHOICE_SEED
from gandalf_core.simulator import simulate_by_id, simulator_identity, truth
from pages.ui import jobs, state
from pages.ui.cache.keys import grid_key, subfolder
from pages.ui.cache.uploads import ALL, UPLOADED, load_upload, upload_on_grid, uploads_on_grid

TEST = "test stars"  # the stars of the model's own maps: none of them trained it
MAX_TEST = 6000
AT_ONCE = 1200  # test stars that are simulated while the page waits; more are a job
FIRST = 500  # of the stars that a job simulates: shown at once, in less than a second
SIMULATED_AT_ONCE = 4000  # of a sample that a link or a form asks for: about four seconds
MAX_SIMULATED = 64_305  # that pages work with: as many as the paper's sample has
READY_MADE = (TEST, f"simulated:2000:{CHOICE_SEED}")


class NotSimulated(Exception):
    """The stars `ids` are not simulated yet and too many to wait for: a job will write them to `path`."""

    def __init__(self, ids: np.ndarray, path: Path) -> None:
        super().__init__(f"{len(ids)} stars are being simulated")
        self.ids, self.path = ids, path


# --- a source ---


def load_stars(source: str, model: TrainedModel) -> SpectraSet:
    """The stars of a source on the model's grid. Raises SpectraError when they do not fit the model."""
    if source == TEST:
        ids = test_ids(model)
        uploads = uploads_on_grid(model)
        if uploads is not None and np.isin(ids, uploads.ids).all():  # a model of somebody's own stars
            return uploads[np.isin(uploads.ids, ids)]
        return stars_by_ids(ids, model)
    if source.startswith(UPLOADED):
        return upload_on_grid(source, model)
    if source == ALL:
        return _all_uploads(model)
    check_simulation(source)
    return _simulated(source, grid_key(model), model)


def is_mine(source: str) -> bool:
    """Whether these are uploaded stars."""
    return source == ALL or source.startswith(UPLOADED)


def _all_uploads(model: TrainedModel) -> SpectraSet:
    """All uploads of the session that fit the model."""
    uploads = uploads_on_grid(model)
    if uploads is None:
        raise SpectraError(
            "none of your stars fits this model, or there is none: upload some on the Data page"
        )
    return uploads


def star_ids(source: str, model: TrainedModel) -> np.ndarray:
    """(N,) ids of a source, without simulating spectra where the model knows the ids."""
    return test_ids(model) if source == TEST else load_stars(source, model).ids


def star_labels(source: str, model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
    """Ids (N,) and labels (N, P) of a source, without simulating spectra where a map has the labels."""
    for projection in model.projections.values():
        if source == TEST and projection.label_names == model.label_names:
            return projection.ids, projection.labels
    stars = load_stars(source, model)
    return stars.ids, stars.labels_for(model.label_names)


def simulation_of(source: str, model: TrainedModel) -> tuple[np.ndarray, Path]:
    """Ids (N,) of simulated stars, and the file that holds them or that a job may write."""
    if source == TEST:
        ids = test_ids(model)
        return ids, file_of_ids(ids)
    return sources.simulated_ids(source), _path(identity(source, simulator_identity()))


def check_simulation(source: str) -> None:
    """Raises NotSimulated where that takes a while, SpectraError for more stars than pages work with.

    JobError where the visitor's quota has no room for new ones.
    """
    count, seed, kind = sources.check_source(source)
    if count > MAX_SIMULATED:
        command = f"python -m gandalf_core simulate --stars {count} --seed {seed} stars.parquet"
        command = f"python -m gandalf_core ingest {source} stars.parquet" if kind else command
        raise SpectraError(
            f"{source}: pages work with at most {MAX_SIMULATED:,} simulated stars: for more, run `{command}`"
        )
    path = _path(identity(source, simulator_identity()))
    if not path.is_file():
        jobs.ask_stars(source, count)
    if count > SIMULATED_AT_ONCE and not path.is_file():
        raise NotSimulated(sources.simulated_ids(source), path)


@st.cache_resource(max_entries=4, show_spinner="Simulating stars …")
def _simulated(source: str, grid: str, _model: TrainedModel) -> SpectraSet:
    key = identity(source, simulator_identity())
    return _model.on_grid(_on_disk(key, lambda: sources.load_stars(source)))


# --- one star ---


def load_star(star: str, source: str, model: TrainedModel) -> SpectraSet:
    """One star by id: from the uploads, else from the source. Raises SpectraError when it is in neither."""
    for key in st.session_state[state.UPLOADS]:
        if star in load_upload(key).ids:
            stars = upload_on_grid(UPLOADED + key, model)
            if star in stars.ids:
                return _pick(stars, star)
    if source == TEST and star in test_ids(model):
        return _test_star(star, grid_key(model), model)
    stars = load_stars(source, model)
    if star not in stars.ids:
        raise SpectraError(
            f"{star}: no such star in '{source}' or among the uploads; choose another in the sidebar"
        )
    return _pick(stars, star)


@st.cache_resource(max_entries=256, show_spinner=False)
def _test_star(star: str, grid: str, _model: TrainedModel) -> SpectraSet:
    return _model.on_grid(simulate_by_id(np.array([star])))


def _pick(stars: SpectraSet, star: str) -> SpectraSet:
    return stars[int(np.flatnonzero(stars.ids == star)[0])]


def true_spectrum(star: SpectraSet, labels: np.ndarray) -> np.ndarray:
    """(L,) noise-free spectrum of a simulated star under other labels (P,).

    NaN outside the simulator's region.
    """
    return _true_spectrum(star.identity, tuple(labels.tolist()), star)


@st.cache_data(max_entries=256, show_spinner=False)
def _true_spectrum(star: str, labels: tuple[float, ...], _star: SpectraSet) -> np.ndarray:
    return truth(_star, np.array([labels])).flux[0]


# --- stars by their ids ---


def test_ids(model: TrainedModel) -> np.ndarray:
    """(N,) ids of the stars in the model's stored maps; without maps, of the first test stars."""
    for name in sorted(model.projections):
        return model.projections[name].ids
    return model.test_ids[:MAX_TEST]


def file_of_ids(ids: np.ndarray) -> Path:
    """Where the simulated stars with these ids are kept."""
    return _path(identity(ids, simulator_identity()))


def stars_by_ids(ids: np.ndarray, model: TrainedModel) -> SpectraSet:
    """The simulated stars with these ids on the model's grid. Raises NotSimulated when that takes a while.

    SpectraError when they are not simulated stars: spectra are not stored with a model.
    """
    path = file_of_ids(ids)
    if not path.is_file() and len(ids) > AT_ONCE:
        raise NotSimulated(ids, path)
    return _by_ids(str(path), grid_key(model), ids, model)


@st.cache_resource(max_entries=4, show_spinner="Loading the stars …")
def _by_ids(path: str, grid: str, _ids: np.ndarray, _model: TrainedModel) -> SpectraSet:
    return _model.on_grid(_on_disk(Path(path).stem, lambda: simulate_by_id(_ids)))


def first_by_ids(ids: np.ndarray, model: TrainedModel) -> SpectraSet:
    """The first FIRST of the simulated stars with these ids, on the model's grid."""
    return stars_by_ids(ids[:FIRST], model)


def _on_disk(key: str, simulate: Callable[[], SpectraSet]) -> SpectraSet:
    """The stars kept under a key, simulated where the file is missing or cannot be read."""
    if _path(key).is_file():
        try:
            return io.read_stars(_path(key), keep_spikes=True)
        except SpectraError:
            _path(key).unlink()
    stars = simulate()
    io.write_stars(_path(key), stars)
    return stars


def _path(key: str) -> Path:
    return subfolder("stars") / f"{key}.npz"
