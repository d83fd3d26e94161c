"""The audit of one model: is what it removed gone, is what it kept there, do its sliders tell the truth?

Definitions: leak.py (what is told of a removed label), counterfactual.py (sliders), verdict.py (words).
Shapes: N stars.
"""

import time
from typing import Any

import numpy as np

from ..data.protocols import StarModel, measured
from ..data.spectra import SpectraSet
from ..errors import AuditError
from ..io.names import ERROR_SUFFIX
from ..io.plain import jsonable
from ..jobs.progress import Progress, silent
from ..simulator import is_simulated
from . import counterfactual, references
from .entries import leakage, reference_rows
from .measuring import erased_where_known, information, measure_rows
from .plan import Plan, check_choice
from .probes import PROBES, Probing, default_workers
from .verdict import verdict

Signs = tuple[tuple[str, ...], tuple[str, ...]]  # the removed labels, the kept ones


def audit(
    model: StarModel,
    stars: SpectraSet,
    *,
    plain: StarModel | None = None,
    probes: tuple[str, ...] = PROBES,
    seed: int = 0,
    workers: int | None = None,
    rows: tuple[str, ...] = tuple(references.ROWS),
    progress: Progress = silent,
) -> dict[str, Any]:
    """The leakage and counterfactual report of a model, as a dictionary that JSON can hold.

    Stars that trained the model or `plain`, the plain auto-encoder to compare with, are left out and counted.
    `rows` are the references to read beside the latent: `plain` alone answers what was removed and kept in a
    third of the time. `workers` processes share the probes (default: two); their number changes no result.

    Keys: `removed`, `kept` and `untouched` labels (see entries.py); `references`, the
    same measures for the rows of `references.ROWS`; `counterfactual` and `restoration`, of simulated stars
    alone; `information`; `maps`; and `verdict`, the report in sentences. Raises AuditError for fewer than 200
    labelled stars and for an unknown probe or row.
    """
    check_choice(probes, rows)
    start, model = time.perf_counter(), measured(model, seed)
    progress(0.0, "encoding")
    fresh = unseen(model, plain, model.on_grid(stars))
    plan = planned(model, fresh, Probing(tuple(probes), seed, workers or default_workers()))
    inputs = references.representations(model, fresh, plain, seed, rows)
    if "plain" in inputs and plan.removed and "plain_erased" in rows:
        inputs["plain_erased"] = erased_where_known(inputs["plain"], plan)
    measures = measure_rows(plan, inputs, progress)
    about = {"model": model.name, "model_id": model.model_id}
    report = about | {"stars": len(fresh), "left_out": len(stars) - len(fresh)}
    report |= leakage(plan, measures) | {"references": reference_rows(measures)}
    report |= {"information": information(plan, inputs["z"])}
    report |= {"maps": {name: p.neighbour_r2() for name, p in model.projections.items()}}
    progress(0.9, "sliders against the truth")
    report |= slider_measures(model, fresh, seed)
    report |= {"verdict": [s.text for s in verdict(report)]}
    return jsonable(report | {"seconds": round(time.perf_counter() - start, 1)})


def unseen(model: StarModel, plain: StarModel | None, stars: SpectraSet) -> SpectraSet:
    """The stars that trained neither model. AuditError when none is left."""
    rows = model.held_out(stars)
    if plain is not None:
        rows = rows & plain.held_out(stars)
    if not rows.any():
        raise AuditError(f"all {len(stars)} stars trained {model.name} or its plain reference: give others")
    return stars[rows]


def planned(model: StarModel, stars: SpectraSet, probing: Probing, signs: Signs | None = None) -> Plan:
    """The plan for a model's labels, checked: AuditError when too few stars have one of them.

    signs: the removed and the kept labels; None: those of the model. Labels called `NAME_error` are errors of
    labels; where a star has none, its label counts as exact.
    """
    labels, signs = stars.labels_for(model.label_names), signs or (model.removed, model.kept)
    errors = stars.labels_for(tuple(name + ERROR_SUFFIX for name in model.label_names))
    errors = np.where(errors > 0, errors, 0.0)
    if errors.any():
        return Plan(model.label_names, *signs, labels, probing, errors).checked()
    return Plan(model.label_names, *signs, labels, probing, exact=is_simulated(stars)).checked()


def slider_measures(model: StarModel, stars: SpectraSet, seed: int) -> dict[str, dict]:
    """`counterfactual` and `restoration`; empty for a decoder without labels or stars without a truth."""
    if not model.condition_on or not is_simulated(stars):
        return {"counterfactual": {}, "restoration": {}}
    return {
        "counterfactual": counterfactual.counterfactuals(model, stars, seed=seed),
        "restoration": counterfactual.restoration(model, stars, seed=seed),
    }
