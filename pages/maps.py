"""Maps (Figure 8 of the paper): spectra beside latents, one panel a parameter, linked with every other
diagram.
"""

import numpy as np
import streamlit as st

from gandalf_core.figures import panels, spectra
from gandalf_core.maps.projection import METHODS
from pages.ui import guards, pickers, show, state
from pages.ui.cache.keys import digest
from pages.ui.cache.stars import stars_by_ids
from pages.ui.cache.uploads import uploads_on_grid
from pages.ui.parts import diagrams, tables
from pages.ui.parts import maps as mapping

NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}

show.page_title(
    "Maps",
    "Each row is one representation of the same stars, each column a parameter. What a latent has lost looks well mixed.",
)
model = guards.need_model()
with st.container(horizontal=True, vertical_alignment="bottom"):
    method = pickers.choose("Method", list(METHODS), "map_method", format_func=NAMES.get)
    rows = mapping.show_rows(model)
    mapping.show_settings(rows, method, model)
mapping.show_progress(rows, method, model)
found = mapping.maps_of(rows, method, model)
if not found:
    guards.stop(
        f"No {NAMES[method]} map of these representations is stored: choose others, or make one under **Map settings**."
    )
labels = mapping.labels_of(rows, method, model)
mine = uploads_on_grid(model)
overlay = [] if mine is None else mine.ids
key = digest("maps", [(m.name, len(m.ids), float(m.xy.sum())) for m in found], labels.names, *overlay)
linked = lambda: panels.maps(
    found, labels.ids, labels.values, labels.names, ranges=model.ranges, overlay_ids=overlay
)
diagrams.show_linked("maps", key, linked, labels.names, columns=max(len(labels.names), 2))
st.caption(
    "Colour: the parameter in the panel's title. k-NN R²: how well a star's ten neighbours **in the map** tell that parameter "
    "(1: exactly, 0 or below: not at all). A map illustrates, it proves nothing: see the Audit page. Diamonds are uploaded "
    "stars, the ring is the star of the side bar."
)
chosen = pickers.selected_rows(labels.ids)
if not chosen.any():
    guards.stop(
        "Draw a lasso in any panel: the same stars light up in all of them, on every page, and their spectra appear here."
    )
with guards.told():
    stars = stars_by_ids(labels.ids, model)
lit = np.isin(stars.ids, labels.ids[chosen])
show.figure(
    spectra.mean_and_spread(
        stars.wavelength_nm, {"selected": stars.flux[lit], "the other stars of the maps": stars.flux[~lit]}
    ),
    "Median and 16-84 % band: where the two part is what the selection has in common.",
    "map_spread",
)
frame = tables.table_of(stars[lit], labels.names)
tables.pick_from(frame, labels.names, f"selected {state.get(state.SELECTION)['token']}")
show.download(frame, "selection", "selection csv")
