"""What the live decoder's view can be saved as: spectrum, figure, a page of one file, and the code for it."""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from gandalf_core import io
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.figures import spectra
from gandalf_core.models.trained import TrainedModel
from gandalf_core.parameters import parameter
from gandalf_core.publishing import paper
from gandalf_core.publishing.code import Code, decoding
from gandalf_core.publishing.decoder_page import decoder_page
from gandalf_core.publishing.decoder_view import Truth
from pages.ui import saving, show
from pages.ui.parts import code

FORMATS = {
    "csv": "text/csv",
    "fits": "application/fits",
    "ecsv": "text/plain",
    "npz": "application/octet-stream",
}


@dataclass(frozen=True)
class Decoded:
    """A star decoded under other settings: labels (P,), flux (L,); before: (L,) its reconstruction.

    changes: the labels that differ from its own.  latent: (Z,) that is drawn.  z: (Z,) the same where it was
    edited, None where it is the star's own.
    """

    model: TrainedModel
    star: SpectraSet
    labels: np.ndarray
    flux: np.ndarray
    before: np.ndarray
    changes: dict[str, float]
    latent: np.ndarray
    z: np.ndarray | None
    truth: Truth | None

    @property
    def name(self) -> str:
        return show.file_name(f"gandalf-{self.model.name}-{self.star.ids[0]}")

    @property
    def settings(self) -> str:
        """The labels in words."""
        named = zip(self.model.label_names, self.labels.tolist(), strict=True)
        received = (f"{parameter(n).in_text} {parameter(n).format(v)}" for n, v in named)
        return ", ".join(received) if self.model.condition_on else ""

    @property
    def generated(self) -> SpectraSet:
        """The spectrum with its settings."""
        labels = dict(zip(self.model.label_names, self.labels.tolist(), strict=True))
        told = {"model": self.model.model_id, "star": str(self.star.ids[0]), "labels": labels}
        return SpectraSet(
            self.flux[None],
            self.model.wavelength_nm,
            self.star.ids,
            self.labels[None],
            self.model.label_names,
            provenance={"decoded": told},
        )


def show_exports(key: str, decoded: Decoded) -> None:
    """One button per format of the spectrum, a menu for the figure, one button for the page."""
    generated = decoded.generated
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption("Save the spectrum with its parameters (csv: the file's name says the model):")
        for kind, mime in FORMATS.items():
            st.download_button(
                kind,
                partial(file_bytes, generated, kind),
                f"{decoded.name}.{kind}",
                mime,
                key=f"{key} {kind}",
                on_click="ignore",
                icon=":material/download:",
            )
        make = partial(figure_bytes, decoded, note=paper.Note.of(decoded.settings, saving.origin()))
        saving.show_files("Save figure", make, paper.KINDS, decoded.name, f"{key} figure")
        st.download_button(
            "Save as a page",
            lambda: decoder_page(decoded.model, decoded.star, decoded.changes, decoded.z).encode(),
            f"{decoded.name}.html",
            "text/html",
            key=f"{key} page",
            on_click="ignore",
            icon=":material/html:",
            help="One file with this star, the decoder and the sliders: it opens anywhere, without a server.",
        )
        code.show_code(_code(decoded), key, code.moved_note(str(decoded.star.ids[0])))


def _code(decoded: Decoded) -> Code:
    model, star = code.named_model(decoded.model), code.named_star(decoded.star)
    z, edited = decoded.latent, decoded.z is not None
    return decoding(model, star, decoded.changes, z, edited=edited)


def figure_bytes(decoded: Decoded, kind: str, note: paper.Note) -> bytes:
    """The figure for a paper."""
    star, truth = decoded.star, decoded.truth
    curves = {
        "observed": np.where(star.mask[0], np.nan, star.flux[0]),
        "reconstruction": decoded.before,
        **({} if truth is None else {"truth (simulator)": truth.after}),
        "generated": decoded.flux,
    }
    changes = {} if truth is None else {"truth (simulator)": truth.after - truth.before}
    changes |= {"generated": decoded.flux - decoded.before}
    title = f"{star.ids[0]} under other parameters, by {decoded.model.name}"
    return paper.figure_bytes(
        spectra.decoded(decoded.model.wavelength_nm, curves, changes, title), kind, note
    )


def file_bytes(stars: SpectraSet, kind: str) -> bytes:
    """A set of stars as the bytes of a file of that format."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"stars.{kind}"
        io.write_stars(path, stars)
        return path.read_bytes()
