"""The audit of one model: is what it removed gone, is what it kept there, do its sliders tell the truth?

Shapes: N stars, D numbers a star, P labels, T targets. Definitions: excess.py (conditional excess),
counterfactual.py (sliders).
"""

import time
from dataclasses import dataclass

import numpy as np

from ..data.spectra import SpectraSet
from ..errors import AuditError
from ..io.plain import jsonable
from ..jobs.progress import Progress, silent
from ..parameters import parameter
from ..simulator import is_simulated
from . import counterfactual, references
from .erase import erased
from .excess import Excess, conditional_excess, difference_interval, floor_readings, r2_interval
from .information import ranking
from .probes import PROBES, Reading, default_workers, enough, read, refuse_unknown

TRACE = 0.02  # excess R² up to which what is demonstrably there is called a trace
# a row that is there for its R²; 800 inputs twice would take as long as all other rows
WITHOUT_EXCESS = ("spectrum",)


@dataclass(frozen=True)
class Plan:
    """What is audited and how. labels (N, P) with gaps as NaN, columns `names`; `removed` are those under
    suspicion.
    """

    names: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    labels: np.ndarray
    probes: tuple[str, ...] = PROBES
    seed: int = 0
    workers: int = 1

    @property
    def others(self) -> tuple[str, ...]:
        """Every label that is not removed, kept on purpose or left alone: what a reader may know, so what
        leakage is beyond.
        """
        return tuple(n for n in self.names if n not in self.removed)

    def columns(self, names: tuple[str, ...]) -> np.ndarray:
        return self.labels[:, [self.names.index(n) for n in names]]

    @property
    def settings(self) -> dict:
        return {"probes": self.probes, "seed": self.seed, "workers": self.workers}

    def checked(self) -> "Plan":
        """Itself. AuditError names the first label of which too few stars have a value."""
        for name in self.others:
            enough(self.columns((name,)), name)
        for name in self.removed:
            enough(self.columns((name, *self.others)), f"{name} with the kept labels")
        return self


def check_choice(probes: tuple[str, ...] = PROBES, rows: tuple[str, ...] = tuple(references.ROWS)) -> None:
    """AuditError for a probe or a reference row that does not exist, before hours of work that would end in
    it.
    """
    refuse_unknown("probe", probes, PROBES)
    refuse_unknown("reference row", rows, references.ROWS)


def audit(
    model,
    stars: SpectraSet,
    *,
    plain=None,
    probes: tuple[str, ...] = PROBES,
    seed: int = 0,
    workers: int | None = None,
    rows: tuple[str, ...] = tuple(references.ROWS),
    progress: Progress = silent,
) -> dict:
    """The leakage and counterfactual report of a model, JSON-able.

    Stars that trained the model (or `plain`, the plain auto-encoder to compare with) are left out and
    counted. Each removed label comes with `r2` from the exported latent, `floor` from the other labels alone,
    `excess` of the latent over the floor with its 95 % `interval`, `flagged` (the latent demonstrably tells
    something) and `removal_fraction`; each kept one with `r2` and `loss` against the plain latent;
    `references` holds the same measures for the rows of `references.ROWS`; `counterfactual` and `restoration`
    are measured when the stars are simulated.

    `workers` processes share the probes (default: two, or one on one core); the result does not depend on
    their number.
    `rows`: the references wanted, all by default; `plain` alone answers what was removed and kept in a third
    of the time. Raises AuditError with fewer than 200 labelled stars, and for an unknown probe or row.
    """
    check_choice(probes, rows)
    begun = time.perf_counter()
    given, stars = len(stars), held_out(model, plain, model.on_grid(stars))
    plan = Plan(
        model.label_names,
        model.removed,
        model.kept,
        stars.labels_for(model.label_names),
        tuple(probes),
        seed,
        workers or default_workers(),
    ).checked()
    progress(0.0, "encoding")
    numbers = references.representations(model, stars, plain, seed, rows)
    if "plain" in numbers and plan.removed and "plain_erased" in rows:
        numbers["plain_erased"] = erased_where_known(numbers["plain"], plan)
    found, leaks, floors = measure(plan, numbers, progress)
    report = {
        "model": model.name,
        "model_id": model.model_id,
        "stars": len(stars),
        "left_out": given - len(stars),
        **leakage(plan, found, leaks),
        "references": reference_rows(found, leaks, floors),
        "information": information(plan, rows_z=model.encode(stars).z),
        "maps": {name: p.neighbour_r2() for name, p in model.projections.items()},
    }
    progress(0.9, "sliders against the truth")
    report |= truths(model, stars, seed)
    report |= {"verdict": verdict(report), "seconds": round(time.perf_counter() - begun, 1)}
    return jsonable(report)


