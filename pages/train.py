"""Train: a form with a λ for each parameter, a queue that outlives the tab, live losses, stop and resume."""

import streamlit as st

from pages.ui import guards, jobs, show, state
from pages.ui.parts import train as training

show.page_title(
    "Train",
    "Give each parameter a λ: positive takes it out of the latent, negative keeps it there, zero leaves it alone. "
    "Training runs in the background and survives closing this tab.",
)
new, watch = st.columns([2, 3], gap="large")
with new:
    training.show_form()
with watch:
    found = jobs.manager().list("train")
    if not found:
        guards.stop("No training yet: choose a preset and press **Start training**.")
    names = [job.id for job in found]
    if state.get(state.JOB) not in names:
        state.put(state.JOB, names[0])
    titles = {job.id: f"{job.title} · {job.state} · {job.id[:6]}" for job in found}
    chosen = st.selectbox(
        "Trainings on this server", names, index=names.index(state.get(state.JOB)), format_func=titles.get
    )
    state.put(state.JOB, chosen)
    state.mirror()
    training.show_job(chosen)
