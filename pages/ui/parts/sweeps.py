"""The parts of the Sweeps page: the form that asks for a search, the list of sweeps, and one sweep as it
stands.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import streamlit as st

from gandalf_core import places
from gandalf_core.config.presets import PRESETS, preset
from gandalf_core.config.schema import Config, to_json, with_fields
from gandalf_core.errors import ConfigError, GandalfError, JobError
from gandalf_core.figures import sweeps as figures
from gandalf_core.jobs.job import Job
from gandalf_core.sweeps.space import Sweep, parse_axis
from gandalf_core.sweeps.study import best_config, load_sweep
from pages.ui import guards, jobs, show, state
from pages.ui.cache.sweeps import sweep_results
from pages.ui.parts import train as training

STORED = places.explorer_folder() / "docs" / "results" / "sweeps"  # sweeps that came with the project
SEARCHES = {
    "Strength of λ": "lambda_scale=0.1,0.3,1,3",
    "Latent size": "model.latent_size=5,10,15,20,25,30",
    "Noise": "model.noise=0.1,0.2,0.4,0.6",
    "Free": "model.noise=0.1:0.8\nadversary.steps=1,2,4\ntraining.learning_rate=3e-4:3e-3:log",
}
SCORE_WORDS = {
    "excess": "leakage + loss, quick probes",
    "audit": "leakage + loss, all probes (slow)",
    "reconstruction": "reconstruction error",
}


class Found(NamedTuple):
    """A sweep that can be looked at; job: None for one that came with the project."""

    title: str
    folder: Path
    job: Job | None


def every() -> dict[str, Found]:
    """Key → sweep: those of this server, newest first, then the stored ones."""
    made = jobs.manager().list("sweep")
    found = {
        job.id: Found(f"{job.title} · {job.state} · {job.id[:6]}", job.folder / "sweep", job) for job in made
    }
    stored = sorted(path.parent for path in STORED.glob("*/sweep.json"))
    return found | {path.name: Found(f"{path.name} · stored", path, None) for path in stored}


# --- the form ---


def show_form() -> None:
    """What to search, from which preset, on which stars; one button."""
    left, right = st.columns(2, gap="large")
    with left:
        base = st.selectbox(
            "Preset",
            PRESETS,
            index=1,
            key="sweep_preset",
            persist_state="session",
            help="Every field that is not searched stays as in this preset.",
        )
        names = list(SEARCHES)
        search = st.segmented_control(
            "What to search",
            names,
            default=names[0],
            required=True,
            key="sweep_search",
            persist_state="session",
        )
        key = f"sweep_fields {search}"
        st.session_state.setdefault(key, SEARCHES[search])
        lines = st.text_area(
            "Fields and their values, one a line",
            key=key,
            persist_state="session",
            height=120,
            help="`field=value,value,…`: a grid of every combination. A range, `0.1:0.8` or `1e-4:1e-2:log`, is sampled by TPE. "
            "`lambda_scale` multiplies every λ. Fields are those of the configuration: model.…, adversary.…, training.…",
        )
    with right:
        sample = training.show_samples("sweep_stars", "80 % of the training stars train, the rest score.")
        score = st.selectbox(
            "Score, to be made small",
            list(SCORE_WORDS),
            format_func=SCORE_WORDS.get,
            key="sweep_score",
            persist_state="session",
        )
        first, second, third = st.columns(3)
        keep = {"persist_state": "session"}
        told = "Of a search over ranges; a grid knows its own number."
        numbers = {
            "epochs": first.number_input(
                "Epochs of a trial", 1, training.MAX_EPOCHS, 10, key="sweep_epochs", **keep
            ),
            "trials": second.number_input(
                "Trials",
                1,
                1000,
                20,
                key="sweep_trials",
                help=told,
                disabled=not has_range(lines or ""),
                **keep,
            ),
            "seed": third.number_input("Seed", 0, 10_000, 0, key="sweep_seed", **keep),
        }
    try:
        wanted = asked(base, lines or "", sample, score, **numbers)
    except GandalfError as error:
        st.error(guards.said(error), icon=":material/error:")
        return
    kind = "every combination" if wanted.sampler == "grid" else "proposed by TPE"
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Start the sweep", type="primary", icon=":material/play_arrow:"):
            _start(wanted, fields_of(lines))
        st.caption(f"**{wanted.count} trials** of {wanted.config.training.epochs} epochs, {kind}.")


def fields_of(lines: str) -> dict[str, str]:
    """Path → values of the lines of the form. ConfigError for a line that is no `field=values`, or a field
    given twice.
    """
    found = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        path, sign, values = (part.strip() for part in line.partition("="))
        if not sign or not path:
            raise ConfigError(f"'{line}': write field=values, for example model.noise=0.2,0.4")
        if path in found:
            raise ConfigError(f"{path}: listed twice; give all its values in one line")
        found[path] = values
    return found


def has_range(lines: str) -> bool:
    """True when a field gives a range, so that the number of trials must be asked for."""
    try:
        return any(not parse_axis(*field).choices for field in fields_of(lines).items())
    except ConfigError:
        return False


def asked(base: str, lines: str, sample: str, score: str, *, epochs: int, trials: int, seed: int) -> Sweep:
    """The sweep of the form. ConfigError for what cannot run, SpectraError for an upload that is gone."""
    axes = tuple(parse_axis(path, values) for path, values in fields_of(lines).items())
    sampler = "grid" if all(axis.choices for axis in axes) else "tpe"
    config = with_fields(preset(base), {"training.epochs": int(epochs), "training.seed": int(seed)})
    return Sweep(config, axes, (training.file_of(sample),), score, sampler, int(trials), int(seed))


def _start(wanted: Sweep, fields: dict[str, str]) -> None:
    spaces = [f"--space={path}={values}" for path, values in fields.items()]
    command = [
        "sweep",
        wanted.stars[0],
        "--config",
        "{folder}/config.json",
        *spaces,
        "--score",
        wanted.score,
        "--trials",
        str(wanted.trials),
        "--seed",
        str(wanted.seed),
        "--out",
        "{folder}/sweep",
    ]
    try:
        title = f"{wanted.config.name}: {', '.join(map(figures.field_words, fields))}"
        state.put(
            state.SWEEP, jobs.manager().submit("sweep", title, command, jobs.owner(), to_json(wanted.config))
        )
    except JobError as error:
        st.error(str(error))
        return
    st.rerun()


# --- one sweep ---


def show_sweep(name: str) -> None:
    """One sweep; looked at again every two seconds while it runs."""
    job = every()[name].job
    active = job is not None and job.active
    st.fragment(_show_sweep, run_every="2s" if active else None)(name, active)


def _show_sweep(name: str, was_active: bool) -> None:
    found = every().get(name)
    if found is None or was_active != (found.job is not None and found.job.active):
        st.rerun()
    if found.job is not None:
        _show_state(found.job)
    begun = found.job is None or not found.job.active or found.job.status.get("fraction") is not None
    # the database is left to the job until it stands
    if not begun or not (found.folder / "sweep.json").is_file():
        st.caption("The table and the figures appear with the first finished trial.")
        return
    with guards.told():
        sweep, (frame, curves) = load_sweep(found.folder), sweep_results(found.folder)
    _show_best(name, sweep, frame, found.folder)
    _show_figures(name, sweep, frame, curves)
    _show_table(name, sweep, frame)


def _show_state(job: Job) -> None:
    """Where the job stands, and what can be done with it."""
    manager, done = jobs.manager(), job.state == "done"
    bar, buttons = st.columns([3, 2], vertical_alignment="center")
    share = job.status.get("fraction") or (1.0 if done else 0.0)
    message = (job.status.get("message") or "").removesuffix(f" in {job.folder / 'sweep'}")
    bar.progress(min(1.0, share), f"**{job.state}** · {show.escaped(message)}")
    with buttons.container(horizontal=True):
        if job.active:
            show.action("Cancel", "stop", manager.cancel, job.id, key=f"cancel {job.id}")
            return
        if not done:
            show.action("Go on", "resume", manager.resume, job.id, key=f"resume {job.id}")
        show.action("Delete", "delete", manager.delete, job.id, key=f"delete {job.id}")


def _show_best(name: str, sweep: Sweep, frame: pd.DataFrame, folder: Path) -> None:
    """The settings of the best trial in a sentence, and a button that trains them."""
    done = frame[frame["state"] == "complete"]
    if not len(done):
        causes = frame["cause"].dropna() if "cause" in frame else []
        st.warning(
            f"No trial succeeded{': ' + show.escaped(str(causes.iloc[0])) if len(causes) else ' so far'}."
        )
        return
    best = done.iloc[0]
    settings = ", ".join(
        show.escaped(f"{figures.field_words(axis.path)} = {_short(best[axis.path])}") for axis in sweep.axes
    )
    found = f"Best of {len(done)} trial{'s' if len(done) > 1 else ''}: **{settings}**."
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.markdown(f"{found} {figures.SCORES[sweep.score]}: **{best['score']:.4g}**", width="stretch")
        epochs = st.number_input(
            "Epochs",
            1,
            training.MAX_EPOCHS,
            preset_epochs(sweep.config),
            key=f"best epochs {name}",
            width=140,
            persist_state="session",
        )
        if st.button(
            "Train the best", type="primary", icon=":material/model_training:", key=f"train best {name}"
        ):
            _train(with_fields(best_config(folder), {"training.epochs": int(epochs)}), sweep.stars[0])


def preset_epochs(config: Config) -> int:
    """The epochs of the preset that a sweep's configuration is named after; else its own."""
    return preset(config.name).training.epochs if config.name in PRESETS else config.training.epochs


