"""Plain arrays as an audit takes them: checked, in double precision, one row per star.

Shapes: N stars, R rows as given, Z latent, P labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import AuditError, SpectraError
from ..io.ids import as_strings
from .probes import refuse_unknown

Errors = ArrayLike | Mapping[str, ArrayLike] | None  # 1σ of the labels: (P,), (N, P), or by name
MOST_STARS, MOST_VALUES, MOST_DIMENSIONS = 30_000, 6_000_000, 1000  # what fits into a few GB of memory
LARGEST_LABEL = 1e100  # its square, summed over stars, is a number
FAINTEST = -200  # binary exponent: a dimension this much smaller than the largest is enlarged to it


@dataclass(frozen=True, eq=False)
class LatentSample:
    """A latent z (N, Z), labels (N, P) and 1σ errors (N, P) of these, or None.

    signs: `removed` and `kept` labels. notes: sentences on what was left out.
    """

    z: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    signs: tuple[tuple[str, ...], tuple[str, ...]]
    label_errors: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def rows(self, chosen: np.ndarray, note: str) -> "LatentSample":
        """The stars at `chosen`, with a note that says why; itself where these are all."""
        if len(chosen) == len(self.z):
            return self
        errors = None if self.label_errors is None else self.label_errors[chosen]
        z, labels = self.z[chosen], self.labels[chosen]
        return replace(self, z=z, labels=labels, label_errors=errors, notes=(*self.notes, note))


def latent_sample(
    z: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str],
    signs: tuple[Sequence[str], Sequence[str]],
    label_errors: Errors = None,
    ids: ArrayLike | None = None,
    seed: int = 0,
) -> LatentSample:
    """The sample of latents z (R, Z) and labels (R, P). AuditError for what does not fit together.

    Rows that are not finite are left out, and all but the first row of an id; of too many rows for the
    memory a part is drawn.
    """
    names = _texts(names)
    removed, kept = _texts(signs[0]), _texts(signs[1])
    _check_names(names, removed, kept)
    table, values = _matrix(z, "z"), _matrix(labels, "labels")
    _check_shapes(table, values, names)
    values = np.where(np.isinf(values), np.nan, values)
    sample = LatentSample(table, values, names, (removed, kept))
    errors, note = _label_errors(label_errors, values, names)
    sample = replace(sample, label_errors=errors, notes=(note,) if note else ())
    sample = _one_row_per_star(sample, ids)
    sample = _at_most(sample, seed)
    _check_labels(sample)
    return replace(sample, z=rescaled(sample.z))


# --- names and shapes ---


def _texts(names: Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(map(str, names))


def _check_names(names: tuple[str, ...], removed: tuple[str, ...], kept: tuple[str, ...]) -> None:
    repeated = next((n for n in names if names.count(n) > 1), None)
    if repeated is not None:
        raise AuditError(f"label_names has {repeated} more than once: give every label a name of its own")
    refuse_unknown("label", (*removed, *kept), names)
    both = next((n for n in removed if n in kept), None)
    if both is not None:
        raise AuditError(f"{both} is both removed and kept: choose one")


def _matrix(values: ArrayLike, what: str) -> np.ndarray:
    """(R, ·) float64, a single column where there is one number per row. AuditError for anything else."""
    missing = np.ma.getmask(values) if isinstance(values, np.ma.MaskedArray) else None
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError
        array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise AuditError(
            f"{what} does not consist of numbers, one row per star: code classes as 0, 1, 2, …"
        ) from None
    if missing is not None:
        array[missing] = np.nan
    if array.ndim not in (1, 2):
        raise AuditError(f"{what} has the shape {array.shape}: give one row of numbers per star")
    return array[:, None] if array.ndim == 1 else array


def _check_shapes(z: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> None:
    if len(z) != len(labels):
        raise AuditError(f"z has {len(z):,} rows and labels {len(labels):,}: give one per star in both")
    if labels.shape[1] != len(names) or not names:
        named = f"{len(names)} name{'s' if len(names) != 1 else ''}"
        raise AuditError(f"labels has {labels.shape[1]} columns and label_names {named}: name each column")
    if not 1 <= z.shape[1] <= MOST_DIMENSIONS:
        raise AuditError(f"z has {z.shape[1]:,} dimensions: an audit takes 1 to {MOST_DIMENSIONS:,}")


def _check_labels(sample: LatentSample) -> None:
    """AuditError for a label beyond all reason, and for a removed or kept one with one value in all stars."""
    for name, column in zip(sample.names, sample.labels.T, strict=True):
        known = column[np.isfinite(column)]
        largest = np.abs(known).max(initial=0.0)
        if largest > LARGEST_LABEL:
            raise AuditError(f"{name} reaches {largest:.1g}: write NaN where it is missing")
        if len(known) and np.ptp(known) <= 1e-12 * largest and name in (*sample.signs[0], *sample.signs[1]):
            raise AuditError(f"{name} is {known[0]:zg} in all {len(known):,} stars: leave it out")


# --- rows ---


def _one_row_per_star(sample: LatentSample, ids: ArrayLike | None) -> LatentSample:
    """Rows with a finite latent, and of these the first of each id (R,)."""
    finite = np.flatnonzero(np.isfinite(sample.z).all(1))
    lost = len(sample.z) - len(finite)
    names = None if ids is None else _ids(ids, len(sample.z))[finite]
    sample = sample.rows(finite, f"{_rows(lost)} left out: the latent is not finite there")
    if names is None:
        return sample
    first = np.sort(np.unique(names, return_index=True)[1])
    note = (
        f"{len(names):,} rows of {len(first):,} stars: the first row of each is audited, since the rows of "
    )
    return sample.rows(first, note + "one star are not independent")


def _ids(ids: ArrayLike, rows: int) -> np.ndarray:
    try:
        texts = as_strings(np.asarray(ids))
    except SpectraError as error:
        raise AuditError(f"ids: {error}") from None
    if texts.shape != (rows,):
        raise AuditError(f"ids has the shape {texts.shape}, z has {rows:,} rows: give one id per row")
    return texts


def _at_most(sample: LatentSample, seed: int) -> LatentSample:
    """As many stars as fit into the memory, drawn by seed."""
    total, most = len(sample.z), min(MOST_STARS, MOST_VALUES // sample.z.shape[1])
    chosen = np.sort(np.random.default_rng([seed, 17]).permutation(total)[:most])
    return sample.rows(chosen, f"{most:,} of {total:,} stars are audited, drawn by the seed")


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


# --- scale ---


def rescaled(z: np.ndarray) -> np.ndarray:
    """z (N, Z) from its first row on, at most 1, each dimension large enough that its square is not 0.

    A dimension that does not vary becomes 0. All factors are powers of two: no digit is lost.
    """
    own = np.frexp(np.abs(z).max(0))[1]  # (Z,) binary exponents, above the dimension's largest value
    moved = np.ldexp(z, -own)
    moved = moved - moved[:1]
    size = np.frexp(np.abs(moved).max(0))[1]
    varies = moved.any(0)
    if not varies.any():
        return np.zeros_like(z)
    largest = (own + size)[varies].max()
    return np.ldexp(moved, np.maximum(own + size - largest, FAINTEST) - size)


# --- errors of labels ---


def _label_errors(
    given: Errors, labels: np.ndarray, names: tuple[str, ...]
) -> tuple[np.ndarray | None, str | None]:
    """(R, P) 1σ errors, 0 for labels without any, and a note on these; None where no errors were given.

    An unknown error of a star is the median of the others'.
    """
    if given is None:
        return None, None
    by_name = given if isinstance(given, Mapping) else _columns(given, labels.shape, names)
    refuse_unknown("label", map(str, by_name), names)
    errors = np.zeros(labels.shape)
    for k, name in enumerate(names):
        if name in by_name:
            errors[:, k] = _errors_of(name, by_name[name], labels[:, k])
    without = [n for n in names if n not in by_name]
    note = f"label_errors: none of {', '.join(without)}, which count as exact" if without else None
    return errors, note


def _columns(given: Any, shape: tuple[int, ...], names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Errors by name, from one per label (P,) or one per row and label (R, P)."""
    errors = _matrix(given, "label_errors")
    if errors.shape == (shape[1], 1) and np.ndim(given) == 1:
        errors = np.broadcast_to(errors.T, shape)
    if errors.shape != shape:
        raise AuditError(
            f"label_errors has the shape {np.shape(given)}: give one per label, ({shape[1]},), or one per "
            f"row and label, {shape}"
        )
    return dict(zip(names, errors.T, strict=True))


def _errors_of(name: str, given: ArrayLike, label: np.ndarray) -> np.ndarray:
    """(R,) errors of one label, checked."""
    errors = _matrix(np.atleast_1d(np.asarray(given)), f"label_errors of {name}")[:, 0]
    if len(errors) not in (1, len(label)):
        raise AuditError(f"label_errors of {name}: {len(errors):,} for {len(label):,} rows")
    known = errors[~np.isnan(errors)]
    if not len(known) or not (np.isfinite(known) & (known >= 0)).all():
        raise AuditError(f"label_errors of {name}: give 1σ errors that are finite and not negative")
    spread = np.std(label[np.isfinite(label)]) if np.isfinite(label).any() else 0.0
    if np.sqrt(np.mean(known**2)) >= spread > 0:
        raise AuditError(f"label_errors of {name} are as large as its spread, {spread:.3g}: wrong unit?")
    return np.broadcast_to(np.where(np.isnan(errors), np.median(known), errors), label.shape)