def held_out(model, plain, stars: SpectraSet) -> SpectraSet:
    """The stars that trained neither model. AuditError when none is left."""
    rows = model.held_out(stars)
    if plain is not None:
        rows = rows & plain.held_out(stars)
    if not rows.any():
        raise AuditError(f"all {len(stars)} stars trained {model.name} or its plain reference: give others")
    return stars[rows]


def measure(plan: Plan, numbers: dict[str, np.ndarray], progress: Progress) -> tuple[dict, dict, dict]:
    """Readings {row: {label: Reading}}, excesses {row: {label: Excess}} and floors {label: Reading} of every
    representation.
    """
    floors = floors_of(plan)
    rows, leaks = {}, {}
    for i, (row, x) in enumerate(numbers.items()):
        progress(0.05 + 0.85 * i / len(numbers), f"probes on {row.replace('_', ' ')}")
        rows[row] = {**readings(plan, x, plan.removed), **readings(plan, x, plan.others)}
        leaks[row] = {} if row in WITHOUT_EXCESS else excesses(plan, x, floors)
    return rows, leaks, floors


def erased_where_known(x: np.ndarray, plan: Plan) -> np.ndarray:
    """(N, D) x without the removed labels, by LEACE; stars that lack one keep theirs and are not scored on
    it.
    """
    labels = plan.columns(plan.removed)
    known = np.isfinite(labels).all(1)
    out = np.array(x, float)
    if known.sum() > 2 * labels.shape[1]:
        out[known] = erased(out[known], labels[known], plan.seed)
    return out


def readings(plan: Plan, x: np.ndarray, names: tuple[str, ...]) -> dict[str, Reading]:
    """The best probe's reading of each label from x (N, D), on the stars that have it."""
    found = {}
    for group, rows in same_rows({n: np.isfinite(plan.columns((n,))[:, 0]) for n in names}):
        got = read(x[rows], plan.columns(group)[rows], **plan.settings)
        found |= dict(zip(group, got, strict=True))
    return {n: found[n] for n in names}


def removed_groups(plan: Plan) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Removed labels with the stars that have them and every other label."""
    return same_rows({n: np.isfinite(plan.columns((n, *plan.others))).all(1) for n in plan.removed})


def same_rows(rows: dict[str, np.ndarray]) -> list[tuple[tuple[str, ...], np.ndarray]]:
    """Labels grouped by the stars that have them: one probe reads a whole group."""
    groups: dict[bytes, list[str]] = {}
    for name, mask in rows.items():
        groups.setdefault(mask.tobytes(), []).append(name)
    return [(tuple(names), rows[names[0]]) for names in groups.values()]


def floors_of(plan: Plan) -> dict[str, Reading]:
    """What the other labels alone tell of each removed one."""
    found = {}
    for group, rows in removed_groups(plan):
        got = floor_readings(plan.columns(plan.others)[rows], plan.columns(group)[rows], **plan.settings)
        found |= dict(zip(group, got, strict=True))
    return found


def excesses(plan: Plan, x: np.ndarray, floors: dict[str, Reading]) -> dict[str, Excess]:
    """The conditional excess of each removed label from x (N, D)."""
    found = {}
    for group, rows in removed_groups(plan):
        kept, y = plan.columns(plan.others)[rows], plan.columns(group)[rows]
        got = conditional_excess(x[rows], kept, y, floors=[floors[n] for n in group], **plan.settings)
        found |= dict(zip(group, got, strict=True))
    return found


def leakage(plan: Plan, rows: dict, leaks: dict) -> dict:
    """`removed`, `kept` and `untouched` of the report."""
    plain = rows.get("plain", {})
    removed = {
        n: removed_entry(rows["z"][n], leaks["z"][n], leaks.get("plain", {}).get(n), plan.seed)
        for n in plan.removed
    }
    others = {n: kept_entry(rows["z"][n], plain.get(n), plan.seed) for n in plan.others}
    return {
        "removed": removed,
        "kept": {n: v for n, v in others.items() if n in plan.kept},
        "untouched": {n: v for n, v in others.items() if n not in plan.kept},
    }


def removed_entry(reading: Reading, leak: Excess, plain: Excess | None, seed: int) -> dict:
    return {
        "r2": reading.r2,
        "r2_interval": list(r2_interval(reading, seed)),
        "probe": reading.probe,
        "floor": leak.floor.r2,
        "floor_probe": leak.floor.probe,
        "joint": leak.joint.r2,
        "joint_probe": leak.joint.probe,
        "excess": leak.value,
        "interval": list(leak.interval),
        "p_value": leak.p_value,
        "flagged": leak.flagged,
        "removal_fraction": None if plain is None or plain.value <= 0 else 1 - leak.value / plain.value,
        "stars": len(leak.joint.truth),
        "scores": reading.scores,
    }


def kept_entry(reading: Reading, plain: Reading | None, seed: int) -> dict:
    """`loss` is R²(plain) − R²(z), its interval that of the same stars resampled; both None without a plain
    reference.
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


