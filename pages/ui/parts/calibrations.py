"""Calibrations on the Parameters page: which one is applied, and a form that makes one from own stars."""

from datetime import date

import numpy as np
import streamlit as st

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError
from gandalf_core.models.predictions import Predictions
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own import calibration as own
from gandalf_core.own.calibration import NamedCalibration
from gandalf_core.own.labels import OwnLabels
from gandalf_core.own.stored import remove_calibration, store_calibration
from gandalf_core.parameters import parameter
from gandalf_core.places import runs_folder
from gandalf_core.simulator.judging import refuse_reserved
from pages.ui import guards, jobs, show, visitor
from pages.ui.cache.calibrations import calibration_names, calibration_of, read_from, usable_calibrations
from pages.ui.cache.models import model_folders
from pages.ui.parts.model_files import KIND

NONE = "none"
MADE = "calibration_made"  # session key: identity of the model, and the name of the last one made


# --- which one is applied ---


def show_picker(model: TrainedModel) -> NamedCalibration | None:
    """Choose one of the model's calibrations; nothing is shown for a model without any."""
    found = usable_calibrations(model)
    if not found:
        return None
    key = f"calibration {model.name}"
    names = [NONE, *(name for name, one in found.items() if not isinstance(one, str))]
    if st.session_state.get(key) not in names:
        st.session_state.pop(key, None)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Calibration",
            names,
            key=key,
            persist_state="session",
            width=260,
            help="Offsets and error bars from labelled stars. Applied on this page alone, and named wherever "
            "it is.",
        )
        if name != NONE and may_calibrate(model.name):
            _show_remove(model, name)
    for problem in (one for one in found.values() if isinstance(one, str)):
        st.caption(f":orange[{guards.error_text(problem)}]")
    chosen = found.get(name)
    return chosen if isinstance(chosen, NamedCalibration) else None


def _show_remove(model: TrainedModel, name: str) -> None:
    """A button that takes the chosen calibration away for good."""
    if not st.button("Remove", key="remove_calibration", icon=":material/delete:", help="For good."):
        return
    try:
        remove_calibration(model_folders()[model.name], name)
    except GandalfError as error:
        st.error(guards.error_text(error))
    else:
        st.rerun()  # the picker has one less


def show_applied(calibration: NamedCalibration | None, source: str) -> None:
    """Name the calibration beside what is read from `source`, or say that it is not applied there."""
    if calibration is None:
        return
    name = show.escaped(calibration.name)
    if read_from(calibration) != source:
        other = read_from(calibration)
        st.caption(f"The calibration {name} is of what is read from the {other}: **it is not applied here.**")
        return
    told = f"**Under the calibration {name}** (SHA-256 {calibration.about['sha256'][:12]}): "
    st.caption(told + show.escaped(own.promise(calibration.about)) + ".")


# --- a new one ---


def show_form(
    model: TrainedModel, stars: SpectraSet, predictions: Predictions, labels: OwnLabels, source: str
) -> None:
    """A form that calibrates the model on these stars (N,), and what was found.

    predictions: of the stars, without any calibration, read from `source`.
    """
    with st.expander("Calibrate the model on these stars", icon=":material/straighten:"):
        fresh = model.held_out(stars)
        left_out = int((~fresh).sum())
        st.markdown(
            "Offsets from your labels are taken off, and error bars made as wide as your stars ask for. It "
            "is kept beside the model under its name, and applied only where you choose it."
        )
        if left_out:
            st.caption(f"{left_out:,} of the stars took part in making the model and are left out.")
        if not may_calibrate(model.name):
            st.caption(
                "On this server everybody uses this model: calibrate a model of your own (one that you have "
                "trained or adapted on the page Train), or use `gandalf calibrate`."
            )
            return
        with st.form("calibrate", border=False):  # name and press arrive together
            name = st.text_input("Its name", f"own-{date.today():%Y-%m-%d}", key="calibration_name")
            asked = st.form_submit_button("Calibrate", type="primary", icon=":material/straighten:")
        if asked:
            rows = np.flatnonzero(fresh)
            _make(name, model, stars[rows], predictions.of(rows), _of(labels, rows), source)


def show_made(model: TrainedModel) -> None:
    """The calibration that was made last, if it is of this model: below the form, which then is closed."""
    made_of, made = st.session_state.get(MADE, ("", ""))
    if made_of == model.identity and made in calibration_names(model):
        st.success(f"Kept as **{show.escaped(made)}**: choose it above, under *Calibration*.")
        show_found(calibration_of(model, made))


def may_calibrate(name: str) -> bool:
    """Whether this visitor may put something into a model's folder: it is theirs, or they run the server."""
    folder = model_folders().get(name)
    if folder is None or visitor.current().here:
        return folder is not None
    if folder.parent.parent == runs_folder():
        return any(job.id == folder.parent.name and jobs.may_change(job) for job in jobs.manager().list())
    return jobs.may_remove(KIND, folder.name)


def _make(
    name: str,
    model: TrainedModel,
    stars: SpectraSet,
    predictions: Predictions,
    labels: OwnLabels,
    source: str,
) -> None:
    """Calibrate, keep the result and choose it; or say what is wrong."""
    known = own.Labelled(labels.values, labels.errors, stars.snr)
    about = {"identity": model.identity, "read_from": source, "source": "stars of the page Parameters"}
    try:
        refuse_reserved(stars.ids, "calibrate on")
        found = own.calibrate(name, predictions, known, about | {"surveys": labels.surveys})
        store_calibration(model_folders()[model.name], found)
    except GandalfError as error:
        st.error(guards.error_text(error))
        return
    st.session_state[MADE] = (model.identity, name)
    st.rerun()  # the picker above has one more


def show_found(found: NamedCalibration) -> None:
    """Offsets, how errors change, and which labels are probably bad."""
    st.dataframe([_row(found, label) for label in found.labels], hide_index=True)
    st.caption(show.escaped(own.promise(found.about)) + ".")
    for sentence in own.warnings_of(found.about):
        st.warning(show.escaped(sentence))
    bad = found.about["bad"]
    if bad:
        rows = [
            {"star": star, "labels that are probably bad": ", ".join(parameter(n).in_text for n in names)}
            for star, names in bad.items()
        ]
        st.dataframe(rows, hide_index=True, height=min(38 * (len(rows) + 1), 260))


def _row(found: NamedCalibration, name: str) -> dict[str, str]:
    one, told = found.labels[name], found.about["labels"][name]
    error = float(np.sqrt(one.covariance[0, 0]))
    return {
        "model − label, at a typical star": show.header(name),
        "stars": f"{told['stars']:,}",
        "offset": f"{one.offset[0]:+.3g} ± {error:.2g}",
        "errors times": f"{np.exp(one.scale[0]) * one.limit():.2f}",
        "bad labels": str(sum(name in labels for labels in found.about["bad"].values())),
    }


def _of(labels: OwnLabels, rows: np.ndarray) -> OwnLabels:
    return OwnLabels(labels.values[rows], labels.errors[rows], labels.notes, labels.surveys)
