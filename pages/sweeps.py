"""Sweeps: search settings on a grid or by TPE, compare the trials, and train the best."""

import streamlit as st

from pages.ui import guards, show, state
from pages.ui.parts import sweeps as sweeping

show.page_title(
    "Sweeps",
    "Train many settings, score each on stars held back, and keep the best. Test stars take no part.",
)
found = sweeping.every()
with st.expander("New sweep", expanded=not found, icon=":material/add:"):
    sweeping.show_form()
if not found:
    guards.stop("No sweep yet: choose what to search and press **Start the sweep**.")
if state.get(state.SWEEP) not in found:
    state.put(state.SWEEP, next(iter(found)))
names = list(found)
chosen = st.selectbox(
    "Sweeps on this server",
    names,
    index=names.index(state.get(state.SWEEP)),
    format_func=lambda name: found[name].title,
)
state.put(state.SWEEP, chosen)
state.mirror()
sweeping.show_sweep(chosen)
