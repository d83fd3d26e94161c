"""A named calibration of a model: offsets and widths of error bars from a user's labelled stars.

Half of the stars tell offset and scatter (robust.py), the other half how wide an interval must be (split
conformal, `regression.conformal`); of fewer than `MIN_SPLIT` stars each of five folds is judged by a fit
without it. A label counts there by the probability that it is no bad one. What is promised is said in
`promise`. It is kept beside the model and applied where it is asked for, never silently.
Shapes: N stars, F features, S scores, P labels.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import ModelError
from ..models.predictions import Predictions, widened
from ..parameters import parameter
from ..regression.conformal import FOLDS, LEVEL, MIN_SCORES
from .robust import BAD, CORE, OffsetFit, bad_probability, fit_offsets

MIN_SPLIT, ADVISED = 200, 100  # stars, below which folds are crossed; and below which a warning is given
FOLLOWED = ("teff", "logg", "mh")  # labels, beside the S/N, on which offset and scatter depend
REACH = 2.5  # standard deviations of a feature, beyond which it counts as this far
NO_SNR = "snr"


@dataclass(frozen=True, eq=False)
class LabelCalibration:
    """Of one label: γ and its covariance, β, and the scores of stars with their weights, in order."""

    offset: np.ndarray
    covariance: np.ndarray
    scale: np.ndarray
    scores: np.ndarray
    weights: np.ndarray

    def limit(self, level: float = LEVEL) -> float:
        """The score that an interval of this level reaches: inf where too few stars can promise it."""
        if len(self.scores) < MIN_SCORES:
            return float("nan")
        reached = np.cumsum(self.weights) / (self.weights.sum() + 1)
        place = int(np.searchsorted(reached, round(level, 9)))
        return float(self.scores[place]) if place < len(self.scores) else float("inf")


@dataclass(frozen=True, eq=False)
class NamedCalibration:
    """Attributes
    ----------
    name: as `predict --calibration` calls it.  labels: of the model, those that were calibrated.
    features: names, `snr` for log10 S/N.  centre, spread: (F − 1,) by which they are scaled.
    about: stars, method, bad labels and the like, for people; `identity` is that of the model.
    """

    name: str
    labels: dict[str, LabelCalibration]
    features: tuple[str, ...]
    centre: np.ndarray
    spread: np.ndarray
    about: dict[str, Any] = field(default_factory=dict)

    def design(self, predictions: Predictions, snr: np.ndarray) -> np.ndarray:
        """(N, F) what offset and scatter are linear in."""
        return _design(_values(predictions, snr, self.features), self.centre, self.spread)

    def apply(self, predictions: Predictions, snr: np.ndarray, ranges: np.ndarray) -> Predictions:
        """The predictions with offsets taken off and errors as wide as the calibration says.

        snr: (N,).  ranges: (P, 2) of the model's sample, back to which errors of stars outside reach.
        """
        design = self.design(predictions, snr)
        values, errors = predictions.values.copy(), predictions.errors.copy()
        for j, name in enumerate(predictions.label_names):
            if name in self.labels:
                own = self.labels[name]
                values[:, j] -= design @ own.offset
                errors[:, j] *= np.exp(design @ own.scale) * own.limit()
        errors = widened(errors, values, ranges, predictions.outside)
        return replace(predictions, values=values, errors=errors, calibration=self.name)

    # --- storing ---

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name, for `np.savez`."""
        stored = {
            "about": np.array(json.dumps(self.about)),
            "labels": np.array(list(self.labels), dtype=str),
            "features": np.array(self.features, dtype=str),
            "centre": self.centre,
            "spread": self.spread,
        }
        for name, own in self.labels.items():
            stored |= {f"{name}.{part}": values for part, values in vars(own).items()}
        return stored

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, np.ndarray]) -> "NamedCalibration":
        """The inverse of `arrays`. KeyError or ValueError for what is none."""
        features = tuple(arrays["features"].tolist())
        size = len(features) + 1
        shapes = {"offset": (size,), "covariance": (size, size), "scale": (size,)}
        labels = {}
        for label in arrays["labels"].tolist():
            parts = {p: np.asarray(arrays[f"{label}.{p}"], float) for p in (*shapes, "scores", "weights")}
            if any(parts[p].shape != shape for p, shape in shapes.items()):
                raise ValueError(f"the calibration of {label} is of another size")
            if parts["scores"].shape != parts["weights"].shape:
                raise ValueError(f"scores and weights of {label} differ in number")
            labels[label] = LabelCalibration(**parts)
        centre, spread = np.asarray(arrays["centre"], float), np.asarray(arrays["spread"], float)
        if centre.shape != (size - 1,) or spread.shape != (size - 1,) or not (spread > 0).all():
            raise ValueError("its features are of another size")
        return cls(name, labels, features, centre, spread, json.loads(str(arrays["about"])))


