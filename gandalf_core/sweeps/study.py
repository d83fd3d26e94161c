"""Search of configurations with Optuna: any field by its dotted path, on a grid or by TPE, in several
processes, resumable.

The study stands in `study.db` (SQLite) of the sweep's folder, what it searches in `sweep.json`. One run at a
time works in a folder; a run that was stopped goes on with the same call, the trials that were under way from
their beginning.
"""

import contextlib
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..config.schema import Config
from ..errors import ConfigError, GandalfError
from ..io.claim import claim
from ..jobs.progress import Progress, silent
from .space import Sweep, changed
from .trial import measured, training_stars

STUDY = "sweep"
LOCK_SECONDS = 60  # how long a process waits for another one's write


def run_sweep(folder: str | Path, sweep: Sweep, *, workers: int = 1, progress: Progress = silent) -> None:
    """Do what is left of a sweep in its folder; several workers are processes of their own.

    Raises ClaimError when the folder holds another sweep. A trial that fails is recorded with its cause.
    """
    folder = Path(folder)
    claim(folder, "sweep.json", json.loads(sweep.to_json()), changeable=("trials",))
    study = open_study(folder, sweep)
    _prepare(study, sweep)
    if workers == 1:
        for _ in _trials(folder, sweep):
            progress(*_state(study, sweep))
        return
    with _processes(folder, min(workers, sweep.count)) as processes:
        while any(p.is_alive() for p in processes):
            progress(*_state(study, sweep))
            time.sleep(1.0)
    progress(*_state(study, sweep))
    if any(p.exitcode for p in processes):
        raise GandalfError(
            f"{folder}: a worker of the sweep ended with an error (above); the same command goes on"
        )


