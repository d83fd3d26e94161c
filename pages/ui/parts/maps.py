"""Which maps the Maps page shows: stored ones at once, others through the job queue, found again by what they
were made from.
"""

from typing import NamedTuple

import numpy as np
import streamlit as st

from gandalf_core.errors import GandalfError
from gandalf_core.figures import panels
from gandalf_core.figures.panels import Map
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import ACTIVE, Job
from gandalf_core.maps.projection import Projection
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, jobs, state
from pages.ui.cache.keys import digest, stars_key
from pages.ui.cache.maps import map_of_job, map_r2, new_places, stored_map
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import latents_of
from pages.ui.cache.stars import file_of_ids, test_ids
from pages.ui.cache.uploads import uploads_on_grid
from pages.ui.parts import diagrams

SPECTRA = "spectra"
WIDTH = 560  # of the list of representations: four names on a laptop, a line of its own on a phone
PAIR = ("physical-removed", "chemical-removed")  # the paper's two exercises, side by side
# session keys of this page: representations; {method: settings or None = stored maps}
ROWS, CHOSEN = "map_rows", "map_settings"
STORED = None


class MapLabels(NamedTuple):
    """Labels (N, P) of the stars of the first map, which colour all panels."""

    ids: np.ndarray
    values: np.ndarray
    names: tuple[str, ...]


def show_rows(model: TrainedModel) -> list[str]:
    """Which representations to compare, each a row of panels."""
    options = [SPECTRA, *model_folders()]
    start = [row for row in dict.fromkeys((SPECTRA, st.session_state[state.MODEL], *PAIR)) if row in options]
    st.session_state.setdefault(ROWS, start)
    st.session_state[ROWS] = [row for row in st.session_state[ROWS] if row in options]
    return st.multiselect("Representations", options, key=ROWS, persist_state="session", width=WIDTH)


def settings_of(method: str) -> dict | None:
    return st.session_state.setdefault(CHOSEN, {}).get(method, STORED)


def maps_of(rows: list[str], method: str, model: TrainedModel) -> list[Map]:
    """The maps of these rows that exist (with the labels of the chosen model), uploaded stars placed into
    each.
    """
    found = []
    for row in rows:
        owner = _owner(row, model)
        projection = _projection(row, owner, method)
        if projection is not None and set(model.label_names) <= set(projection.label_names):
            found.append(_map(row, owner, projection))
    return found


def _owner(row: str, model: TrainedModel) -> TrainedModel:
    with guards.told():
        return model if row == SPECTRA else load_model(row)


def _of(row: str) -> str:
    return SPECTRA if row == SPECTRA else "latent"


def _projection(row: str, owner: TrainedModel, method: str) -> Projection | None:
    settings = settings_of(method)
    if settings is STORED:
        return stored_map(owner, _of(row), method)
    job = job_for(arguments(row, owner, method, settings))
    return map_of_job(str(job.folder)) if job and job.state == "done" else None


def _map(row: str, owner: TrainedModel, projection: Projection) -> Map:
    key = digest(owner.model_id, row, projection.method, projection.settings, len(projection))
    r2 = map_r2(key, projection.xy, projection.labels)
    return Map(
        row if row == SPECTRA else f"latent of {row}",
        projection.ids,
        projection.xy,
        r2,
        _placed(row, owner, projection, key),
    )


def _placed(row: str, owner: TrainedModel, projection: Projection, key: str) -> np.ndarray | None:
    """(M, 2) places of the uploaded stars; None when there are none or they do not fit."""
    mine = uploads_on_grid(owner)
    if mine is None:
        return None
    try:
        x = owner.scaler.flux_in(mine.flux, mine.mask) if row == SPECTRA else latents_of(owner, mine).z
        return new_places(key, stars_key(mine), projection, x)
    except GandalfError:
        return None


def labels_of(rows: list[str], method: str, model: TrainedModel) -> MapLabels:
    """The stars of the first map with their labels."""
    projections = (_projection(row, _owner(row, model), method) for row in rows)
    first = next(p for p in projections if p is not None)
    columns = [first.label_names.index(name) for name in model.label_names]
    return MapLabels(first.ids, first.labels[:, columns], model.label_names)


