"""The database of a sweep: `study.db` in its folder, an Optuna study in SQLite."""

import contextlib
import sqlite3
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import GandalfError
from .space import MOST_SHOWN, Sweep

if TYPE_CHECKING:
    import optuna

STUDY = "sweep"
LOCK_SECONDS = 60  # how long a process waits for another one's write


@contextlib.contextmanager
def naming(folder: str | Path) -> Iterator[None]:
    """Errors of the study's database, on a full disk for example, as one line that names its file."""
    try:
        yield
    except Exception as error:
        below: BaseException | None = error  # Optuna's, SQLAlchemy's, then that of SQLite
        while below is not None and not isinstance(below, sqlite3.Error):
            below = below.__cause__
        if below is None:
            raise
        cause = " ".join(str(below).split())[:MOST_SHOWN]
        raise GandalfError(f"{Path(folder) / 'study.db'}: cannot be used ({cause})") from None


def open_study(folder: str | Path, sweep: Sweep, worker: int = 0) -> "optuna.Study":
    """The folder's Optuna study, created if missing.

    Each worker and each resumed run draws proposals of its own.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = (Path(folder) / "study.db").resolve()
    # opened by its path: in a link, a folder's name with ? or % would mean something else
    connect = partial(sqlite3.connect, path, timeout=LOCK_SECONDS, check_same_thread=False)
    storage = optuna.storages.RDBStorage("sqlite:///study.db", engine_kwargs={"creator": connect})
    study = optuna.create_study(storage=storage, study_name=STUDY, direction="minimize", load_if_exists=True)
    trials = len(study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(
        seed=sweep.seed + 1000 * worker + 1_000_003 * trials, multivariate=True, constant_liar=True
    )
    return study
