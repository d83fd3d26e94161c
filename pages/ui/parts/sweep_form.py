"""The form of a new sweep: what to search, from which preset, on which stars."""

from dataclasses import dataclass

import streamlit as st

from gandalf_core.config.presets import PRESETS, preset
from gandalf_core.config.schema import to_json, with_fields
from gandalf_core.errors import ConfigError, GandalfError, JobError
from gandalf_core.figures import sweeps as figures
from gandalf_core.sweeps.space import MAX_SEEDS, Sweep, parse_axis
from pages.ui import guards, jobs, state
from pages.ui.parts.train import KEEP, MAX_EPOCHS, show_samples, stars_argument
from pages.ui.pickers import MAX_SEED

MAX_TRIALS = 1000
SEARCHES = {  # fields and values that the form offers
    "Strength of λ": "lambda_scale=0.1,0.3,1,3",
    "Latent size": "model.latent_size=5,10,15,20,25,30",
    "Noise": "model.noise=0.1,0.2,0.4,0.6",
    "Other fields": "model.noise=0.1:0.8\nadversary.steps=1,2,4\ntraining.learning_rate=3e-4:3e-3:log",
}
SCORES = {
    "balance": "leakage + loss + lost flux",
    "excess": "leakage + loss, quick probes",
    "audit": "leakage + loss, all probes (slow)",
    "reconstruction": "reconstruction error",
}
FIELDS_HELP = (
    "`field=value,value,…` tries every combination of the values. A range, `0.1:0.8` or `1e-4:1e-2:log`, is "
    "sampled by TPE. `lambda_scale` multiplies every λ. Fields are those of the configuration: model.…, "
    "adversary.…, training.…"
)


@dataclass(frozen=True)
class Settings:
    """What the form asks for. lines: one `field=values` each; trials: of a search over ranges."""

    preset: str
    lines: str
    sample: str
    score: str
    epochs: int
    trials: int
    seed: int
    seeds: int

    def sweep(self) -> Sweep:
        """Raises ConfigError for what cannot run, SpectraError for an upload that is gone."""
        axes = tuple(parse_axis(path, values) for path, values in fields_of(self.lines).items())
        fields = {"training.epochs": self.epochs, "training.seed": self.seed}
        return Sweep(
            config=with_fields(preset(self.preset), fields),
            axes=axes,
            stars=(stars_argument(self.sample),),
            score=self.score,
            sampler="grid" if all(axis.choices for axis in axes) else "tpe",
            trials=self.trials,
            seed=self.seed,
            seeds=self.seeds,
        )


def show_form() -> None:
    """The form, and a button that starts the sweep."""
    left, right = st.columns(2, gap="large")
    with left:
        base, lines = _show_search()
    with right:
        sample = show_samples("sweep_stars", "80 % of the training stars train, the rest score.")
        score = st.selectbox(
            "Score (lower is better)", list(SCORES), format_func=SCORES.get, key="sweep_score", **KEEP
        )
        epochs, trials, seed, seeds = _show_numbers(lines)
    settings = Settings(base, lines, sample, score, epochs, trials, seed, seeds)
    try:
        sweep = settings.sweep()
    except GandalfError as error:
        st.error(guards.error_text(error), icon=":material/error:")
        return
    sampling = "every combination" if sweep.sampler == "grid" else "proposed by TPE"
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Start the sweep", type="primary", icon=":material/play_arrow:"):
            _start(sweep, fields_of(lines))
        each = f"{epochs} epochs" if seeds == 1 else f"{epochs} epochs from {seeds} seeds each"
        st.caption(f"**{sweep.count} trials** of {each}, {sampling}: {search_words(lines)}.")


def _show_search() -> tuple[str, str]:
    """Choose the preset and the fields to search; returns the preset and one `field=values` per line."""
    base = st.selectbox(
        "Preset",
        PRESETS,
        index=1,
        key="sweep_preset",
        help="Every field that is not searched stays as it is in this preset.",
        **KEEP,
    )
    search = st.segmented_control(
        "What to search",
        list(SEARCHES),
        default=next(iter(SEARCHES)),
        required=True,
        key="sweep_search",
        **KEEP,
    )
    key = f"sweep_fields {search}"
    st.session_state.setdefault(key, SEARCHES[search])
    lines = st.text_area(
        "Fields and their values, one field per line", key=key, height=120, help=FIELDS_HELP, **KEEP
    )
    return base, lines or ""


def _show_numbers(lines: str) -> tuple[int, int, int, int]:
    """Choose epochs, trials, the first seed and how many there are."""
    left, middle, right, last = st.columns(4)
    epochs = left.number_input("Epochs per trial", 1, MAX_EPOCHS, 10, key="sweep_epochs", **KEEP)
    trials = middle.number_input(
        "Trials",
        1,
        MAX_TRIALS,
        20,
        key="sweep_trials",
        help="For a search over ranges. Without a range, every combination is one trial.",
        disabled=not has_range(lines),
        **KEEP,
    )
    seed = right.number_input("Seed", 0, MAX_SEED, 0, key="sweep_seed", **KEEP)
    seeds = last.number_input(
        "Seeds each",
        1,
        MAX_SEEDS,
        1,
        key="sweep_seeds",
        help="Each trial is trained from so many seeds, and their mean counts: a difference smaller than the "
        "scatter between seeds is luck.",
        **KEEP,
    )
    return int(epochs), int(trials), int(seed), int(seeds)


def fields_of(lines: str) -> dict[str, str]:
    """Field → its values. Raises ConfigError for a line that is not `field=values`, or a repeated field."""
    fields = {}
    for line in filter(None, map(str.strip, lines.splitlines())):
        path, sign, values = (part.strip() for part in line.partition("="))
        if not sign or not path:
            raise ConfigError(f"'{line}': write field=values, for example model.noise=0.2,0.4")
        if path in fields:
            raise ConfigError(f"{path}: listed twice; give all its values in one line")
        fields[path] = values
    return fields


def search_words(lines: str) -> str:
    """What a search tries, in words: `noise of the latent 0.1, 0.2 or 0.4`. ConfigError as `fields_of`."""
    return " with ".join(
        f"{figures.field_words(path)} {_values(text)}" for path, text in fields_of(lines).items()
    )


def _values(text: str) -> str:
    """The values of a field in words."""
    if ":" in text:
        low, high, *rest = text.split(":")
        return f"from {low} to {high}{', evenly in its logarithm' if 'log' in rest else ''}"
    *first, last = (value.strip() for value in text.split(","))
    return f"{', '.join(first)} or {last}" if first else last


def has_range(lines: str) -> bool:
    """True when a field has a range, so that the number of trials matters."""
    try:
        return any(not parse_axis(*field).choices for field in fields_of(lines).items())
    except ConfigError:
        return False


def _start(sweep: Sweep, fields: dict[str, str]) -> None:
    spaces = [f"--space={path}={values}" for path, values in fields.items()]
    numbers = {"trials": sweep.trials, "seed": sweep.seed, "seeds": sweep.seeds}
    options = ["--score", sweep.score, *(part for n, v in numbers.items() for part in (f"--{n}", str(v)))]
    files = ["--config", "{folder}/config.json", "--out", "{folder}/sweep"]
    command = ["sweep", sweep.stars[0], *spaces, *options, *files]
    title = f"{sweep.config.name}: {', '.join(map(figures.field_words, fields))}"
    try:
        name = jobs.manager().submit("sweep", title, command, jobs.owner(), to_json(sweep.config))
    except JobError as error:
        st.error(guards.error_text(error))
        return
    state.put(state.SWEEP, name)
    st.rerun()
