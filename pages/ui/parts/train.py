"""The parts of the Train page: the form that makes a configuration, and one job as it runs."""

import streamlit as st

from gandalf_core.config.presets import PRESETS, preset
from gandalf_core.config.schema import Config, from_json, to_json, with_fields
from gandalf_core.errors import GandalfError, JobError
from gandalf_core.figures import training as figures
from gandalf_core.jobs.job import Job
from gandalf_core.parameters import LABELS
from pages.ui import guards, jobs, show, state
from pages.ui.cache.models import model_folders
from pages.ui.cache.uploads import upload_file

SAMPLES = ("simulated:4000:1", "simulated:20000:1", "simulated:64305:0")
# |λ| works over decades: even steps of it
STRENGTHS = (0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0)
MAX_EPOCHS = 500


def show_form() -> None:
    """Preset, λ of each parameter, data, length; one button."""
    chosen = st.selectbox(
        "Preset",
        PRESETS,
        index=1,
        key="train_preset",
        persist_state="session",
        help="A recipe with its signs; every λ below can still be changed.",
    )
    start = preset(chosen)
    lambdas = {}
    for name in LABELS:
        key = f"lambda {chosen} {name}"
        st.session_state.setdefault(key, float(start.lambdas.get(name, 0.0)))
        words = f"λ of {show.markdown_symbol(name)}  {sign_of(st.session_state[key])}"
        steps = strengths(start.lambdas.get(name, 0.0))
        lambdas[name] = st.select_slider(words, steps, format_func=signed, key=key, persist_state="session")
    sample = show_samples("train_stars", "80 % train, 20 % test; 4,000 stars take about a minute.")
    left, middle, right = st.columns(3)
    epochs = left.number_input(
        "Epochs", 1, MAX_EPOCHS, start.training.epochs, key=f"epochs {chosen}", persist_state="session"
    )
    latent = middle.number_input(
        "Latent numbers", 1, 256, start.model.latent_size, key=f"latent {chosen}", persist_state="session"
    )
    seed = right.number_input("Seed", 0, 10_000, 0, key="train_seed", persist_state="session")
    if st.button("Start training", type="primary", icon=":material/play_arrow:"):
        _start(configured(chosen, lambdas, int(epochs), int(latent), int(seed)), sample)


def strengths(own: float) -> list[float]:
    """The λ a slider stops at: both signs of every strength, 0, and the preset's own value."""
    return sorted({own, 0.0, *STRENGTHS, *(-v for v in STRENGTHS)})


def signed(value: float) -> str:
    return f"{value:+g}".replace("-", "−") if value else "0"


def show_samples(key: str, told: str) -> str:
    """Which stars to train on: simulated ones, or uploads of this session."""
    uploads = [f"uploaded:{name}" for name in state.get(state.UPLOADS)]
    return st.selectbox("Stars", [*SAMPLES, *uploads], key=key, persist_state="session", help=told)


def file_of(sample: str) -> str:
    """A sample as the command line takes it. SpectraError for an upload that is gone."""
    return str(upload_file(sample)) if sample.startswith("uploaded:") else sample


def sign_of(value: float) -> str:
    return (
        ":orange-badge[removed]"
        if value > 0
        else ":green-badge[kept]"
        if value < 0
        else ":gray-badge[untouched]"
    )


def configured(name: str, lambdas: dict[str, float], epochs: int, latent: int, seed: int) -> Config:
    """The preset with the form's values; a λ of 0 trains no discriminator unless the preset had one."""
    signs = {n: v for n, v in lambdas.items() if v or n in preset(name).lambdas}
    changes = {
        "adversary.lambdas": signs,
        "training.epochs": epochs,
        "model.latent_size": latent,
        "training.seed": seed,
    }
    if signs:
        changes["model.condition_on"] = list(LABELS)
    return with_fields(preset(name), changes)


def _start(config: Config, sample: str) -> None:
    try:
        submit(config, file_of(sample))
    except GandalfError as error:
        st.error(guards.said(error))
        return
    st.rerun()


def submit(config: Config, stars: str) -> None:
    """Queue a training and look at it. JobError when this person has too many jobs."""
    maps = ["--map", "tsne", "--map", "umap", "--map", "pca"]
    command = ["train", stars, "--config", "{folder}/config.json", "--out", "{folder}/model", *maps]
    state.put(state.JOB, jobs.manager().submit("train", config.name, command, jobs.owner(), to_json(config)))


def show_job(name: str) -> None:
    """One training; redrawn every second while it runs."""
    try:
        job = jobs.manager().job(name)
    except JobError as error:
        guards.stop(str(error), "error")
    st.fragment(_show_job, run_every="1s" if job.active else None)(name, job.active)


def _show_job(name: str, was_active: bool) -> None:
    try:
        job = jobs.manager().job(name)
    except JobError:  # deleted meanwhile, here or by somebody else
        st.rerun()
    # it ended, or was taken up again: only the page can change how often this is drawn
    if was_active != job.active:
        st.rerun()
    status, history = job.status, job.history()
    st.progress(
        min(1.0, status.get("fraction") or (1.0 if job.state == "done" else 0.0)),
        f"**{job.state}** · {told(status)}",
    )
    _show_buttons(job)
    show.figure(
        figures.rms_error(history),
        "How far the decoded spectra of stars that were not trained on lie from the observed ones.",
        f"rms {name}",
    )
    show.figure(
        figures.discriminators(history),
        figures.what_they_read(config_of(job).adversary.sees_kept, history),
        f"discriminators {name}",
    )
    show.figure(
        figures.losses(history), "The terms that the auto-encoder minimises together.", f"losses {name}"
    )


def config_of(job: Job) -> Config:
    """The configuration a training was started with; the default one where its file is gone."""
    try:
        return from_json((job.folder / "config.json").read_text())
    except (OSError, GandalfError):
        return Config()


def told(status: dict) -> str:
    """Where a job stands, in words; after the last epoch its own message says what is still being done."""
    message, epoch, epochs = status.get("message", ""), status.get("epoch"), status.get("epochs")
    if not epoch or (status.get("state") == "running" and epoch == epochs):
        return message
    left = status.get("seconds_left")
    ending = (
        f", {left // 60:.0f} min {left % 60:.0f} s left" if left and status.get("state") == "running" else ""
    )
    passes = f"epoch {epoch} of {epochs}{ending}"
    return passes if status.get("state") in ("running", "done") else f"{passes} {message}"


def _show_buttons(job: Job) -> None:
    manager, resumable = jobs.manager(), job.has_checkpoint
    with st.container(horizontal=True):
        if job.active:
            show.action("Stop after this epoch", "stop", manager.cancel, job.id, key=f"stop {job.id}")
        elif job.state == "done":
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
        elif resumable:
            show.action("Go on", "resume", manager.resume, job.id, key=f"resume {job.id}", type="primary")
        if not job.active:
            show.action("Delete", "delete", manager.delete, job.id, key=f"delete {job.id}")
            with st.popover("Log and configuration", icon=":material/description:"):
                log = job.folder / "log.txt"
                st.code(log.read_text(errors="replace")[-4000:] if log.is_file() else "", language=None)
                st.json(
                    (job.folder / "config.json").read_text()
                    if (job.folder / "config.json").is_file()
                    else "{}",
                    expanded=False,
                )
