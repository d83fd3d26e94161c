"""Parts of the tour: a Kiel diagram to pick from, a dwarf beside a giant, and the tour for astronomers."""

import numpy as np
import streamlit as st

from gandalf_core.data.identity import identity
from gandalf_core.figures import panels, spectra
from gandalf_core.models.trained import TrainedModel
from pages.ui import guards, show, state
from pages.ui.cache.stars import load_star
from pages.ui.parts import diagrams

KIEL = ("teff", "logg")
KINDS = {"A dwarf near 5700 K": (5700.0, 4.4), "A giant near 4700 K": (4700.0, 2.4)}  # Teff and log g
SCALES = np.array([300.0, 0.4])  # of Teff and log g, by which stars are near
FILE_STEPS = (  # page, icon, title, what to do there
    (
        "data",
        "upload",
        "Drop your file",
        "Any file with wavelength, flux and, best, flux errors: csv, ecsv, fits, votable, npz, Parquet or "
        "two-column text. Each star gets a card: parameters with errors, S/N, velocity, chi² and a verdict "
        "with its reason.",
    ),
    (
        "parameters",
        "straighten",
        "Read its parameters, and what they rest on",
        "The table has the values of the file beside those of the spectrum. **Origin** shows the "
        "lines that "
        "each estimate rests on, **Joint errors** which errors go together. Where its lines are "
        "shifted, press "
        "**Move it to rest**.",
    ),
    (
        "decode",
        "auto_graph",
        "Try the verdict",
        "Change one parameter and look at the lines of your star: does the model follow? Beyond the thick "
        "part of a slider no star of the sample stood, and nobody can check what is drawn.",
    ),
    (
        "maps",
        "scatter_plot",
        "Find its place among the others",
        "Your star is the pink diamond. Where it lies outside every crowd, its parameters are an "
        "extrapolation, and the verdict says so.",
    ),
)


def show_kiel(model: TrainedModel) -> None:
    """A Kiel diagram in which a click chooses the star; buttons for a dwarf and a giant."""
    if not set(KIEL) <= set(model.label_names):
        return
    ids, labels = guards.need_labels()
    both = labels[:, [model.label_names.index(name) for name in KIEL]]
    key = identity("tour kiel", ids, both)
    about = diagrams.About("Kiel diagram", "The chosen stars; a click chooses one.")
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        build = lambda: panels.diagrams(ids, both, KIEL)  # noqa: E731
        diagrams.show_linked("tour kiel", key, build, KIEL, columns=1, about=about)
    with right:
        st.markdown("Hot stars are on the left, giants at the top. Click a star, or take one of these:")
        nearest = {kind: _nearest(ids, both, place) for kind, place in KINDS.items()}
        for kind, star in nearest.items():
            st.button(kind, key=f"tour {kind}", on_click=state.look_at, args=(star,))
        together = st.toggle("Dwarf and giant side by side", key="tour_together", persist_state="session")
    if together:
        _show_together(model, list(nearest.values()))


def _nearest(ids: np.ndarray, both: np.ndarray, place: tuple[float, float]) -> str:
    distance = (((both - np.array(place)) / SCALES) ** 2).sum(1)
    return str(ids[np.nanargmin(distance)])


def _show_together(model: TrainedModel, stars: list[str]) -> None:
    with guards.showing_errors():
        found = [load_star(star, st.session_state[state.STARS], model) for star in stars]
    names = [f"{kind.split(' near')[0].lower()}, {star}" for kind, star in zip(KINDS, stars, strict=True)]
    flux, mask = (np.concatenate([getattr(star, part) for star in found]) for part in ("flux", "mask"))
    show.figure(
        spectra.compared(found[0].wavelength_nm, flux, names, mask=mask),
        "Below: what the giant has more or less than the dwarf. The lines of a giant are narrower, and "
        "the wings of the Ca II triplet differ.",
        "tour_together_figure",
    )


def show_from_a_file() -> None:
    """From a file to a verdict, with a link to the page of each step."""
    st.markdown(
        "You have a spectrum between 846 and 870 nm, from Gaia RVS or anything like it, and two minutes. "
        "What a verdict means, and what it is worth, is in docs/verdict.md."
    )
    for number, (page, icon, title, words) in enumerate(FILE_STEPS, 1):
        with st.container(border=True, gap=None, key=f"tour_file_{page}"):
            st.page_link(f"../{page}.py", label=f"**{number} {title}**", icon=f":material/{icon}:")
            st.caption(words)
