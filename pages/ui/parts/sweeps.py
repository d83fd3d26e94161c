"""The sweeps of this server and those that came with the project; one of them as it stands."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st

from gandalf_core import places
from gandalf_core.figures import sweeps as figures
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from gandalf_core.sweeps.space import Sweep
from gandalf_core.sweeps.study import load_sweep
from pages.ui import guards, jobs, show
from pages.ui.cache.sweeps import sweep_results
from pages.ui.parts import deleting, sweep_table, trial_view
from pages.ui.parts.train import KEEP

Curves = dict[str, list[dict]]  # see sweeps/study.py

STORED = places.explorer_folder() / "docs" / "results" / "sweeps"  # sweeps that came with the project


class Entry(NamedTuple):
    """A sweep that can be shown. job: None for one that came with the project."""

    title: str
    folder: Path
    job: Job | None

    @property
    def active(self) -> bool:
        return self.job is not None and self.job.active

    @property
    def has_trials(self) -> bool:
        """True when the results can be read: the job is left alone until it has written its database."""
        running = self.job if self.job is not None and self.job.active else None
        started = running is None or running.status.get("fraction") is not None
        return started and (self.folder / "sweep.json").is_file()


def entries() -> dict[str, Entry]:
    """Key → sweep: those of this server, newest first, then the stored ones."""
    own = {
        job.id: Entry(f"{job.title} · {job.state} · {jobs.mark(job)}", job.folder / "sweep", job)
        for job in jobs.manager().list("sweep")
    }
    stored = sorted(path.parent for path in STORED.glob("*/sweep.json"))
    return own | {folder.name: Entry(f"{folder.name} · stored", folder, None) for folder in stored}


# --- one sweep ---


def show_sweep(name: str) -> None:
    """One sweep, drawn again every two seconds while it runs."""
    active = entries()[name].active
    st.fragment(_show_sweep, run_every="2s" if active else None)(name, active)


def _show_sweep(name: str, was_active: bool) -> None:
    entry = entries().get(name)
    if entry is None or was_active != entry.active:
        st.rerun()
    if entry.job is not None:
        _show_job(entry.job)
    if not entry.has_trials:
        st.caption("The table and the figures appear with the first finished trial.")
        return
    with guards.showing_errors():
        sweep, (frame, curves) = load_sweep(entry.folder), sweep_results(entry.folder)
    _show_best(sweep, frame)
    _show_figures(name, sweep, frame, curves)
    trial_view.show_trials(name, sweep, frame, entry.folder)
    sweep_table.show_table(name, sweep, frame)


def _show_job(job: Job) -> None:
    """How far the job is, and what can be done with it."""
    own, done = jobs.may_change(job), job.state == JobState.DONE
    bar, buttons = st.columns([3, 2], vertical_alignment="center")
    share = job.status.get("fraction") or (1.0 if done else 0.0)
    message = job.message.removesuffix(" in sweep")
    bar.progress(min(1.0, share), f"**{job.state}** · {show.escaped(message)}")
    with buttons.container(horizontal=True, vertical_alignment="center"):
        if not own:
            st.caption(jobs.NOT_YOURS)
        if job.active:
            if own:
                show.action("Cancel", "stop", jobs.cancel, job.id, key=f"cancel {job.id}")
            return
        if own and not done:
            show.action("Resume", "resume", jobs.resume, job.id, key=f"resume {job.id}")
        if jobs.may_delete(job):
            deleting.show_delete(job, "sweep and its trials")


# --- the best trial ---


def _show_best(sweep: Sweep, frame: pd.DataFrame) -> None:
    """The settings of the best trial in a sentence."""
    complete = frame[frame["state"] == "complete"]
    if not len(complete):
        causes = frame["cause"].dropna() if "cause" in frame else []
        reason = f": {show.escaped(str(causes.iloc[0]))}" if len(causes) else " so far"
        st.warning(f"No trial has succeeded{reason}.")
        return
    st.markdown(best_text(sweep, complete))


def best_text(sweep: Sweep, complete: pd.DataFrame) -> str:
    """Settings and score of the first of the complete trials."""
    best = complete.iloc[0]
    settings = ", ".join(
        show.escaped(f"{figures.field_words(axis.path)} = {_short(best[axis.path])}") for axis in sweep.axes
    )
    trials = f"{len(complete)} trial{'s' if len(complete) > 1 else ''}"
    return f"Best of {trials}: **{settings}**. {figures.SCORES[sweep.score]}: **{best['score']:.4g}**"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


# --- figures ---


def _show_figures(name: str, sweep: Sweep, frame: pd.DataFrame, curves: Curves) -> None:
    """The score against a field, reconstruction against leakage, the paper's two plots where they vary."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    charts = [_score_chart(name, sweep, rows)]
    if "leakage" in frame:
        sentence = "Good settings lie low and to the left. The line joins trials that no other beats in both."
        charts.append(("trade", figures.trade_off(rows, sweep.score), sentence + _bars_words(sweep)))
    if _varies(curves["latent_size"], "latent_size"):
        sentence = "Where the line flattens, further dimensions add nothing."
        charts.append(("size", figures.latent_size(curves["latent_size"]), sentence))
    if _varies(curves["adversary"], "mean_lambda"):
        sentence = "Good settings lie low and near the green line, where the discriminators only guess."
        if sweep.config.adversary.sees_kept:
            sentence += " These also see the kept parameters, so they stay left of it."
        charts.append(("lambda", figures.adversary(curves["adversary"]), sentence))
    with st.grid(min(len(charts), 2)):
        for kind, chart, sentence in charts:
            with st.container():
                show.figure(chart, sentence, f"{kind} {name}")


def _score_chart(name: str, sweep: Sweep, rows: list[dict]) -> tuple:
    """The score against the first field, or the chosen one of several."""
    fields = [axis.path for axis in sweep.axes]
    field = fields[0]
    if len(fields) > 1:
        field = st.selectbox(
            "Score against", fields, format_func=figures.field_words, key=f"field {name}", **KEEP
        )
    chart = figures.score_against(rows, field, sweep.score)
    sentence = "Each point is a trial; the star is the best. Lower is better."
    return "score", chart, sentence + _bars_words(sweep)


def _bars_words(sweep: Sweep) -> str:
    """What bars mean, where there are any."""
    return f" Bars: standard deviation between {sweep.seeds} seeds." if sweep.seeds > 1 else ""


def _varies(points: list[dict], quantity: str) -> bool:
    return len({point[quantity] for point in points}) > 1
