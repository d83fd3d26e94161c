"""A model as one file: a button that downloads it, and a box that adds one, read like any model folder."""

from functools import partial
from pathlib import Path

import streamlit as st

from gandalf_core.errors import GandalfError
from gandalf_core.models.packing import add_packed, packed
from gandalf_core.places import added_models_folder
from pages.ui import guards, jobs, show, state

BOX = "model_box"
MAX_MB = 200
KIND = "model"  # in the ledger of what visitors keep


def show_download(name: str, folder: Path) -> None:
    """The button that downloads a model; its file is made when it is asked for."""
    file = show.file_name(name).replace(".", "-")
    st.download_button(
        "Download as one file",
        partial(packed, folder, file),
        f"{file}.zip",
        "application/zip",
        key=f"download {name}",
        on_click="ignore",
        icon=":material/download:",
        help="Weights, card, regressors, maps, hashes. `models --add FILE` and the box above read it.",
    )


def show_remove(name: str, folder: Path) -> None:
    """A button that removes a model which this visitor has added."""
    if folder.parent == added_models_folder() and jobs.may_remove(KIND, folder.name):
        st.button(
            "Remove this model",
            key=f"remove {name}",
            icon=":material/delete:",
            on_click=jobs.remove,
            args=(KIND, folder.name),
        )


def show_upload() -> None:
    """The box that adds a model from one file, and what became of the last one."""
    with st.expander("Add a model from one file", icon=":material/upload:"):
        st.file_uploader(
            "A file that *Download as one file* or `models --pack` wrote",
            ["zip"],
            key=BOX,
            on_change=take_file,
            max_upload_size=MAX_MB,
            help="It is checked like every model folder: sizes, hashes, and that all its parts fit. "
            "Everybody who uses this app sees it.",
        )
        added, said = state.get(state.ADDED_MODEL)
        if said:
            (st.success if added else st.error)(said)


def take_file() -> None:
    """Add the uploaded model, and choose it."""
    file = st.session_state[BOX]
    state.put(state.ADDED_MODEL, ("", ""))
    if file is None:
        return
    content = file.getvalue()
    try:
        jobs.manager().accounts.check_disk(jobs.owner(), len(content))
        folder = add_packed(content, file.name)
        jobs.manager().accounts.keep(KIND, folder.name, jobs.owner(), folder.name, folder)
    except GandalfError as error:
        state.put(state.ADDED_MODEL, ("", guards.error_text(error)))
        return
    state.put(state.ADDED_MODEL, (folder.name, f"{show.escaped(folder.name)} is added, and chosen."))
    state.use_model(folder.name)
