"""Running jobs on a page: their progress, and a button that cancels them."""

import streamlit as st

from pages.ui import jobs, show


@st.fragment(run_every="1s")
def follow(names: list[str]) -> None:
    """One bar per job; the page is drawn again when one of them ends."""
    for name in names:
        job = jobs.manager().job(name)
        if not job.active:
            st.rerun()
        bar, button = st.columns([5, 1], vertical_alignment="center")
        with bar:
            show.job_progress(job, job.title)
        if jobs.may_change(job):
            button.button("Cancel", key=f"cancel {name}", on_click=jobs.cancel, args=(name,))
