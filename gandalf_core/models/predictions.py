"""`Predictions`: what a model says of stars, as arrays, rows or columns. Shapes: N stars, P labels."""

from collections.abc import Sequence
from dataclasses import dataclass
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
    """

    ids: np.ndarray
    label_names: tuple[str, ...]
    values: np.ndarray
    errors: np.ndarray
    chi2: np.ndarray
    outlier_score: np.ndarray
    percentiles: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    def columns(self) -> dict[str, np.ndarray]:
        """A table: id, each label and its `_error`, chi2, outlier_score; each (N,)."""
        table = {"id": self.ids}
        for j, name in enumerate(self.label_names):
            table |= {name: self.values[:, j], f"{name}_error": self.errors[:, j]}
        return table | {"chi2": self.chi2, "outlier_score": self.outlier_score}

    def rows(self) -> list[dict[str, Any]]:
        """The table as one plain dictionary per star."""
        columns = {
            name: column.tolist() if name == "id" else column.astype(float).tolist()
            for name, column in self.columns().items()
        }
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def join_predictions(parts: Sequence[Predictions]) -> Predictions:
    """One table from the predictions of one model for several sets of stars."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0]

    def stacked(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    return Predictions(
        ids=stacked("ids"),
        label_names=first.label_names,
        values=stacked("values"),
        errors=stacked("errors"),
        chi2=stacked("chi2"),
        outlier_score=stacked("outlier_score"),
        percentiles={k: np.concatenate([part.percentiles[k] for part in parts]) for k in first.percentiles},
    )
