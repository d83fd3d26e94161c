"""The paper's comparison of representations (Manteiga et al. 2025, section 5 and Table 1): one regressor
each, same stars.

Shapes: N training stars, M test stars, D numbers a star, P labels.
"""

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..data.scores import r_squared
from ..data.spectra import SpectraSet
from ..data.splits import split
from ..errors import AuditError
from ..jobs.progress import Progress, silent
from .classes import class_scores
from .fitting import FOR_SPECTRA, Regressor, fit_calibrated, fit_regressor

if TYPE_CHECKING:
    from ..models.trained import TrainedModel

MIN_STARS = 100
MIN_IN_BIN = 300  # a 68 % coverage measured on fewer stars is uncertain by more than 3 %
SNR_EDGES = (0, 20, 30, 40, 50, 70, 100, 150, np.inf)
TEFF_STEP = 500.0
TUNED = "spectra, best regressor"


class Inputs(NamedTuple):
    """One representation: numbers of the training stars (N, D) and of the test stars (M, D).

    unseen: (N,) the training stars that took no part in making the representation; their errors are
    everybody's.
    settings: of its regressor, instead of the paper's.
    """

    train: np.ndarray
    test: np.ndarray
    unseen: np.ndarray | None = None
    settings: Mapping[str, Any] = {}