def _train(config: Config, stars: str) -> None:
    try:
        training.submit(config, stars)
    except JobError as error:
        st.error(str(error))
        return
    st.switch_page("../train.py")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _show_figures(name: str, sweep: Sweep, frame: pd.DataFrame, curves: dict) -> None:
    """The score against a field; and of the two plots by which the paper chose its settings those whose
    quantity was searched.
    """
    fields = [axis.path for axis in sweep.axes]
    field = fields[0]
    if len(fields) > 1:
        field = st.selectbox(
            "Score against",
            fields,
            format_func=figures.field_words,
            key=f"field {name}",
            persist_state="session",
        )
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    views = [
        (
            "score",
            figures.score_against(rows, field, sweep.score),
            "A point is a trial, the star the best. Low is good.",
        )
    ]
    if varies(curves["latent_size"], "latent_size"):
        drawn = figures.latent_size(curves["latent_size"])
        views.append(("size", drawn, "Where the line flattens, more numbers add nothing."))
    if varies(curves["adversary"], "mean_lambda"):
        drawn = figures.adversary(curves["adversary"])
        seen = (
            " These also see the kept parameters, so they stay left of it."
            if sweep.config.adversary.sees_kept
            else ""
        )
        views.append(
            (
                "lambda",
                drawn,
                "Good settings lie low, near the green line, where discriminators only guess." + seen,
            )
        )
    with st.grid(min(len(views), 2)):
        for kind, drawn, told in views:
            with st.container():
                show.figure(drawn, told, f"{kind} {name}")


