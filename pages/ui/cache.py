"""Every cache of the app, keyed by content: names of sources, digests of grids and weights, never big arrays.

Shared arrays are read-only by convention: nobody writes into what comes from here.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from gandalf_core import io, places, sources
from gandalf_core.data.latents import LatentSet
from gandalf_core.data.spectra import SpectraSet, concatenate
from gandalf_core.errors import ModelError, SpectraError
from gandalf_core.figures import latents as latent_figures
from gandalf_core.maps.projection import Projection, neighbour_r2
from gandalf_core.models import store
from gandalf_core.models.trained import Predictions, TrainedModel
from gandalf_core.simulator import truth
from gandalf_core.sweeps import study as sweep
from pages.ui import state
from pages.ui.components import live_decoder

ROOT = places.explorer_folder()
TEST = "test stars"  # the stars of the model's own maps: none of them trained it
MAX_TEST = 6000
QUICK = 1200  # stars that are simulated while the page waits; more are a job
READY_MADE = (TEST, "simulated:2000:7")


def folder(name: str) -> Path:
    """A folder of results that can be made again."""
    made = places.cache_folder() / name
    made.mkdir(parents=True, exist_ok=True)
    return made


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def grid_key(model: TrainedModel) -> str:
    return hashlib.sha256(model.wavelength_nm.tobytes()).hexdigest()[:12]


# --- models ---


def model_folders() -> dict[str, Path]:
    """Name in the picker → folder: the pretrained models, then the finished trainings, newest first."""
    found = {info.name: info.path for info in store.list_models()}
    trained = sorted(places.runs_folder().glob("*/model/card.json"), key=lambda path: -path.stat().st_mtime)
    for path in trained:
        info = store.list_models(path.parent.parent)
        found |= {
            f"{i.card.get('name', 'model')} {path.parent.parent.name[:6]}": i.path
            for i in info
            if i.path == path.parent
        }
    return found


def load(name: str) -> TrainedModel:
    """A model by its name in the picker. ModelError for a folder that is gone or incomplete."""
    folders = model_folders()
    if name not in folders:
        raise ModelError(f"{name}: this model is not here any more; choose another in the side bar")
    weights = folders[name] / "weights.safetensors"
    stamp = weights.stat().st_mtime_ns if weights.is_file() else 0
    return _model(str(folders[name]), stamp, name)


@st.cache_resource(max_entries=8, show_spinner="Loading the model …")
def _model(path: str, stamp: int, name: str) -> TrainedModel:
    # a finished training is called as in the picker, not as its folder
    return replace(store.load_model(path), name=name)


@st.cache_resource(max_entries=8, show_spinner=False)
def decoder_bytes(model_id: str, _model: TrainedModel) -> bytes:
    return live_decoder.packed(_model.decoder_spec(), model_id)


def sweep_found(folder: Path) -> tuple[pd.DataFrame, dict]:
    """The trials of a sweep's folder, the best first, and the paper's two curves. ConfigError when there is
    no sweep.
    """
    study = folder / "study.db"
    return _sweep_found(str(folder), study.stat().st_mtime_ns if study.is_file() else 0)


@st.cache_data(max_entries=16, show_spinner=False)
def _sweep_found(folder: str, stamp: int) -> tuple[pd.DataFrame, dict]:
    return sweep.results(folder), sweep.curves(folder)


# --- stars ---


def stars(source: str, model: TrainedModel) -> SpectraSet:
    """The stars of a source on the model's grid. SpectraError when they do not fit the model."""
    if source == TEST:
        return members(test_ids(model), model)
    if source.startswith("uploaded:"):
        return _on_grid(source, grid_key(model), model)
    return _simulated(source, grid_key(model), model)


def star_ids(source: str, model: TrainedModel) -> np.ndarray:
    """Their ids, without making the spectra where the model knows them."""
    return test_ids(model) if source == TEST else stars(source, model).ids


def labels(source: str, model: TrainedModel) -> tuple[np.ndarray, np.ndarray]:
    """(N,) ids and (N, P) labels of a source, without making the spectra where a map of the model has them."""
    for projection in model.projections.values():
        if source == TEST and projection.label_names == model.label_names:
            return projection.ids, projection.labels
    found = stars(source, model)
    return found.ids, found.labels_for(model.label_names)


