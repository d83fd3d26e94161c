"""Where the Audit page takes its report from: the model's folder, or a job of this server."""

import json

import pandas as pd
import streamlit as st

from gandalf_core.auditing.table import READING, table_rows
from gandalf_core.auditing.verdict import on_latent, on_sliders
from gandalf_core.errors import JobError
from gandalf_core.jobs.job import Job
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, jobs, show, state
from pages.ui.cache.models import model_folders

DEFAULT_STARS = "simulated:3000:7"
SIGNS = {
    "good": ":green-badge[:material/check:]",
    "partly": ":orange-badge[:material/contrast:]",
    "bad": ":red-badge[:material/close:]",
    "unsure": ":orange-badge[:material/question_mark:]",
    "neutral": ":gray-badge[:material/remove:]",
}


def show_source(model: TrainedModel) -> tuple[dict | None, str]:
    """The newest report on this model, and where it is from; a button that makes one."""
    folder = model_folders()[st.session_state[state.MODEL]]
    arguments = ["audit", str(folder), DEFAULT_STARS]
    found = [job for job in jobs.manager().list("audit") if list(job.arguments) == arguments]
    with st.container(horizontal=True, vertical_alignment="center"):
        busy = bool(found) and found[0].active
        st.button(
            "Run the audit",
            icon=":material/play_arrow:",
            disabled=busy,
            on_click=_submit,
            args=(model.name, arguments),
            help=f"On {DEFAULT_STARS}, in the background; a few minutes.",
        )
    if busy:
        _follow(found[0].id)
    return report_of(found, folder)


def report_of(found: list[Job], folder) -> tuple[dict | None, str]:
    """(report, where it is from), or (None, what to do)."""
    for job in found:
        path = job.folder / "result.json"
        if job.state == "done" and path.is_file():
            return json.loads(path.read_text()), f"Measured on this server on {DEFAULT_STARS}."
        if job.state in ("failed", "died"):
            return (
                stored(folder)
                if stored(folder)[0]
                else (None, f"The audit ended with: {guards.said(job.status.get('message'))}")
            )
    return stored(folder)


def stored(folder) -> tuple[dict | None, str]:
    path = folder / "audit.json"
    if path.is_file():
        return json.loads(path.read_text()), "As stored with the model."
    return None, "This model has not been audited yet: press **Run the audit**."


def show_verdict(report: dict) -> None:
    """The report in sentences: what is in the latent, then what the sliders do."""
    with st.container(border=True):
        for sentences in filter(None, (on_latent(report), on_sliders(report))):
            st.markdown("  \n".join(f"{SIGNS[s.grade]} {show.escaped(s.text)}" for s in sentences))


def show_numbers(report: dict, name: str) -> None:
    """The report's numbers as a table, and all of it as a file."""
    frame = pd.DataFrame(table_rows(report))
    st.dataframe(frame[[c for c in frame if frame[c].any()]], hide_index=True, height="content")
    st.caption(READING)
    st.download_button(
        "Download the whole report",
        json.dumps(report, indent=1, ensure_ascii=False),
        f"audit-{name}.json",
        "application/json",
        on_click="ignore",
        icon=":material/download:",
    )


def _submit(name: str, arguments: list[str]) -> None:
    try:
        jobs.manager().submit("audit", f"audit of {name}", arguments, jobs.owner())
    except JobError as error:
        st.error(str(error))


@st.fragment(run_every="1s")
def _follow(name: str) -> None:
    job = jobs.manager().job(name)
    if not job.active:
        st.rerun()
    bar, stop = st.columns([5, 1], vertical_alignment="center")
    bar.progress(
        min(1.0, job.status.get("fraction") or 0.0), f"{job.title}: {job.status.get('message', job.state)}"
    )
    stop.button("Cancel", key=f"cancel {name}", on_click=jobs.manager().cancel, args=(name,))
