"""Data: upload with a verdict per file; diagrams, histograms, spectra and a table of the chosen stars."""

import streamlit as st

from pages.ui import guards, pickers, show
from pages.ui.parts import archive, data, quota, samp, spectrum_tools, uploads

VIEWS = ["Diagrams", "Histograms", "Spectra", "One star", "Table"]

show.page_title(
    "Data",
    "The stars that all pages work with. Drop Gaia RVS spectra here, as csv, ecsv, fits, votable, npz, "
    "Parquet or two-column text.",
)
uploads.show_upload()
archive.show_archive()
quota.show_kept()
model, (ids, labels) = guards.need_model(), guards.need_labels()
with st.container(horizontal=True, vertical_alignment="center"):
    view = pickers.choose("View", VIEWS, "data_view", label_visibility="collapsed")
    pickers.show_simulate()
if view == "Diagrams":
    data.show_diagrams(model, ids, labels)
elif view == "Histograms":
    data.show_histograms(model, ids, labels)
elif view == "One star":
    spectrum_tools.show_one(model, ids)
elif view == "Spectra":
    data.show_spectra(model, ids)
else:
    data.show_table(model)
    samp.show_exchange(model)
