"""Trials of a sweep opened: settings and measures side by side, and a training that makes one a model."""

from pathlib import Path

import pandas as pd
import streamlit as st

from gandalf_core.config.presets import PRESETS, preset
from gandalf_core.config.schema import Config, with_fields
from gandalf_core.errors import JobError
from gandalf_core.sweeps.space import SPREAD, Sweep
from gandalf_core.sweeps.study import trial_config
from pages.ui import guards, show, state
from pages.ui.parts.sweep_table import rank, redundant, title
from pages.ui.parts.train import KEEP, MAX_EPOCHS, submit

OPENED = "opened_trials"  # session key of the trials that are open, their numbers as texts
MOST_OPEN = 6


def show_trials(name: str, sweep: Sweep, frame: pd.DataFrame, folder: Path) -> None:
    """Choose finished trials, the best at first; compare them, and train one to open it as a model."""
    finished = frame[frame["state"] == "complete"]
    if not len(finished):
        return
    numbers = finished["trial"].astype(str).tolist()
    scores = dict(zip(numbers, finished["score"], strict=True))
    state.opens_with(OPENED, numbers[:1])
    known = [n for n in st.session_state.get(OPENED) or [] if n in numbers][:MOST_OPEN]
    st.session_state[OPENED] = known or numbers[:1]
    opened = st.multiselect(
        "Open trials",
        numbers,
        key=OPENED,
        max_selections=MOST_OPEN,
        format_func=lambda n: f"trial {n} · score {scores[n]:.3g}",
        help="The first is the best. Open several to see side by side what they tried and what came of it.",
    )
    if not opened:
        return
    rows = finished.set_index(finished["trial"].astype(str)).loc[opened]
    shown = side_by_side(sweep, rows, frame)
    st.dataframe(shown, hide_index=True, height="content", key=f"opened {name}")
    _show_training(name, sweep, opened, folder)


def side_by_side(sweep: Sweep, rows: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each setting and measure, one column for each of the trials `rows` of all in `frame`."""
    left_out = {"trial", "state", "cause", *redundant(sweep, frame)}
    measures = [c for c in rows if c not in left_out and not c.startswith(SPREAD) and rows[c].notna().any()]
    measures.sort(key=lambda column: (rank(sweep, column), column))
    columns = {f"Trial {number}": [_cell(row, c) for c in measures] for number, row in rows.iterrows()}
    return pd.DataFrame({"": [title(c) for c in measures], **columns})


def _cell(row: pd.Series, column: str) -> str:
    """A value in four digits, with its standard deviation between seeds where it has one."""
    value, spread = row[column], row.get(SPREAD + column)
    if value is None or (isinstance(value, float) and pd.isna(value)):
        return "–"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if spread is None or pd.isna(spread) else f"{text} ± {spread:.2g}"


def _show_training(name: str, sweep: Sweep, opened: list[str], folder: Path) -> None:
    """A button that trains the first of the opened trials with as many epochs as the preset has."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        epochs = st.number_input(
            "Epochs",
            1,
            MAX_EPOCHS,
            preset_epochs(sweep.config),
            key=f"best epochs {name}",
            width=140,
            **KEEP,
        )
        pressed = st.button(
            f"Train trial {opened[0]}",
            type="primary",
            icon=":material/model_training:",
            key=f"train best {name}",
            help="Makes a model of its settings, with regressors and a card, and opens it on every page.",
        )
    if pressed:
        with guards.showing_errors():
            config = trial_config(folder, int(opened[0]))
        _train(with_fields(config, {"training.epochs": int(epochs)}), sweep.stars[0])


def preset_epochs(config: Config) -> int:
    """The epochs of the preset that the configuration is named after; else its own."""
    return preset(config.name).training.epochs if config.name in PRESETS else config.training.epochs


def _train(config: Config, stars: str) -> None:
    try:
        submit(config, stars)
    except JobError as error:
        st.error(guards.error_text(error))
        return
    show.open_page("train")
