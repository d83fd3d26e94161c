"""The trials of a sweep on a Dask cluster: each is a task; the study stays with the process that asks.

Nobody else writes `study.db`, which no network file system has to share. As with other workers, what is
interrupted is tried again by the next call.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..data.spectra import SpectraSet
from ..errors import GandalfError
from ..jobs.cluster import Team, WorkersLostError, address_of, connected, worker_count
from ..jobs.progress import Progress, silent
from ..sources import SIMULATED
from .database import naming
from .space import Sweep
from .study import begin, next_trials, state_of, tell
from .trial import score_trials, training_stars

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Plan:
    """A sweep as it travels to a worker, with its training stars; None for simulated ones, made there."""

    sweep: Sweep
    stars: SpectraSet | None

    def unpacked(self) -> "Plan":
        """The plan with stars."""
        return self if self.stars is not None else Plan(self.sweep, training_stars(self.sweep))


@dataclass(frozen=True)
class Values:
    """What a worker tries: the number of a trial, and the value of each field."""

    number: int
    params: dict[str, Any]


def run_on_cluster(
    folder: str | Path,
    sweep: Sweep,
    scheduler: str,
    *,
    workers: int = 1,
    progress: Progress = silent,
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Run the missing trials of a sweep on a cluster, as `run_sweep` does in processes of this machine.

    scheduler: as in `cluster.connected`. workers: of a local cluster. say: told the dashboard's address.
    Raises ClusterError as `connected` does, and otherwise as `run_sweep`.
    """
    folder = Path(folder)
    with naming(folder), connected(scheduler, workers) as client:
        study, sweep = begin(folder, sweep)
        say(f"{worker_count(client):,} workers of {address_of(client)}, dashboard {client.dashboard_link}")
        simulated = all(spec.startswith(SIMULATED) for spec in sweep.stars)
        team = Team(client, Plan(sweep, None if simulated else training_stars(sweep)), _try)
        trials: dict[int, optuna.Trial] = {}
        values = _values(study, sweep, trials)
        for tried, outcome in team.outcomes(values, lambda: max(1, worker_count(client))):
            trial = trials.pop(tried.number)
            lost = isinstance(outcome, WorkersLostError)
            score, attributes = (outcome, {}) if lost else outcome
            for name, value in attributes.items():
                trial.set_user_attr(name, value)
            tell(study, trial, score)
            progress(*state_of(study, sweep))


def _values(study: "optuna.Study", sweep: Sweep, trials: "dict[int, optuna.Trial]") -> Iterator[Values]:
    """What to try next, one by one, until there is enough; each trial is noted in `trials`."""
    while asked := next_trials(study, sweep, 1):
        trials[asked[0].number] = asked[0]
        yield Values(asked[0].number, {axis.path: axis.suggest(asked[0]) for axis in sweep.axes})


def _try(
    plan: Plan, tried: Values, tell: Callable[[Any], None]
) -> "tuple[float | GandalfError, dict[str, Any]]":
    """On a worker: the score of a trial, or why there is none, and its measures."""
    from optuna.trial import FixedTrial

    assert plan.stars is not None
    trial: Any = FixedTrial(tried.params, tried.number)
    ((_, outcome),) = score_trials([trial], plan.sweep, plan.stars)
    return outcome, trial.user_attrs
