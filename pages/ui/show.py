"""How results are put on a page: figures with a sentence, badges, buttons, downloads. No mathematics."""

import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from gandalf_core.jobs.job import Job
from gandalf_core.parameters import parameter
from pages.ui import saving
from pages.ui.cache.models import load_model

SYMBOLS = {  # in LaTeX
    "teff": "T_\\mathrm{eff}",
    "logg": "\\log g",
    "mh": "[\\mathrm{M/H}]",
    "alphafe": "[\\alpha/\\mathrm{Fe}]",
}


# --- words ---


def page_title(title: str, sentence: str) -> None:
    st.title(title)
    st.markdown(sentence)


def escaped(text: str) -> str:
    """Text that markdown shows as it is, addresses not as links: a stranger may have written it."""
    text = re.sub(r"([\\`*_{}\[\]<>()#+!|~$:])", r"\\\1", text)
    return re.sub(r"(?i)\b(https?|www)\b", "\\1\N{WORD JOINER}", text)


def plain(name: str) -> str:
    """A label in running markdown: Unicode, no markup."""
    return escaped(parameter(name).in_text)


def markdown_symbol(name: str) -> str:
    """A label's symbol for Streamlit's markdown, which knows LaTeX but no <sub>."""
    return f"${SYMBOLS[name]}$" if name in SYMBOLS else escaped(parameter(name).plain)


def header(name: str) -> str:
    """A label as the head of a table's column, where no markup works."""
    text, unit = parameter(name).in_text, parameter(name).unit
    return f"{text} [{unit}]" if unit else text


def file_name(text: str) -> str:
    """A text as part of a file's name that every system takes: not too long, no reserved characters."""
    return re.sub(r'[\x00-\x1f<>:"/\\|?*]+', "_", text).strip(" .")[:80] or "unnamed"


# --- results ---


def figure(chart: go.Figure, sentence: str, key: str) -> None:
    """A figure, under it a sentence that says what to see, and a menu that saves it."""
    config = {
        "displaylogo": False,
        "toImageButtonOptions": {"format": "svg", "filename": f"gandalf-{key}", "scale": 2},
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }
    st.plotly_chart(chart, key=key, config=config, alt=sentence)
    with st.container(horizontal=True, vertical_alignment="top"):
        st.caption(sentence, width="stretch")
        saving.show_figure_files(chart, sentence, key)


def fact(label: str, value: str, note: str) -> None:
    """One thing that is loaded, with a note below it."""
    st.metric(label, escaped(value), escaped(note), delta_color="off", delta_arrow="off", border=True)


def card_r2(names: Iterable[str]) -> dict[str, dict[str, float]]:
    """R² of each parameter as the cards of these models state it."""
    tables = {name: load_model(name).card.get("figures", {}).get("parameters", {}) for name in names}
    return {name: {label: row["r2"] for label, row in table.items()} for name, table in tables.items()}


# --- jobs, buttons, downloads ---


def job_progress(job: Job, title: str) -> None:
    """The progress bar of a job that waits or runs, and how long it will still take where that is known."""
    share = min(1.0, job.status.get("fraction") or 0.0)
    left = time_left(job.status.get("seconds_left"))
    st.progress(share, f"{title}: {escaped(job.message) or job.state}{left}")


def time_left(seconds: float | None) -> str:
    """The time that something will still take, after a comma; empty where it is not known."""
    if not seconds:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f", about {f'{minutes} min ' if minutes else ''}{rest} s left"


def action(label: str, icon: str, do: Callable[..., None], *arguments: Any, key: str, **options: Any) -> None:
    """A button in a fragment that changes more than the fragment: the whole page is drawn again."""
    if st.button(label, key=key, icon=f":material/{icon}:", on_click=do, args=arguments, **options):
        st.rerun()


def open_page(name: str) -> NoReturn:
    """Go to another page; the pickers keep their values and write them into its link.

    Streamlit refuses to drop a link's parameters that belong to widgets, unless it is told what to put in
    their place.
    """
    st.switch_page(f"../{name}.py", query_params={})


def download(table: pd.DataFrame, name: str, key: str) -> None:
    """Buttons that save the table; a file is written only when somebody asks for it."""
    saving.show_table_files(table, name, key)
