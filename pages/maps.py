"""Maps (Figure 8 of the paper): spectra and latents side by side, one panel per parameter, all linked."""

import numpy as np
import streamlit as st

from gandalf_core.figures import spectra
from gandalf_core.maps.projection import METHODS
from pages.ui import guards, pickers, show, state
from pages.ui.cache.stars import stars_by_ids
from pages.ui.parts import maps as mapping
from pages.ui.parts import tables

show.page_title(
    "Maps",
    "Each row is one representation of the same stars, each column one parameter. "
    "Where a latent has lost a parameter, its colours look well mixed.",
)
model = guards.need_model()
with st.container(horizontal=True, vertical_alignment="bottom"):
    method = pickers.choose("Method", list(METHODS), "map_method", format_func=mapping.METHOD_NAMES.get)
    request = mapping.Request(mapping.show_rows(), method, model)
    mapping.show_settings(request)
computing = mapping.show_progress(request)
maps = mapping.maps_of(request)
if not maps and computing:
    guards.stop("Each map appears here as soon as it is finished.")
if not maps:
    guards.stop(
        f"There is no {mapping.METHOD_NAMES[method]} map of these representations yet: choose others, "
        "or compute one under **Map settings**."
    )
labels = mapping.labels_of(request)
mapping.show_maps(maps, labels, model)
st.caption(
    "Colour: the parameter in the panel's title. k-NN R²: how well a star's ten nearest neighbours **in the "
    "map** predict the parameter (1: exactly; 0 or below: not at all). A map illustrates, it proves nothing: "
    "see the Audit page. Diamonds: uploaded stars. Ring: the star in the sidebar."
)
selected = pickers.selected_rows(labels.ids)
if not selected.any():
    guards.stop(
        "Draw a lasso in any panel: the same stars light up in all panels and on every page, "
        "and their spectra appear here."
    )
with guards.showing_errors():
    stars = stars_by_ids(labels.ids, model)
rows = np.isin(stars.ids, labels.ids[selected])
groups = {"selected": stars.flux[rows], "the other stars of the maps": stars.flux[~rows]}
show.figure(
    spectra.mean_and_spread(stars.wavelength_nm, groups),
    "Median and 16-84 % band. Where the two differ is what the selected stars have in common.",
    "map_spread",
)
frame = tables.table_of(stars[rows], labels.names)
tables.choose_from(frame, labels.names, f"selected {state.get(state.SELECTION)['token']}")
show.download(frame, "selection", "selection csv")
