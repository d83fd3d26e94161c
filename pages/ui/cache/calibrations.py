"""The named calibrations of a model, and what predictions become under one of them."""

from contextlib import suppress
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core.errors import GandalfError
from gandalf_core.models import files
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.calibration import NamedCalibration
from gandalf_core.own.stored import load_calibration
from pages.ui.cache.models import model_folders


def calibration_names(model: TrainedModel) -> list[str]:
    """The names of a model's calibrations; none where its folder is gone."""
    folder = model_folders().get(model.name)
    found = [] if folder is None else sorted((folder / files.CALIBRATIONS).glob("*.npz"))
    return [path.stem for path in found]


def calibration_of(model: TrainedModel, name: str) -> NamedCalibration:
    """One of them. ModelError where it is gone, or of another state of the model."""
    folder = model_folders()[model.name]
    path, stamp = folder / files.CALIBRATIONS / f"{name}.npz", 0
    with suppress(OSError):
        stamp = path.stat().st_mtime_ns
    return _calibration(str(folder), name, stamp, model.identity, model)


@st.cache_resource(max_entries=32, show_spinner=False)
def _calibration(folder: str, name: str, stamp: int, model: str, _model: TrainedModel) -> NamedCalibration:
    return load_calibration(_model, Path(folder), name)


def read_from(calibration: NamedCalibration) -> str:
    """What the predictions were read from that it calibrates: `latent` or `spectrum`."""
    return str(calibration.about.get("read_from", "latent"))


def under(
    calibration: NamedCalibration | None,
    predictions: Predictions,
    snr: np.ndarray,
    model: TrainedModel,
    source: str,
) -> Predictions:
    """The predictions of stars with this S/N (N,) under a calibration of what is read from `source`.

    As they are without one, and under one of what is read from elsewhere.
    """
    if calibration is None or read_from(calibration) != source:
        return predictions
    return calibration.apply(predictions, snr, model.label_ranges)


def usable_calibrations(model: TrainedModel) -> dict[str, NamedCalibration | str]:
    """Name → calibration, or in its place why it cannot be used."""
    found: dict[str, NamedCalibration | str] = {}
    for name in calibration_names(model):
        try:
            found[name] = calibration_of(model, name)
        except GandalfError as error:
            found[name] = str(error)
    return found
