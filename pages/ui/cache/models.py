"""The models of this server: the pretrained ones and the finished trainings."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from gandalf_core import places
from gandalf_core.errors import ModelError
from gandalf_core.models import store
from gandalf_core.models.browser import decoder_spec
from gandalf_core.models.trained import TrainedModel
from pages.ui.components import live_decoder


def model_folders() -> dict[str, Path]:
    """Name in the picker → folder: the models by name, then the finished trainings, newest first."""
    folders = {info.name: info.path for info in store.list_models()}
    cards = places.runs_folder().glob("*/model/card.json")
    for card in sorted(cards, key=lambda path: -path.stat().st_mtime):
        folders |= _training(card.parent)
    return folders


def _training(folder: Path) -> dict[str, Path]:
    """A finished training's name in the picker and its folder."""
    job = folder.parent
    return {
        f"{info.card.get('name', 'model')} {job.name[:6]}": info.path
        for info in store.list_models(job)
        if info.path == folder
    }


def load_model(name: str) -> TrainedModel:
    """A model by its name in the picker. Raises ModelError for a folder that is gone or incomplete."""
    folders = model_folders()
    if name not in folders:
        raise ModelError(f"{name}: this model no longer exists; choose another in the sidebar")
    return _load(str(folders[name]), _stamps(folders[name]), name)


def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file of a model, its maps included: another one is loaded anew."""
    files = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in files)


@st.cache_resource(max_entries=8, show_spinner="Loading the model …")
def _load(path: str, stamps: tuple[tuple[str, int, int], ...], name: str) -> TrainedModel:
    # a finished training is called as in the picker, not as its folder
    return replace(store.load_model(path), name=name)


@st.cache_resource(max_entries=8, show_spinner=False)
def decoder_bytes(weights: str, _model: TrainedModel) -> bytes:
    """The decoder as the browser receives it, under the key `weights`."""
    return live_decoder.packed(decoder_spec(_model), weights)
