"""The pickers in the sidebar, bound to the link so that a choice survives pages, reloads and sharing."""

from collections import Counter
from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.data.latents import LatentSet
from gandalf_core.errors import GandalfError
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.outputs import latents_of
from pages.ui.cache.stars import MAX_SIMULATED, READY_MADE, NotSimulated, load_star, star_ids
from pages.ui.cache.uploads import ALL, UPLOADED, load_upload, upload_name
from pages.ui.parts import chips

DEFAULT = "generator"  # it has sliders
MAX_LISTED = 200  # stars in the picker; any other id can be typed, or chosen in a diagram or a table
NO_STAR = "none"
MAX_SEED = 10_000  # that forms offer; the command line takes larger ones


# --- model, stars and star ---


def show_model() -> str | None:
    """The model that all pages use, and what was measured of each of its labels."""
    # the default first, the others in their order
    names = sorted(model_folders(), key=lambda name: name != DEFAULT)
    if not names:
        st.session_state.pop(state.MODEL, None)
        st.caption("No trained model yet.")
        return None
    _note_missing(state.MODEL, names)
    name = st.selectbox(
        "Model",
        names,
        key=state.MODEL,
        bind="query-params",
        help="The trained auto-encoder that all pages use.",
    )
    _show_note(state.MODEL, name)
    try:
        model = load_model(name)
    except GandalfError:  # the page shows the message
        return None
    chips.show_chips(model, "sidebar")
    return name


def show_stars() -> str:
    """The source of the stars in the diagrams."""
    linked = st.query_params.get(state.STARS, "")
    extra = (linked,) if linked.startswith(("simulated:", UPLOADED)) else ()
    names = source_names(extra)
    if linked in names and names[linked] != linked:  # the link names an upload by its key
        st.query_params[state.STARS] = names[linked]
    _note_missing(state.STARS, list(names.values()))
    source = st.selectbox(
        "Stars",
        list(names),
        key=state.STARS,
        bind="query-params",
        format_func=lambda option: names.get(option, option),
        help="`test stars`: those of the model's own maps; it was not trained on them. "
        "`simulated:N:SEED`: N new stars. The others are yours.",
    )
    _show_note(state.STARS, names.get(source, source))
    return source


def source_names(extra: tuple[str, ...] = ()) -> dict[str, str]:
    """Every source of stars of the session with its name; an upload is called by its file."""
    mine = {UPLOADED + key: upload_name(key) for key in state.get(state.UPLOADS)}
    known = dict.fromkeys((*READY_MADE, *state.get(state.SIMULATED), *([ALL] if len(mine) > 1 else [])))
    times = Counter(mine.values())
    named = {s: name if times[name] == 1 else f"{name} #{s[-4:]}" for s, name in mine.items()}
    return {source: source for source in known} | named | {s: s for s in extra if s not in {*known, *named}}


def show_source(label: str, key: str) -> str:
    """Choose a source of stars on a page; by default that of the sidebar."""
    names, chosen = source_names(), st.session_state[state.STARS]
    names.setdefault(chosen, chosen)
    return st.selectbox(
        label,
        list(names),
        index=list(names).index(chosen),
        format_func=lambda option: names.get(option, option),
        key=f"{key} {chosen}",
    )


def show_star(model: str | None, source: str) -> str:
    """The star to look at: uploads first; any other id of these stars can be typed.

    A star that is not among them is replaced by the first that is.
    """
    here = _ids(model, source)
    options = list(dict.fromkeys([*uploaded_ids(), *here[:MAX_LISTED].tolist()]))
    requested = st.session_state.get(state.STAR) or st.query_params.get(state.STAR)
    if requested and options and requested not in options:
        if requested in here:
            options.append(requested)
        else:
            st.session_state[state.STAR] = options[0]
            _note(state.STAR, requested, options[0])
    star = st.selectbox(
        "Star",
        options,
        key=state.STAR,
        bind="query-params",
        accept_new_options=True,
        placeholder="No star yet",
        help="Uploaded stars come first. You can type any other id, click a point in a diagram, "
        "or choose a row in the table on the Data page.",
    )
    if options and star not in options:
        # on the first run a link overrides the session: the replacement counts from the second run on
        st.rerun()
    _show_note(state.STAR, star)
    return star


