"""Labels of a user's stars: with errors, gaps and limits, of one survey or several.

Labels come with the spectra, or in a table of their own with a row for each star and survey (columns
`source_id`, `survey`, `teff`, `teff_error` …). Surveys differ by offsets; they are estimated on the stars
that two of them have in common, so that all labels are those of the survey with most stars.
Shapes: R rows of a table, N stars, P labels, S surveys.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..data.spectra import SpectraSet
from ..io.survey_table import SurveyTable

FEWEST_COMMON = 5  # stars in common, below which an offset between surveys is not estimated
ROUNDS, TUNING = 30, 1.345  # of Huber's M-estimate: 95 % efficient for normal errors


@dataclass(frozen=True, eq=False)
class OwnLabels:
    """Labels and errors (N, P) of stars, NaN where missing or not known.

    notes: sentences on what was done.  surveys: offsets and the like, for JSON.
    """

    values: np.ndarray
    errors: np.ndarray
    notes: tuple[str, ...] = ()
    surveys: dict[str, Any] = field(default_factory=dict)


def labels_of(stars: SpectraSet, names: tuple[str, ...], table: SurveyTable | None = None) -> OwnLabels:
    """The labels of stars (N,): their own, or those of a table where one is given."""
    if table is None:
        errors = stars.labels_for(tuple(f"{name}_error" for name in names))
        return OwnLabels(stars.labels_for(names), np.where(errors > 0, errors, np.nan))
    values, errors = table.of(names)
    offsets, surveys, notes = survey_offsets(table.ids, table.survey, values, errors, names)
    for k, survey in enumerate(surveys):
        values[table.survey == survey] -= np.nan_to_num(offsets[k])
    rows = {star: np.flatnonzero(table.ids == star) for star in np.unique(stars.ids).tolist()}
    merged = [_merged(values[rows[star]], errors[rows[star]]) for star in stars.ids.tolist()]
    found = np.stack([m[0] for m in merged]), np.stack([m[1] for m in merged])
    unknown = int((~np.isfinite(found[0]).any(1)).sum())
    told = [*table.notes, *notes]
    if unknown:
        told.append(f"{unknown:,} of {len(stars):,} stars are not in the table of labels")
    return OwnLabels(*found, tuple(told), _said(surveys, offsets, table, names))


def with_own_labels(stars: SpectraSet, names: tuple[str, ...], own: OwnLabels) -> SpectraSet:
    """The stars with these labels and errors in place of their own."""
    columns = np.concatenate([own.values, own.errors], 1)
    return stars.with_labels(columns, (*names, *(f"{name}_error" for name in names)))


def _merged(values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) mean of a star's labels by several surveys (K, P), by their errors, and the error of it."""
    known = np.isfinite(values)
    weight = known / np.where(np.isfinite(errors), errors, 1.0) ** 2
    stated = (known & np.isfinite(errors)).sum(0) == known.sum(0)
    weight = np.where(stated, weight, known.astype(float))
    total = weight.sum(0)
    some = total > 0
    mean = np.where(some, (np.nan_to_num(values) * weight).sum(0) / np.where(some, total, 1), np.nan)
    return mean, np.where(some & stated, 1 / np.sqrt(np.where(some, total, 1)), np.nan)


# --- offsets between surveys ---


def survey_offsets(
    ids: np.ndarray, survey: np.ndarray, values: np.ndarray, errors: np.ndarray, names: Sequence[str]
) -> tuple[np.ndarray, list[str], list[str]]:
    """(S, P) offsets of each survey from that with most stars, the surveys, and notes.

    ids, survey: (R,).  values, errors: (R, P).  NaN where too few stars connect a survey with the others.
    """
    counts = {name: int((survey == name).sum()) for name in np.unique(survey).tolist()}
    surveys = sorted(counts, key=lambda name: (-counts[name], name))
    offsets = np.full((len(surveys), values.shape[1]), np.nan)
    notes = []
    if len(surveys) > 1:
        notes.append(f"labels of {len(surveys)} surveys, put on the scale of {surveys[0]}")
    offsets[0] = 0.0
    place = {star: k for k, star in enumerate(np.unique(ids).tolist())}
    star = np.array([place[i] for i in ids.tolist()])
    for p, label in enumerate(names):
        unit = errors[:, p] if np.isfinite(errors[:, p]).any() else np.ones(len(ids))
        unit = np.where(np.isfinite(unit) & (unit > 0), unit, np.nanmedian(unit))
        _connect(offsets, p, surveys, survey, star, values[:, p], unit)
        loose = [s for k, s in enumerate(surveys) if k and np.isnan(offsets[k, p])]
        known = [s for s in loose if np.isfinite(values[survey == s, p]).any()]
        if known:
            notes.append(
                f"{label} of {', '.join(known)}: fewer than {FEWEST_COMMON} stars in common, taken as it is"
            )
    return offsets, surveys, notes


def _connect(
    offsets: np.ndarray,
    p: int,
    surveys: list[str],
    survey: np.ndarray,
    star: np.ndarray,
    values: np.ndarray,
    unit: np.ndarray,
) -> None:
    """Put the offsets of one label into `offsets`, survey by survey, from those that are known already."""
    while True:
        best: tuple[int, int, float] | None = None
        for k in np.flatnonzero(np.isnan(offsets[:, p])).tolist():
            pairs = []
            for j in np.flatnonzero(np.isfinite(offsets[:, p])).tolist():
                pairs += _pairs(surveys[k], surveys[j], offsets[j, p], survey, star, values, unit)
            if len(pairs) >= FEWEST_COMMON and (best is None or len(pairs) > best[1]):
                difference, spread = np.array(pairs).T
                best = (k, len(pairs), huber_mean(difference, spread)[0])
        if best is None:
            return
        offsets[best[0], p] = best[2]


def _pairs(
    one: str,
    other: str,
    known: float,
    survey: np.ndarray,
    star: np.ndarray,
    values: np.ndarray,
    unit: np.ndarray,
) -> list[tuple[float, float]]:
    """Differences of one survey from the scale, on stars in common with another, and their errors."""
    found = {}
    for row in np.flatnonzero((survey == other) & np.isfinite(values)).tolist():
        found[int(star[row])] = (values[row] - known, unit[row])
    pairs = []
    for row in np.flatnonzero((survey == one) & np.isfinite(values)).tolist():
        if int(star[row]) in found:
            value, error = found[int(star[row])]
            pairs.append((float(values[row] - value), float(np.hypot(unit[row], error))))
    return pairs


def huber_mean(values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Huber's M-estimate (1964) of the mean of values (N,) with relative errors (N,), and its error."""
    middle = float(np.median(values))
    weight = 1 / errors**2
    scale = 1.0
    for _ in range(ROUNDS):
        left = np.abs(values - middle) / errors
        scale = max(1.4826 * float(np.median(left)), 1e-12)
        weight = np.minimum(1.0, TUNING * scale / np.maximum(left, 1e-12)) / errors**2
        middle = float((weight * values).sum() / weight.sum())
    return middle, scale / float(np.sqrt(weight.sum()))


def _said(
    surveys: list[str], offsets: np.ndarray, table: SurveyTable, names: tuple[str, ...]
) -> dict[str, Any]:
    return {
        survey: {
            "stars": len(np.unique(table.ids[table.survey == survey])),
            "offset": {n: None if np.isnan(v) else float(v) for n, v in zip(names, offsets[k], strict=True)},
        }
        for k, survey in enumerate(surveys)
    }
