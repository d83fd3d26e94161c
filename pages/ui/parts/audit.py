"""The parts of the Audit page: where the report comes from, its verdict and its numbers."""

import json

import pandas as pd
import streamlit as st

from gandalf_core.auditing.slider_table import SLIDER_READING, slider_rows
from gandalf_core.auditing.slider_verdict import on_sliders
from gandalf_core.auditing.table import READING, STRATA_READING, strata_rows, table_rows
from gandalf_core.auditing.verdict import on_latent
from gandalf_core.errors import JobError
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, jobs, show
from pages.ui.cache.audits import STARS, Report, arguments_of, audits_of, report_of
from pages.ui.parts.progress import follow

BADGES = {  # grade of a sentence -> badge
    "good": ":green-badge[:material/check:]",
    "partly": ":orange-badge[:material/contrast:]",
    "bad": ":red-badge[:material/close:]",
    "unsure": ":orange-badge[:material/question_mark:]",
    "neutral": ":gray-badge[:material/remove:]",
}


# --- the report ---


def show_source(model: TrainedModel) -> tuple[Report | None, str]:
    """A button that runs the audit; returns the newest report and its origin, or None and what to do."""
    audits = audits_of(model)
    running = bool(audits) and audits[0].active
    st.button(
        "Run the audit",
        icon=":material/play_arrow:",
        disabled=running,
        on_click=_submit,
        args=(model, arguments_of(model)),
        help=f"On the stars {STARS}, in the background. It takes a few minutes.",
    )
    if running:
        follow([audits[0].id])
    return report_of(model)


def _submit(model: TrainedModel, arguments: list[str]) -> None:
    try:
        jobs.manager().submit(
            "audit", f"Audit of {model.name}", arguments, jobs.owner(), content=model.identity
        )
    except JobError as error:
        st.error(guards.error_text(error))


# --- what it says ---


def show_verdict(report: Report) -> None:
    """The report in sentences: what the latent holds, then what the sliders do."""
    with st.container(border=True):
        for sentences in filter(None, (on_latent(report), on_sliders(report))):
            st.markdown("  \n".join(f"{BADGES[s.grade]} {show.escaped(s.text)}" for s in sentences))


def show_sliders(report: Report) -> None:
    """The errors of the sliders: of all stars, of some kinds of them, and what is due to the latent."""
    if rows := slider_rows(report):
        st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")
        st.caption(show.escaped(SLIDER_READING))


def show_numbers(report: Report, name: str) -> None:
    """The report's numbers as tables, and the whole report as a file."""
    show_table(table_rows(report), READING)
    if rows := strata_rows(report):
        with st.expander("At the ends of every known parameter"):
            show_table(rows, STRATA_READING)
    st.download_button(
        "Download the whole report",
        json.dumps(report, indent=1, ensure_ascii=False),
        f"audit-{name}.json",
        "application/json",
        key=f"download audit of {name}",
        on_click="ignore",
        icon=":material/download:",
    )


def show_table(rows: list[dict[str, str]], reading: str) -> None:
    """A table without its empty columns, and how to read it."""
    frame = pd.DataFrame(rows)
    st.dataframe(frame[[c for c in frame if frame[c].any()]], hide_index=True, height="content")
    st.caption(show.escaped(reading))
