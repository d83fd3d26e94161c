"""How results are put on a page: a figure with its sentence, chips, tables, downloads. No widget state, no
mathematics.
"""

import re

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from gandalf_core.figures import style
from gandalf_core.models.cards import signs
from gandalf_core.parameters import parameter
from pages.ui.cache.models import load_model

SIGN = {
    "removed": ("orange", "remove_circle"),
    "kept": ("green", "add_circle"),
    "untouched": ("gray", "radio_button_unchecked"),
}


def figure(drawn: go.Figure, sentence: str, key: str) -> None:
    """A figure with the sentence under it that says what to see; its tool bar saves an SVG."""
    image = {"format": "svg", "filename": f"gandalf-{key}", "scale": 2}
    config = {
        "displaylogo": False,
        "toImageButtonOptions": image,
        "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
    }
    st.plotly_chart(drawn, key=key, config=config, alt=sentence)
    st.caption(sentence)


def markdown_symbol(name: str) -> str:
    """A label's symbol for Streamlit's markdown, which knows LaTeX but no <sub>."""
    typeset = {
        "teff": "T_\\mathrm{eff}",
        "logg": "\\log g",
        "mh": "[\\mathrm{M/H}]",
        "alphafe": "[\\alpha/\\mathrm{Fe}]",
    }
    return f"${typeset[name]}$" if name in typeset else escaped(parameter(name).plain)


def header(name: str) -> str:
    """A label as the head of a table's column, where no markup works."""
    unit = parameter(name).unit
    return f"{style.words(name)} [{unit}]" if unit else style.words(name)


def escaped(text: str) -> str:
    """Text that markdown leaves as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~$:])", r"\\\1", text)


def chips(card: dict) -> None:
    """Removed, kept or untouched: one chip a label, in words and colour."""
    texts = []
    for name, sign in signs(card).items():
        colour, icon = SIGN[sign]
        texts.append(f":{colour}-badge[:material/{icon}: {plain(name)} {sign}]")
    st.markdown(" ".join(texts))


def plain(name: str) -> str:
    """A label in running markdown: Unicode, no markup."""
    return escaped(style.words(name))


def fact(label: str, value: str, more: str) -> None:
    """One thing that is loaded, in one line and a footnote."""
    st.metric(label, escaped(value), escaped(more), delta_color="off", delta_arrow="off", border=True)


def download(table: pd.DataFrame, name: str, key: str) -> None:
    """The table as csv, made only when somebody asks for it."""
    st.download_button(
        f"Download {name}.csv",
        lambda: table.to_csv(index=False).encode(),
        f"{name}.csv",
        "text/csv",
        key=key,
        on_click="ignore",
        icon=":material/download:",
    )


def action(label: str, icon: str, do, *arguments, key: str, **more) -> None:
    """A button within a fragment that changes more than the fragment: the whole page is drawn again after it."""
    if st.button(label, key=key, icon=f":material/{icon}:", on_click=do, args=arguments, **more):
        st.rerun()


def page_title(title: str, sentence: str) -> None:
    st.title(title)
    st.markdown(sentence)


def card_probes(names) -> dict[str, dict[str, float]]:
    """R² of each parameter as the cards of these models state it."""
    tables = {name: load_model(name).card.get("figures", {}).get("parameters", {}) for name in names}
    return {name: {n: row["r2"] for n, row in table.items()} for name, table in tables.items()}
