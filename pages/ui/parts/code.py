"""*Copy as Python* and *as command*: the code that gives the numbers of a view."""

import streamlit as st

from gandalf_core import places
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.models.trained import TrainedModel
from gandalf_core.publishing.code import Code, Model, Stars
from gandalf_core.simulator import is_simulated
from pages.ui import state, visitor
from pages.ui.cache.models import model_folders
from pages.ui.cache.stars import MAX_TEST, TEST
from pages.ui.cache.uploads import ALL, NAME, UPLOADED, load_upload


def show_code(code: Code, key: str, note: str = "") -> None:
    """A menu with the code, which a button of each block copies."""
    with st.popover("Code", icon=":material/code:", key=f"{key} code"):
        st.caption(f"These lines give the numbers of this view. {note}".strip())
        st.markdown("**Copy as Python**")
        st.code(code.python, language="python", width="stretch")
        st.markdown("**Copy as command**")
        if code.command:
            st.code(code.command, language="bash", width="stretch")
        else:
            st.caption(f"There is none: {code.why_not}.")


def named_model(model: TrainedModel) -> Model:
    """A model as code names it: a folder of this server only where the page is open there."""
    folder = model_folders().get(model.name)
    shipped = folder is not None and folder.parent == places.pretrained_folder()
    here = folder is not None and visitor.current().here
    name = model.name if shipped or not here else str(folder)
    return Model(name, bool(model.config.model.noise))


def named_star(star: SpectraSet) -> Stars:
    """One star as code names it."""
    if is_simulated(star):
        return Stars(ids=(str(star.ids[0]),))
    return Stars(file=_file_of(str(star.ids[0])))


def named_stars(model: TrainedModel) -> Stars:
    """The stars of the sidebar as code names them."""
    source = st.session_state[state.STARS]
    if source == TEST:
        maps = f"model.projections[{min(model.projections)!r}].ids" if model.projections else ""
        return Stars(stored=maps or f"model.test_ids[:{MAX_TEST}]")
    if source.startswith(UPLOADED):
        key = source.removeprefix(UPLOADED)
        return Stars(file=str(load_upload(key).provenance.get(NAME) or f"{key}.npz"))
    return Stars(file="your-file.csv") if source == ALL else Stars(source=source)


def moved_note(star: str) -> str:
    """A word where the page moved an uploaded star to rest or divided it, which the code does not."""
    by, told = state.get(state.AT_REST).get(star), []
    if by is not None:
        told.append(f"The page moved {star} to rest, by {by:+.1f} km/s; the code does not.")
    if star in state.divided():
        how = "`gandalf_core.models.continuum.divided(stars)` does"
        told.append(f"The page divided {star} by its fitted continuum; the code does not, {how}.")
    return " ".join(told)


def _file_of(star: str) -> str:
    for key in state.get(state.UPLOADS):
        stars = load_upload(key)
        if star in stars.ids:
            return str(stars.provenance.get(NAME) or f"{star}.csv")
    return f"{star}.csv"
