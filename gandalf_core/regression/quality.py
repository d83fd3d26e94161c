"""What is known of how well the model fits a star: numbers on which the width of its error bars may depend.

A chi² far from that of ordinary stars says that a star is noisier than stated, or that the physics of the
model is not the star's. Shapes: N stars, Q measures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

Measures = Mapping[str, np.ndarray]  # (N,) positive numbers by name, NaN where unknown


@dataclass(frozen=True, eq=False)
class Quality:
    """The measures that an error model knows, and what stands for one that is unknown.

    names: Q measures.  typical: (Q,) logarithm of the median of each in the fit.
    """

    names: tuple[str, ...] = ()
    typical: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, measures: Measures) -> "Quality":
        """The measures of the stars of a fit, those left out that none of them has."""
        logs = {name: _log(values) for name, values in measures.items()}
        medians = {n: float(np.nanmedian(v)) for n, v in logs.items() if np.isfinite(v).any()}
        return cls(tuple(medians), np.array(list(medians.values())))

    def features(self, n_stars: int, measures: Measures | None) -> np.ndarray:
        """(N, Q) logarithms of the measures; the typical one where a star's is unknown."""
        out = np.tile(self.typical, (n_stars, 1))
        for q, name in enumerate(self.names):
            if measures is not None and name in measures:
                own = _log(measures[name])
                out[:, q] = np.where(np.isfinite(own), own, self.typical[q])
        return out

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        return {f"{prefix}names": np.array(self.names, dtype=str), f"{prefix}typical": self.typical}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> "Quality":
        """The inverse of `arrays`; without a measure where none is stored under this prefix."""
        if f"{prefix}names" not in arrays:
            return cls()
        return cls(tuple(arrays[f"{prefix}names"].tolist()), np.asarray(arrays[f"{prefix}typical"]))


def _log(values: np.ndarray) -> np.ndarray:
    """Natural logarithm; NaN for what is not a positive number."""
    values = np.asarray(values, np.float64)
    return np.log(np.where((values > 0) & np.isfinite(values), values, np.nan))
