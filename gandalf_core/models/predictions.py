"""`Predictions`: what a model says of stars, as arrays, rows or columns. Shapes: N stars, P labels."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of N stars.

    Attributes
    ----------
    ids: (N,) strings.  label_names: P names.
    values, errors: (N, P) in physical units; errors are 1σ.
    chi2: (N,) reduced chi² of the reconstruction, with a model error of 0.7 % of the flux.
    outlier_score: (N,) in 0-1, NaN where the model has no reference stars.
    percentiles: the parts of the score (`chi2`, `core`, `distance`), each (N,).
    verdict, reason: (N,) strings, in words what kind of star it looks like and why; empty where not known.
    outside: (N,) true beyond what the model knows: an error of such a star is a lower limit.
    velocity_kms: (N,) shift against the model's own spectrum, NaN where it is not known.
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

    def __post_init__(self) -> None:
        for name, unknown in (("verdict", ""), ("reason", ""), ("outside", False), ("velocity_kms", np.nan)):
            if not len(getattr(self, name)):
                object.__setattr__(self, name, np.full(len(self.ids), unknown))

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> dict[str, np.ndarray]:
        """A table: id, each label and its `_error`, then one column for everything else; each (N,)."""
        table = {"id": self.ids}
        for j, name in enumerate(self.label_names):
            table |= {name: self.values[:, j], f"{name}_error": self.errors[:, j]}
        others = ("chi2", "outlier_score", "verdict", "reason", "outside", "velocity_kms")
        return table | {name: getattr(self, name) for name in others}

    def rows(self) -> list[dict[str, Any]]:
        """The table as one plain dictionary per star."""
        columns = {
            name: column.tolist() if column.dtype.kind in "UOb" else column.astype(float).tolist()
            for name, column in self.columns().items()
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def join_predictions(parts: Sequence[Predictions]) -> Predictions:
    """One table from the predictions of one model for several sets of stars."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    stacked = {
        f.name: np.concatenate([getattr(part, f.name) for part in parts])
        for f in fields(Predictions)
        if f.name not in ("label_names", "percentiles")
    }
    percentiles = {k: np.concatenate([part.percentiles[k] for part in parts]) for k in first.percentiles}
    return Predictions(label_names=first.label_names, percentiles=percentiles, **stacked)
