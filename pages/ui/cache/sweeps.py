"""The results of sweeps, read again when a sweep's database has changed."""

from pathlib import Path

import pandas as pd
import streamlit as st

from gandalf_core.sweeps import study


def sweep_results(folder: Path) -> tuple[pd.DataFrame, dict[str, list[dict]]]:
    """The trials of a sweep, the best first, and the paper's two curves. ConfigError when it has no sweep."""
    database = folder / "study.db"
    return _results(str(folder), database.stat().st_mtime_ns if database.is_file() else 0)


@st.cache_data(max_entries=16, show_spinner=False)
def _results(folder: str, changed: int) -> tuple[pd.DataFrame, dict[str, list[dict]]]:
    return study.results(folder), study.curves(folder)