def varies(points: list[dict], quantity: str) -> bool:
    return len({point[quantity] for point in points}) > 1


TITLES = {
    "trial": "Trial",
    "state": "State",
    "score": "Score",
    "reconstruction_mse": "MSE of the flux",
    "latent_size": "Latent numbers",
    "mean_lambda": "mean |λ|",
    "discriminator_error": "Discriminators wrong",
    "chance_error": "Wrong by guessing",
    "seconds": "Seconds",
    "cause": "Cause",
}


def _show_table(name: str, sweep: Sweep, frame: pd.DataFrame) -> None:
    """Every trial, the best first."""
    shown = frame.drop(columns=_repeated(sweep, frame)).dropna(axis="columns", how="all")
    shown = shown[sorted(shown, key=lambda c: (_rank(sweep, c), c))]
    number = {
        c: st.column_config.NumberColumn(title(c), format="%.4g") for c in shown.select_dtypes("number")
    }
    st.dataframe(
        shown, hide_index=True, column_config={c: title(c) for c in shown} | number, key=f"trials {name}"
    )
    probes = " Excess: what a fresh probe finds of a removed parameter beyond the floor. R²: of the others."
    told = f"The best first. Score: {figures.SCORES[sweep.score].lower()}; small is good."
    wrong = (
        " Discriminators wrong: the share of stars whose parameter they misplace."
        if "discriminator_error" in shown
        else ""
    )
    st.caption(told + wrong + (probes if sweep.score != "reconstruction" else ""))
    show.download(frame, "trials", f"trials {name} csv")


def _rank(sweep: Sweep, column: str) -> int:
    """Where a column stands: what was asked, the fields, what probes found, what the training found."""
    order = [
        "trial",
        "state",
        "score",
        *(axis.path for axis in sweep.axes),
        "excess",
        "r2",
        *list(TITLES)[3:],
    ]
    kind = column.partition(" ")[0]
    return order.index(kind) if kind in order else len(order)


def _repeated(sweep: Sweep, frame: pd.DataFrame) -> list[str]:
    """Measures that say what another column says, or the same for every trial."""
    fields = {axis.path for axis in sweep.axes}
    same = {"model.latent_size": "latent_size"} | (
        {"score": "reconstruction_mse"} if sweep.score == "reconstruction" else {}
    )
    constant = [c for c in ("latent_size", "mean_lambda") if c in frame and frame[c].nunique() <= 1]
    return list({c for of, c in same.items() if c in frame and of in {*fields, "score"}} | set(constant))


def title(column: str) -> str:
    """A column's head in words."""
    kind, _, label = column.partition(" ")
    if kind in ("excess", "r2") and label:
        return f"{'Excess' if kind == 'excess' else 'R²'} {show.style.words(label)}"
    words = TITLES.get(column) or figures.field_words(column)
    return words[0].upper() + words[1:]
