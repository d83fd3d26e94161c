"""A regressor fitted K times, each time without one fold of the stars, and the error bars of that: CV+.

Shapes: N stars, D numbers per star, P labels.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .conformal import LEVEL, crossed_half_widths
from .regressor import Regressor

COUNT = "folds"  # the array that tells a crossed regressor from a plain one


@dataclass(frozen=True, eq=False)
class CrossedRegressor:
    """The mean of K regressors; the scores of each are those of the fold that it did not see.

    summary: as that of a regressor, over all fits.
    """

    parts: tuple[Regressor, ...]
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        return self.parts[0].names

    @property
    def labels_read(self) -> tuple[str, ...]:
        return self.parts[0].labels_read

    def predict(
        self, x: np.ndarray, snr: np.ndarray | None = None, level: float = LEVEL
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values and half-widths, (N, P) each in physical units, as `Regressor.predict` gives them."""
        values, widths = zip(*(part.widths(x, snr) for part in self.parts), strict=True)
        mean = np.mean(values, axis=0)
        scores = [s for part in self.parts if (s := part.errors.scores) is not None]
        return mean, crossed_half_widths([v - mean for v in values], widths, scores, level)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays for `np.savez`; `from_arrays` gives the same regressor to the bit."""
        stored = {COUNT: np.array(len(self.parts)), "summary": np.array(json.dumps(self.summary))}
        for k, part in enumerate(self.parts):
            stored |= {f"fold{k}_{name}": array for name, array in part.arrays().items()}
        return stored

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "CrossedRegressor":
        """The inverse of `arrays`. Raises ModelError naming an array that is missing."""
        parts = []
        for k in range(int(arrays[COUNT])):
            start = f"fold{k}_"
            own = {name.removeprefix(start): a for name, a in arrays.items() if name.startswith(start)}
            parts.append(Regressor.from_arrays(own))
        return cls(tuple(parts), json.loads(str(arrays["summary"])))


AnyRegressor = Regressor | CrossedRegressor


def stored_regressor(arrays: Mapping[str, np.ndarray]) -> AnyRegressor:
    """The regressor that these arrays hold. ModelError naming an array that is missing."""
    return (CrossedRegressor if COUNT in arrays else Regressor).from_arrays(arrays)
