"""A model against a user's labels: bias, scatter, coverage and outliers, in bins; the stars that fit worst.

Errors of the labels count beside those of the model. Where ids repeat, the repeats tell how well errors are
known without any label. Shapes: N stars, P labels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..models.predictions import Predictions
from ..models.reasons import NORMAL
from ..parameters import parameter
from .labels import OwnLabels, huber_mean
from .robust import BAD, fit_offsets

BINS, FEWEST_IN_BIN, FEWEST = 4, 5, 10
WORST = 10
LOW_SNR, AGREES, DISAGREES = 20.0, 2.0, 4.0  # S/N per pixel; pulls
BINNED_BY = ("teff", "logg", "mh")


@dataclass(frozen=True, eq=False)
class Compared:
    """Predictions of N stars beside labels and errors (N, P), and the S/N (N,)."""

    predictions: Predictions
    own: OwnLabels
    snr: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """(N, P) model − label."""
        return self.predictions.values - self.own.values

    @property
    def error(self) -> np.ndarray:
        """(N, P) of the residual: the model's and, where it is known, the label's."""
        return np.hypot(self.predictions.errors, np.nan_to_num(self.own.errors))

    @property
    def pull(self) -> np.ndarray:
        """(N, P) residuals in units of their errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.error > 0, self.residual / self.error, np.nan)


def compare_labels(compared: Compared) -> dict[str, Any]:
    """The comparison as a dictionary that JSON can hold.

    Keys: `labels` (name → numbers over all stars), `bins` (name → feature → list of bins), `outliers` (star →
    labels), `repeats` (name → numbers), `worst` (list of stars with reasons), `surveys`, `notes`.
    """
    names = compared.predictions.label_names
    known = np.isfinite(compared.pull)
    labels = {n: _numbers(compared, j, known[:, j]) for j, n in enumerate(names) if known[:, j].any()}
    bad = _outliers(compared)
    for j, name in enumerate(names):
        if name in labels:
            labels[name]["outliers"] = int((bad[:, j] > BAD).sum())
    return {
        "stars": len(compared.predictions),
        "labels": labels,
        "bins": {n: _bins(compared, j) for j, n in enumerate(names) if n in labels},
        "outliers": _named(compared, bad),
        "repeats": repeats(compared.predictions),
        "worst": worst_stars(compared),
        "surveys": compared.own.surveys,
        "notes": list(compared.own.notes),
    }


def _numbers(compared: Compared, j: int, rows: np.ndarray) -> dict[str, Any]:
    """Bias, scatter and coverage of one label over some stars."""
    residual, error = compared.residual[rows, j], compared.error[rows, j]
    pull = residual / error
    bias, bias_error = huber_mean(residual, error) if len(residual) > 1 else (float(residual[0]), np.nan)
    middle = np.median(residual)
    return {
        "stars": len(residual),
        "bias": bias,
        "bias_error": float(bias_error),
        "median": float(middle),
        "scatter": float(1.4826 * np.median(np.abs(residual - middle))),
        "rmse": float(np.sqrt(np.mean(residual**2))),
        "pull_scatter": float(1.4826 * np.median(np.abs(pull - np.median(pull)))),
        "coverage_1": float((np.abs(pull) < 1).mean()),
        "coverage_2": float((np.abs(pull) < 2).mean()),
        "with_errors": int(np.isfinite(compared.own.errors[rows, j]).sum()),
    }


