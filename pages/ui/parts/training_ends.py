"""How a training ended, what is still done after its last epoch, its note, and others to compare it with."""

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from gandalf_core.atomic import write_text
from gandalf_core.errors import GandalfError
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from pages.ui import guards, jobs, show
from pages.ui.parts import train_words

NOTE = "note.txt"  # in the folder of a training
MAX_NOTE = 2000
MAX_OTHERS = 5


def show_end(job: Job) -> None:
    """In words: that it failed or was stopped, and why; after the last epoch, a progress of its own."""
    status, epoch, epochs = job.status, job.status.get("epoch"), job.status.get("epochs")
    if job.state == JobState.RUNNING and epoch and epoch == epochs:
        _show_fitting(job, status)
    elif job.state in (JobState.FAILED, JobState.DIED):
        cause = show.escaped(job.message) or "it left no message"
        st.error(f"This training failed: {cause}", icon=":material/error:")
    elif job.state == JobState.CANCELLED:
        again = " **Resume** goes on from there." if job.has_checkpoint else ""
        after = f"after epoch {epoch} of {epochs}" if epoch else "before its first epoch was finished"
        st.warning(f"This training was stopped {after}.{again}", icon=":material/stop_circle:")


def _show_fitting(job: Job, status: Mapping[str, Any]) -> None:
    """What comes after the last epoch takes its time, too."""
    spent = max(0.0, time.time() - float(status.get("updated") or time.time()))
    expected = max(5.0, train_words.expected_fit_seconds(job))
    text = f"All epochs are done; now {show.escaped(job.message)}: {spent:.0f} s of about {expected:.0f} s"
    st.progress(min(0.97, spent / expected), text)


def show_note(job: Job) -> None:
    """What its owner wants to remember of a training; others read it."""
    path = job.folder / NOTE
    note = path.read_text(encoding="utf-8", errors="replace")[:MAX_NOTE] if path.is_file() else ""
    if not jobs.may_change(job):
        if note:
            st.caption(show.escaped(note))
        return
    hint = "What you want to remember"
    written = st.text_area("Note", note, key=f"note {job.id}", max_chars=MAX_NOTE, placeholder=hint)
    if written != note:
        try:
            write_text(path, written)
        except GandalfError as error:
            st.error(guards.error_text(error))


def choose_others(job: Job) -> dict[str, list[dict[str, Any]]]:
    """Name → history of the trainings whose curves are drawn beside this one's."""
    others = {other.id: other for other in jobs.manager().list("train") if other.id != job.id}
    if not others:
        return {}
    key = f"others {job.id}"
    st.session_state[key] = [name for name in st.session_state.get(key, []) if name in others]

    def name_of(other: str) -> str:
        return f"{others[other].title} {other[:6]}"

    chosen = st.multiselect(
        "Compare with",
        list(others),
        key=key,
        format_func=name_of,
        max_selections=MAX_OTHERS,
        placeholder="other trainings",
        persist_state="session",
    )
    return {name_of(other): others[other].history() for other in chosen}
