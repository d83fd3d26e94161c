"""The link is the view: what a page shows beyond its pickers, as parameters of the address, and its history.

The pickers of the sidebar are bound to the address by Streamlit. Everything else is read from it when a
session begins and when somebody presses Back, and written by the bar (components/view_bar): tabs, steps,
methods, moved sliders, an edited latent, the selection. Zoom is written by the canvases themselves.
"""

import base64
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import streamlit as st

from gandalf_core.errors import GandalfError
from pages.ui import state
from pages.ui.cache import selections
from pages.ui.components import view_bar

TEXTS = (  # session keys of switches and lists, whose choice the address has as it is
    *(
        "tour_for",
        "tour_step",
        "data_view",
        "data_how",
        "latent_view",
        "parameter_view",
        "read_from",
        "audit_view",
    ),
    *("map_method", "explained_slider", "explained_label", "other_star", "lasso_mode"),
)
LISTS = ("map_rows", "compared", "opened_trials", state.DIVIDED)
SWITCHES = ("explain_sliders", "judge_all")
NUMBERS = ("traverse",)
LABELS, LATENT, LATENT_OF, SELECTED = "set", "z", "z_of", "selected"  # names in the address
NAMES = (*TEXTS, *LISTS, *SWITCHES, *NUMBERS, LABELS, LATENT, LATENT_OF, SELECTED)
PICKERS = (state.MODEL, state.STARS, state.STAR)  # of the sidebar: steps of undo, too
MOST_STEPS = 100
MOST_TEXT = 400  # letters of one parameter that are read
INLINE = 12  # ids of a selection that the address has itself; larger ones have a key

Params = dict[str, str]


# --- the view as parameters ---


def params() -> Params:
    """What differs from how the pages open, by name."""
    found = {}
    for name in (*TEXTS, *LISTS, *SWITCHES, *NUMBERS):
        value = st.session_state.get(name)
        if value is not None and value != state.get(state.OPENING).get(name):
            found[name] = _text(value)
    return found | _settings() | _selection()


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _settings() -> Params:
    settings = state.get(state.SETTINGS)
    if not settings or settings["star"] != st.session_state.get(state.STAR):
        return {}
    found = {}
    if settings["labels"]:
        found[LABELS] = ",".join(f"{name}:{value:.10g}" for name, value in settings["labels"].items())
    if settings["z"]:
        found[LATENT] = base64.urlsafe_b64encode(np.array(settings["z"], "<f4").tobytes()).decode()
        found[LATENT_OF] = settings["latent_of"]
    return found


def _selection() -> Params:
    selection = state.get(state.SELECTION)
    if SELECTED not in selection:  # once for each selection: a large one is written to the disk
        selection[SELECTED] = _selected(selection["ids"])
    return {SELECTED: selection[SELECTED]} if selection[SELECTED] else {}


def _selected(ids: np.ndarray) -> str:
    if len(ids) <= INLINE and not any("," in star for star in ids.tolist()):
        return ",".join(ids.tolist())
    try:
        return selections.KEY_MARK + selections.keep(ids)
    except GandalfError:  # no room: the selection lasts as long as the session
        return ""


# --- from parameters to the view ---


def adopt(given: Mapping[str, str]) -> None:
    """Take a view over; what an address does not say is as pages open. What it says wrongly is left out."""
    for name in (*TEXTS, *LISTS, *SWITCHES, *NUMBERS):
        st.session_state.pop(name, None)
        text = given.get(name, "")[:MOST_TEXT]
        if text:
            value = _value(name, text)
            if value is not None:
                st.session_state[name] = value
    state.put(state.SETTINGS, _settings_of(given))
    _select(given.get(SELECTED, ""))


def _value(name: str, text: str) -> Any:
    if name in LISTS:
        return [part for part in text.split(",") if part]
    if name in SWITCHES:
        return text == "1"
    if name in NUMBERS:
        return int(text) if text.isdecimal() else None
    return text