def load_sweep(folder: str | Path) -> Sweep:
    """The sweep of a folder. ConfigError when there is none."""
    path = Path(folder) / "sweep.json"
    try:
        return Sweep.from_json(path.read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: no sweep here ({error})") from None


def open_study(folder: str | Path, sweep: Sweep, worker: int = 0):
    """The folder's Optuna study, made when it is not there. Each worker, and each resumed run, draws its own
    proposals.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(
        f"sqlite:///{(Path(folder) / 'study.db').resolve()}",
        engine_kwargs={"connect_args": {"timeout": LOCK_SECONDS}},
    )
    study = optuna.create_study(storage=storage, study_name=STUDY, direction="minimize", load_if_exists=True)
    drawn = len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(
        seed=sweep.seed + 1000 * worker + 1_000_003 * drawn, multivariate=True
    )
    return study


def _prepare(study, sweep: Sweep) -> None:
    """Queue the nodes of a grid, and once more the trials that were under way when a run was stopped."""
    from optuna.trial import TrialState

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.user_attrs.get("node", trial.params), user_attrs=trial.user_attrs)
    if sweep.sampler == "grid" and not study.get_trials(deepcopy=False):
        for node in sweep.grid:
            study.enqueue_trial(node, user_attrs={"node": node})


@contextlib.contextmanager
def _processes(folder: Path, workers: int) -> Iterator[list]:
    """Worker processes that share the cores; they end with the block."""
    threads = os.environ.get("OMP_NUM_THREADS")
    # read by the children as they start
    os.environ["OMP_NUM_THREADS"] = str(max(1, (os.cpu_count() or 1) // workers))
    context = multiprocessing.get_context("spawn")  # a fork after threads have run may hang
    made = [context.Process(target=_worker, args=(str(folder), k), daemon=True) for k in range(workers)]
    try:
        for process in made:
            process.start()
        yield made
    finally:
        os.environ.pop("OMP_NUM_THREADS") if threads is None else os.environ.update(OMP_NUM_THREADS=threads)
        for process in made:
            process.terminate()
            process.join()


def _worker(folder: str, number: int) -> None:
    for _ in _trials(Path(folder), load_sweep(folder), number):
        pass


def _trials(folder: Path, sweep: Sweep, worker: int = 0) -> Iterator[None]:
    """Take trials until there are enough; yields after each."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    study, stars = open_study(folder, sweep, worker), None
    while not enough(study, sweep):
        trial = study.ask()
        if sweep.sampler == "grid" and "node" not in trial.user_attrs:  # another worker took the last node
            study.tell(trial, state=TrialState.FAIL)
            return
        stars = training_stars(sweep) if stars is None else stars
        try:
            study.tell(trial, measured(trial, sweep, stars), skip_if_finished=True)
        except UpdateFinishedTrialError:
            pass  # SQLite now and then gives one node to two workers at once; the other one was faster
        except GandalfError as error:
            trial.set_user_attr("cause", str(error))
            study.tell(trial, state=TrialState.FAIL)
        yield


def enough(study, sweep: Sweep) -> bool:
    """True when nothing is left to begin: a failed trial counts, one that was stopped and queued again does
    not.
    """
    from optuna.trial import TrialState

    trials = study.get_trials(deepcopy=False)
    waiting = sum(t.state == TrialState.WAITING for t in trials)
    begun = sum(
        t.state in (TrialState.COMPLETE, TrialState.RUNNING) or "cause" in t.user_attrs for t in trials
    )
    return not waiting and (sweep.sampler == "grid" or begun >= sweep.count)


def _state(study, sweep: Sweep) -> tuple[float, str]:
    from optuna.trial import TrialState

    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    best = min((t.value for t in done), default=float("nan"))
    return min(
        1.0, len(done) / sweep.count
    ), f"{len(done)} of {sweep.count} trials, best {sweep.score} {best:.4g}"


# --- what was found ---


def results(folder: str | Path):
    """A pandas DataFrame, a row a finished trial, the best first: number, state, score, each field, each
    measure, and the cause where it failed. Trials that were stopped and begun again count once.

    Raises ConfigError when the folder holds no sweep.
    """
    import pandas as pd

    sweep = load_sweep(folder)
    every = open_study(folder, sweep).get_trials(deepcopy=False)
    trials = [t for t in every if t.values or "cause" in t.user_attrs]
    rows = [
        {
            "trial": t.number,
            "state": t.state.name.lower(),
            "score": t.value if t.values else None,
            **t.params,
            **t.user_attrs,
        }
        for t in trials
    ]
    first = ["trial", "state", "score", *(a.path for a in sweep.axes)]
    columns = first + [
        c for c in dict.fromkeys(c for row in rows for c in row) if c not in (*first, "epoch", "node")
    ]
    return pd.DataFrame(rows, columns=columns).sort_values("score", ignore_index=True)


def best_config(folder: str | Path) -> Config:
    """The configuration of the best trial so far. ConfigError when none is finished."""
    sweep, frame = load_sweep(folder), results(folder)
    done = frame[frame["state"] == "complete"]
    if not len(done):
        raise ConfigError(f"{folder}: no trial is finished")
    found = {a.path: done.iloc[0][a.path] for a in sweep.axes}
    return changed(sweep.config, {p: v.item() if hasattr(v, "item") else v for p, v in found.items()})


def curves(folder: str | Path) -> dict[str, list[dict[str, float]]]:
    """The two plots by which the paper chose its settings, as points: `latent_size` (reconstruction error
    against latent size) and `adversary` (reconstruction error against discriminator error, over λ). Failed
    trials are left out."""
    frame = results(folder)
    done = frame[frame["state"] == "complete"]

    def points(*columns: str) -> list[dict[str, float]]:
        if not set(columns) <= set(done.columns):
            return []
        return done[["trial", *columns]].dropna().sort_values(columns[0]).to_dict(orient="records")

    return {
        "latent_size": points("latent_size", "reconstruction_mse"),
        "adversary": points("mean_lambda", "discriminator_error", "chance_error", "reconstruction_mse"),
    }
