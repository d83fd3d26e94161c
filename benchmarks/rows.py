"""A measured figure beside its goals, and the sample that all benchmarks share."""

from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from gandalf_core.data.spectra import SpectraSet
from gandalf_core.data.splits import split
from gandalf_core.seeds import STANDARD_SEED
from gandalf_core.simulator import simulate

STANDARD, QUICK = 64_305, 6_000


@dataclass(frozen=True)
class Row:
    """One figure.

    reach, moonshot: its goals, if it has any.  larger: whether more is better.  beside: its parts.
    fair: whether a condition of the goal holds, such as a map as good as the other one.  before: the figure
    as it was stored.
    """

    name: str
    what: str
    value: float
    reach: float | None = None
    moonshot: float | None = None
    larger: bool = False
    beside: dict[str, Any] = field(default_factory=dict)
    fair: bool = True
    before: float | None = None

    @property
    def verdict(self) -> str:
        """Which goal is met: `moonshot`, `reached` or `missed`; empty without a goal."""
        if self.reach is None:
            return ""
        if not self.fair:
            return "missed"
        return (
            "moonshot" if self._meets(self.moonshot) else "reached" if self._meets(self.reach) else "missed"
        )

    def _meets(self, goal: float | None) -> bool:
        if goal is None:
            return False
        return self.value >= goal if self.larger else self.value <= goal

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}

    def cells(self) -> list[str]:
        """The row of a table."""
        sign = "≥" if self.larger else "≤"
        goals = ["" if goal is None else f"{sign} {goal:g}" for goal in (self.reach, self.moonshot)]
        beside = ", ".join(f"{k} {_short(v)}" for k, v in self.beside.items())
        stored = "" if self.before is None else _short(self.before)
        return [self.what, stored, _short(self.value), *goals, self.verdict, beside]


HEADER = ["figure", "stored before", "measured", "reach", "moonshot", "", "beside it"]


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@lru_cache(maxsize=1)
def sample(quick: bool) -> SpectraSet:
    """The standard sample, or a small one when `quick`."""
    return simulate(QUICK if quick else STANDARD, seed=STANDARD_SEED)


def training_split(quick: bool) -> SpectraSet:
    """The training stars of the sample: 51,444 of the standard one."""
    stars = sample(quick)
    return stars[split(stars.ids)[0]]
