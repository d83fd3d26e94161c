"""A regressor fitted K times, each time without one fold of the stars, and the error bars of that: CV+.

Shapes: N stars, D numbers per star, P labels.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .conformal import LEVEL, crossed_half_widths
from .network import ArrayNetwork
from .quality import Measures, Quality
from .regressor import LabelGroup, Reading, Regressor
from .uncertainty import ErrorModel

COUNT = "folds"  # the array that tells a crossed regressor from a plain one


@dataclass(frozen=True, eq=False)
class CrossedRegressor:
    """The mean of K regressors; the scores of each are those of the fold that it did not see.

    summary: as that of a regressor, over all fits.
    """

    parts: tuple[Regressor, ...]
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def quality(self) -> Quality:
        """None that its error bars depend on."""
        return Quality()

    @property
    def names(self) -> tuple[str, ...]:
        return self.parts[0].names

    @property
    def labels_read(self) -> tuple[str, ...]:
        return self.parts[0].labels_read

    def predict(
        self,
        x: np.ndarray,
        snr: np.ndarray | None = None,
        level: float = LEVEL,
        quality: Measures | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values and half-widths, (N, P) each in physical units, as `Regressor.predict` gives them.

        quality: without effect, since crossed error bars know none.
        """
        return self.read(x, snr, level, quality)[:2]

    def read(
        self,
        x: np.ndarray,
        snr: np.ndarray | None = None,
        level: float = LEVEL,
        quality: Measures | None = None,
    ) -> Reading:
        """As `predict`, and how the errors of different labels go together: the mean over the fits."""
        values, widths = zip(*(part.widths(x, snr) for part in self.parts), strict=True)
        mean = np.mean(values, axis=0)
        scores = [s for part in self.parts if (s := part.errors.scores) is not None]
        errors = crossed_half_widths([v - mean for v in values], widths, scores, level)
        correlations = [part.read(x, snr, level, quality).correlations for part in self.parts]
        return Reading(mean, errors, np.mean(correlations, axis=0))

    def values(self, x: np.ndarray, snr: np.ndarray | None = None) -> np.ndarray:
        """(N, P) values alone."""
        return np.mean([part.values(x, snr) for part in self.parts], axis=0)

    def joined(self) -> Regressor:
        """One regressor with the same values, whose error bars are still to be fitted.

        Each fit has scales of its own, which become part of its first and last layer.
        """
        first = self.parts[0]
        groups = []
        for g, group in enumerate(first.groups):
            members = [m for part in self.parts for m in _physical_members(part, g, first)]
            groups.append(LabelGroup(group.columns, tuple(members)))
        width = len(first.x_mean)
        return replace(
            first,
            x_mean=np.zeros(width),
            x_scale=np.ones(width),
            groups=tuple(groups),
            errors=ErrorModel.unfitted(),
            summary=self.summary,
        )

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


def _physical_members(part: Regressor, number: int, scales: Regressor) -> Iterator[ArrayNetwork]:
    """The networks of a group of a fit, reading x itself, and giving labels in the scales of another fit."""
    columns = part.groups[number].columns
    stretch = part.y_scale[columns] / scales.y_scale[columns]
    offset = (part.y_mean[columns] - scales.y_mean[columns]) / scales.y_scale[columns]
    for member in part.groups[number].members:
        weights = [w.astype(np.float64) for w in member.weights]
        biases = [b.astype(np.float64) for b in member.biases]
        weights[0] = weights[0] / part.x_scale[:, None]
        biases[0] = biases[0] - part.x_mean @ weights[0]
        weights[-1], biases[-1] = weights[-1] * stretch, biases[-1] * stretch + offset
        yield ArrayNetwork(tuple(weights), tuple(biases))


AnyRegressor = Regressor | CrossedRegressor


def stored_regressor(arrays: Mapping[str, np.ndarray]) -> AnyRegressor:
    """The regressor that these arrays hold. ModelError naming an array that is missing."""
    return (CrossedRegressor if COUNT in arrays else Regressor).from_arrays(arrays)
