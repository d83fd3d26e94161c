"""Fitting regressors: labels from spectra or latents, with an uncertainty for every star and label.

The regressor of the paper: scikit-learn's `MLPRegressor` with 200 and 100 hidden units on standardised inputs
and outputs (Manteiga et al. 2025, section 5), stored as arrays and evaluated by numpy alone. Missing labels
are never filled.
Shapes: N stars, D numbers per star, P labels.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ModelError
from ..jobs.progress import Progress, silent
from ..regression.crossed import AnyRegressor, CrossedRegressor
from ..regression.inputs import NetworkInputs, moments, network_inputs
from ..regression.parts import Parts
from ..regression.regressor import LabelGroup, Regressor, check_finite
from ..regression.settings import PAPER, RegressorSettings
from ..regression.uncertainty import ErrorModel, fit_shape
from .papers_network import Task, fit_network

MIN_LABELLED = 40  # stars with a label, below which no network is fitted for it
Columns = list[np.ndarray]  # columns of the labels that share a network


@dataclass(frozen=True, eq=False)
class LabelledStars:
    """What a regressor is fitted to: x (N, D), y (N, P) in physical units, NaN = missing, snr (N,)."""

    x: np.ndarray
    y: np.ndarray
    names: tuple[str, ...]
    snr: np.ndarray | None = None

    @classmethod
    def of(
        cls, x: np.ndarray, y: np.ndarray, names: Sequence[str], snr: np.ndarray | None
    ) -> "LabelledStars":
        """In the types that the fit works in. ModelError for shapes that disagree and inputs not finite."""
        x, y, names = np.asarray(x, np.float32), np.asarray(y, np.float64), tuple(names)
        if x.ndim != 2 or y.shape != (len(x), len(names)) or (snr is not None and np.shape(snr) != (len(x),)):
            raise ModelError(
                f"inputs {x.shape}, labels {y.shape} and {len(names)} names do not belong together"
            )
        check_finite(x)
        return cls(x, y, names, None if snr is None else np.asarray(snr))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: np.ndarray) -> "LabelledStars":
        return replace(self, x=self.x[rows], y=self.y[rows], snr=None if self.snr is None else self.snr[rows])

    @property
    def median_snr(self) -> float:
        """NaN where none is known."""
        return float("nan") if self.snr is None else float(np.nanmedian(self.snr))

    @property
    def filled_snr(self) -> np.ndarray:
        """(N,) the S/N, the median where it is unknown. ModelError when it is unknown for every star."""
        if self.snr is None or not self.median_snr > 0:
            raise ModelError("no S/N is known: it cannot be an input")
        snr = self.snr.astype(np.float64)
        return np.where(snr > 0, snr, self.median_snr)


def fit_regressor(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    settings: RegressorSettings = PAPER,
    *,
    snr: np.ndarray | None = None,
    parts: Parts | None = None,
    progress: Progress = silent,
) -> AnyRegressor:
    """Fit on x (N, D) and y (N, P) in physical units, NaN = missing.

    snr: (N,) per pixel, for the error bars.  parts: which stars stop the fit and which calibrate its error
    bars; None: drawn by the settings' seed, all stars alike. Where too few calibrate (`Parts.enough`) the fit
    is crossed: one fit per fold, each calibrated on its own fold; `summary["calibration"]` says so.
    progress: called after every pass over the stars with the fraction of the passes that may be needed and
    the loss of the stars that stop (in units of the labels' variance).

    Raises ModelError for inputs that are not finite, shapes that disagree, an S/N that is to be an input and
    is not known, or no label known for `MIN_LABELLED` stars.
    """
    began = time.perf_counter()
    stars = LabelledStars.of(x, y, names, snr)
    columns = _label_groups(stars.y, settings.joint)
    parts = Parts.drawn(len(stars), settings.seed) if parts is None else parts
    known = np.isfinite(stars.y[:, np.concatenate(columns)])
    if parts.enough(known):
        fitted = _fit_part(stars, parts.able_to_stop(settings.seed), columns, settings, progress)
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
    fits = [
        _fit_part(stars, fold, columns, settings, _part(progress, k, len(folds)))
        for k, fold in enumerate(folds)
    ]
    calibrating = int(sum(known[fold.calibrate].any(1).sum() for fold in folds))
    about = {"method": "cross", "stars": calibrating, "folds": len(folds), "seen": parts.seen(known)}
    records = [record for fit in fits for record in fit.summary["networks"]]
    trained = int(np.any([fold.train for fold in folds], axis=0).sum())
    return CrossedRegressor(tuple(fits), {"stars": trained, "networks": records}), about


def _fit_part(
    stars: LabelledStars, parts: Parts, columns: Columns, settings: RegressorSettings, progress: Progress
) -> Regressor:
    """The networks of the stars that train, with error bars of those that stop and those that calibrate."""
    fitting = stars[~parts.calibrate]
    stop, calibrating = parts.stop[~parts.calibrate], stars[parts.calibrate]
    regressor = _fit_networks(fitting, stop, columns, settings, progress)
    trained, stopped = fitting[~stop], fitting[stop]
    errors = fit_shape(*regressor.residuals(trained.x, trained.y, trained.snr), settings.seed)
    errors = errors.levelled(*regressor.residuals(stopped.x, stopped.y, stopped.snr))
    levelled = replace(regressor, errors=errors)
    return levelled.conformed(calibrating.x, calibrating.y, calibrating.snr)


def _fit_networks(
    stars: LabelledStars,
    stop: np.ndarray,
    columns: Columns,
    settings: RegressorSettings,
    progress: Progress,
) -> Regressor:
    """The networks alone; `stop` (N,): stars that do not train them but decide when to stop."""
    snr_input = stars.filled_snr if settings.use_snr else None
    inputs = network_inputs(stars.x, stop, settings.components, snr_input)
    y_mean, y_scale = moments(stars.y[~stop])
    standard = ((stars.y - y_mean) / y_scale).astype(np.float32)
    groups, records = _fit_groups(inputs, standard, stop, columns, settings, progress)
    return Regressor(
        names=stars.names,
        x_mean=inputs.x_mean,
        x_scale=inputs.x_scale,
        y_mean=y_mean,
        y_scale=y_scale,
        groups=groups,
        errors=ErrorModel.unfitted(),
        snr=stars.median_snr,
        summary={"stars": int((~stop).sum()), "networks": records},
        reads_snr=settings.use_snr,
    )


def _fit_groups(
    inputs: NetworkInputs,
    y: np.ndarray,
    stop: np.ndarray,
    columns: Columns,
    settings: RegressorSettings,
    progress: Progress,
) -> tuple[tuple[LabelGroup, ...], list[dict[str, Any]]]:
    """One group per set of labels known for the same stars, and the record of every network.

    y: (N, P) standardised, NaN = missing.
    """
    groups, records = [], []
    total = len(columns) * settings.ensemble
    for group in columns:
        finite = np.isfinite(y[:, group[0]])
        task = Task(inputs, y[:, group], np.flatnonzero(finite & ~stop), np.flatnonzero(finite & stop))
        members = []
        for m in range(settings.ensemble):
            part = _part(progress, len(records), total)
            network, record = fit_network(task, settings, settings.seed + m, part)
            members.append(inputs.standardised(network))
            records.append(record)
        groups.append(LabelGroup(group, tuple(members)))
    return tuple(groups), records


def _part(progress: Progress, number: int, total: int) -> Progress:
    """The progress of one of `total` equal parts."""

    def scaled(fraction: float, text: str) -> None:
        progress((number + fraction) / total, text)

    return scaled


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