def _bins(compared: Compared, j: int) -> dict[str, list[dict[str, Any]]]:
    """One label's numbers in bins of equal numbers of stars, by each feature."""
    names, known = compared.predictions.label_names, np.isfinite(compared.pull[:, j])
    features = {n: compared.own.values[:, names.index(n)] for n in BINNED_BY if n in names}
    features |= {"snr": compared.snr}
    found: dict[str, list[dict[str, Any]]] = {}
    for feature, values in features.items():
        usable = known & np.isfinite(values)
        if usable.sum() < 2 * FEWEST_IN_BIN:
            continue
        count = min(BINS, int(usable.sum()) // FEWEST_IN_BIN)
        edges = np.quantile(values[usable], np.linspace(0, 1, count + 1))
        place = np.clip(np.searchsorted(edges, values, "right") - 1, 0, count - 1)
        found[feature] = [
            {"low": float(edges[k]), "high": float(edges[k + 1])} | _numbers(compared, j, rows)
            for k in range(count)
            if (rows := usable & (place == k)).sum() >= FEWEST_IN_BIN
        ]
    return found


def _outliers(compared: Compared) -> np.ndarray:
    """(N, P) probability that label and model are not of the same star; 0 where nothing is known."""
    out = np.zeros_like(compared.pull)
    for j, pull in enumerate(compared.pull.T):
        rows = np.flatnonzero(np.isfinite(pull))
        if len(rows) >= FEWEST:
            ones = np.ones(len(rows))
            out[rows, j] = fit_offsets(pull[rows], ones, 0 * ones, ones[:, None]).bad
    return out


def _named(compared: Compared, bad: np.ndarray) -> dict[str, list[str]]:
    names = compared.predictions.label_names
    rows = np.flatnonzero((bad > BAD).any(1))
    order = rows[np.argsort(-np.nanmax(np.abs(compared.pull[rows]), axis=1))] if len(rows) else rows
    return {
        str(compared.predictions.ids[row]): [n for j, n in enumerate(names) if bad[row, j] > BAD]
        for row in order
    }


def repeats(predictions: Predictions) -> dict[str, Any]:
    """Of stars that were observed more than once: how much they scatter beside their claimed errors.

    `ratio` is 1 where errors are as large as claimed; empty without repeats.
    """
    order = np.argsort(predictions.ids, kind="stable")
    ids = predictions.ids[order]
    first = np.flatnonzero(ids[1:] == ids[:-1])
    if not len(first):
        return {}
    a, b = order[first], order[first + 1]
    difference = predictions.values[b] - predictions.values[a]
    claimed = np.hypot(predictions.errors[b], predictions.errors[a])
    found: dict[str, Any] = {}
    for j, name in enumerate(predictions.label_names):
        known = np.isfinite(difference[:, j]) & (claimed[:, j] > 0)
        if known.any():
            pull = difference[known, j] / claimed[known, j]
            found[name] = {"pairs": int(known.sum()), "ratio": float(np.sqrt(np.mean(pull**2)))}
    return found


# --- the worst stars ---


def worst_stars(compared: Compared, count: int = WORST) -> list[dict[str, Any]]:
    """The stars with the largest pulls, each with its labels beside the model's, and likely reasons."""
    pull = np.nan_to_num(np.abs(compared.pull))
    largest = pull.max(1) if pull.shape[1] else np.zeros(len(pull))
    rows = [row for row in np.argsort(-largest, kind="stable")[:count].tolist() if largest[row] > 0]
    return [_worst(compared, row) for row in rows]


def _worst(compared: Compared, row: int) -> dict[str, Any]:
    predictions, own = compared.predictions, compared.own
    labels = {
        name: {
            "label": _plain(own.values[row, j]),
            "label_error": _plain(own.errors[row, j]),
            "model": _plain(predictions.values[row, j]),
            "model_error": _plain(predictions.errors[row, j]),
            "pull": _plain(compared.pull[row, j]),
        }
        for j, name in enumerate(predictions.label_names)
        if np.isfinite(compared.pull[row, j])
    }
    return {
        "id": str(predictions.ids[row]),
        "row": row,
        "snr": _plain(compared.snr[row]),
        "labels": labels,
        "reasons": reasons(compared, row),
    }


def reasons(compared: Compared, row: int) -> list[str]:
    """Why model and labels of a star may disagree, the likeliest first."""
    predictions = compared.predictions
    pull = np.abs(compared.pull[row])
    known = np.isfinite(pull)
    names = [n for n, k in zip(predictions.label_names, known, strict=True) if k]
    sizes = pull[known]
    told = []
    word, reason = str(predictions.verdict[row]), str(predictions.reason[row])
    if word and word != NORMAL:
        told.append(f"the spectrum looks like: {word}" + (f" ({reason})" if reason else ""))
    if predictions.outside[row] and not told:
        told.append("it lies outside of what the model knows")
    if compared.snr[row] < LOW_SNR:
        told.append(f"S/N of only {compared.snr[row]:.0f} per pixel")
    off = [n for n, s in zip(names, sizes, strict=True) if s > DISAGREES]
    agreeing = [n for n, s in zip(names, sizes, strict=True) if s < AGREES]
    if len(off) == 1 and len(agreeing) == len(names) - 1 and len(names) > 1:
        told.append(f"only {parameter(off[0]).plain} disagrees: that label may be wrong")
    elif len(off) > 1 and not agreeing:
        told.append("no label agrees: are they of the same star?")
    if not told:
        told.append("nothing unusual about the spectrum: the label, or its error, is the likelier cause")
    return told


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
