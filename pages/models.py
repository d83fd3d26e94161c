"""Models: the card of each, and two models compared."""

import streamlit as st

from gandalf_core.models.cards import card_text, notes
from pages.ui import guards, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.parts import tables

show.page_title(
    "Models", "Every model is a folder without pickles: weights, scaling, regressors, maps and a card."
)
names = list(model_folders())
if not names:
    guards.need_model()
left, right = st.columns(2)
first = left.selectbox(
    "Model",
    names,
    index=names.index(st.session_state[state.MODEL]) if st.session_state[state.MODEL] in names else 0,
    key="card_left",
)
second = right.selectbox("Compare with", ["nothing", *names], key="card_right")
with guards.told():
    chosen = [load_model(first)] + ([] if second == "nothing" else [load_model(second)])
for note in dict.fromkeys(note for model in chosen for note in notes(model.card)):
    st.warning(note)
if len(chosen) == 2:
    tables.show_comparison(*chosen)
for model, column in zip(chosen, (left, right), strict=False):
    with column:
        show.chips(model.card)
        st.button(
            "Use this model everywhere",
            key=f"use {model.name}",
            icon=":material/check:",
            on_click=state.use_model,
            args=(model.name,),
        )
for model in chosen:
    with st.expander(f"Card of {model.name}", expanded=len(chosen) == 1):
        st.markdown(card_text(model.name, model.card))
