"""The views of the Data page: diagrams, histograms, spectra and a table of the chosen stars."""

from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.figures import panels, population, spectra
from gandalf_core.figures.panels import LinkedPanels
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, pickers, show, state
from pages.ui.cache.outputs import labels_of
from pages.ui.cache.uploads import uploads_on_grid
from pages.ui.parts import diagrams, tables, uploads


def show_diagrams(model: TrainedModel, ids: np.ndarray, labels: np.ndarray) -> None:
    """The Kiel and abundance diagrams; uploaded stars as diamonds. ids: (N,), labels: (N, P)."""
    names = model.label_names
    overlay: dict[str, Any] = {}
    with guards.showing_errors():
        stars = uploads_on_grid(model)
        if stars is not None:
            overlay = {"overlay_ids": stars.ids, "overlay_labels": labels_of(model, stars)}

    def build() -> LinkedPanels:
        return panels.diagrams(ids, labels, names, **overlay)

    key = identity("data", ids, labels, names, overlay)
    diagrams.show_linked("data diagrams", key, build, names, columns=2)
    st.caption(
        "Yellow: many stars. Draw a lasso around a sequence: the same stars light up in the other diagram "
        "and on the Maps page. Diamonds: uploaded stars, with parameters estimated from their spectra where "
        "their files have none."
    )


def show_histograms(model: TrainedModel, ids: np.ndarray, labels: np.ndarray) -> None:
    """The distribution of each label, with the selected stars as an outline."""
    selected = pickers.selected_rows(ids)
    others = {"selected": labels[selected]} if selected.any() else None
    show.figure(
        population.histograms(labels, model.label_names, others=others),
        "How the sample is distributed over each label. Outline: the selected stars.",
        "histograms",
    )


def show_spectra(ids: np.ndarray) -> None:
    """The spectra of the selected stars, or of the star in the sidebar; and how the selection differs."""
    selected = pickers.selected_rows(ids)
    style = pickers.choose("Arrangement", ["overlaid", "stacked"], "data_how")
    stars = guards.need_stars() if selected.any() else None
    shown = guards.need_star() if stars is None else stars[selected][: spectra.MAX_DRAWN]
    show.figure(
        spectra.spectra(
            shown.wavelength_nm, shown.flux, shown.ids.tolist(), stacked=style == "stacked", mask=shown.mask
        ),
        f"The selected stars (at most {spectra.MAX_DRAWN}), or the star in the sidebar. "
        "Dotted: spectral lines. Gaps: masked pixels.",
        "spectra",
    )
    if stars is not None:
        groups = {"selected": stars.flux[selected], "the others": stars.flux[~selected]}
        show.figure(
            spectra.mean_and_spread(stars.wavelength_nm, groups),
            "Median and 16-84 % band of the selected stars and of the others.",
            "spread",
        )


def show_table(model: TrainedModel) -> None:
    """The stars as a table, uploaded ones first."""
    frame = tables.table_of(guards.need_stars(), model.label_names)
    tables.show_table(
        uploads.uploads_first(frame, model),
        model.label_names,
        key=f"table {st.session_state[state.STARS]}",
    )
