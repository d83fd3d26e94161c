"""The entries of an audit's report: what was measured of each label, as dictionaries that JSON can hold."""

from typing import Any

import numpy as np

from .bootstrap import difference_interval, r2_interval
from .decisions import removal
from .label_errors import NoiseFree
from .leak import Leak
from .limits import Limits
from .measuring import LATENT, Measures
from .plan import Plan
from .probes import Reading


def leakage(plan: Plan, measures: Measures) -> dict[str, Any]:
    """`removed`, `kept` and `untouched` of the report, from the latent's row and, where measured, `plain`."""
    z, leaks, seed = measures.readings[LATENT], measures.leaks[LATENT], plan.probing.seed
    plain, plain_leaks = measures.readings.get("plain", {}), measures.leaks.get("plain", {})
    removed = {n: removed_entry(plan, n, z[n], leaks[n], plain_leaks.get(n)) for n in plan.removed}
    others = {n: other_entry(z[n], plain.get(n), seed) for n in plan.others}
    return {
        "removed": removed,
        "kept": {n: v for n, v in others.items() if n in plan.kept},
        "untouched": {n: v for n, v in others.items() if n not in plan.kept},
    }


def removed_entry(plan: Plan, name: str, reading: Reading, leak: Leak, plain: Leak | None) -> dict[str, Any]:
    """One removed label: `r2` from the latent alone, and what it tells beyond the other labels.

    `floor`: R² of the other labels alone; `joint`: R² of them and the latent; `excess` and `partial`: the
    difference, and its share of what the floor leaves open; `p`, `reader`: of the test; `detectable` and
    `upper`: partial R² that would have been found and that may be there (None beyond all sizes tried), for a
    leak of the value; `even`: both for a leak of random sign; `bits`, `strata`; `given_removed`: the same for
    a reader who knows the other removed labels too; `removal_fraction`: the share of the plain latent's
    excess that is gone (None without a plain reference); `verdict`: removed, readable or cannot tell.
    """
    entry: dict[str, Any] = {
        "r2": reading.r2,
        "r2_interval": list(r2_interval(reading, plan.probing.seed)),
        "probe": reading.probe,
        "removal_fraction": None if plain is None or plain.excess <= 0 else 1 - leak.excess / plain.excess,
    }
    entry |= leak_entry(leak, plan.others) | {"scores": reading.scores}
    if leak.given_removed is not None:
        others = (*plan.others, *(n for n in plan.removed if n != name))
        entry["given_removed"] = leak_entry(leak.given_removed, others)
    return entry


def leak_entry(leak: Leak, kept: tuple[str, ...]) -> dict[str, Any]:
    """What was measured of one leak; `kept` names the labels that the reader knows."""
    entry: dict[str, Any] = {
        "floor": leak.floor.r2,
        "floor_probe": leak.floor.probe,
        "joint": leak.joint.r2,
        "joint_probe": leak.joint.probe,
        "excess": leak.excess,
        "partial": leak.partial,
        "p": leak.p,
        "reader": None if leak.reader is None else leak.reader._asdict(),
        **limits_entry(leak.linear, leak.partial),
        "even": None if leak.even is None else limits_entry(leak.even),
        "bits": leak.bits,
        "unlearned": leak.unlearned,
        "strata": [
            {
                "label": kept[s.column],
                "side": s.side,
                "limit": s.limit,
                "stars": s.stars,
                "partial": s.partial,
                "p": s.p,
            }
            for s in leak.strata
        ],
        "stars": len(leak.joint.truth),
    }
    if leak.noise_free is not None:
        entry |= _noise_free(entry, leak.noise_free)
    if leak.typical_errors is not None:
        entry["typical_errors"] = leak.typical_errors
    return entry | {"verdict": removal(entry)}


def _noise_free(entry: dict[str, Any], free: NoiseFree) -> dict[str, Any]:
    """What changes where the errors of the kept labels are known: the answers are those at exact labels."""
    return {
        "partial": float(np.clip(free.partial, 0, 1)),
        "p": max(entry["p"], free.p),
        "upper": min(1.0, free.upper),
        "label_errors": {"partial": free.partial, "error": free.error, "p": free.p, "upper": free.upper},
        "as_given": {key: entry[key] for key in ("partial", "p", "upper")},
    }


def limits_entry(limits: Limits, partial: float = 0.0) -> dict[str, float | None]:
    """`detectable` and `upper`; None for a size beyond all that were tried.

    Slower readers may read more (`partial`) than those of the test account for; no less can be there.
    """
    pairs = (("detectable", limits.detectable), ("upper", max(limits.upper, partial)))
    return {key: value if np.isfinite(value) else None for key, value in pairs}


def other_entry(reading: Reading, plain: Reading | None, seed: int) -> dict[str, Any]:
    """One label that is not removed: `r2` from the latent; `loss` is R²(plain) − R²(z), with its `interval`.

    Both are None without a plain reference.
    """
    return {
        "r2": reading.r2,
        "r2_interval": list(r2_interval(reading, seed)),
        "probe": reading.probe,
        "mean_absolute_error": float(np.abs(reading.prediction - reading.truth).mean()),
        "loss": None if plain is None else plain.r2 - reading.r2,
        "interval": None if plain is None else list(difference_interval(plain, reading, seed)),
        "stars": len(reading.truth),
        "scores": reading.scores,
    }


def reference_rows(measures: Measures) -> dict[str, dict[str, dict]]:
    """Row -> label -> {r2, probe, and of a removed label excess, partial, p}; all rows but the latent's."""
    rows = {row: by_name for row, by_name in measures.readings.items() if row != LATENT}
    rows |= {"labels_only": measures.floors}
    out = {
        row: {n: {"r2": r.r2, "probe": r.probe} for n, r in by_name.items()} for row, by_name in rows.items()
    }
    for row, by_name in measures.leaks.items():
        for n, leak in by_name.items() if row != LATENT else ():
            out[row][n] |= {"excess": leak.excess, "partial": leak.partial, "p": leak.p}
    return out
