"""Data: upload with a verdict per file; labels, diagrams and spectra of the chosen stars; a table to search
and pick from.
"""

import streamlit as st

from gandalf_core.figures import panels, population, spectra
from pages.ui import guards, pickers, show, state
from pages.ui.cache.keys import digest
from pages.ui.cache.outputs import labels_of
from pages.ui.cache.uploads import uploads_on_grid
from pages.ui.parts import diagrams, tables, uploads

show.page_title(
    "Data",
    "The stars all pages work with. Drop Gaia RVS spectra here: csv, ecsv, fits, votable, npz, Parquet or two-column text.",
)
uploads.show_upload()
model, (ids, labels) = guards.need_model(), guards.need_labels()
names, mine = model.label_names, uploads_on_grid(model)
chosen = pickers.selected_rows(ids)
with st.container(horizontal=True, vertical_alignment="center"):
    view = pickers.choose(
        "View", ["Diagrams", "Histograms", "Spectra", "Table"], "data_view", label_visibility="collapsed"
    )
    pickers.show_simulate()

if view == "Diagrams":
    with guards.told():
        extra = {} if mine is None else {"overlay_ids": mine.ids, "overlay_labels": labels_of(model, mine)}
    key = digest("data", model.model_id, *ids, names, *extra.get("overlay_ids", ()))
    diagrams.show_linked(
        "data diagrams", key, lambda: panels.diagrams(ids, labels, names, **extra), names, columns=2
    )
    st.caption(
        "Yellow: where stars crowd. Lasso a sequence: the same stars light up in the other diagram, and on the Maps page. "
        "Diamonds: uploaded stars, at parameters estimated from their spectra where their files give none."
    )
elif view == "Histograms":
    others = {"selected": labels[chosen]} if chosen.any() else None
    drawn = population.histograms(labels, names, others=others)
    show.figure(
        drawn, "How the sample is spread over each label; the selected stars as an outline.", "histograms"
    )
elif view == "Spectra":
    how = pickers.choose("Draw them", ["overlaid", "stacked"], "data_how")
    stars = guards.need_stars() if chosen.any() else None
    rows = guards.need_star() if stars is None else stars[chosen][: spectra.MAX_DRAWN]
    drawn = spectra.spectra(rows.wavelength_nm, rows.flux, rows.ids, stacked=how == "stacked", mask=rows.mask)
    told = "The selected stars (at most 40), or the star of the side bar. Dotted: where the lines are; gaps are masked pixels."
    show.figure(drawn, told, "spectra")
    if stars is not None:
        groups = {"selected": stars.flux[chosen], "the others": stars.flux[~chosen]}
        drawn = spectra.mean_and_spread(stars.wavelength_nm, groups)
        show.figure(drawn, "Median and 16-84 % band of the selection against the other stars.", "spread")
else:
    frame = uploads.on_top(tables.table_of(guards.need_stars(), names), model)
    tables.show_table(frame, names, key=f"table {st.session_state[state.STARS]}")
