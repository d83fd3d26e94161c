"""`Predictions`: what a model says of stars, as arrays, rows or columns. Shapes: N stars, P labels."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..regression.correlation import unknown_correlations

AT_LEAST = "at least"  # before the error of a star outside the sample: it is a lower limit
OF_VERDICTS = ("outlier_score", "verdict", "reason", "outside", "velocity_kms", "velocity_kms_error")


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of N stars.

    Attributes
    ----------
    ids: (N,) strings.  label_names: P names.
    values, errors: (N, P) in physical units; errors are 1σ.
    chi2: (N,) reduced chi² of the reconstruction, with what models get wrong as `misfit.reduced_chi2` has it.
    outlier_score: (N,) in 0-1, NaN where the model has no reference stars.
    percentiles: share of ordinary stars that are less unusual in each measure of the score, each (N,).
    verdict, reason: (N,) strings, in words what kind of star it looks like and why; empty where not known.
    outside: (N,) true beyond what the model knows: an error of such a star is a lower limit.
    velocity_kms, velocity_kms_error: (N,) by which the lines lie to the red, NaN where it is not known.
    correlations: (N, P, P) of the errors; NaN beside the diagonal where they are not known.
    calibration: the name of the calibration on a user's own stars that was applied, or "".
    """

    ids: np.ndarray
    label_names: tuple[str, ...]
    values: np.ndarray
    errors: np.ndarray
    chi2: np.ndarray
    outlier_score: np.ndarray
    percentiles: dict[str, np.ndarray]
    verdict: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    reason: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    outside: np.ndarray = field(default_factory=lambda: np.empty(0, bool))
    velocity_kms: np.ndarray = field(default_factory=lambda: np.empty(0))
    velocity_kms_error: np.ndarray = field(default_factory=lambda: np.empty(0))
    correlations: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    calibration: str = ""

    def __post_init__(self) -> None:
        if not len(self.correlations):
            object.__setattr__(self, "correlations", unknown_correlations(*self.values.shape))
        texts, numbers = dict.fromkeys(("verdict", "reason"), ""), ("velocity_kms", "velocity_kms_error")
        for name, unknown in (texts | {"outside": False} | dict.fromkeys(numbers, np.nan)).items():
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.ids), unknown))

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, rows: np.ndarray) -> "Predictions":
        """Those of some of the stars. rows: (M,) row numbers, or (N,) true for them."""
        whole = ("label_names", "percentiles", "calibration")
        arrays = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name not in whole}
        percentiles = {name: shares[rows] for name, shares in self.percentiles.items()}
        return replace(self, percentiles=percentiles, **arrays)

    @property
    def covariance(self) -> np.ndarray:
        """(N, P, P) of the errors, taken as normal with the 1σ errors as their spread."""
        return self.errors[:, :, None] * self.errors[:, None, :] * self.correlations

    def draws(self, count: int, seed: int = 0) -> np.ndarray:
        """(N, count, P) values drawn from each star's normal distribution; NaN for a label that is not read.

        Correlations that are not known count as none. The draws of a star depend on its id and the seed.
        """
        out = np.full((len(self), count, len(self.label_names)), np.nan)
        for i, star in enumerate(self.ids.tolist()):
            own = np.random.default_rng([seed, *hashlib.sha256(star.encode()).digest()[:8]])
            root = _root(np.nan_to_num(self.correlations[i]))
            out[i] = self.values[i] + (own.standard_normal(out[i].shape) @ root.T) * self.errors[i]
        return out

    @property
    def judged(self) -> bool:
        """Whether verdicts were asked for: each star has one, or a reason why not."""
        return bool((self.verdict != "").any() or (self.reason != "").any())

    def columns(self, *, correlations: bool = False) -> dict[str, np.ndarray]:
        """A table: id, each label and its `_error`, then one column for everything else; each (N,).

        correlations: also a column `<label>_<label>_corr` for every pair of labels.
        """
        table = {"id": self.ids}
        for j, name in enumerate(self.label_names):
            table |= {name: self.values[:, j], f"{name}_error": self.errors[:, j]}
        table |= {name: getattr(self, name) for name in ("chi2", *OF_VERDICTS)}
        if self.calibration:
            table["calibration"] = np.full(len(self), self.calibration)
        pairs = combinations(range(len(self.label_names)), 2) if correlations else ()
        named = ((f"{self.label_names[i]}_{self.label_names[j]}_corr", (i, j)) for i, j in pairs)
        return table | {name: self.correlations[:, i, j] for name, (i, j) in named}

    def rows(self) -> list[dict[str, Any]]:
        """The table as one plain dictionary per star, with its `covariance`, rows and columns by label.

        `error_is_lower_limit` is true for a star outside.
        """
        columns = {
            name: column.tolist() if column.dtype.kind in "UOb" else column.astype(float).tolist()
            for name, column in self.columns().items()
        }
        columns["error_is_lower_limit"] = columns["outside"]
        columns["covariance"] = self.covariance.tolist()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def widened(errors: np.ndarray, values: np.ndarray, ranges: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """(N, P) errors, those of stars outside no smaller than the way from their labels back to the sample.

    errors, values: (N, P).  ranges: (P, 2) of the sample.  outside: (N,) bool.
    """
    beyond = np.maximum(ranges[:, 0] - values, values - ranges[:, 1])
    return np.where(outside[:, None] & (beyond > errors), beyond, errors)


def _root(correlation: np.ndarray) -> np.ndarray:
    """(P, P) matrix R with R Rᵀ the correlation matrix, which may have eigenvalues of 0."""
    values, vectors = np.linalg.eigh(correlation)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def join_predictions(parts: Sequence[Predictions]) -> Predictions:
    """One table from the predictions of one model for several sets of stars."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    stacked = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(Predictions)
        if f.name not in ("label_names", "percentiles", "calibration")
    }
    percentiles = {k: np.concatenate([part.percentiles[k] for part in parts]) for k in first.percentiles}
    names, calibration = first.label_names, first.calibration
    return Predictions(label_names=names, percentiles=percentiles, calibration=calibration, **stacked)
