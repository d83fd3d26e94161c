"""Deleting a job from a page: it asks first, and can be undone for a while."""

import streamlit as st

from gandalf_core.jobs.job import Job
from pages.ui import jobs, show, state


def show_delete(job: Job, what: str) -> None:
    """A button that asks, and then deletes. what: such as `training and its model`."""
    with st.popover("Delete", icon=":material/delete:", key=f"delete {job.id}"):
        st.markdown(f"Delete this {what}? It can be undone for ten minutes.")
        show.action("Yes, delete it", "delete", _delete, job.id, job.title, key=f"yes, delete {job.id}")


def _delete(name: str, title: str) -> None:
    if jobs.delete(name):
        state.put(state.DELETED, (name, title))


def show_undo() -> None:
    """What was deleted last, and a button that brings it back, while that is possible."""
    name, title = state.get(state.DELETED)
    if not name or not jobs.manager().deleted.has(name):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(f"Deleted: {show.escaped(title)}", icon=":material/delete:")
        show.action("Undo", "undo", jobs.restore, name, key=f"restore {name}")
