"""The audit of a model that counts: the newest that was run on this server, else the one in its folder."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import streamlit as st

from gandalf_core.errors import ModelError
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from gandalf_core.models import files, store
from gandalf_core.models.cards import audit_summary
from gandalf_core.models.trained import TrainedModel
from gandalf_core.seeds import CHOICE_SEED
from pages.ui import guards, jobs
from pages.ui.cache.models import model_folders

Report = dict[str, Any]  # see auditing/report.py

STARS = f"simulated:3000:{CHOICE_SEED}"  # that a page audits on
LABEL_PARTS = ("removed", "kept", "untouched")


def arguments_of(model: TrainedModel) -> list[str]:
    """Of the command that audits a model from a page."""
    return ["audit", str(model_folders()[model.name]), STARS]


def audits_of(model: TrainedModel) -> list[Job]:
    """The audits of exactly this model that were asked for on this server, newest first."""
    arguments = arguments_of(model)
    every = jobs.manager().list("audit")
    return [job for job in every if list(job.arguments) == arguments and job.content == model.identity]


def report_of(model: TrainedModel) -> tuple[Report | None, str]:
    """The newest report and its origin, or None and what to do."""
    return newest_report(audits_of(model), model_folders()[model.name])


def newest_report(audits: list[Job], folder: Path) -> tuple[Report | None, str]:
    """The report of the latest job that has ended, else the one in the model's folder."""
    for job in audits:
        result = job.folder / "result.json"
        if job.state == JobState.DONE and result.is_file():
            with suppress(OSError, ValueError):  # cut short by a full disk
                report = json.loads(result.read_text(encoding="utf-8"))
                return report, f"Measured on this server with the stars {STARS}."
        if job.state in (JobState.FAILED, JobState.DIED):
            report, origin = stored_report(folder)
            message = guards.error_text(job.status.get("message"))
            return (report, origin) if report else (None, f"The audit failed: {message}")
    return stored_report(folder)


def stored_report(folder: Path) -> tuple[Report | None, str]:
    """The report in a model's folder and its origin, or None and what to do."""
    path = folder / files.AUDIT
    try:
        report = _stored(str(folder), path.stat().st_mtime_ns if path.is_file() else 0)
    except ModelError as error:
        return None, guards.error_text(error)
    if report is not None:
        return report, "Stored with the model."
    return None, "This model has not been audited yet: press **Run the audit**."


@st.cache_data(max_entries=16, show_spinner=False)
def _stored(folder: str, changed: int) -> Report | None:
    return store.stored_audit(Path(folder))


def card_of(model: TrainedModel) -> dict[str, Any]:
    """The model's card; with the newest audit, where one was run on this server."""
    if not any(job.state == JobState.DONE for job in audits_of(model)):
        return model.card
    report, _ = report_of(model)
    with suppress(KeyError, TypeError, AttributeError):  # a report that was damaged
        return model.card | {"audit": audit_summary(report or {}, STARS)}
    return model.card


def probe_r2(model: TrainedModel) -> tuple[dict[str, float], bool]:
    """Label → R² of a fresh probe, and true; of the model's own regressor, and false, without an audit."""
    report, _ = report_of(model)
    entries: Mapping[str, Any] = {
        name: entry for part in LABEL_PARTS for name, entry in ((report or {}).get(part) or {}).items()
    }
    read = {name: entry["r2"] for name, entry in entries.items() if entry.get("r2") is not None}
    if read:
        return read, True
    own = model.card.get("figures", {}).get("parameters", {})
    return {name: row["r2"] for name, row in own.items()}, False
