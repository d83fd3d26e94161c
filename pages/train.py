"""Train: a form with one λ per parameter, a queue that outlives the tab, live losses, stop and resume."""

import streamlit as st

from pages.ui import guards, jobs, pickers, show, state
from pages.ui.parts import adapting, deleting, quota
from pages.ui.parts import train as training

show.page_title(
    "Train",
    "Give each parameter a λ: a positive one removes it from the latent, a negative one keeps it there, zero "
    "leaves it alone. Or let a model go on learning from your own labelled stars. The training runs in the "
    "background, even after you close this tab.",
)
form, result = st.columns([2, 3], gap="large")
with form:
    ways = ["From nothing", "From a model, with my stars"]
    if pickers.choose("Way", ways, "train_way", label_visibility="collapsed") == ways[0]:
        training.show_form()
        first = "choose a preset and press **Start training**"
    else:
        adapting.show_form()
        first = "choose a model and your stars, and press **Start adapting**"
    quota.show_usage()
with result:
    deleting.show_undo()
    trainings = {job.id: job for job in jobs.manager().list("train")}
    if not trainings:
        guards.stop(f"No training yet: {first}.")
    titles = {name: f"{job.title} · {job.state} · {jobs.mark(job)}" for name, job in trainings.items()}
    training.show_job(pickers.show_jobs("Trainings on this server", titles, state.JOB))