def _settings_of(given: Mapping[str, str]) -> dict[str, Any] | None:
    labels = {}
    for part in given.get(LABELS, "")[:MOST_TEXT].split(","):
        name, _, text = part.partition(":")
        try:
            labels[name] = float(text)
        except ValueError:
            continue
    labels = {name: value for name, value in labels.items() if np.isfinite(value)}
    z = _latent(given.get(LATENT, ""))
    if not labels and z is None:
        return None
    star = given.get(state.STAR) or st.session_state.get(state.STAR) or st.query_params.get(state.STAR, "")
    token = f"link-{secrets.token_hex(4)}"
    of = given.get(LATENT_OF, "")
    return {"token": token, "star": star, "labels": labels, "z": z, "latent_of": of}


def _latent(text: str) -> list[float] | None:
    try:
        z = np.frombuffer(base64.urlsafe_b64decode(text.encode("ascii")), "<f4")
    except ValueError:
        return None
    return z.astype(float).tolist() if len(z) and np.isfinite(z).all() else None


def _select(text: str) -> None:
    ids = np.array([part for part in text.split(",") if part], str)
    if text.startswith(selections.KEY_MARK):
        try:
            ids = selections.load(text.removeprefix(selections.KEY_MARK))
        except GandalfError as error:
            state.put(state.LOST_SELECTION, str(error))
            ids = np.empty(0, str)
    state.select(ids, f"link-{secrets.token_hex(4)}")


def start() -> None:
    """Read the address once, when a session begins."""
    if not state.get(state.LINK_READ):
        state.put(state.LINK_READ, True)
        if view_bar.MARK in st.query_params:
            adopt(st.query_params.to_dict())


# --- undo and redo ---


def _now() -> dict[str, Any]:
    """The view, and the choices of the sidebar."""
    return {"params": params(), "pickers": {name: st.session_state.get(name) for name in PICKERS}}


def note() -> None:
    """A step of its own for undo, where the view has changed."""
    history, now = state.get(state.HISTORY), _now()
    if history["now"] == now:
        return
    past = [*history["past"], *([history["now"]] if history["now"] else [])][-MOST_STEPS:]
    state.put(state.HISTORY, {"past": past, "now": now, "future": []})


def undo(steps: int = 1) -> None:
    """Go one step back, or, with -1, forward again. For callbacks."""
    history = state.get(state.HISTORY)
    source, sink = ("past", "future") if steps > 0 else ("future", "past")
    if not history[source]:
        return
    wanted = history[source][-1]
    state.put(
        state.HISTORY,
        {**history, source: history[source][:-1], sink: [*history[sink], history["now"]], "now": wanted},
    )
    for name, value in wanted["pickers"].items():
        if value is not None:
            st.session_state[name] = value
    adopt(wanted["params"] | {name: str(value or "") for name, value in wanted["pickers"].items()})


# --- on a page ---


def show(page: str) -> None:
    """The bar; called before the page (its address), whose switches are known by then."""
    note()
    view_bar.mount({**_data(), "page": page}, _asked)


def write(key: str) -> None:
    """The same from within a fragment, after a change that only the fragment draws."""
    note()
    view_bar.write(_data(), key)


def _data() -> dict[str, Any]:
    history = state.get(state.HISTORY)
    return {
        "params": params(),
        "names": NAMES,
        "back": state.get(state.BACK),
        "undo": len(history["past"]),
        "redo": len(history["future"]),
    }


def _asked() -> None:
    asked = (st.session_state.get(view_bar.KEY) or {}).get("asked") or {}
    if asked.get("what") == "undo":
        undo()
    elif asked.get("what") == "redo":
        undo(-1)
    elif asked.get("what") == "back":
        given = dict(parse_qsl(str(asked.get("search", "")).lstrip("?")))
        for name in PICKERS:
            if given.get(name):
                st.session_state[name] = given[name]
        adopt(given)
        state.put(state.HISTORY, {**state.get(state.HISTORY), "now": None})
        state.put(state.BACK, asked.get("token", ""))
