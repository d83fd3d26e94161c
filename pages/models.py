"""Models: the card of each, and two models compared."""

import streamlit as st

from gandalf_core.models.cards import card_text, notes
from pages.ui import guards, show, state
from pages.ui.cache.audits import card_of
from pages.ui.cache.models import load_model, model_folders, unusable_models
from pages.ui.parts import cards, chips, model_files, quota, what_changed

NOTHING = "nothing"

show.page_title(
    "Models", "Every model is a folder without pickles: weights, scaling, regressors, maps and a card."
)
for line in unusable_models():
    st.warning(guards.error_text(line), icon=":material/warning:")
folders = model_folders()
names = list(folders)
model_files.show_upload()
quota.show_usage()
if not names:
    guards.need_model()
current = st.session_state[state.MODEL]
left, right = st.columns(2)
first = left.selectbox("Model", names, index=names.index(current) if current in names else 0, key="card_left")
second = right.selectbox("Compare with", [NOTHING, *names], key="card_right")
with guards.showing_errors():
    models = [load_model(name) for name in (first, second) if name != NOTHING]
if what_changed.show_view(models[0]):
    what_changed.show_changes(models[0])
    st.stop()
for note in dict.fromkeys(note for model in models for note in notes(model.card)):
    st.warning(note)
if len(models) == 2:
    cards.show_comparison(*models)
for model, column in zip(models, (left, right), strict=False):
    with column:
        chips.show_chips(model)
        st.button(
            "Use this model everywhere",
            key=f"use {model.name}",
            icon=":material/check:",
            on_click=state.use_model,
            args=(model.name,),
        )
        model_files.show_download(model.name, folders[model.name])
        model_files.show_remove(model.name, folders[model.name])
for model in models:
    with st.expander(f"Card of {model.name}", expanded=len(models) == 1):
        st.markdown(card_text(model.name, card_of(model)))
