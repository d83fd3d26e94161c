"""The generated spectrum as a file, with the settings inside."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.trained import TrainedModel
from pages.ui import show

FORMATS = {
    "csv": "text/csv",
    "fits": "application/fits",
    "ecsv": "text/plain",
    "npz": "application/octet-stream",
}


def show_exports(
    key: str, model: TrainedModel, star: SpectraSet, labels: np.ndarray, flux: np.ndarray
) -> None:
    """One button per format; a file is written when it is asked for. labels: (P,), flux: (L,)."""
    settings = {
        "model": model.model_id,
        "star": str(star.ids[0]),
        "labels": dict(zip(model.label_names, labels.tolist(), strict=True)),
    }
    generated = SpectraSet(
        flux[None],
        model.wavelength_nm,
        star.ids,
        labels[None],
        model.label_names,
        provenance={"decoded": settings},
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            "Download the generated spectrum with its parameters (csv: the file's name says the model):"
        )
        for kind, mime in FORMATS.items():
            st.download_button(
                kind,
                partial(file_bytes, generated, kind),
                show.file_name(f"gandalf-{model.name}-{star.ids[0]}") + f".{kind}",
                mime,
                key=f"{key} {kind}",
                on_click="ignore",
                icon=":material/download:",
            )


def file_bytes(stars: SpectraSet, kind: str) -> bytes:
    """A set of stars as the bytes of a file of that format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stars.{kind}"
        io.write_stars(path, stars)
        return path.read_bytes()