# --- fitting ---


@dataclass(frozen=True, eq=False)
class Labelled:
    """What is known of calibrating stars: labels and errors (N, P), NaN = missing or unknown; snr (N,)."""

    labels: np.ndarray
    errors: np.ndarray
    snr: np.ndarray


def calibrate(
    name: str, predictions: Predictions, known: Labelled, about: dict[str, Any] | None = None, seed: int = 0
) -> NamedCalibration:
    """A calibration of a model's predictions of N stars with known labels.

    Raises ModelError where no label has `MIN_SCORES` stars.
    """
    features = _features(predictions, known.snr)
    values = _values(predictions, known.snr, features)
    centre, spread = np.nanmean(values, axis=0), np.maximum(np.nanstd(values, axis=0), 1e-6)
    design = _design(values, centre, spread)
    labels, told, bad = {}, {}, {}
    for j, label in enumerate(predictions.label_names):
        residual = predictions.values[:, j] - known.labels[:, j]
        rows = np.flatnonzero(np.isfinite(residual) & (predictions.errors[:, j] > 0))
        if len(rows) < MIN_SCORES:
            continue
        error = np.nan_to_num(known.errors[rows, j])
        own = _Residuals(residual[rows], predictions.errors[rows, j], error, design[rows])
        labels[label], share, probability = _of_label(own, seed)
        bad[label] = dict(zip(predictions.ids[rows].tolist(), probability.tolist(), strict=True))
        told[label] = {"stars": len(rows), "bad_share": share, "with_errors": int((error > 0).sum())}
    if not labels:
        raise ModelError(f"fewer than {MIN_SCORES} of these {len(predictions)} stars have a label")
    method = "split" if max(t["stars"] for t in told.values()) >= MIN_SPLIT else "cross"
    own_about = {"stars": len(predictions), "method": method, "labels": told, "bad": _named(bad)}
    return NamedCalibration(name, labels, features, centre, spread, (about or {}) | own_about)


