"""Every session key of the app, and the few functions that change more than one of them.

The first three are widget keys bound to the link (`?model=…&stars=…&star=…`), so that a choice follows the
user through all pages, survives a reload and can be shared. Arrays live in caches; the session holds names
and other small things.
"""

from typing import Any

import numpy as np
import streamlit as st

MODEL = "model"  # name of the model in the sidebar's picker
STARS = "stars"  # source of the stars in the diagrams: see cache/stars.py
STAR = "star"  # id of the chosen star
SIMULATED = "simulated"  # sources of simulated stars that this session has added
UPLOADS = "uploads"  # keys of uploaded sets (cache/uploads.py), newest first
VERDICTS = "verdicts"  # what became of each uploaded file
AT_REST = "at_rest"  # {id: km/s}: uploaded stars that were moved to rest, and by which velocity they were off
DIVIDED = "divided"  # ids of the uploaded stars that are divided by their fitted continuum; part of the link
SELECTION = "selection"  # {"ids": (K,) ids of the stars lit in every diagram, "token": what they came with}
# the latest settings of the live decoder: {"token", "star", "labels" that were moved, "z", "latent_of" z}
SETTINGS = "settings"
JOB = "job"  # id of the training that is shown; mirrored in the link
SWEEP = "sweep"  # id of the sweep that is shown; mirrored in the link
MAPS = "map_settings"  # of the maps that are asked for, "perplexity:neighbours:seed"; mirrored in the link
NOTES = "notes"  # {picker's key: (requested option that does not exist, option shown instead)}
OPENING = "opening"  # {session key of a switch: what it shows when its page opens}
LINK_READ = "link_read"  # whether the address was read: once, when the session begins
HISTORY = "history"  # for undo: {"past": views, "now": the view, "future": views}; see link.py
BACK = "back"  # token of the latest Back of the browser that was followed
LOST_SELECTION = "lost_selection"  # why the selection of a link is not there
OWN_LATENT = "own_latent"  # which uploaded latent was audited, and for what
ADDED_MODEL = "added_model"  # (name of the model that was added from a file, what is said of that)
DELETED = "deleted"  # (id, title) of the job that was deleted last, which can be undone
PREPARED = (
    "prepared"  # when a page was drawn with the first stars alone, and the job that simulates the others
)
OWNER = "owner"  # who started a job, for the limit per person
DIVIDED_WORDS = "divided by its fitted continuum"
MAX_UPLOADS = 100  # sets of uploaded stars that a link may name
DEFAULTS: dict[str, Any] = {
    SIMULATED: (),
    UPLOADS: (),
    VERDICTS: (),
    AT_REST: {},
    SETTINGS: None,
    NOTES: {},
    JOB: "",
    SWEEP: "",
    MAPS: "",
    OPENING: {},
    LINK_READ: False,
    HISTORY: {"past": [], "now": None, "future": []},
    BACK: "",
    LOST_SELECTION: "",
    OWN_LATENT: None,
    ADDED_MODEL: ("", ""),
    DELETED: ("", ""),
    PREPARED: (0.0, ""),
    OWNER: "",
}
IN_LINK = (UPLOADS, JOB, SWEEP, MAPS)  # what no widget carries


def start() -> None:
    """Fill in missing keys; read from the link what no widget carries."""
    for key, value in DEFAULTS.items():
        st.session_state.setdefault(key, value)
    st.session_state.setdefault(SELECTION, {"ids": np.empty(0, str), "token": ""})
    for key in IN_LINK:
        text = st.query_params.get(key, "")
        if text and not st.session_state[key]:
            st.session_state[key] = tuple(text.split(",")[:MAX_UPLOADS]) if key == UPLOADS else text


def mirror() -> None:
    """Put back into the link what no widget carries: a page switch drops parameters set by hand."""
    for key in IN_LINK:
        value = st.session_state[key]
        text = value if isinstance(value, str) else ",".join(value)
        if text and st.query_params.get(key) != text:
            st.query_params[key] = text
        elif not text and key in st.query_params:
            del st.query_params[key]


def get(key: str) -> Any:
    return st.session_state[key]


def put(key: str, value: Any) -> None:
    st.session_state[key] = value


def opens_with(key: str, value: Any) -> None:
    """Note what a switch shows when its page opens: a link has only what differs."""
    put(OPENING, get(OPENING) | {key: value})


def select(ids: np.ndarray, token: str = "python") -> None:
    """Light these stars (K,) in every diagram."""
    put(SELECTION, {"ids": np.asarray(ids, str), "token": token})


# --- for callbacks only: the widgets in the sidebar own these keys ---


def look_at(star: str) -> None:
    """Choose a star; the sidebar's picker follows."""
    put(STAR, star)


def forget_uploads(keys: tuple[str, ...]) -> None:
    """Take uploads out of the session and of the link, from which they would come back."""
    put(UPLOADS, tuple(key for key in get(UPLOADS) if key not in keys))
    mirror()


def move_to_rest(star: str, velocity_kms: float) -> None:
    """Take the shift of an uploaded star out, on every page."""
    put(AT_REST, get(AT_REST) | {star: velocity_kms})


def move_back(star: str) -> None:
    """Show an uploaded star as it is in its file."""
    put(AT_REST, {other: by for other, by in get(AT_REST).items() if other != star})


def divided() -> list[str]:
    """The uploaded stars that are divided by their fitted continuum."""
    return list(st.session_state.get(DIVIDED) or [])


def divide(star: str, wanted: bool) -> None:
    """Divide an uploaded star by its fitted continuum, on every page, or show it as it is in its file."""
    others = [other for other in divided() if other != star]
    put(DIVIDED, [*others, star] if wanted else others)
    if not get(DIVIDED):
        del st.session_state[DIVIDED]  # the link has nothing to say


def prepared(star: str) -> str:
    """What was done to the spectrum of an uploaded star, in words; empty where it is as in its file."""
    moved, told = get(AT_REST), [DIVIDED_WORDS] if star in divided() else []
    return " and ".join([*told, *([f"moved to rest by {-moved[star]:+.1f} km/s"] if star in moved else [])])


def use_model(name: str) -> None:
    """Choose a model; the sidebar's picker follows."""
    put(MODEL, name)


def add_simulated(source: str) -> None:
    """Offer a sample of simulated stars in the sidebar and choose it."""
    put(SIMULATED, tuple(dict.fromkeys((*get(SIMULATED), source))))
    put(STARS, source)
