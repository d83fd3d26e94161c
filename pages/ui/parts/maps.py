"""The maps of the Maps page: stored ones at once, others through the job queue.

A map that a job has computed is found again by the arguments of its command.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.errors import GandalfError, JobError
from gandalf_core.figures import panels
from gandalf_core.figures.panels import LinkedPanels, Map
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import ACTIVE, Job
from gandalf_core.maps.projection import Projection
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, jobs, state
from pages.ui.cache.maps import map_of_job, map_r2, new_places, stored_map
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import latents_of
from pages.ui.cache.stars import file_of_ids, test_ids
from pages.ui.cache.uploads import uploads_on_grid
from pages.ui.parts import diagrams
from pages.ui.parts.progress import follow
from pages.ui.pickers import MAX_SEED

SPECTRA = "spectra"
WIDTH = 560  # of the list of representations: four names on a laptop, a line of its own on a phone
PAIR = ("physical-removed", "chemical-removed")  # the paper's two exercises, side by side
ROWS = "map_rows"  # session key: the representations
SETTINGS = "map_settings"  # session key: {method: settings}; without settings the stored maps are shown
METHOD_NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


@dataclass(frozen=True)
class Request:
    """The maps that the page asks for, one per representation (row). model: its labels colour them."""

    rows: list[str]
    method: str
    model: TrainedModel

    @property
    def settings(self) -> dict[str, int] | None:
        """The settings of the maps; None for the stored ones."""
        return st.session_state.setdefault(SETTINGS, {}).get(self.method)

    def change_settings(self, settings: dict[str, int] | None) -> None:
        st.session_state[SETTINGS] = {**st.session_state.get(SETTINGS, {}), self.method: settings}

    def row_model(self, row: str) -> TrainedModel:
        """The model whose latent a row shows, or whose stars' spectra."""
        with guards.showing_errors():
            return self.model if row == SPECTRA else load_model(row)

    def owned_map(self, row: str) -> tuple[TrainedModel, Projection] | None:
        """The map of a row and the model it was made with; None when it is not stored or not computed yet."""
        if self.settings is None:
            return stored_map(self.row_model(row), _kind(row), self.method)
        job = self.job(row)
        projection = map_of_job(str(job.folder)) if job and job.state == JobState.DONE else None
        return None if projection is None else (self.row_model(row), projection)

    def job(self, row: str) -> Job | None:
        """The newest job that has computed, or is computing, exactly the map of a row."""
        arguments, content = self.arguments(row), self.row_model(row).identity
        for job in jobs.manager().list("project"):
            same = list(job.arguments) == [a.replace("{folder}", str(job.folder)) for a in arguments]
            if same and job.content == content and job.state in (JobState.DONE, *ACTIVE):
                return job
        return None

    def arguments(self, row: str) -> list[str]:
        """The command that computes the map of a row; the same map has the same command."""
        folder = model_folders()[st.session_state[state.MODEL] if row == SPECTRA else row]
        stars = file_of_ids(test_ids(self.row_model(row)))
        settings = sorted((self.settings or {}).items())
        flags = [text for name, value in settings for text in (f"--{name}", str(value))]
        kind = ["--of", _kind(row), "--method", self.method]
        return [
            "project",
            str(folder),
            str(stars),
            *kind,
            *flags,
            "--cache",
            "{folder}/maps",
            "{folder}/map.npz",
        ]


@dataclass(frozen=True)
class Labels:
    """Labels (N, P) of the stars of the first map, which colour all panels."""

    ids: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]


def _kind(row: str) -> str:
    return SPECTRA if row == SPECTRA else "latent"


# --- maps that exist ---


def show_rows() -> list[str]:
    """Choose the representations to compare, each a row of panels."""
    options = [SPECTRA, *model_folders()]
    defaults = dict.fromkeys((SPECTRA, st.session_state[state.MODEL], *PAIR))
    st.session_state.setdefault(ROWS, [row for row in defaults if row in options])
    st.session_state[ROWS] = [row for row in st.session_state[ROWS] if row in options]
    return st.multiselect("Representations", options, key=ROWS, persist_state="session", width=WIDTH)


def maps_of(request: Request) -> list[Map]:
    """The requested maps that exist and have the model's labels, with uploaded stars placed into each."""
    maps = []
    for row in request.rows:
        owned = request.owned_map(row)
        if owned and set(request.model.label_names) <= set(owned[1].label_names):
            maps.append(_map(row, *owned))
    return maps