def _ids(model: str | None, source: str) -> np.ndarray:
    """(N,) ids of the chosen stars; none where they cannot be loaded, which the page explains."""
    try:
        return np.empty(0, str) if model is None else star_ids(source, load_model(model))
    except NotSimulated as waiting:
        return waiting.ids
    except GandalfError:
        return np.empty(0, str)


def uploaded_ids() -> list[str]:
    """The ids of the session's uploaded stars, at most 200 of each file."""
    ids = []
    for key in state.get(state.UPLOADS):
        try:
            ids += load_upload(key).ids[:MAX_LISTED].tolist()
        except GandalfError as error:
            st.warning(guards.error_text(error))
    return ids


# --- notes on what a link asks for and does not exist ---


def _note_missing(key: str, options: list[str]) -> None:
    """Note an option of the link that does not exist: the picker shows the first one instead."""
    requested = st.query_params.get(key)
    if requested and requested not in options and key not in st.session_state:
        _note(key, requested, options[0])


def _note(key: str, requested: str, shown: str) -> None:
    state.put(state.NOTES, {**state.get(state.NOTES), key: (requested, shown)})


def _show_note(key: str, option: str | None) -> None:
    """What does not exist, until another option is chosen."""
    requested, shown = state.get(state.NOTES).get(key, ("", None))
    if requested and option == shown:
        st.caption(f":orange[{show.escaped(requested)} does not exist here; showing {show.escaped(shown)}.]")


# --- pickers on pages ---


def choose(label: str, options: list[str], key: str, **settings: Any) -> str:
    """A segmented control that always has a value and keeps it over page switches."""
    state.opens_with(key, options[0])
    st.session_state.setdefault(key, options[0])
    if st.session_state[key] not in options:
        st.session_state[key] = options[0]
    option = st.segmented_control(label, options, key=key, persist_state="session", required=True, **settings)
    return option if option in options else options[0]


def selected_rows(ids: np.ndarray) -> np.ndarray:
    """(N,) bool: which of these stars are selected."""
    return np.isin(ids, state.get(state.SELECTION)["ids"])


def show_other(model: TrainedModel) -> LatentSet | None:
    """Choose a second star to copy latent dimensions from; returns its latent."""
    state.opens_with("other_star", NO_STAR)
    source = st.session_state[state.STARS]
    others = _ids(st.session_state[state.MODEL], source)[:MAX_LISTED].tolist()
    star = st.selectbox(
        "Copy latent dimensions from another star",
        [NO_STAR, *uploaded_ids(), *others],
        key="other_star",
        persist_state="session",
        accept_new_options=True,
    )
    if not star or star == NO_STAR:
        return None
    try:
        return latents_of(model, load_star(star, source, model))
    except NotSimulated:  # the page shows how far they are
        return None
    except GandalfError as error:
        st.error(guards.error_text(error))
        return None


def show_simulate() -> None:
    """A form for another sample of simulated stars, which joins the sidebar's list and is chosen."""
    with st.popover("Simulate stars", icon=":material/casino:"):
        count = st.number_input(
            "Number of stars", 10, MAX_SIMULATED, 2000, 500, key="simulate_count", persist_state="session"
        )
        seed = st.number_input("Seed", 0, MAX_SEED, 1, key="simulate_seed", persist_state="session")
        st.caption("Takes about a second per thousand stars; they are then kept on disk.")
        st.button(
            "Simulate", type="primary", on_click=state.add_simulated, args=(f"simulated:{count}:{seed}",)
        )


# --- jobs ---


def show_jobs(label: str, titles: dict[str, str], key: str) -> str:
    """One of the jobs in `titles` (name → title, not empty), the first unless the link says another.

    key: where the choice is kept, in the session and in the link.
    """
    names = list(titles)
    if state.get(key) not in titles:
        state.put(key, names[0])
    name = st.selectbox(label, names, index=names.index(state.get(key)), format_func=lambda n: titles[n])
    state.put(key, name)
    state.mirror()
    return name
