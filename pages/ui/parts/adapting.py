"""The part of the Train page that adapts a model to a visitor's own labelled stars, as a job."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from gandalf_core.cli.adapting import MOST_NOISE
from gandalf_core.data.spectra import SpectraSet
from gandalf_core.errors import GandalfError, ModelError
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from gandalf_core.models.adapted_card import plain_lines
from gandalf_core.models.listing import card_of
from gandalf_core.models.trained import TrainedModel
from gandalf_core.own.adapting import FEWEST, AdaptOptions, is_of_simulated
from gandalf_core.seeds import OWN_STARS_SEED
from gandalf_core.sources import load_stars
from gandalf_core.training.adapter import PARTS
from pages.ui import guards, jobs, show, state
from pages.ui.cache.models import load_model, model_folders
from pages.ui.cache.uploads import UPLOADED, load_upload, upload_file, upload_name
from pages.ui.parts import what_changed

EXAMPLE = f"simulated:500:{OWN_STARS_SEED}:b"
EXAMPLE_NAME = "500 simulated stars of another physics (to try it out)"
CHOSEN_BY_TRIAL = "cross-validation chooses"
FROM = "--from"
KEEP: dict[str, Any] = {"persist_state": "session"}


@dataclass(frozen=True)
class Settings:
    """What the form asks for. part: of the encoder, one of PARTS; None: cross-validation chooses."""

    model: str
    source: str
    mix: float
    part: str | None
    resolving_power: float | None
    noise: float | None

    def command(self) -> list[str]:
        """The arguments of the command line. Raises GandalfError for a model or stars that are gone."""
        folders = model_folders()
        if self.model not in folders:
            raise ModelError(f"{self.model}: this model no longer exists; choose another")
        mine = self.source.startswith(UPLOADED)
        stars = str(upload_file(self.source)) if mine else self.source
        command = ["train", stars, FROM, str(folders[self.model]), "--out", "{folder}/model"]
        command += ["--mix", f"{self.mix:g}"]
        if self.part:
            command += ["--encoder", self.part.replace(" ", "-")]
        if self.noise is not None:
            command += ["--noise", f"{self.noise:g}"]
        if self.resolving_power:
            command += ["--resolution", f"{self.resolving_power:g}"]
        return command


# --- the form ---


def show_form() -> None:
    """A model, own stars with labels, and how they are mixed with simulated ones; one button."""
    names, current = list(model_folders()), st.session_state.get(state.MODEL)
    if not names:
        guards.need_model()
    index = names.index(current) if current in names else 0
    name = st.selectbox("Model to start from", names, index=index, key="adapt_model", **KEEP)
    with guards.showing_errors():
        model = load_model(name)
    source = _show_stars(model)
    mix = _show_mix(model)
    with st.expander("More settings"):
        settings = _show_settings()
    if source and st.button("Start adapting", type="primary", icon=":material/play_arrow:", key="adapt"):
        _start(Settings(name, source, mix, *settings))


def _show_settings() -> tuple[str | None, float | None, float | None]:
    """How much of the encoder may move, the resolving power, the latent's noise; None: as `Settings` says."""
    part = st.selectbox(
        "How much of the encoder may move",
        [CHOSEN_BY_TRIAL, *PARTS],
        key="adapt_part",
        help="Cross-validation on your stars tries all of them. *Nothing* is the quickest.",
        **KEEP,
    )
    power = st.number_input(
        "Resolving power of the spectra",
        100.0,
        1e6,
        None,
        key="adapt_power",
        placeholder="that of their instrument",
        help="It is known where the file names its instrument. Where it is lower than the model's, "
        "simulated stars are smoothed to it.",
        **KEEP,
    )
    noise = st.number_input(
        "Noise of the latent (σ)",
        0.0,
        MOST_NOISE,
        None,
        key="adapt_noise",
        placeholder="that of the model",
        help="More noise hides removed labels better, and tells kept ones worse. With few stars of your "
        "own, errors that the model makes of kept labels tell of removed ones.",
        **KEEP,
    )
    return (None if part == CHOSEN_BY_TRIAL else part), power, noise


