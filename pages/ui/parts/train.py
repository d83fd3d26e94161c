"""The parts of the Train page: the form that makes a configuration, and one training as it runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from gandalf_core.config.presets import PRESETS, preset
from gandalf_core.config.schema import Config, from_json, to_json, with_fields
from gandalf_core.errors import GandalfError, JobError
from gandalf_core.figures import training as figures
from gandalf_core.jobs.folder import JobState
from gandalf_core.jobs.job import Job
from gandalf_core.parameters import LABELS
from gandalf_core.seeds import STANDARD_SAMPLE, SWEEP_SEED
from pages.ui import guards, jobs, show, state
from pages.ui.cache.models import model_folders
from pages.ui.cache.uploads import UPLOADED, upload_file
from pages.ui.parts import adapting, captions, deleting, train_words, training_ends
from pages.ui.pickers import MAX_SEED

SAMPLES = (f"simulated:4000:{SWEEP_SEED}", f"simulated:20000:{SWEEP_SEED}", STANDARD_SAMPLE)
# |λ| works over decades: steps that are even in its logarithm
STRENGTHS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0)
MAX_EPOCHS = 500
MAX_LATENT = 256
LOG_LETTERS = 4000  # of the end of a log
KEEP: dict[str, Any] = {"persist_state": "session"}  # a widget's value survives a change of page


# --- the form ---


@dataclass(frozen=True)
class Settings:
    """What the form asks for."""

    preset: str
    lambdas: dict[str, float]
    epochs: int
    latent_size: int
    seed: int

    def config(self) -> Config:
        """The preset with these values; a λ of 0 trains no discriminator unless the preset has one."""
        base = preset(self.preset)
        lambdas = {name: value for name, value in self.lambdas.items() if value or name in base.lambdas}
        changes: dict[str, Any] = {
            "adversary.lambdas": lambdas,
            "training.epochs": self.epochs,
            "model.latent_size": self.latent_size,
            "training.seed": self.seed,
        }
        if lambdas:  # what leaves the latent must reach the decoder
            changes["model.condition_on"] = list(LABELS)
        return with_fields(base, changes)


def show_form() -> None:
    """Preset, one λ per parameter, stars and length; one button."""
    name = st.selectbox(
        "Preset",
        PRESETS,
        index=1,
        key="train_preset",
        help="A recipe with its λ; you can change every λ below.",
        **KEEP,
    )
    base, words = preset(name), st.empty()
    lambdas = {label: _show_lambda(name, label, base.lambdas.get(label, 0.0)) for label in LABELS}
    sample = show_samples("train_stars", "80 % train, 20 % test. 4,000 stars take about a minute.")
    left, middle, right = st.columns(3)
    epochs = left.number_input("Epochs", 1, MAX_EPOCHS, base.training.epochs, key=f"epochs {name}", **KEEP)
    latent = middle.number_input(
        "Latent dimensions", 1, MAX_LATENT, base.model.latent_size, key=f"latent {name}", **KEEP
    )
    seed = right.number_input("Seed", 0, MAX_SEED, 0, key="train_seed", **KEEP)
    words.caption(train_words.preset_words(name, sample, int(epochs)))
    title = st.text_input("Name (optional)", key="train_name", max_chars=60, placeholder=name, **KEEP)
    if st.button("Start training", type="primary", icon=":material/play_arrow:"):
        _start(Settings(name, lambdas, int(epochs), int(latent), int(seed)), sample, title)


# under a slider of λ, whose middle is 0
LAMBDA_SCALE = (
    '<div style="display:grid;grid-template-columns:1fr 1fr 1fr;font-size:.75rem;margin-top:-1.1rem">'
    '<span>keep</span><span style="text-align:center">0</span>'
    '<span style="text-align:right">remove</span></div>'
)


def _show_lambda(preset_name: str, label: str, default: float) -> float:
    """The slider of one λ; its label says what the value does."""
    key = f"lambda {preset_name} {label}"
    st.session_state.setdefault(key, float(default))
    title = f"λ of {show.markdown_symbol(label)}  {sign_badge(st.session_state[key])}"
    value = st.select_slider(title, strengths(default), format_func=signed, key=key, **KEEP)
    st.html(LAMBDA_SCALE)
    return value


def strengths(default: float) -> list[float]:
    """The values of a λ slider: both signs of every strength and of the preset's own, and 0 in the middle."""
    sizes = {abs(default), *STRENGTHS} - {0.0}
    return sorted({0.0, *sizes, *(-v for v in sizes)})


def signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def sign_badge(value: float) -> str:
    if not value:
        return ":gray-badge[untouched]"
    return ":orange-badge[removed]" if value > 0 else ":green-badge[kept]"


