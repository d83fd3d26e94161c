"""What a page lets people save: figures and tables of every kind, made when somebody asks for them."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from gandalf_core.errors import GandalfError
from gandalf_core.publishing import paper, tables
from pages.ui import state
from pages.ui.cache.models import load_model
from pages.ui.cache.uploads import UPLOADED, upload_name

MANY = 20_000  # rows of a table that nobody wants in LaTeX
Make = Callable[[str], bytes]  # the bytes of a file of one kind


def origin(model: str = "") -> dict[str, str]:
    """What files say of their origin: the model's id and where the stars are from. model: another's name."""
    source = st.session_state.get(state.STARS) or ""
    stars = upload_name(source.removeprefix(UPLOADED)) if source.startswith(UPLOADED) else source
    try:
        return tables.about(load_model(model or st.session_state[state.MODEL]).model_id, stars)
    except (GandalfError, KeyError):
        return tables.about(stars=stars)


def show_files(label: str, make: Make, kinds: dict[str, str], name: str, key: str) -> None:
    """A small menu with a button for each kind of file."""
    with (
        st.popover(label, icon=":material/download:", key=f"{key} files"),
        st.container(horizontal=True),
    ):
        for kind, mime in kinds.items():
            st.download_button(
                kind.upper() if kind in paper.KINDS else kind,
                lambda kind=kind: make(kind),
                f"{name}.{kind}",
                mime,
                key=f"{key} {kind}",
                on_click="ignore",
            )


def show_figure_files(chart: go.Figure, sentence: str, key: str) -> None:
    """PDF, SVG and PNG of a figure, with its caption, the model and the stars."""
    note = paper.Note.of(plain(sentence), origin())
    show_files(
        "Save figure", lambda kind: paper.figure_bytes(chart, kind, note), paper.KINDS, f"gandalf-{key}", key
    )


def plain(sentence: str) -> str:
    """A sentence without the marks of markdown."""
    return sentence.replace("**", "").replace("`", "").replace("\\", "")


def show_table_files(table: pd.DataFrame, name: str, key: str) -> None:
    """The table as csv, and in a menu as every other kind."""
    told = origin()

    def make(kind: str) -> bytes:
        return tables.results_bytes(columns_of(table), kind, told)

    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            f"Download {name}.csv",
            lambda: make("csv"),
            f"{name}.csv",
            "text/csv",
            key=key,
            on_click="ignore",
            icon=":material/download:",
        )
        kinds = {k: m for k, m in tables.KINDS.items() if k != "csv" and (k != "tex" or len(table) <= MANY)}
        show_files("Other formats", make, kinds, name, key)


def columns_of(table: pd.DataFrame) -> dict[str, Any]:
    """The columns of a frame as arrays; what is missing among texts is empty."""
    return {
        str(name): table[name].to_numpy()
        if pd.api.types.is_numeric_dtype(table[name]) or pd.api.types.is_bool_dtype(table[name])
        else table[name].fillna("").astype(str).to_numpy(dtype=str)
        for name in table
    }