def reference_rows(rows: dict, leaks: dict, floors: dict[str, Reading]) -> dict:
    """{row: {label: r2, probe, and for removed labels excess, interval, flagged}}; the row z is the report
    itself.
    """
    out = {}
    for row, found in rows.items():
        if row == "z":
            continue
        out[row] = {n: {"r2": r.r2, "probe": r.probe} for n, r in found.items()}
        for n, leak in leaks[row].items():
            out[row][n] |= {"excess": leak.value, "interval": list(leak.interval), "flagged": leak.flagged}
    return out | {"labels_only": {n: {"r2": f.r2, "probe": f.probe} for n, f in floors.items()}}


def information(plan: Plan, rows_z: np.ndarray) -> dict:
    """{label: the ranking of the latent numbers by their mutual information with it}."""
    found = {}
    for name in plan.names:
        values = plan.columns((name,))[:, 0]
        known = np.isfinite(values)
        found[name] = ranking(rows_z[known], values[known], plan.seed)
    return found


def truths(model, stars: SpectraSet, seed: int) -> dict:
    """`counterfactual` and `restoration`, empty where the decoder receives no labels or the truth is unknown."""
    if not model.condition_on or not is_simulated(stars):
        return {"counterfactual": {}, "restoration": {}}
    return {
        "counterfactual": counterfactual.counterfactuals(model, stars, seed=seed),
        "restoration": counterfactual.restoration(model, stars, seed=seed),
    }


def verdict(report: dict) -> list[str]:
    """The report in sentences, one a label."""
    said = [_said_removed(n, v) for n, v in report["removed"].items()]
    said += [_said_kept(n, v) for part in ("kept", "untouched") for n, v in report[part].items()]
    for name, v in report["counterfactual"].items():
        said.append(
            f"The {parameter(name).plain} slider changes spectra with a relative error of {v['relative_error']:.2f}."
        )
    return said


def _said_removed(name: str, v: dict) -> str:
    low, high = v["interval"]
    found = "no fresh probe detects it"
    if v["flagged"]:
        found = (
            "a fresh probe detects it"
            if v["excess"] > TRACE
            else "a test detects a trace of it, too faint to use"
        )
    amount = f"excess R² {v['excess']:.3f} ({low:.3f} to {high:.3f})"
    return f"{parameter(name).plain}: {found}; {amount}; R² {v['r2']:.3f} from the latent, {v['floor']:.3f} from the kept labels."


def _said_kept(name: str, v: dict) -> str:
    beside = "" if v["loss"] is None else f"; {v['loss']:+.3f} lost against the plain latent"
    return f"{parameter(name).plain}: the best fresh probe reads it with R² {v['r2']:.3f}{beside}."