def _map(row: str, owner: TrainedModel, projection: Projection) -> Map:
    return Map(
        name=row if row == SPECTRA else f"latent of {row}",
        ids=projection.ids,
        xy=projection.xy,
        r2=map_r2(projection),
        overlay_xy=_places(row, owner, projection),
    )


def _places(row: str, owner: TrainedModel, projection: Projection) -> np.ndarray | None:
    """(M, 2) places of the uploaded stars; None when there are none or they do not fit."""
    uploads = uploads_on_grid(owner)
    if uploads is None:
        return None
    try:
        x = (
            owner.scaler.flux_in(uploads.flux, uploads.mask)
            if row == SPECTRA
            else latents_of(owner, uploads).z
        )
        return new_places(projection, x)
    except GandalfError:
        return None


def labels_of(request: Request) -> Labels:
    """The labels of the stars of the first map."""
    names = request.model.label_names
    _, first = next(filter(None, map(request.owned_map, request.rows)))
    columns = [first.label_names.index(name) for name in names]
    return Labels(first.ids, first.labels[:, columns], names)


def show_maps(maps: list[Map], labels: Labels, model: TrainedModel) -> None:
    """The maps as linked panels, one row per representation and one column per parameter."""
    uploads = uploads_on_grid(model)
    overlay = [] if uploads is None else uploads.ids

    def build() -> LinkedPanels:
        return panels.maps(
            maps, labels.ids, labels.values, labels.names, ranges=model.ranges, overlay_ids=overlay
        )

    key = identity("maps", maps, labels, model.ranges, overlay)
    diagrams.show_linked("maps", key, build, labels.names, columns=max(len(labels.names), 2))


def show_one(name: str) -> None:
    """The stored t-SNE map of one model's latent, one panel per parameter."""
    with guards.showing_errors():
        model = load_model(name)
    request = Request([name], "tsne", model)
    maps = maps_of(request)
    if not maps:
        guards.stop(f"{name} has no t-SNE map of its latent.")
    labels = labels_of(request)

    def build() -> LinkedPanels:
        return panels.maps(maps, labels.ids, labels.values, labels.names, ranges=model.ranges)

    key = identity("one map", maps, labels, model.ranges)
    diagrams.show_linked(f"map of {name}", key, build, labels.names, columns=max(len(labels.names), 2))


# --- maps with other settings ---


def show_settings(request: Request) -> None:
    """A form for other settings: maps that exist are shown at once, the others are computed as jobs."""
    with st.popover("Map settings", icon=":material/tune:", disabled=request.method == "pca"):
        st.caption(
            "Maps with other settings are computed in the background from the model's test stars, "
            "and kept on disk."
        )
        seed = st.number_input("Seed", 0, MAX_SEED, 0, key="map_seed", persist_state="session")
        if request.method == "tsne":
            settings = {"perplexity": _slider("Perplexity", 30), "seed": int(seed)}
        else:
            settings = {"neighbours": _slider("Neighbours", 15), "seed": int(seed)}
        st.button("Show maps with these settings", type="primary", on_click=_submit, args=(request, settings))
        st.button(
            "Back to the stored maps",
            on_click=request.change_settings,
            args=(None,),
            disabled=request.settings is None,
        )


def _slider(label: str, default: int) -> int:
    return st.slider(label, 5, 100, default, 5, key=f"map_{label.lower()}", persist_state="session")


def _submit(request: Request, settings: dict[str, Any]) -> None:
    request.change_settings(settings)
    try:
        for row in request.rows:
            _compute(request, row)
    except JobError as error:
        st.error(f"Not all maps were started. {error}")


def _compute(request: Request, row: str) -> None:
    """Queue the map of a row where no job has computed it, or is about to."""
    model = request.row_model(row)
    ids = test_ids(model)
    if not file_of_ids(ids).is_file():
        jobs.prepare(ids, file_of_ids(ids))  # first in the queue: the map waits for it
    arguments = request.arguments(row)
    if request.job(row) is None:
        title = f"{METHOD_NAMES[request.method]} map of {'the spectra' if row == SPECTRA else row}"
        jobs.manager().submit("project", title, arguments, jobs.owner(), content=model.identity)


def show_progress(request: Request) -> bool:
    """The progress of maps that are being computed, if any; the page is drawn again when one is finished."""
    if request.settings is None:
        return False
    running = map(request.job, request.rows)
    active = [job.id for job in running if job and job.active]
    if active:
        follow(active)
    return bool(active)