def compare(
    representations: Mapping[str, tuple],
    y_train: np.ndarray,
    y_test: np.ndarray,
    names: Sequence[str],
    *,
    snr_train: np.ndarray | None = None,
    snr_test: np.ndarray | None = None,
    bounds: np.ndarray | None = None,
    alphas: Sequence[float] = (1e-4,),
    per_parameter: bool = False,
    max_iter: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Table 1 for each representation: name -> `Inputs` or its (train, test), all of the same stars.

    y_train (N, P), y_test (M, P): physical units, NaN = missing.  snr_train (N,), snr_test (M,): per pixel,
    for the error bars.  bounds: (M, P) smallest attainable 1σ of each star; their rms is the unit of
    `rmse_over_bound`.  alphas: penalties to choose from by the held-out training stars.  per_parameter: also
    one network per label.

    Keys: `stars`; `representations`: name -> label -> {mean, mean_absolute, std, rmse, r2, coverage,
    rmse_over_bound, rmse_over_median_bound, stars}, the differences being predicted − true; `per_parameter`:
    the same for one network per label; and, by name of the representation, `seconds` (training, inference of
    all test stars), `classes`, `coverage`, `network`.

    Raises AuditError for fewer than `MIN_STARS` stars on either side.
    """
    if min(len(y_train), len(y_test)) < MIN_STARS:
        raise AuditError(
            f"{len(y_train)} stars to train and {len(y_test)} to test: a comparison needs {MIN_STARS} of each"
        )
    names = tuple(names)
    settings = {"names": names, "snr": snr_train, "max_iter": max_iter, "seed": seed}
    parts = ("representations", "per_parameter", "seconds", "classes", "coverage", "network")
    report: dict[str, Any] = {
        "stars": {"train": len(y_train), "test": len(y_test)},
        **{part: {} for part in parts},
    }
    for k, (name, given) in enumerate(representations.items()):
        inputs = Inputs(*given)
        progress(k / len(representations), f"regressor on {name}: {inputs.train.shape[1]} numbers a star")
        regressor = best_of(inputs, y_train, alphas, **settings)
        values, errors = regressor.predict(inputs.test, snr_test)
        report["representations"][name] = statistics(values, errors, y_test, names, bounds)
        report["seconds"][name] = {
            "training": regressor.summary["seconds"],
            "inference": _seconds(regressor, inputs.test, snr_test),
        }
        report["classes"][name] = class_scores(values, y_test, names)
        report["coverage"][name] = coverage(values, errors, y_test, names, snr_test)
        report["network"][name] = regressor.summary
        if per_parameter:
            chosen = settings | dict(inputs.settings) | {"alpha": regressor.summary["alpha"]}
            alone = fit_regressor(inputs.train, y_train, joint=False, **chosen)
            report["per_parameter"][name] = statistics(
                *alone.predict(inputs.test, snr_test), y_test, names, bounds
            )
            report["seconds"][name]["training_per_parameter"] = alone.summary["seconds"]
    return report


def compare_models(
    stars: SpectraSet,
    models: Mapping[str, "TrainedModel"],
    *,
    bounds: np.ndarray | None = None,
    seed: int = 0,
    **settings,
) -> dict[str, Any]:
    """`compare` of the spectra and of the exported latents of `models` (name -> model), stars split 80/20 by
    id; and, where the S/N is known, of the spectra once more with the regressor that reads them best.

    bounds: (N, P) of all the stars, in the order of the first model's labels.  Adds to `seconds` the
    `encoding` of the test
    stars: reading parameters from a spectrum by way of its latent costs both.  settings: passed to `compare`.

    Raises AuditError without models or when the models' labels differ, SpectraError for stars not on the
    models' grid.
    """
    if not models:
        raise AuditError("nothing to compare: give at least one model")
    first = next(iter(models.values()))
    if any(m.label_names != first.label_names for m in models.values()):
        raise AuditError("the models know different labels: compare models of one sample")
    stars = first.on_grid(stars)
    train, test = split(stars.ids, seed=seed)
    flux = first.scaler.fill(stars.flux, stars.mask)
    snr = stars.known_snr
    representations, encoding = {"spectra": Inputs(flux[train], flux[test])}, {}
    if snr is not None:
        representations[TUNED] = Inputs(flux[train], flux[test], settings=FOR_SPECTRA)
    for name, model in models.items():
        began = time.perf_counter()
        z_test = model.encode(stars[test]).z
        encoding[name] = time.perf_counter() - began
        unseen = np.isin(stars.ids[train], model.check_ids) | model.held_out(stars[train])
        representations[name] = Inputs(model.encode(stars[train]).z, z_test, unseen)
    labels = stars.labels_for(first.label_names)
    report = compare(
        representations,
        labels[train],
        labels[test],
        first.label_names,
        seed=seed,
        snr_train=_rows(snr, train),
        snr_test=_rows(snr, test),
        bounds=_rows(bounds, test),
        **settings,
    )
    for name, seconds in encoding.items():
        report["seconds"][name]["encoding"] = seconds
    return report


def _rows(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    return None if values is None else values[rows]


def best_of(
    inputs: Inputs, y: np.ndarray, alphas: Sequence[float], *, names: Sequence[str], **settings
) -> Regressor:
    """The regressor whose penalty the held-out tenth of the training stars prefers; it enters the summary as
    `alpha`.
    """
    settings |= dict(inputs.settings)
    alphas = [settings.pop("alpha")] if "alpha" in settings else alphas
    unseen = np.zeros(len(y), bool) if inputs.unseen is None else inputs.unseen
    fits = {a: fit_calibrated(inputs.train, y, names, unseen, alpha=a, **settings) for a in alphas}
    best = min(fits, key=lambda alpha: np.mean([n["held_out_loss"] for n in fits[alpha].summary["networks"]]))
    fits[best].summary["alpha"] = best
    return fits[best]


def statistics(
    values: np.ndarray,
    errors: np.ndarray,
    truth: np.ndarray,
    names: Sequence[str],
    bounds: np.ndarray | None = None,
) -> dict[str, dict[str, float | int | None]]:
    """Table 1's columns and more of predicted − true for each label of values, errors, truth (M, P), over the
    stars that have it.

    The rms error over the rms of the bounds (M, P), and over their median, count the stars with a finite
    bound.
    """
    return {
        n: _label_statistics(*(c[:, p] for c in (values, errors, truth)), _column(bounds, p))
        for p, n in enumerate(names)
    }


def _column(bounds: np.ndarray | None, p: int) -> np.ndarray | None:
    return None if bounds is None else bounds[:, p]


def _label_statistics(value, error, truth, bound) -> dict[str, float | int | None]:
    known = np.isfinite(value) & np.isfinite(truth)
    if not known.any():
        return {"stars": 0}
    difference = (value - truth)[known]
    rmse = lambda d: float(np.sqrt(np.mean(d**2)))  # noqa: E731
    found = {
        "mean": float(difference.mean()),
        "mean_absolute": float(np.abs(difference).mean()),
        "std": float(difference.std()),
        "rmse": rmse(difference),
        "r2": r_squared(truth[known], value[known]),
        "coverage": float((np.abs(difference) <= error[known]).mean()),
        "stars": int(known.sum()),
        "rmse_over_bound": None,
        "rmse_over_median_bound": None,
    }
    if bound is not None and (bounded := known & np.isfinite(bound)).any():
        reached = rmse((value - truth)[bounded])
        found |= {
            "rmse_over_bound": reached / rmse(bound[bounded]),
            "rmse_over_median_bound": reached / float(np.median(bound[bounded])),
        }
    return found


def coverage(
    values: np.ndarray,
    errors: np.ndarray,
    truth: np.ndarray,
    names: Sequence[str],
    snr: np.ndarray | None = None,
) -> dict[str, list[dict]]:
    """Share of stars whose truth lies within 1σ, label by label, in each bin of more than `MIN_IN_BIN` stars.

    Keys: `snr` (where known) and `teff` (where it is a label; the given one): rows {low, high, stars, label:
    share}.
    """
    inside = np.where(np.isfinite(values) & np.isfinite(truth), np.abs(values - truth) <= errors, np.nan)
    found = {} if snr is None else {"snr": _binned(snr, SNR_EDGES, inside, names)}
    if "teff" in names:
        teff = truth[:, list(names).index("teff")]
        low, high = np.nanmin(teff) // TEFF_STEP, np.nanmax(teff) // TEFF_STEP + 1
        found["teff"] = _binned(teff, np.arange(low, high + 1) * TEFF_STEP, inside, names)
    return found


def _binned(
    quantity: np.ndarray, edges: Sequence[float], inside: np.ndarray, names: Sequence[str]
) -> list[dict]:
    rows = []
    for low, high in pairwise(edges):
        here = (quantity >= low) & (quantity < high)
        if here.sum() > MIN_IN_BIN:
            shares = np.nanmean(inside[here], 0).tolist()
            rows.append(
                {"low": float(low), "high": None if np.isinf(high) else float(high), "stars": int(here.sum())}
            )
            rows[-1] |= dict(zip(names, shares, strict=True))
    return rows


def _seconds(regressor: Regressor, x: np.ndarray, snr: np.ndarray | None, repeats: int = 3) -> float:
    """Wall time of one prediction of all rows of x, the fastest of a few."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        regressor.predict(x, snr)
        times.append(time.perf_counter() - began)
    return min(times)
