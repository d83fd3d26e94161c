"""Making new maps on the Maps page: their settings, the job that makes them, its progress and its end."""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.errors import GandalfError, SpectraError
from gandalf_core.io import write_stars
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from gandalf_core.maps.fitting import MIN_STARS, MapSettings
from gandalf_core.models.files import write_arrays
from pages.ui import guards, jobs, pickers, state
from pages.ui.cache.make_maps import METHOD_NAMES, Entry
from pages.ui.cache.maps import file_of_map
from pages.ui.cache.models import model_folders
from pages.ui.cache.stars import NotSimulated, is_mine, simulation_of
from pages.ui.parts.maps import Request, Row, kind_of, words_of
from pages.ui.parts.progress import follow
from pages.ui.pickers import MAX_SEED

KIND = "maps"  # of the job
LIMITS = {"perplexity": (1, 1000), "neighbours": (2, 1000), "seed": (0, MAX_SEED)}
STARS = "map_stars"  # session key of the form's picker of stars


# --- the settings, which the link carries ---


def settings_of(text: str) -> MapSettings | None:
    """The settings in a link, `perplexity:neighbours:seed`; None for any other text: the stored maps."""
    parts = text.split(":")
    if len(parts) != len(LIMITS) or not all(part.isdecimal() and len(part) < 6 for part in parts):
        return None
    values = dict(zip(LIMITS, map(int, parts), strict=True))
    possible = all(low <= values[name] <= high for name, (low, high) in LIMITS.items())
    return MapSettings(**values) if possible else None


def text_of(settings: MapSettings) -> str:
    return ":".join(f"{getattr(settings, name):g}" for name in LIMITS)


@dataclass(frozen=True)
class Wish:
    """What the form asks for: maps of the stars of a source with these settings."""

    request: Request
    source: str
    settings: MapSettings


def show_form(request: Request) -> None:
    """Stars and settings of new maps, and two buttons."""
    # another key once maps are asked for: the form closes
    with st.popover("Map settings", icon=":material/tune:", key=f"map form {state.get(state.MAPS)}"):
        st.caption(
            f"New {METHOD_NAMES[request.method]} maps of the representations above, made of these stars "
            "alone, in the background. What is drawn now stays until they are there."
        )
        source = pickers.show_source("Stars of the maps", STARS)
        settings = _show_settings(request.method)
        wish = Wish(request, source, settings)
        st.button(
            "Show maps with these settings",
            type="primary",
            on_click=_submit,
            args=(wish,),
            disabled=not request.rows,
        )
        st.button(
            "Back to the stored maps",
            on_click=state.put,
            args=(state.MAPS, ""),
            disabled=not request.settings,
        )


def _show_settings(method: str) -> MapSettings:
    """The settings that a method has; the others stay as they are by default."""
    settings = MapSettings()
    if method == "pca":
        return settings
    if method == "tsne":
        settings = replace(settings, perplexity=_slider("Perplexity", 30))
    else:
        settings = replace(settings, neighbours=_slider("Neighbours", 15))
    seed = st.number_input("Seed", 0, MAX_SEED, 0, key="map_seed", persist_state="session")
    return replace(settings, seed=int(seed))


def _slider(label: str, default: int) -> int:
    return st.slider(label, 5, 100, default, 5, key=f"map_{label.lower()}", persist_state="session")


# --- the job ---


def _submit(wish: Wish) -> None:
    """Choose the stars and the settings, and queue the maps that are not there yet, as one job."""
    request = replace(wish.request, source=wish.source, settings=wish.settings)
    try:
        _make(request, wish.settings)
    except NotSimulated:
        pass  # the page shows how far they are, and then a button that makes the maps
    except GandalfError as error:
        st.error(f"No maps were started: {guards.error_text(error)}")
        return
    state.put(state.STARS, wish.source)
    state.put(state.MAPS, text_of(wish.settings))


def _make(request: Request, settings: MapSettings) -> None:
    """Queue the missing maps. GandalfError where they cannot be made."""
    keys = {row: request.key(row, settings) for row in request.rows}
    missing = {row: key for row, key in keys.items() if not file_of_map(key).is_file()}
    if not missing or _job_of(list(missing.values()), active=True):
        return
    count = len(request.chosen.ids)
    if count < MIN_STARS:
        raise SpectraError(f"a map needs at least {MIN_STARS} stars, and these are {count}")
    entries = [asdict(_entry(request, row, key)) for row, key in missing.items()]
    jobs.manager().submit(
        KIND,
        f"{METHOD_NAMES[request.method]} of {', '.join(map(words_of, missing))}, {count:,} stars",
        ["{folder}/config.json"],
        jobs.owner(),
        json.dumps({"settings": _used(settings), "maps": entries}),
        module="pages.ui.cache.make_maps",
        content=" ".join(missing.values()),
    )


def _used(settings: MapSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in LIMITS}


def _entry(request: Request, row: str, key: str) -> Entry:
    """One map of the job. Uploaded stars are written for it; simulated ones are simulated where need be."""
    owner, out = request.row_model(row), file_of_map(key)
    if is_mine(request.source):
        stars, ids = out.with_name(f"{key}-stars.npz"), None
        write_stars(stars, request.stars(owner))
    else:
        all_ids, stars = simulation_of(request.source, request.model)
        ids = out.with_name(f"ids-{identity(all_ids)}.npz")
        write_arrays(ids, {"ids": all_ids})
    folder = model_folders()[st.session_state[state.MODEL] if row == "spectra" else row]
    return Entry(
        name=words_of(row),
        folder=str(folder),
        of=kind_of(row),
        method=request.method,
        stars=str(stars),
        ids=str(ids or ""),
        out=str(out),
    )


def _job_of(keys: list[str], *, active: bool) -> Job | None:
    """The newest job (that waits or runs) that makes one of these maps."""
    for job in jobs.manager().list(KIND):
        if set(keys) & set(job.content.split()) and (job.active or not active):
            return job
    return None


# --- how far it is ---


def show_progress(request: Request, rows: list[Row]) -> None:
    """The maps in the making, or why they ended without a map, and a button that makes what is missing."""
    if waiting := [job for job in dict.fromkeys(row.job for row in rows) if job]:
        follow(waiting)
    settings = request.settings
    if settings is None:
        return
    missing = [row for row in rows if not row.made and not row.job]
    keys = _keys(request, missing, settings)
    job = _job_of(keys, active=False) if keys else None
    if job is not None and job.active:
        follow([job.id])
        return
    if not missing:
        return
    if job is not None and job.state in (JobState.FAILED, JobState.DIED):
        st.error(f"The maps could not be made: {guards.error_text(job.status.get('message'))}.")
    names = ", ".join(words_of(row.name) for row in missing)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Make the missing maps",
            icon=":material/play_arrow:",
            on_click=_submit,
            args=(Wish(request, request.source, settings),),
        )
        st.caption(f"No {METHOD_NAMES[request.method]} map of these stars with these settings yet: {names}.")


def _keys(request: Request, rows: list[Row], settings: MapSettings) -> list[str]:
    keys = []
    for row in rows:
        try:
            keys.append(request.key(row.name, settings))
        except (GandalfError, NotSimulated):  # the row says why
            continue
    return keys