def _named(bad: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    """Star → labels that are bad with a probability above `BAD`, the surest first."""
    surest: dict[str, float] = {}
    found: dict[str, list[str]] = {}
    for label, stars in bad.items():
        for star, probability in stars.items():
            if probability > BAD:
                found.setdefault(star, []).append(label)
                surest[star] = max(surest.get(star, 0.0), probability)
    return {star: found[star] for star in sorted(found, key=lambda s: -surest[s])}


@dataclass(frozen=True, eq=False)
class _Residuals:
    """Of one label, (N,) each; design (N, F)."""

    residual: np.ndarray
    claimed: np.ndarray
    error: np.ndarray
    design: np.ndarray

    def __len__(self) -> int:
        return len(self.residual)

    def __getitem__(self, rows: np.ndarray) -> "_Residuals":
        return _Residuals(self.residual[rows], self.claimed[rows], self.error[rows], self.design[rows])

    def fit(self) -> OffsetFit:
        return fit_offsets(self.residual, self.claimed, self.error, self.design)

    def judged(self, fit: OffsetFit) -> tuple[np.ndarray, np.ndarray]:
        """(N,) scores under a fit that did not see these stars, and the probability that labels are bad."""
        own = (self.claimed * np.exp(self.design @ fit.scale)) ** 2
        variance = own + CORE * self.error**2
        left = self.residual - self.design @ fit.offset
        error = np.sqrt(variance)
        return np.abs(left) / error, bad_probability(fit, left, variance, float(np.median(error)))


def _of_label(own: _Residuals, seed: int) -> tuple[LabelCalibration, float, np.ndarray]:
    """The calibration of one label, the share of bad labels, and the probability of each to be bad."""
    order = np.random.default_rng(seed).permutation(len(own))
    whole = own.fit()
    if len(own) >= MIN_SPLIT:
        first, second = order[: len(own) // 2], order[len(own) // 2 :]
        fit = own[first].fit()
        scores, bad = own[second].judged(fit)
    else:
        fit, parts = whole, []
        for k in range(FOLDS):
            fold = order[k::FOLDS]
            parts.append(own[np.setdiff1d(order, fold)].fit())
        judged = [own[order[k::FOLDS]].judged(parts[k]) for k in range(FOLDS)]
        scores, bad = (np.concatenate(part) for part in zip(*judged, strict=True))
    place = np.argsort(scores)
    calibration = LabelCalibration(fit.offset, fit.covariance, fit.scale, scores[place], 1 - bad[place])
    return calibration, whole.share, whole.bad


# --- features ---


def _features(predictions: Predictions, snr: np.ndarray) -> tuple[str, ...]:
    """The labels that a model reads and the S/N, as far as they differ between the stars."""
    named = [n for n in FOLLOWED if n in predictions.label_names] or list(predictions.label_names)[:3]
    values = {n: predictions.values[:, predictions.label_names.index(n)] for n in named}
    values |= {NO_SNR: _log(snr)}
    return tuple(n for n, v in values.items() if np.isfinite(v).any() and np.nanstd(v) > 1e-6)


def _log(snr: np.ndarray) -> np.ndarray:
    return np.log10(np.where(snr > 0, snr, np.nan))


def _values(predictions: Predictions, snr: np.ndarray, features: tuple[str, ...]) -> np.ndarray:
    columns = [
        _log(snr) if name == NO_SNR else predictions.values[:, predictions.label_names.index(name)]
        for name in features
    ]
    return np.stack(columns, 1) if columns else np.empty((len(predictions), 0))


def _design(values: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """(N, F) 1 and the scaled features, within reach; the typical one where it is not known."""
    scaled = np.clip(np.nan_to_num((values - centre) / spread), -REACH, REACH)
    return np.column_stack([np.ones(len(values)), scaled])


# --- in words ---


def promise(about: dict[str, Any]) -> str:
    """What the error bars of a calibration promise."""
    counts = [own["stars"] for own in about.get("labels", {}).values()]
    fewest, most = min(counts, default=0), max(counts, default=0)
    stars = f"{most:,} stars" if fewest == most else f"{fewest:,} to {most:,} stars"
    known = any(own.get("with_errors") for own in about.get("labels", {}).values())
    labels = ", if labels err as they are said to" if known else "; errors of the labels are in them"
    if about.get("method") == "split":
        text = (
            f"split conformal, on half of {stars}: an interval of level p holds the truth of at least p of "
            f"stars like these whose labels are not bad, on average over them, not in every bin{labels}"
        )
    else:
        text = (
            f"cross-conformal, on {stars} in {FOLDS} folds: an interval of level p is sure to hold about "
            f"2p − 1 of stars like these whose labels are not bad, in practice about p{labels}"
        )
    return text


def warnings_of(about: dict[str, Any]) -> list[str]:
    """What to know before a calibration is used."""
    few = [
        f"{parameter(name).plain} {own['stars']}"
        for name, own in about.get("labels", {}).items()
        if own["stars"] < ADVISED
    ]
    if not few:
        return []
    return [
        f"fewer than {ADVISED} stars calibrate {', '.join(few)}: the share that intervals hold scatters by "
        "5 % and more from one such set of stars to another"
    ]
