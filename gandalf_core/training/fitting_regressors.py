"""Fitting regressors: labels from spectra or latents, with an uncertainty for every star and label.

That of the paper is scikit-learn's `MLPRegressor` with 200 and 100 hidden units on standardised inputs and
outputs (Manteiga et al. 2025, section 5; `papers_network`); those of models are fitted by PyTorch
(`reader_networks`). Either is stored as arrays and evaluated by numpy alone (`regression`). Missing labels
are never filled.
Shapes: N stars, D numbers per star, P labels.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ModelError
from ..jobs.progress import Progress, part_of, silent
from ..regression.crossed import AnyRegressor, CrossedRegressor
from ..regression.inputs import InputNoise, NetworkInputs, moments, network_inputs
from ..regression.label_weights import label_weights
from ..regression.parts import Parts
from ..regression.regressor import LabelGroup, Regressor
from ..regression.settings import PAPER, RegressorSettings
from ..regression.uncertainty import ErrorModel, fit_shape
from .labelled_stars import LabelledStars
from .reading_task import Fitted, ReadingTask

MIN_LABELLED = 40  # stars with a label, below which no network is fitted for it
MOST_FOR_SHAPE = 12_000  # training stars that tell where error bars are wider; more change nothing
Columns = list[np.ndarray]  # columns of the labels that share a network


def fit_regressor(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    settings: RegressorSettings = PAPER,
    *,
    snr: np.ndarray | None = None,
    parts: Parts | None = None,
    noise: InputNoise | None = None,
    progress: Progress = silent,
) -> AnyRegressor:
    """`fit_labelled` on x (N, D) and y (N, P) in physical units, NaN = missing; snr: (N,) per pixel.

    noise: of x; every pass shows the stars with a fresh draw of it.
    """
    return fit_labelled(LabelledStars(x, y, tuple(names), snr, noise), settings, parts, progress)


def fit_labelled(
    stars: LabelledStars,
    settings: RegressorSettings = PAPER,
    parts: Parts | None = None,
    progress: Progress = silent,
) -> AnyRegressor:
    """Fit on labelled stars; a label with an error counts less (`label_weights`).

    Error bars stay those of the labels as they are given.
    parts: which stars stop the fit and which calibrate its error bars; None: drawn by the settings' seed, all
    stars alike. Where too few calibrate (`Parts.enough`) the fit is crossed: one fit per fold, each
    calibrated on its own fold; `summary["calibration"]` says so.
    progress: called after every pass over the stars with the fraction of the passes that may be needed and
    the loss of the stars that stop (in units of the labels' variance).

    Raises ModelError for inputs that are not finite, shapes that disagree, an S/N that is to be an input and
    is not known, or no label known for `MIN_LABELLED` stars.
    """
    began = time.perf_counter()
    columns = _label_groups(stars.y, settings.joint)
    parts = Parts.drawn(len(stars), settings.seed) if parts is None else parts
    known = np.isfinite(stars.y[:, np.concatenate(columns)])
    if parts.enough(known):
        (fitted,) = _fit_parts(stars, [parts.able_to_stop(settings.seed)], columns, settings, progress)
        calibrating = int(known[parts.calibrate].any(1).sum())
        about = {"method": "split", "stars": calibrating, "folds": 0, "seen": False}
    else:
        fitted, about = _fit_crossed(stars, parts, columns, settings, progress)
    summary = fitted.summary | {"seconds": time.perf_counter() - began, "calibration": about}
    return replace(fitted, summary=summary)


def _fit_crossed(
    stars: LabelledStars, parts: Parts, columns: Columns, settings: RegressorSettings, progress: Progress
) -> tuple[CrossedRegressor, dict[str, Any]]:
    """One fit per fold, and what their error bars rest on."""
    known = np.isfinite(stars.y[:, np.concatenate(columns)])
    folds = list(parts.folds(known, settings.seed))
    if not settings.scikit_learn:
        settings = replace(settings, ensemble=1)  # the folds together are one
    fits = _fit_parts(stars, folds, columns, settings, progress)
    calibrating = int(sum(known[fold.calibrate].any(1).sum() for fold in folds))
    about = {"method": "cross", "stars": calibrating, "folds": len(folds), "seen": parts.seen(known)}
    records = [record for fit in fits for record in fit.summary["networks"]]
    trained = int(np.any([fold.train for fold in folds], axis=0).sum())
    return CrossedRegressor(tuple(fits), {"stars": trained, "networks": records}), about


def _fit_parts(
    stars: LabelledStars,
    parts: Sequence[Parts],
    columns: Columns,
    settings: RegressorSettings,
    progress: Progress,
) -> list[Regressor]:
    """One regressor for each way to part the stars, their networks fitted together."""
    prepared = [_Preparation.of(stars[~p.calibrate], p.stop[~p.calibrate], settings) for p in parts]
    of_groups = [
        fit_networks([one.task(group) for one in prepared], settings, part_of(progress, k, len(columns)))
        for k, group in enumerate(columns)
    ]
    regressors = [one.regressor(columns, [fits[k] for fits in of_groups]) for k, one in enumerate(prepared)]
    return [_with_errors(r, stars, p, settings.seed) for r, p in zip(regressors, parts, strict=True)]


def _with_errors(regressor: Regressor, stars: LabelledStars, parts: Parts, seed: int) -> Regressor:
    """The regressor with error bars: of stars that train, those that stop, and those that calibrate."""
    trained = np.random.default_rng(seed).permutation(np.flatnonzero(parts.train))
    shape, level, scores = (stars[rows] for rows in (trained[:MOST_FOR_SHAPE], parts.stop, parts.calibrate))
    errors = fit_shape(*regressor.residuals(shape.x, shape.y, shape.snr), seed)
    errors = errors.levelled(*regressor.residuals(level.x, level.y, level.snr))
    return replace(regressor, errors=errors).conformed(scores.x, scores.y, scores.snr)


@dataclass(frozen=True, eq=False)
class _Preparation:
    """The stars of one fit as its networks see them: labels (N, P) standardised, and `stop` (N,)."""

    stars: LabelledStars
    inputs: NetworkInputs
    labels: np.ndarray
    stop: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray

    @classmethod
    def of(cls, stars: LabelledStars, stop: np.ndarray, settings: RegressorSettings) -> "_Preparation":
        """stop (N,): stars that do not train but decide when to stop."""
        asked = settings.use_snr or (stars.noise is not None and stars.noise.clean is None)
        snr = stars.filled_snr if asked or stars.median_snr > 0 else None
        inputs = network_inputs(stars.x, stop, settings.components, snr, stars.noise, settings.use_snr)
        mean, scale = moments(stars.y[~stop])
        return cls(stars, inputs, ((stars.y - mean) / scale).astype(np.float32), stop, mean, scale)

    def task(self, group: np.ndarray) -> ReadingTask:
        """That of the labels in these columns, which the same stars have."""
        known = np.isfinite(self.labels[:, group[0]])
        train, check = np.flatnonzero(known & ~self.stop), np.flatnonzero(known & self.stop)
        return ReadingTask(self.inputs, self.labels[:, group], train, check, self._weight(group, train))

    def _weight(self, group: np.ndarray, train: np.ndarray) -> np.ndarray | None:
        """Of the labels in these columns, 1 on average over those that train; None where none is known."""
        errors = self.stars.label_errors
        if errors is None or not np.isfinite(errors[:, group]).any():
            return None
        weight = label_weights(errors[:, group], self.y_scale[group])
        return (weight / weight[train].mean(0)).astype(np.float32)

    def regressor(self, columns: Columns, fits: Sequence[Fitted]) -> Regressor:
        """The networks of all groups of labels, still without error bars."""
        groups = [
            LabelGroup(group, tuple(map(self.inputs.standardised, fit.networks)))
            for group, fit in zip(columns, fits, strict=True)
        ]
        return Regressor(
            names=self.stars.names,
            x_mean=self.inputs.x_mean,
            x_scale=self.inputs.x_scale,
            y_mean=self.y_mean,
            y_scale=self.y_scale,
            groups=tuple(groups),
            errors=ErrorModel.unfitted(),
            snr=self.stars.median_snr,
            summary={"stars": int((~self.stop).sum()), "networks": [r for fit in fits for r in fit.records]},
            reads_snr=self.inputs.reads_snr,
        )


def fit_networks(
    tasks: Sequence[ReadingTask], settings: RegressorSettings, progress: Progress
) -> list[Fitted]:
    """What was fitted to each task, by scikit-learn or by PyTorch."""
    if settings.scikit_learn:
        from . import papers_network as fitter
    else:
        from . import reader_networks as fitter
    return fitter.fit_networks(tasks, settings, progress)


def _label_groups(y: np.ndarray, joint: bool) -> Columns:
    """Columns that share a network: those known for exactly the same stars, if `joint`, otherwise each alone.

    y: (N, P), NaN = missing. Columns known for too few stars are left out; ModelError when none is left.
    """
    finite = np.isfinite(y)
    usable = [p for p in range(y.shape[1]) if finite[:, p].sum() >= MIN_LABELLED]
    if not usable:
        raise ModelError(
            f"no label is known for {MIN_LABELLED} of the {len(y)} stars: a regressor cannot be fitted"
        )
    by_pattern: dict[object, list[int]] = {}
    for p in usable:
        by_pattern.setdefault(finite[:, p].tobytes() if joint else p, []).append(p)
    return [np.array(columns) for columns in by_pattern.values()]