def show_one(name: str) -> None:
    """The stored t-SNE map of one model's latent, a panel a parameter."""
    with guards.told():
        model = load_model(name)
    found = maps_of([name], "tsne", model)
    if not found:
        guards.stop(f"{name} carries no t-SNE map of its latent.")
    of = labels_of([name], "tsne", model)
    key = digest(
        "one map", name, model.model_id, *(found[0].overlay_xy[0] if found[0].overlay_xy is not None else ())
    )
    make = lambda: panels.maps(found, of.ids, of.values, of.names, ranges=model.ranges)  # noqa: E731
    diagrams.show_linked(f"map of {name}", key, make, of.names, columns=max(len(of.names), 2))


# --- new maps ---


def show_settings(rows: list[str], method: str, model: TrainedModel) -> None:
    """Other settings: stored maps of them are shown at once, missing ones are made as jobs."""
    with st.popover("Map settings", icon=":material/tune:", disabled=method == "pca"):
        st.caption(
            "Maps with other settings are made in the background from the model's test stars, and kept on disk."
        )
        seed = st.number_input("Seed", 0, 10_000, 0, key="map_seed", persist_state="session")
        if method == "tsne":
            settings = {
                "perplexity": st.slider(
                    "Perplexity", 5, 100, 30, 5, key="map_perplexity", persist_state="session"
                ),
                "seed": int(seed),
            }
        else:
            settings = {
                "neighbours": st.slider(
                    "Neighbours", 5, 100, 15, 5, key="map_neighbours", persist_state="session"
                ),
                "seed": int(seed),
            }
        st.button(
            "Show maps with these settings",
            type="primary",
            on_click=_want,
            args=(rows, method, model, settings),
        )
        st.button(
            "Back to the stored maps",
            on_click=_forget,
            args=(method,),
            disabled=settings_of(method) is STORED,
        )


def arguments(row: str, owner: TrainedModel, method: str, settings: dict) -> list[str]:
    """The command that makes a map; the same maps have the same command."""
    folder = model_folders()[st.session_state[state.MODEL] if row == SPECTRA else row]
    stars = file_of_ids(test_ids(owner))
    flags = [text for name, value in sorted(settings.items()) for text in (f"--{name}", str(value))]
    return [
        "project",
        str(folder),
        str(stars),
        "--of",
        _of(row),
        "--method",
        method,
        *flags,
        "--cache",
        "{folder}/maps",
        "{folder}/map.npz",
    ]


def job_for(wanted: list[str]) -> Job | None:
    """The newest job that made, or is making, exactly this map."""
    for job in jobs.manager().list("project"):
        if list(job.arguments) == [a.replace("{folder}", str(job.folder)) for a in wanted] and job.state in (
            JobState.DONE,
            *ACTIVE,
        ):
            return job
    return None


def _want(rows: list[str], method: str, model: TrainedModel, settings: dict) -> None:
    st.session_state[CHOSEN] = {**st.session_state.get(CHOSEN, {}), method: settings}
    for row in rows:
        ids = test_ids(_owner(row, model))
        if not file_of_ids(ids).is_file():
            jobs.prepare(ids, file_of_ids(ids))  # first in the queue: the maps wait for it
        wanted = arguments(row, _owner(row, model), method, settings)
        if job_for(wanted) is None:
            jobs.manager().submit("project", f"{method} of {row}", wanted, jobs.owner())


def _forget(method: str) -> None:
    st.session_state[CHOSEN] = {**st.session_state.get(CHOSEN, {}), method: STORED}


def show_progress(rows: list[str], method: str, model: TrainedModel) -> None:
    """Bars of the maps that are being made; the page redraws itself when one is done."""
    settings = settings_of(method)
    if settings is STORED:
        return
    wanted = [job_for(arguments(row, _owner(row, model), method, settings)) for row in rows]
    waiting = [job.id for job in wanted if job and job.active]
    if waiting:
        _follow(waiting)


@st.fragment(run_every="1s")
def _follow(waiting: list[str]) -> None:
    for name in waiting:
        job = jobs.manager().job(name)
        if not job.active:
            st.rerun()
        bar, stop = st.columns([5, 1], vertical_alignment="center")
        bar.progress(
            min(1.0, job.status.get("fraction") or 0.0),
            f"{job.title}: {job.status.get('message', job.state)}",
        )
        stop.button("Cancel", key=f"cancel {name}", on_click=jobs.manager().cancel, args=(name,))
