"""To and from TOPCAT and Aladin: buttons for who opens the page on the machine that runs it.

The programs are those of the server's own machine, so there is one connection for the process.
"""

import threading
from contextlib import suppress

import numpy as np
import streamlit as st

from gandalf_core.errors import ExchangeError, GandalfError
from gandalf_core.exchange.samp import Exchange, Received, spectrum_file, star_file
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, pickers, show, state, visitor
from pages.ui.cache.keys import subfolder
from pages.ui.cache.uploads import NAME, save_upload
from pages.ui.parts import uploads

ELSEWHERE = (
    "Tables go to TOPCAT and Aladin, and selections come back, where this page is opened on the machine that "
    "runs it."
)
LOOK_EVERY = "2s"
_lock = threading.Lock()
connections: list[Exchange] = []  # the one connection, once somebody has pressed a button
sent_tables: dict[str, np.ndarray] = {}  # id of a table that was sent -> ids of its stars


def show_exchange(model: TrainedModel) -> None:
    """Buttons that send, and what comes back; one sentence for who is on another machine."""
    if not visitor.current().here:
        st.caption(ELSEWHERE)
        return
    left, middle, right = st.columns(3)
    table = left.button("Send the table to TOPCAT", icon=":material/table_view:", key="samp_table")
    rows = middle.button("Send the selection", icon=":material/select_all:", key="samp_rows")
    spectrum = right.button("Send this star's spectrum", icon=":material/show_chart:", key="samp_spectrum")
    try:
        if table:
            _say(_send_table(model))
        elif rows:
            _say(_send_rows(model))
        elif spectrum:
            star = guards.need_star()
            exchange = connection()
            _say(exchange.send_spectrum(spectrum_file(star, exchange.folder), str(star.ids[0])))
    except ExchangeError as error:
        st.error(guards.error_text(error))
    if connections:
        st.caption("Connected: what is selected or sent there arrives here.")
        _listen()


def connection() -> Exchange:
    """The connection of this process, made anew when the hub has gone. ExchangeError without a hub."""
    with _lock:
        if connections and not connections[0].connected:
            connections.pop().close()
        if not connections:
            connections.append(Exchange(subfolder("samp")))
        return connections[0]


def _say(programs: list[str]) -> None:
    st.toast(f"Sent to {show.escaped(', '.join(programs))}", icon=":material/check:")


def _send_table(model: TrainedModel) -> list[str]:
    """Labels and S/N of the chosen stars."""
    stars, exchange = guards.need_stars(), connection()
    path, table = star_file(stars, exchange.folder, spectra=False)
    sent_tables[table] = stars.ids
    return exchange.send_table(path, st.session_state[state.STARS], table)


def _send_rows(model: TrainedModel) -> list[str]:
    """The selected stars, as rows of the table that was sent."""
    stars, exchange = guards.need_stars(), connection()
    table = star_file(stars, exchange.folder, spectra=False)[1]
    if table not in sent_tables:
        raise ExchangeError("send the table first: a selection is one of its rows")
    return exchange.send_rows(table, np.flatnonzero(pickers.selected_rows(stars.ids)).tolist())


# --- what comes back ---


@st.fragment(run_every=LOOK_EVERY)
def _listen() -> None:
    """Take what has arrived; the page is drawn again when something has."""
    arrived = connections[0].received() if connections else []
    for message in arrived:
        take(message)
    if arrived:
        st.rerun()


def take(message: Received) -> None:
    """A selection lights up; a table becomes an upload, under the limits of every upload."""
    if message.path is None:
        ids = sent_tables.get(message.table)
        if ids is not None:
            rows = [row for row in message.rows if 0 <= row < len(ids)]
            state.select(ids[rows], f"samp {message.table} {rows[:3]} {len(rows)}")
            st.toast(f"{len(rows):,} stars selected in {show.escaped(message.sender)}")
        return
    with suppress(OSError):
        verdict, sets = uploads.judge(message.name, message.path.read_bytes())
        try:
            for stars in sets:
                stars.provenance[NAME] = message.name
                key = save_upload(stars)
                state.put(state.UPLOADS, tuple(dict.fromkeys([key, *state.get(state.UPLOADS)])))
        except GandalfError as error:
            st.toast(guards.error_text(error))
            return
        st.toast(show.escaped(f"{message.sender}: {verdict.text}"))
