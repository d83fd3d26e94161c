"""Search of configurations with Optuna, on a grid or by TPE, in several processes.

The study is `study.db` (SQLite) in the sweep's folder, beside `sweep.json`, which says what is searched. One
run at a time works in a folder. A run that was stopped is continued by the same call; trials that were
interrupted start again.
"""

import contextlib
import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.schema import Config
from ..errors import ConfigError, GandalfError
from ..io.claim import claim
from ..jobs.progress import Progress, silent
from .database import naming, open_study
from .space import MOST_SHOWN, Sweep, with_values
from .stars import identity_of_stars
from .trial import score_trials, training_stars

if TYPE_CHECKING:
    import optuna
    import pandas as pd

# Trials that train at once in one process. TPE learns nothing from those that run beside the one it proposes.
TOGETHER, TOGETHER_BY_TPE = 8, 4
INTERNAL_ATTRIBUTES = ("epoch", "node")  # of a trial, not shown in the table of results


# --- running ---


def run_sweep(folder: str | Path, sweep: Sweep, *, workers: int = 1, progress: Progress = silent) -> None:
    """Run the missing trials of a sweep in its folder, in `workers` processes.

    A sweep belongs to the content of its stars, whatever the names of their files. Raises ClaimError when the
    folder holds another sweep, or one of other stars. A trial that fails is recorded with its cause.
    """
    folder = Path(folder)
    with naming(folder):
        study, sweep = begin(folder, sweep)
        if workers == 1:
            for _ in _run_trials(folder, sweep, 0, TOGETHER):
                progress(*state_of(study, sweep))
            return
        workers = min(workers, sweep.count)
        with _worker_processes(folder, workers, min(TOGETHER, -(-sweep.count // workers))) as processes:
            while any(p.is_alive() for p in processes):
                progress(*state_of(study, sweep))
                time.sleep(1.0)
        progress(*state_of(study, sweep))
    if any(p.exitcode for p in processes):
        raise GandalfError(
            f"{folder}: a worker of the sweep ended with an error (above); the same command continues"
        )


def begin(folder: Path, sweep: Sweep) -> "tuple[optuna.Study, Sweep]":
    """Claim a folder for a sweep; its study, with the trials to begin with, and the sweep of these stars."""
    sweep = replace(sweep, stars_identity=identity_of_stars(sweep.stars, sweep.keep_spikes))
    purpose, names = json.loads(sweep.to_json()), {"stars_identity": "stars"}
    claim(folder, "sweep.json", purpose, changeable=("trials", "stars"), names=names)
    study = open_study(folder, sweep)
    _enqueue(study, sweep)
    return study, sweep


def load_sweep(folder: str | Path) -> Sweep:
    """The sweep of a folder. ConfigError when there is none."""
    path = Path(folder) / "sweep.json"
    try:
        return Sweep.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        cause = " ".join(str(error).split())[:MOST_SHOWN]
        raise ConfigError(f"{path}: no sweep here ({cause})") from None


def _enqueue(study: "optuna.Study", sweep: Sweep) -> None:
    """Queue the nodes of a new grid, and again the trials that were interrupted when a run was stopped."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.user_attrs.get("node", trial.params), user_attrs=trial.user_attrs)
    if sweep.sampler == "grid" and not study.get_trials(deepcopy=False):
        for node in sweep.nodes:
            study.enqueue_trial(node, user_attrs={"node": node})


@contextlib.contextmanager
def _worker_processes(folder: Path, workers: int, together: int) -> Iterator[list[BaseProcess]]:
    """Processes that share the cores, each training so many trials at once; they end with the block."""
    context = multiprocessing.get_context("spawn")  # a fork after threads have run may hang
    processes: list[BaseProcess] = [
        context.Process(target=_work, args=(str(folder), k, together), daemon=True) for k in range(workers)
    ]
    try:
        with _threads_of_children(max(1, (os.cpu_count() or 1) // workers)):
            for process in processes:
                process.start()
        yield processes
    finally:
        for process in processes:
            process.terminate()
            process.join()


@contextlib.contextmanager
def _threads_of_children(threads: int) -> Iterator[None]:
    """Processes that start within the block compute with this many threads."""
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = str(threads)
    try:
        yield
    finally:
        os.environ.pop("OMP_NUM_THREADS")
        if before is not None:
            os.environ["OMP_NUM_THREADS"] = before


def _work(folder: str, number: int, together: int) -> None:
    """What a worker process does; it ends with the process that started it, however that ends."""
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        with naming(folder):
            for _ in _run_trials(Path(folder), load_sweep(folder), number, together):
                pass
    except GandalfError as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(2)


def end_with_parent() -> None:
    """Wait for the end of the process that started this one, and end then, too."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # at once: in the middle of an epoch nobody would listen


def _run_trials(folder: Path, sweep: Sweep, worker: int, together: int) -> Iterator[None]:
    """Run trials, so many at once, until there are enough; yields after each."""
    study, stars = open_study(folder, sweep, worker), None
    together = together if sweep.sampler == "grid" else min(together, TOGETHER_BY_TPE)
    together = max(1, together // sweep.seeds)
    while trials := next_trials(study, sweep, together):
        stars = training_stars(sweep) if stars is None else stars
        for trial, outcome in score_trials(trials, sweep, stars):
            tell(study, trial, outcome)
            yield


def tell(study: "optuna.Study", trial: "optuna.Trial", outcome: float | GandalfError) -> None:
    """Note the score of a trial, or why it has none."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    try:
        if isinstance(outcome, GandalfError):
            trial.set_user_attr("cause", str(outcome))
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, outcome, skip_if_finished=True)
    except UpdateFinishedTrialError:
        pass  # SQLite now and then gives one node to two workers at once; the other one was faster


def next_trials(study: "optuna.Study", sweep: Sweep, together: int) -> "list[optuna.Trial]":
    """The trials to run next, at most so many; none when there are enough."""
    from optuna.trial import TrialState

    trials = []
    while len(trials) < together and not has_enough_trials(study, sweep):
        trial = study.ask()
        if sweep.sampler == "grid" and "node" not in trial.user_attrs:  # another worker took the last node
            study.tell(trial, state=TrialState.FAIL)
            break
        trials.append(trial)
    return trials


def has_enough_trials(study: "optuna.Study", sweep: Sweep) -> bool:
    """True when no trial is left to begin.

    A failed trial counts; one that was interrupted and queued again does not.
    """
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    waiting = sum(t.state == TrialState.WAITING for t in trials)
    begun = sum(
        t.state in (TrialState.COMPLETE, TrialState.RUNNING) or "cause" in t.user_attrs for t in trials
    )
    return not waiting and (sweep.sampler == "grid" or begun >= sweep.count)


def state_of(study: "optuna.Study", sweep: Sweep) -> tuple[float, str]:
    """Fraction done, and that in words."""
    from optuna.trial import TrialState

    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best = min((t.value for t in finished if t.value is not None), default=float("nan"))
    text = f"{len(finished)} of {sweep.count} trials, best {sweep.score} {best:.4g}"
    return min(1.0, len(finished) / sweep.count), text


# --- results ---


def results(folder: str | Path) -> "pd.DataFrame":
    """One row per finished trial, the best first: number, state, score, each field, each measure.

    A failed trial has its `cause`; one that was interrupted and begun again counts once. Raises ConfigError
    when the folder holds no sweep.
    """
    import pandas as pd

    sweep = load_sweep(folder)
    with naming(folder):
        trials = open_study(folder, sweep).get_trials(deepcopy=False)
    rows = [_row(t) for t in trials if t.values or "cause" in t.user_attrs]
    first = ["trial", "state", "score", *(a.path for a in sweep.axes)]
    others = dict.fromkeys(c for row in rows for c in row if c not in (*first, *INTERNAL_ATTRIBUTES))
    return pd.DataFrame(rows, columns=[*first, *others]).sort_values("score", ignore_index=True)


def _row(trial: "optuna.trial.FrozenTrial") -> dict:
    score = trial.value if trial.values else None
    row = {"trial": trial.number, "state": trial.state.name.lower(), "score": score}
    return row | trial.params | trial.user_attrs


def _finished(folder: str | Path) -> "pd.DataFrame":
    """The results without failed trials."""
    return results(folder).query("state == 'complete'")


def best_config(folder: str | Path) -> Config:
    """The configuration of the best trial so far. ConfigError when no trial is finished."""
    finished = _finished(folder)
    if not len(finished):
        raise ConfigError(f"{folder}: no trial is finished")
    return trial_config(folder, int(finished.iloc[0]["trial"]))


def trial_config(folder: str | Path, trial: int) -> Config:
    """The configuration of a finished trial. ConfigError when there is none of this number."""
    sweep, rows = load_sweep(folder), _finished(folder).query("trial == @trial")
    if not len(rows):
        raise ConfigError(f"{folder}: trial {trial} is not finished")
    values = {a.path: rows.iloc[0][a.path] for a in sweep.axes}
    return with_values(sweep.config, {p: v.item() if hasattr(v, "item") else v for p, v in values.items()})


def curves(folder: str | Path) -> dict[str, list[dict[str, float]]]:
    """The two plots by which the paper chose its settings, as points of the finished trials.

    `latent_size`: reconstruction error against latent size.  `adversary`: reconstruction error against
    discriminator error, over λ.
    """
    finished = _finished(folder)

    def points(*columns: str) -> list[dict[str, float]]:
        if not set(columns) <= set(finished.columns):
            return []
        frame = finished.filter(items=["trial", *columns]).dropna()
        return frame.sort_values(by=columns[0]).to_dict(orient="records")

    return {
        "latent_size": points("latent_size", "reconstruction_mse"),
        "adversary": points("mean_lambda", "discriminator_error", "chance_error", "reconstruction_mse"),
    }