def star(wanted: str, source: str, model: TrainedModel) -> SpectraSet:
    """One star by id: from the uploads, else from the source. SpectraError when it is in neither."""
    for key in st.session_state[state.UPLOADS]:
        found = _on_grid(f"uploaded:{key}", grid_key(model), model) if wanted in uploaded(key).ids else ()
        if len(found) and wanted in found.ids:
            return found[int(np.flatnonzero(found.ids == wanted)[0])]
    if source == TEST and wanted in test_ids(model):
        return model.on_grid(sources.by_ids(np.array([wanted])))
    here = stars(source, model)
    rows = np.flatnonzero(here.ids == wanted)
    if not len(rows):
        raise SpectraError(
            f"{wanted}: no such star among '{source}' or the uploads; choose another in the side bar"
        )
    return here[int(rows[0])]


def test_ids(model: TrainedModel) -> np.ndarray:
    """(N,) ids of the stars in the model's stored maps; without maps, of the first test stars."""
    for name in sorted(model.projections):
        return model.projections[name].ids
    return model.test_ids[:MAX_TEST]


class Preparing(Exception):
    """The stars `ids` are not simulated yet, and there are too many to wait for: a job will write them to
    `path`.
    """

    def __init__(self, ids: np.ndarray, path: Path) -> None:
        super().__init__(f"{len(ids)} stars are being simulated")
        self.ids, self.path = ids, path


def file_by_ids(ids: np.ndarray) -> Path:
    return folder("stars") / f"{digest('ids', *ids)}.npz"


def members(ids: np.ndarray, model: TrainedModel) -> SpectraSet:
    """The spectra of the simulated stars `ids` on the model's grid. Preparing when that takes a while.

    SpectraError when they are not simulated: spectra are not stored with a model.
    """
    path = file_by_ids(ids)
    if not path.is_file() and len(ids) > QUICK:
        raise Preparing(ids, path)
    return _members(str(path), grid_key(model), ids, model)


@st.cache_resource(max_entries=4, show_spinner="Loading the stars …")
def _members(path: str, grid: str, _ids: np.ndarray, _model: TrainedModel) -> SpectraSet:
    return _model.on_grid(_on_disk(Path(path).stem, lambda: sources.by_ids(_ids)))


@st.cache_data(max_entries=256, show_spinner=False)
def true_spectrum(star: str, labels: tuple[float, ...], grid: str, _star: SpectraSet) -> np.ndarray:
    """(L,) noise-free spectrum of a simulated star under labels; NaN outside the simulator's region."""
    return truth(_star, np.array([labels])).flux[0]


@st.cache_resource(max_entries=4, show_spinner="Simulating stars …")
def _simulated(source: str, grid: str, _model: TrainedModel) -> SpectraSet:
    return _model.on_grid(_on_disk(digest(source), lambda: sources.load_stars(source)))


def _on_disk(key: str, make) -> SpectraSet:
    """What `make` makes, kept in the cache folder; a file that cannot be read is made again."""
    path = folder("stars") / f"{key}.npz"
    if path.is_file():
        try:
            return io.read_stars(path)
        except SpectraError:
            path.unlink()
    made = make()
    io.write_stars(path, made)
    return made


def upload(found: SpectraSet) -> str:
    """Keep an uploaded set under the digest of its content; returns the key that links carry."""
    key = hashlib.sha256(found.flux.tobytes() + found.ids.tobytes()).hexdigest()[:12]
    path = folder("uploads") / f"{key}.npz"
    if not path.is_file():
        io.write_stars(path, found)
    return key


def upload_file(source: str) -> Path:
    """The file of an uploaded set, for a job. SpectraError when it is gone."""
    key = source.removeprefix("uploaded:")
    uploaded(key)
    return folder("uploads") / f"{key}.npz"


@st.cache_resource(max_entries=32, show_spinner=False)
def uploaded(key: str) -> SpectraSet:
    """An uploaded set by its key, on its own grid. SpectraError when this server does not have it (any more)."""
    path = folder("uploads") / f"{key}.npz"
    if not key.isalnum() or not path.is_file():
        raise SpectraError(
            f"uploaded stars {key}: this server does not have them any more; upload the file again on the Data page"
        )
    return io.read_stars(path)


@st.cache_resource(max_entries=32, show_spinner=False)
def _on_grid(source: str, grid: str, _model: TrainedModel) -> SpectraSet:
    return _model.on_grid(uploaded(source.removeprefix("uploaded:")))


