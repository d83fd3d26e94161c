"""A fitted regressor: labels and their uncertainty from spectra or latents, by numpy alone.

Shapes: N stars, D numbers per star (pixels or latent dimensions), F features, P labels.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from ..errors import ModelError
from .conformal import LEVEL
from .inputs import within_reach
from .network import ArrayNetwork, indices
from .quality import Measures, Quality
from .uncertainty import ErrorModel

CHUNK = 8192  # stars evaluated at once: the activations stay in the cache


@dataclass(frozen=True, eq=False)
class LabelGroup:
    """Labels fitted together (columns of the P labels) and the networks whose outputs are averaged."""

    columns: np.ndarray
    members: tuple[ArrayNetwork, ...]


class Reading(NamedTuple):
    """Values and errors, (N, P) each in physical units, and correlations of the errors, (N, P, P)."""

    values: np.ndarray
    errors: np.ndarray
    correlations: np.ndarray


@dataclass(frozen=True, eq=False)
class Regressor:
    """Labels from D numbers per star.

    Attributes
    ----------
    names: P labels.
    x_mean, x_scale: (D,), and one more for log10 S/N where `reads_snr`.
    y_mean, y_scale: (P,) in physical units.
    groups: networks on standardised inputs.
    errors: half-widths from the standardised predictions, log10 S/N and the measures of `quality`.
    snr: median S/N of the fit, which stands for an unknown one; NaN when the fit knew none.
    summary: seconds, epochs, held-out loss, and `calibration` (see `conformal.promise`); JSON-serialisable.
    reads_snr: the networks see a star's S/N beside its D numbers.
    quality: what else the error bars depend on.
    """

    names: tuple[str, ...]
    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray
    groups: tuple[LabelGroup, ...]
    errors: ErrorModel
    snr: float
    summary: dict[str, Any] = field(default_factory=dict)
    reads_snr: bool = False
    quality: Quality = field(default_factory=Quality)

    @property
    def labels_read(self) -> tuple[str, ...]:
        """The labels that enough stars had in the fit."""
        columns = sorted(int(column) for group in self.groups for column in group.columns)
        return tuple(self.names[column] for column in columns)

    def predict(
        self,
        x: np.ndarray,
        snr: np.ndarray | None = None,
        level: float = LEVEL,
        quality: Measures | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Values and errors, (N, P) each in physical units, for x (N, D); errors are half-widths.

        snr: (N,) per pixel, as in the fit; where None or NaN the fit's median is used.  level: what share of
        truths the errors should hold, by default 1σ; `conformal` says what is promised.  quality: how well
        the model fits each star; likewise, and without effect where the error bars do not depend on it. A
        label that too few stars had in the fit is NaN. Raises ModelError for x of another width than in the
        fit, or not finite, and as `ErrorModel.half_width`.
        """
        return self.read(x, snr, level, quality)[:2]

    def read(
        self,
        x: np.ndarray,
        snr: np.ndarray | None = None,
        level: float = LEVEL,
        quality: Measures | None = None,
    ) -> Reading:
        """As `predict`, and how the errors of different labels go together."""
        standard = self._standard(x, snr)
        features = self._features(standard, snr, quality)
        errors = self.errors.half_width(features, level) * self.y_scale
        values = standard * self.y_scale + self.y_mean
        return Reading(values, errors, self.errors.correlations(features))

    def values(self, x: np.ndarray, snr: np.ndarray | None = None) -> np.ndarray:
        """(N, P) values alone."""
        return self._standard(x, snr) * self.y_scale + self.y_mean

    def widths(self, x: np.ndarray, snr: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Values and the half-widths that belong to a score of 0, (N, P) each in physical units."""
        standard = self._standard(x, snr)
        widths = np.exp(self.errors.log_width(self._features(standard, snr))) * self.y_scale
        return standard * self.y_scale + self.y_mean, widths

    def conformed(self, x: np.ndarray, y: np.ndarray, snr: np.ndarray | None = None) -> "Regressor":
        """The same networks, with error bars as wide as other stars ask for.

        x (N, D), y (N, P), snr (N,): of stars that trained neither the networks nor the encoder that made x.
        """
        return replace(self, errors=self.errors.conformed(*self.residuals(x, y, snr)))

    def residuals(
        self,
        x: np.ndarray,
        y: np.ndarray,
        snr: np.ndarray | None = None,
        quality: Measures | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(N, F) features of the error model and (N, P) true − predicted in units of the labels' spread."""
        standard = self._standard(x, snr)
        true = (np.asarray(y, np.float64) - self.y_mean) / self.y_scale
        return self._features(standard, snr, quality), true - standard

    def _standard(self, x: np.ndarray, snr: np.ndarray | None) -> np.ndarray:
        """(N, P) float64 predictions in units of the labels' spread."""
        x = np.asarray(x)
        self._check_width(x)
        out = np.full((len(x), len(self.names)), np.nan)
        for start in range(0, len(x), CHUNK):
            rows = slice(start, start + CHUNK)
            part = self.standard_inputs(x[rows], None if snr is None else np.asarray(snr)[rows])
            for group in self.groups:
                out[rows, group.columns] = sum(member(part) for member in group.members) / len(group.members)
        return out

    def _check_width(self, x: np.ndarray) -> None:
        width = len(self.x_mean) - self.reads_snr
        if x.ndim != 2 or x.shape[1] != width:
            raise ModelError(
                f"this regressor reads {width} numbers per star, not an array of shape {x.shape}"
            )

    def standard_inputs(self, x: np.ndarray, snr: np.ndarray | None) -> np.ndarray:
        """(N, D), or (N, D + 1) with the S/N: what the networks see of x (N, D). ModelError as `predict`."""
        self._check_width(x)
        width = x.shape[1]
        extra = self._log_snr(len(x), snr)[:, None] if self.reads_snr else np.empty((len(x), 0))
        part = (np.hstack([x, extra]).astype(np.float32) - self.x_mean) / self.x_scale
        check_finite(part)
        part[:, width:] = within_reach(part[:, width:])
        return part

    def _log_snr(self, n_stars: int, snr: np.ndarray | None) -> np.ndarray:
        """(N,) log10 S/N; that of the fit's median star where it is unknown."""
        snr = np.full(n_stars, self.snr) if snr is None else np.asarray(snr, np.float64)
        return np.log10(np.where(snr > 0, snr, self.snr))

    def _features(
        self, standard: np.ndarray, snr: np.ndarray | None, quality: Measures | None = None
    ) -> np.ndarray:
        """(N, F) what the width of an error bar depends on."""
        features = [np.nan_to_num(standard), self.quality.features(len(standard), quality)]
        if np.isfinite(self.snr):
            features.insert(1, self._log_snr(len(standard), snr)[:, None])
        return np.hstack(features)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything as arrays for `np.savez`; `from_arrays` gives the same regressor to the bit."""
        stored = {
            "x_mean": self.x_mean,
            "x_scale": self.x_scale,
            "y_mean": self.y_mean,
            "y_scale": self.y_scale,
            "names": np.array(self.names, dtype=str),
            "snr": np.array(self.snr),
            "reads_snr": np.array(self.reads_snr),
            "summary": np.array(json.dumps(self.summary)),
        }
        stored |= self.errors.arrays("errors_") | self.quality.arrays("quality_")
        for g, group in enumerate(self.groups):
            stored[f"group{g}_columns"] = group.columns
            for m, member in enumerate(group.members):
                stored |= member.arrays(f"group{g}_member{m}_")
        return stored

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "Regressor":
        """The inverse of `arrays`. Raises ModelError naming an array that is missing."""
        try:
            return cls(
                names=tuple(arrays["names"].tolist()),
                x_mean=np.asarray(arrays["x_mean"]),
                x_scale=np.asarray(arrays["x_scale"]),
                y_mean=np.asarray(arrays["y_mean"]),
                y_scale=np.asarray(arrays["y_scale"]),
                groups=tuple(_stored_groups(arrays)),
                errors=ErrorModel.from_arrays(arrays, "errors_"),
                snr=float(arrays["snr"]),
                summary=json.loads(str(arrays["summary"])),
                reads_snr=bool(arrays.get("reads_snr", False)),
                quality=Quality.from_arrays(arrays, "quality_"),
            )
        except KeyError as missing:
            raise ModelError(f"a stored regressor lacks the array {missing}: fit it again") from None


def _stored_groups(arrays: Mapping[str, np.ndarray]) -> Iterator[LabelGroup]:
    for g in indices(arrays, "group{}_columns"):
        members = indices(arrays, f"group{g}_member{{}}_weight0")
        networks = [ArrayNetwork.from_arrays(arrays, f"group{g}_member{m}_") for m in members]
        yield LabelGroup(np.asarray(arrays[f"group{g}_columns"]), tuple(networks))


def check_finite(x: np.ndarray) -> None:
    """ModelError when a number is missing: masked pixels are filled by the caller, who knows with what."""
    if not np.isfinite(x).all():
        raise ModelError("some inputs of the regressor are not finite: fill masked pixels first")
