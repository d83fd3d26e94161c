"""Sweeps: search settings on a grid or by TPE, compare the trials, and train the best."""

import streamlit as st

from pages.ui import guards, pickers, show, state
from pages.ui.parts import deleting, quota, sweep_form
from pages.ui.parts import sweeps as sweeping

show.page_title(
    "Sweeps",
    "Train with many settings, score each on stars held back from training, and keep the best. "
    "The test stars take no part.",
)
deleting.show_undo()
sweeps = sweeping.entries()
with st.expander("New sweep", expanded=not sweeps, icon=":material/add:"):
    sweep_form.show_form()
    quota.show_usage()
if not sweeps:
    guards.stop("No sweep yet: choose what to search and press **Start the sweep**.")
titles = {name: entry.title for name, entry in sweeps.items()}
sweeping.show_sweep(pickers.show_jobs("Sweeps on this server", titles, state.SWEEP))
