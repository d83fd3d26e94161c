"""The audit of anybody's latent, from plain arrays: `gandalf_core.audit_latent`.

Definitions: leak.py; words: verdict.py; what becomes of the arrays: latent_sample.py.
Shapes: N stars, Z latent, P labels.
"""

import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike

from ..errors import AuditError
from ..io.latent_tables import LatentTable
from ..io.plain import jsonable
from ..jobs.progress import Progress, silent
from .entries import leakage, reference_rows
from .latent_sample import Errors, LatentSample, latent_sample
from .measuring import LATENT, information, measure_rows
from .plan import Plan, check_choice
from .probes import PROBES, Probing, default_workers
from .references import shuffled
from .verdict import verdict


class Options(TypedDict, total=False):
    """Further keywords of `audit_latent`, which explains them."""

    ids: ArrayLike | None
    probes: Sequence[str]
    workers: int | None
    progress: Progress


@dataclass(frozen=True, eq=False)
class LatentAudit:
    """What an audit found in a latent; printed, it is its verdict."""

    report: Mapping[str, Any]

    @property
    def verdict(self) -> tuple[str, ...]:
        """The sentences: one for each label."""
        return tuple(self.report["verdict"])

    def to_dict(self) -> dict[str, Any]:
        """All numbers and sentences, with the keys of `audit --json`; JSON can hold it."""
        return deepcopy(dict(self.report))

    def __str__(self) -> str:
        return "\n".join(self.verdict)


def audit_latent(
    z: ArrayLike,
    labels: ArrayLike,
    *,
    label_names: Sequence[str],
    removed: Sequence[str],
    kept: Sequence[str],
    label_errors: Errors = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> LatentAudit:
    """What a latent z (N, Z) tells of the `removed` labels beyond the others, and of those themselves.

    labels: (N, P) in the columns `label_names`, NaN = missing. A label that is neither removed nor kept is
    left alone; a reader is taken to know it, as the kept ones. label_errors: 1σ of the labels, (P,), (N, P)
    or {name: σ}. The rows must not have trained what made the latent.

    Options: `ids` (N,) of the rows, of which only the first of each star is audited; `probes`, `workers` and
    `progress` as for `audit`.

    >>> print(audit_latent(z, labels, label_names=("teff", "mh"), removed=("teff",), kept=("mh",)))

    Raises AuditError, one line, for fewer than 200 labelled stars and for arrays that do not fit together.
    """
    given = _known(options)
    check_choice(tuple(given.get("probes", PROBES)))
    start, progress = time.perf_counter(), given.get("progress", silent)
    signs, ids = (removed, kept), given.get("ids")
    sample = latent_sample(z, labels, label_names, signs, label_errors, ids, seed)
    workers = given.get("workers") or default_workers()
    plan = planned_latent(sample, Probing(tuple(given.get("probes", PROBES)), seed, workers))
    measures = measure_rows(plan, {LATENT: sample.z, "shuffled": shuffled(sample.z, seed)}, progress)
    report = {"model": None, "model_id": None, "stars": len(sample.z), "left_out": _rows(z) - len(sample.z)}
    report |= leakage(plan, measures) | {"references": reference_rows(measures)}
    report |= {"information": information(plan, sample.z), "maps": {}}
    report |= {"counterfactual": {}, "restoration": {}, "notes": list(sample.notes)}
    report |= {"verdict": [s.text for s in verdict(report)]}
    return LatentAudit(jsonable(report | {"seconds": round(time.perf_counter() - start, 1)}))


def audit_table(
    table: LatentTable,
    removed: Sequence[str],
    kept: Sequence[str],
    *,
    label_errors: Errors = None,
    seed: int = 0,
    **options: Unpack[Options],
) -> LatentAudit:
    """The audit of the latents in a file, as `audit_latent` does it of arrays.

    The labels that take part are those that the file itself names, else the removed and the kept ones. Raises
    AuditError, which names the file, and SpectraError for a label that the file does not have.
    """
    labels = table.labels(list(dict.fromkeys([*(table.declared or ()), *removed, *kept])))
    options["ids"] = table.ids
    try:
        found = audit_latent(
            table.z,
            labels.values,
            label_names=labels.names,
            removed=removed,
            kept=kept,
            label_errors=label_errors,
            seed=seed,
            **options,
        )
    except AuditError as error:
        raise AuditError(f"{table.file}: {error}") from None
    about = {"model": table.file, "model_id": table.model_id or None}
    return LatentAudit({**found.report, **about, "notes": [*labels.notes, *found.report["notes"]]})


def planned_latent(sample: LatentSample, probing: Probing) -> Plan:
    """The plan for a sample, checked. Errors that were given as 0 say that the labels are exact."""
    errors, (removed, kept) = sample.label_errors, sample.signs
    exact = errors is not None and not errors.any()
    return Plan(sample.names, removed, kept, sample.labels, probing, errors, exact).checked()


def _known(options: Options) -> Options:
    unknown = next((key for key in options if key not in Options.__annotations__), None)
    if unknown is not None:
        raise TypeError(f"audit_latent() got an unexpected keyword argument '{unknown}'")
    return options


def _rows(z: ArrayLike) -> int:
    return len(np.asarray(z))
