"""What the probes read of every label, from the latent and from all that it is compared with.

Shapes: N stars, D numbers per star, Z latent.
"""

from dataclasses import dataclass, field

import numpy as np

from ..jobs.progress import Progress, silent
from .erase import erased
from .floor import Floor, fit_floor
from .information import ranking
from .leak import Examination, Leak, conditional_leaks, with_label_errors, with_typical_errors
from .plan import Plan
from .probes import Reading, read

# read for its R² alone: twice 800 inputs would take as long as all other rows together
WITHOUT_EXCESS = ("spectrum",)
LATENT = "z"  # the row whose leaks get limits, bits and strata


@dataclass(frozen=True)
class GroupFloor:
    """The floor of removed labels that the same stars (N,) have."""

    names: tuple[str, ...]
    stars: np.ndarray
    floor: Floor


@dataclass(frozen=True)
class Measures:
    """Readings and leaks: row -> label -> measure; `floors`: label -> what the other labels tell."""

    readings: dict[str, dict[str, Reading]] = field(default_factory=dict)
    leaks: dict[str, dict[str, Leak]] = field(default_factory=dict)
    floors: dict[str, Reading] = field(default_factory=dict)


def measure_rows(plan: Plan, rows: dict[str, np.ndarray], progress: Progress = silent) -> Measures:
    """The measures of every row, i.e. representation (N, D); progress runs from 0.05 to 0.9."""
    floors = floors_of(plan)
    measures = Measures(
        floors={n: r for g in floors for n, r in zip(g.names, g.floor.readings(), strict=True)}
    )
    for i, (row, x) in enumerate(rows.items()):
        progress(0.05 + 0.85 * i / len(rows), f"probes on {row.replace('_', ' ')}")
        measures.readings[row] = readings(plan, x, plan.removed) | readings(plan, x, plan.others)
        if row not in WITHOUT_EXCESS:
            measures.leaks[row] = leaks(plan, x, floors, thorough=row == LATENT)
    return measures


def readings(plan: Plan, x: np.ndarray, names: tuple[str, ...]) -> dict[str, Reading]:
    """The best probe's reading of each label from x (N, D), on the stars that have it."""
    by_name: dict[str, Reading] = {}
    for group, stars in plan.groups(names):
        by_name |= zip(group, read(x[stars], plan.columns(group)[stars], plan.probing), strict=True)
    return {n: by_name[n] for n in names}


def floors_of(plan: Plan) -> list[GroupFloor]:
    """What the other labels alone tell of the removed ones."""
    return [
        GroupFloor(
            names,
            stars,
            fit_floor(plan.columns(plan.others)[stars], plan.columns(names)[stars], plan.probing),
        )
        for names, stars in plan.removed_groups()
    ]


def leaks(plan: Plan, x: np.ndarray, floors: list[GroupFloor], *, thorough: bool) -> dict[str, Leak]:
    """The leak of each removed label in x (N, D); `thorough`: with limits, bits and strata."""
    by_name: dict[str, Leak] = {}
    for group in floors:
        kept = plan.columns(plan.others)[group.stars]
        case = Examination(x[group.stars], kept, group.floor.y, plan.probing, group.floor)
        found = conditional_leaks(case, thorough=thorough)
        if thorough and plan.label_errors is not None:
            found = with_label_errors(case, found, plan.errors_of(plan.others)[group.stars])
        elif thorough and not plan.exact:
            found = with_typical_errors(case, found, plan.typical_errors(plan.others))
        by_name |= zip(group.names, found, strict=True)
    return {n: by_name[n] for n in plan.removed}


def erased_where_known(x: np.ndarray, plan: Plan) -> np.ndarray:
    """(N, D) x without the removed labels, by LEACE; a star that lacks one keeps its x and is not scored."""
    labels, known = plan.columns(plan.removed), plan.complete(plan.removed)
    out = np.array(x, float)
    if known.sum() > 2 * labels.shape[1]:
        out[known] = erased(out[known], labels[known], plan.probing.seed)
    return out


def information(plan: Plan, z: np.ndarray) -> dict[str, dict]:
    """Label -> the latent dimensions of z (N, Z) ranked by their mutual information with it."""
    labels = {n: (plan.columns((n,))[:, 0], plan.complete((n,))) for n in plan.names}
    return {n: ranking(z[known], y[known], plan.probing.seed) for n, (y, known) in labels.items()}
