"""Maps (Figure 8 of the paper): spectra and latents side by side, one panel per parameter, all linked."""

import numpy as np
import streamlit as st

from gandalf_core.maps.projection import METHODS
from pages.ui import guards, pickers, show, state
from pages.ui.parts import map_code, map_making, tables
from pages.ui.parts import maps as mapping

show.page_title(
    "Maps",
    "Each row is one representation of the same stars, those of the sidebar; each column is one parameter. "
    "Where a latent has lost a parameter, its colours look well mixed.",
)
model = guards.need_model()
with st.container(horizontal=True, vertical_alignment="bottom"):
    method = pickers.choose("Method", list(METHODS), "map_method", format_func=mapping.METHOD_NAMES.get)
    request = mapping.Request(
        mapping.show_rows(),
        method,
        model,
        st.session_state[state.STARS],
        map_making.settings_of(state.get(state.MAPS)),
    )
    map_making.show_form(request)
if not request.rows:
    guards.stop("Choose one or more representations: spectra, or the latent of a model.")
with guards.showing_errors():
    chosen = request.chosen
rows = mapping.rows_of(request)
map_making.show_progress(request, rows)
mapping.show_causes(rows)
if all(row.map is None for row in rows):
    st.stop()
mapping.show_maps(request, rows)
map_code.show_map_code(request)
selected = pickers.selected_rows(chosen.ids)
if not selected.any():
    guards.stop(
        "Draw a lasso in any panel: the same stars light up in all panels and on every page, "
        "and their spectra appear here."
    )
with guards.showing_errors():
    stars = request.stars(model)
mapping.show_selected(stars, chosen.ids[selected])
frame = tables.table_of(stars[np.isin(stars.ids, chosen.ids[selected])], chosen.names)
tables.choose_from(frame, chosen.names, f"selected {state.get(state.SELECTION)['token']}")
show.download(frame, "selection", "selection csv")
