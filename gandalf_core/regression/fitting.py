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
from .inputs import NetworkInputs, moments, network_inputs
from .optimisation import Task, fit_network
from .regressor import LabelGroup, Regressor, check_finite
from .settings import PAPER, RegressorSettings
from .uncertainty import ErrorModel, fit_shape

MIN_LABELLED = 40  # stars with a label, below which no network is fitted for it
HELD_OUT = 0.1  # of the stars: they decide when to stop and how wide error bars are
MANY_HELD_OUT = 1000  # enough for error bars that depend on S/N and labels; at most a quarter of the stars
MIN_UNSEEN = 500  # fewer say too little about how wide an error bar must be


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
    progress: Progress = silent,
) -> Regressor:
    """Fit on x (N, D) and y (N, P) in physical units, NaN = missing.

    snr: (N,) per pixel, for the error bars. progress: called after every pass over the stars with the
    fraction of the passes that may be needed and the held-out loss (in units of the labels' variance).

    Raises ModelError for inputs that are not finite, shapes that disagree, an S/N that is to be an input and
    is not known, or no label known for `MIN_LABELLED` stars.
    """
    began = time.perf_counter()
    stars = LabelledStars.of(x, y, names, snr)
    held_out = _held_out(len(stars), settings.seed)
    snr_input = stars.filled_snr if settings.use_snr else None
    inputs = network_inputs(stars.x, held_out, settings.components, snr_input)
    y_mean, y_scale = moments(stars.y[~held_out])
    standard = ((stars.y - y_mean) / y_scale).astype(np.float32)
    groups, records = _fit_groups(inputs, standard, held_out, settings, progress)
    seconds = time.perf_counter() - began
    regressor = Regressor(
        names=stars.names,
        x_mean=inputs.x_mean,
        x_scale=inputs.x_scale,
        y_mean=y_mean,
        y_scale=y_scale,
        groups=groups,
        errors=ErrorModel.unfitted(),
        snr=stars.median_snr,
        summary={"stars": int((~held_out).sum()), "networks": records, "seconds": seconds},
        reads_snr=settings.use_snr,
    )
    return _with_errors(regressor, stars[~held_out], stars[held_out], settings.seed)


def _with_errors(regressor: Regressor, trained: LabelledStars, unseen: LabelledStars, seed: int) -> Regressor:
    """Error bars whose shape the training stars tell and whose level those that were held out."""
    shape = fit_shape(*regressor.residuals(trained.x, trained.y, trained.snr), seed)
    return replace(regressor, errors=shape).calibrated(unseen.x, unseen.y, unseen.snr)


def fit_calibrated(
    x: np.ndarray,
    y: np.ndarray,
    names: Sequence[str],
    unseen: np.ndarray,
    settings: RegressorSettings = PAPER,
    *,
    snr: np.ndarray | None = None,
) -> Regressor:
    """`fit_regressor` on latents x, with error bars from the stars that the encoder never saw, `unseen` (N,).

    An encoder with reinforced labels knows its own training stars better than any other: their error bars
    would be too short. With fewer than `MIN_UNSEEN` such stars, or more than half (the encoder is from
    elsewhere), all stars are used alike.
    """
    stars, unseen = LabelledStars.of(x, y, names, snr), np.asarray(unseen, bool)
    if not MIN_UNSEEN <= unseen.sum() <= len(stars) / 2:
        return fit_regressor(x, y, names, settings, snr=snr)
    own, others = stars[~unseen], stars[unseen]
    fitted = fit_regressor(own.x, own.y, names, settings, snr=own.snr)
    return fitted.calibrated(others.x, others.y, others.snr)


def _fit_groups(
    inputs: NetworkInputs,
    y: np.ndarray,
    held_out: np.ndarray,
    settings: RegressorSettings,
    progress: Progress,
) -> tuple[tuple[LabelGroup, ...], list[dict[str, Any]]]:
    """One group per set of labels known for the same stars, and the record of every network.

    y: (N, P) standardised, NaN = missing. Raises ModelError when no label is known for enough stars.
    """
    groups, records = [], []
    columns = _label_groups(y, settings.joint)
    if not columns:
        raise ModelError(
            f"no label is known for {MIN_LABELLED} of the {len(y)} stars: a regressor cannot be fitted"
        )
    total = len(columns) * settings.ensemble
    for group in columns:
        finite = np.isfinite(y[:, group[0]])
        task = Task(
            inputs, y[:, group], np.flatnonzero(finite & ~held_out), np.flatnonzero(finite & held_out)
        )
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


def _held_out(n_stars: int, seed: int) -> np.ndarray:
    """(N,) true for the stars that do not train: a tenth, more where there are few stars."""
    count = round(max(HELD_OUT * n_stars, min(MANY_HELD_OUT, n_stars / 4)))
    held_out = np.zeros(n_stars, bool)
    held_out[np.random.default_rng(seed).permutation(n_stars)[:count]] = True
    return held_out


def _label_groups(y: np.ndarray, joint: bool) -> list[np.ndarray]:
    """Columns that share a network: those known for exactly the same stars, if `joint`, otherwise each alone.

    Columns known for too few stars are left out.
    """
    finite = np.isfinite(y)
    usable = [p for p in range(y.shape[1]) if finite[:, p].sum() >= MIN_LABELLED]
    by_pattern: dict[object, list[int]] = {}
    for p in usable:
        by_pattern.setdefault(finite[:, p].tobytes() if joint else p, []).append(p)
    return [np.array(columns) for columns in by_pattern.values()]