def _show_stars(model: TrainedModel) -> str:
    """Choose own stars that have labels, and what they bring along; empty where none can be used."""
    names = {UPLOADED + key: upload_name(key) for key in state.get(state.UPLOADS)} | {EXAMPLE: EXAMPLE_NAME}
    source = st.selectbox(
        "Your labelled stars",
        list(names),
        format_func=lambda option: names.get(option, option),
        key="adapt_stars",
        help="Spectra that you have uploaded on the page Data, with columns such as teff, logg, mh and "
        "teff_error. Labels in a table of their own: `gandalf train --from MODEL --labels FILE`.",
        **KEEP,
    )
    if len(names) == 1:
        st.caption("Upload spectra with labels on the page **Data**, and they are listed here.")
    try:
        stars = _stars(source)
    except GandalfError as error:
        st.error(guards.error_text(error))
        return ""
    known = np.isfinite(stars.labels_for(model.label_names))
    if known.any(1).sum() < FEWEST:
        found = f"{known.any(1).sum():,} of these {len(stars):,} stars have a label that the model reads"
        st.warning(f"{found}: at least {FEWEST} are needed, and 200 to do some good.")
        return ""
    with_errors = np.isfinite(stars.label_errors_for(model.label_names)).sum(0)
    st.caption(
        f"{len(stars):,} stars with "
        + ", ".join(
            f"{show.plain(n)} {known[:, j].sum():,}" + (" with errors" if with_errors[j] else "")
            for j, n in enumerate(model.label_names)
        )
        + ". A fifth of them is held back to test."
    )
    return source


def _stars(source: str) -> SpectraSet:
    if source.startswith(UPLOADED):
        return load_upload(source.removeprefix(UPLOADED))
    return _example(source)


@st.cache_resource(max_entries=1, show_spinner="Simulating stars …")
def _example(source: str) -> SpectraSet:
    return load_stars(source)


def _show_mix(model: TrainedModel) -> float:
    """The share of simulated stars; 0 for a model that was not trained on any."""
    if not is_of_simulated(model):
        st.caption("This model was not trained on today's simulated stars: yours alone teach it.")
        return 0.0
    return st.slider(
        "Share of simulated stars in what is learned",
        0.0,
        0.95,
        AdaptOptions().mix,
        0.05,
        key="adapt_mix",
        help="Made like yours. A few hundred stars alone are learned by heart: with many thousands lower "
        "it. 0: your stars alone, which is also the quickest.",
        **KEEP,
    )


def _start(settings: Settings) -> None:
    try:
        submit(settings)
    except GandalfError as error:
        st.error(guards.error_text(error))
        return
    st.rerun()


def submit(settings: Settings) -> None:
    """Queue an adaptation and show it. Raises GandalfError where it cannot be started."""
    mine = settings.source.startswith(UPLOADED)
    stars = upload_name(settings.source.removeprefix(UPLOADED)) if mine else settings.source
    title = f"{settings.model} from {stars}"
    state.put(state.JOB, jobs.manager().submit("train", title, settings.command(), jobs.owner()))


# --- the result ---


def is_adaptation(job: Job) -> bool:
    """Whether a training starts from another model."""
    return FROM in job.arguments


def show_result(job: Job) -> None:
    """What an adaptation has done, once it is there, and the way to what changed."""
    if job.state != JobState.DONE:
        if job.active:
            st.caption(
                "Simulated stars like yours, the correction of the mean spectrum, the encoder, the "
                "regressors, error bars: a minute or two for a few hundred stars."
            )
        return
    try:
        card = card_of(job.folder / "model")
    except (GandalfError, OSError):
        st.caption("The model is no longer there.")
        return
    st.markdown("\n".join(f"- {show.escaped(line)}" for line in plain_lines(card)))
    _show_scores(card)
    clicked = st.button(
        "See what changed",
        key=f"changes {job.id}",
        icon=":material/compare_arrows:",
        on_click=_choose,
        args=(job.id,),
    )
    if clicked:
        show.open_page("models")


def _show_scores(card: dict[str, Any]) -> None:
    """How well the adapted model reads the stars that were held back."""
    rows = [
        {
            "read from the latent of held-back stars": show.header(name),
            "R²": f"{own['r2']:.3f}",
            "rms error": f"{own['rmse']:.3g}",
            "68 % interval holds": f"{own['coverage']:.0%}",
        }
        for name, own in card["figures"]["parameters"].items()
        if name not in card["removed"]
    ]
    if rows:
        st.dataframe(rows, hide_index=True)
        st.caption(f"On the {card['data']['test']:,} of your stars that nothing was learned from.")
    if card["removed"]:
        removed = ", ".join(map(show.plain, card["removed"]))
        st.caption(
            f"{removed}: removed from the latent, and read from the spectrum on the page **Parameters**."
        )


def _choose(job: str) -> None:
    """Choose the adapted model, and the view that has it beside its original."""
    names = {path.parent.name: name for name, path in model_folders().items() if path.name == "model"}
    if job in names:
        state.use_model(names[job])
        what_changed.open_view()
