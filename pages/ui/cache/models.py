"""The models of this server: the pretrained ones and the finished trainings."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import streamlit as st

from gandalf_core import places
from gandalf_core.errors import ModelError
from gandalf_core.models import store
from gandalf_core.models.browser import decoder_spec, usual_inputs
from gandalf_core.models.trained import TrainedModel
from gandalf_core.publishing import decoder_view
from pages.ui.components.delivery import NUMBERS, Part, part_of
from pages.ui.turns import once


@once
def model_folders() -> dict[str, Path]:
    """Name in the picker → folder: the models by name, then the finished trainings, newest first."""
    folders = {info.name: info.path for info in store.list_models()}
    for card in sorted(places.runs_folder().glob("*/model/card.json"), key=_time, reverse=True):
        folders |= _training(card.parent)
    return folders


def unusable_models() -> list[str]:
    """One line for each folder that seems to be a model but has no usable card."""
    jobs = [path.parent for path in places.runs_folder().glob("*/model")]
    found = store.listing().unusable
    for job in jobs:
        found |= store.listing(job).unusable
    return list(found.values())


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # deleted just now
        return 0.0


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


@once
def _stamps(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file of a model, its maps included: another one is loaded anew."""
    stamps = []
    for path in sorted(folder.rglob("*")):
        with suppress(OSError):  # moved just now by whoever writes the model
            stat = path.stat()
            stamps.append((str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(stamps)


@st.cache_resource(max_entries=8, show_spinner="Loading the model …")
def _load(path: str, stamps: tuple[tuple[str, int, int], ...], name: str) -> TrainedModel:
    # a finished training is called as in the picker, not as its folder
    return replace(store.load_model(path), name=name)


@st.cache_resource(max_entries=8, show_spinner=False)
def decoder_parts(weights: str, _model: TrainedModel) -> tuple[Part, ...]:
    """The decoder as the browser fetches it, under the key `weights`."""
    found = decoder_view.parts(decoder_spec(_model), weights, usual_inputs(_model))
    return tuple(part_of(part, NUMBERS) for part in found)