def show_samples(key: str, help_text: str) -> str:
    """Choose the stars to train on: simulated ones, or uploads of this session."""
    uploads = [UPLOADED + name for name in state.get(state.UPLOADS)]
    return st.selectbox("Stars", [*SAMPLES, *uploads], key=key, help=help_text, **KEEP)


def stars_argument(sample: str) -> str:
    """A sample as the command line takes it. Raises SpectraError for an upload that is gone."""
    return str(upload_file(sample)) if sample.startswith(UPLOADED) else sample


def _start(settings: Settings, sample: str, title: str) -> None:
    try:
        submit(settings.config(), stars_argument(sample), title)
    except GandalfError as error:
        st.error(guards.error_text(error))
        return
    st.rerun()


def submit(config: Config, stars: str, title: str = "") -> None:
    """Queue a training and show it. title: its name, else the preset's. JobError for too many jobs."""
    maps = ["--map", "tsne", "--map", "umap", "--map", "pca"]
    command = ["train", stars, "--config", "{folder}/config.json", "--out", "{folder}/model", *maps]
    title = title.strip() or config.name
    state.put(state.JOB, jobs.manager().submit("train", title, command, jobs.owner(), to_json(config)))


# --- one training ---


def show_job(name: str) -> None:
    """One training, drawn again every second while it runs."""
    try:
        job = jobs.manager().job(name)
    except JobError as error:
        guards.stop(str(error), "error")
    st.fragment(_show_job, run_every="1s" if job.active else None)(name, job.active)


def _show_job(name: str, was_active: bool) -> None:
    try:
        job = jobs.manager().job(name)
    except JobError:  # deleted in the meantime, here or by somebody else
        st.rerun()
    # it ended, or was resumed: only the page can change how often this is drawn
    if was_active != job.active:
        st.rerun()
    share = job.status.get("fraction") or (1.0 if job.state == JobState.DONE else 0.0)
    said = progress_text(job.status | {"message": show.escaped(job.message)})
    st.progress(min(1.0, share), f"**{job.state}** · {said}")
    training_ends.show_end(job)
    _show_buttons(job)
    training_ends.show_note(job)
    if adapting.is_adaptation(job):
        adapting.show_result(job)
    else:
        _show_figures(job)


def _show_figures(job: Job) -> None:
    name, history = job.id, job.history()
    show.figure(
        figures.rms_error(history, training_ends.choose_others(job)),
        "The distance between decoded and observed spectra, for stars that are not trained on.",
        f"rms {name}",
    )
    show.figure(
        figures.discriminators(history),
        captions.discriminators(config_of(job).adversary.sees_kept, history),
        f"discriminators {name}",
    )
    show.figure(
        figures.losses(history), "The terms that the auto-encoder minimises together.", f"losses {name}"
    )


def config_of(job: Job) -> Config:
    """The configuration of a training; the default one where its file is gone."""
    try:
        return from_json((job.folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, GandalfError):
        return Config()


def progress_text(status: dict[str, Any]) -> str:
    """How far a training is, in words; after the last epoch, what is still being done."""
    message, epoch, epochs = status.get("message", ""), status.get("epoch"), status.get("epochs")
    running = status.get("state") == JobState.RUNNING
    if not epoch or (running and epoch == epochs):
        return message
    left = status.get("seconds_left")
    rest = f", {left // 60:.0f} min {left % 60:.0f} s left" if left and running else ""
    text = f"epoch {epoch} of {epochs}{rest}"
    return text if running or status.get("state") == JobState.DONE else f"{text} {message}"


def _show_buttons(job: Job) -> None:
    own = jobs.may_change(job)
    with st.container(horizontal=True, vertical_alignment="center"):
        if not own:
            st.caption(jobs.NOT_YOURS)
        if job.active:
            if own:
                words = "Stop" if adapting.is_adaptation(job) else "Stop after this epoch"
                show.action(words, "stop", jobs.cancel, job.id, key=f"stop {job.id}")
            return
        if job.state == JobState.DONE:
            _show_use(job)
        elif job.has_checkpoint and own:
            show.action("Resume", "resume", jobs.resume, job.id, key=f"resume {job.id}", type="primary")
        if jobs.may_delete(job):
            deleting.show_delete(job, "training, its curves and its model")
        with st.popover("Log and configuration", icon=":material/description:"):
            st.code(job.log(LOG_LETTERS), language=None)
            st.json(_text_of(job.folder / "config.json") or "{}", expanded=False)


def _show_use(job: Job) -> None:
    """A button that chooses the finished model, where it is still there."""
    names = {path.parent.name: name for name, path in model_folders().items() if path.name == "model"}
    if job.id in names:
        show.action(
            "Use this model everywhere",
            "check",
            state.use_model,
            names[job.id],
            key=f"use {job.id}",
            type="primary",
        )


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
