"""What the probes read of every label, from the latent and from all that it is compared with.

Shapes: N stars, D numbers per star, Z latent.
"""

from dataclasses import dataclass, field

import numpy as np

from ..jobs.progress import Progress, silent
from .erase import erased
from .excess import Excess, conditional_excess, floor_readings
from .information import ranking
from .plan import Plan
from .probes import Reading, read

# read for its R² alone: twice 800 inputs would take as long as all other rows together
WITHOUT_EXCESS = ("spectrum",)


@dataclass(frozen=True)
class Measures:
    """Readings and excesses: row -> label -> measure; `floors`: label -> what the other labels tell."""

    readings: dict[str, dict[str, Reading]] = field(default_factory=dict)
    excesses: dict[str, dict[str, Excess]] = field(default_factory=dict)
    floors: dict[str, Reading] = field(default_factory=dict)


def measure_rows(plan: Plan, rows: dict[str, np.ndarray], progress: Progress = silent) -> Measures:
    """The measures of every row, i.e. representation (N, D); progress runs from 0.05 to 0.9."""
    measures = Measures(floors=floors_of(plan))
    for i, (row, x) in enumerate(rows.items()):
        progress(0.05 + 0.85 * i / len(rows), f"probes on {row.replace('_', ' ')}")
        measures.readings[row] = readings(plan, x, plan.removed) | readings(plan, x, plan.others)
        measures.excesses[row] = {} if row in WITHOUT_EXCESS else excesses(plan, x, measures.floors)
    return measures


def readings(plan: Plan, x: np.ndarray, names: tuple[str, ...]) -> dict[str, Reading]:
    """The best probe's reading of each label from x (N, D), on the stars that have it."""
    by_name: dict[str, Reading] = {}
    for group, stars in plan.groups(names):
        by_name |= zip(group, read(x[stars], plan.columns(group)[stars], plan.probing), strict=True)
    return {n: by_name[n] for n in names}


def floors_of(plan: Plan) -> dict[str, Reading]:
    """What the other labels alone tell of each removed one."""
    by_name: dict[str, Reading] = {}
    for group, stars in plan.removed_groups():
        kept, y = plan.columns(plan.others)[stars], plan.columns(group)[stars]
        by_name |= zip(group, floor_readings(kept, y, plan.probing), strict=True)
    return by_name


def excesses(plan: Plan, x: np.ndarray, floors: dict[str, Reading]) -> dict[str, Excess]:
    """The conditional excess of each removed label from x (N, D)."""
    by_name: dict[str, Excess] = {}
    for group, stars in plan.removed_groups():
        kept, y = plan.columns(plan.others)[stars], plan.columns(group)[stars]
        group_floors = [floors[n] for n in group]
        leaks = conditional_excess(x[stars], kept, y, plan.probing, group_floors)
        by_name |= zip(group, leaks, strict=True)
    return by_name


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