def uploads_on_grid(model: TrainedModel) -> SpectraSet | None:
    """All uploads of the session that the model's grid can take, as one set; None when there is none."""
    fitting = []
    for key in st.session_state[state.UPLOADS]:
        try:
            fitting.append(_on_grid(f"uploaded:{key}", grid_key(model), model))
        except SpectraError:
            continue  # the Data page says which do not fit, and why
    return concatenate(fitting) if fitting else None


# --- what a model makes of stars ---


def set_key(found: SpectraSet) -> str:
    """Cheap identity of a set of stars from these caches: its ids and a few of its pixels."""
    return digest(
        len(found),
        *found.ids[:50],
        *found.ids[-50:],
        float(np.nansum(found.flux[:: max(1, len(found) // 50)])),
    )


def latents(model: TrainedModel, found: SpectraSet) -> LatentSet:
    return _latents(model.model_id, set_key(found), model, found)


@st.cache_resource(max_entries=16, show_spinner="Encoding …")
def _latents(model_id: str, stars_key: str, _model: TrainedModel, _stars: SpectraSet) -> LatentSet:
    return _model.encode(_stars)


def predictions(model: TrainedModel, found: SpectraSet, source: str = "latent") -> Predictions:
    """Parameters read from the latent or from the spectrum; fit quality and outlier score come with either."""
    return _predictions(model.model_id, set_key(found), source, model, found)


@st.cache_resource(max_entries=16, show_spinner="Predicting parameters …")
def _predictions(
    model_id: str, stars_key: str, source: str, _model: TrainedModel, _stars: SpectraSet
) -> Predictions:
    if source == "latent":
        return _model.predict(_stars)
    values, errors = _model.predict_from_spectrum(_stars)
    return replace(predictions(_model, _stars), values=values, errors=errors)


def own_or_estimated(model: TrainedModel, found: SpectraSet) -> np.ndarray:
    """(N, P) the stars' own labels, or the model's estimates from their spectra."""
    return _own_or_estimated(model.model_id, set_key(found), model, found)


@st.cache_resource(max_entries=16, show_spinner=False)
def _own_or_estimated(model_id: str, stars_key: str, _model: TrainedModel, _stars: SpectraSet) -> np.ndarray:
    return _model.labels_of(_stars)[0]


def stored_latents(model: TrainedModel) -> Projection | None:
    """A stored map that holds the latents it was made from, with their labels."""
    maps = (p for name, p in model.projections.items() if name.startswith("latent"))
    return next((p for p in maps if p.x.shape[1] == model.latent_size and not len(p.components)), None)


def population_bands(model: TrainedModel) -> np.ndarray:
    """(5, Z) percentiles of the latents of the stars in the model's maps, or else of the chosen stars."""
    stored = stored_latents(model)
    if stored is not None:
        return latent_figures.bands(stored.x)
    return latent_figures.bands(latents(model, stars(st.session_state[state.STARS], model)).z)


# --- maps ---


def projection(model: TrainedModel, of: str, method: str) -> Projection | None:
    """A stored map of the model; a map of spectra may be stored with any model on the same stars."""
    name = f"{of}-{method}"
    if name in model.projections or of == "latent":
        return model.projections.get(name)
    with_it = (
        other for other, path in model_folders().items() if (path / "projections" / f"{name}.npz").is_file()
    )
    return next((load(other).projections[name] for other in with_it), None)


@st.cache_resource(max_entries=16, show_spinner=False)
def made_projection(job_folder: str) -> Projection | None:
    """The map that a finished job left in its folder."""
    for path in sorted(Path(job_folder).glob("maps/*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            return Projection.from_arrays(dict(stored))
    return None


@st.cache_resource(max_entries=32, show_spinner="Measuring the map …")
def map_r2(map_key: str, _xy: np.ndarray, _labels: np.ndarray) -> np.ndarray:
    """(P,) k-NN R² of each label inside a map."""
    return neighbour_r2(_xy, _labels)


@st.cache_resource(max_entries=32, show_spinner="Placing the new stars …")
def placed(map_key: str, stars_key: str, _projection: Projection, _x: np.ndarray) -> np.ndarray:
    """(M, 2) places of new stars in an existing map."""
    return _projection.place(_x)


@st.cache_resource(max_entries=16, show_spinner=False)
def packed_panels(key: str, _make) -> tuple[bytes, np.ndarray]:
    """The bytes of linked panels and the ids of their stars; `_make()` builds them only when the key is new."""
    return _make()
