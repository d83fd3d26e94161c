"""The server's queue of jobs, as the pages use it."""

from pathlib import Path
from uuid import uuid4

import numpy as np
import streamlit as st

from gandalf_core import places
from gandalf_core.jobs.queue import JobManager
from gandalf_core.models.files import write_arrays
from pages.ui import state
from pages.ui.cache.keys import subfolder


@st.cache_resource
def _manager(root: str) -> JobManager:
    return JobManager(Path(root), places.explorer_folder())


def manager() -> JobManager:
    """The server's one queue."""
    return _manager(str(places.runs_folder()))


def prepare(ids: np.ndarray, path: Path) -> str:
    """Queue the simulation of these stars (N,) into a file, once for everybody; returns the job's id."""
    for job in manager().list("prepare"):
        if job.active and job.arguments[1] == str(path):
            return job.id
    ids_file = subfolder("stars") / f"{path.stem}-ids.npz"
    write_arrays(ids_file, {"ids": ids})
    return manager().submit(
        "prepare",
        f"simulating {len(ids):,} stars",
        [str(ids_file), str(path)],
        f"server {path.stem}",
        module="pages.ui.cache.prepare",
    )


def owner() -> str:
    """Who this session is, for the limit of jobs per person."""
    if not state.get(state.OWNER):
        state.put(state.OWNER, uuid4().hex[:12])
    return state.get(state.OWNER)
