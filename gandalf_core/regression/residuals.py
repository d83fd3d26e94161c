"""How predictions differ from the truth: the sums of the paper's Table 1, and whether error bars are honest.

Shapes: N stars, P labels. Differences are predicted − true.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..data.scores import r_squared

MIN_IN_BIN = 300  # a 68 % coverage measured on fewer stars is uncertain by more than 3 %
SNR_EDGES = (0, 20, 30, 40, 50, 70, 100, 150, np.inf)
TEFF_STEP = 500.0  # K, width of a bin

Statistics = dict[str, float | int | None]


def residual_statistics(
    predicted: np.ndarray,
    true: np.ndarray,
    names: Sequence[str],
    errors: np.ndarray | None = None,
    bounds: np.ndarray | None = None,
) -> dict[str, Statistics]:
    """Table 1's columns and more for each label of predicted, true (N, P), over the stars that have it.

    errors: (N, P) 1σ.  bounds: (N, P) smallest attainable 1σ of each star, NaN where unknown.

    Keys per label: `mean`, `mean_absolute` and `std` of the difference, its `rmse`, `r2`, `coverage` (share
    of stars within 1σ, None without errors), `stars`, and the rms error over the rms and over the median of
    the bounds, `rmse_over_bound` and `rmse_over_median_bound`, of the stars with a bound (None without). Only
    `stars`, 0, for a label that no star has.
    """
    return {
        name: _label_statistics(
            predicted[:, p],
            true[:, p],
            None if errors is None else errors[:, p],
            None if bounds is None else bounds[:, p],
        )
        for p, name in enumerate(names)
    }


def _label_statistics(
    predicted: np.ndarray, true: np.ndarray, error: np.ndarray | None, bound: np.ndarray | None
) -> Statistics:
    finite = np.isfinite(predicted) & np.isfinite(true)
    if not finite.any():
        return {"stars": 0}
    difference = (predicted - true)[finite]
    return {
        "mean": float(difference.mean()),
        "mean_absolute": float(np.abs(difference).mean()),
        "std": float(difference.std()),
        "rmse": _rms(difference),
        "r2": r_squared(true[finite], predicted[finite]),
        "coverage": None if error is None else float((np.abs(difference) <= error[finite]).mean()),
        "stars": int(finite.sum()),
        **_over_bound(difference, None if bound is None else bound[finite]),
    }


def _over_bound(difference: np.ndarray, bound: np.ndarray | None) -> Statistics:
    """The rms difference in units of the rms and of the median bound, over the stars with a bound."""
    if bound is None or not np.isfinite(bound).any():
        return {"rmse_over_bound": None, "rmse_over_median_bound": None}
    bounded = np.isfinite(bound)
    rmse, bound = _rms(difference[bounded]), bound[bounded]
    return {"rmse_over_bound": rmse / _rms(bound), "rmse_over_median_bound": rmse / float(np.median(bound))}


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def interval_coverage(
    predicted: np.ndarray,
    true: np.ndarray,
    names: Sequence[str],
    errors: np.ndarray,
    snr: np.ndarray | None = None,
    *,
    more_than: int = MIN_IN_BIN,
    snr_edges: Sequence[float] = SNR_EDGES,
) -> dict[str, list[dict]]:
    """Share of stars whose truth lies within 1σ, per label, in bins of more than so many stars.

    predicted, true, errors: (N, P); snr: (N,), NaN where unknown. Keys: `snr`, unless no star's is known, and
    `teff`, the true one, where it is a label; rows {low, high, stars, label: share}. A label that no star has
    is left out.
    """
    finite = np.isfinite(predicted) & np.isfinite(true)
    columns = [p for p in range(len(names)) if finite[:, p].any()]
    names = [names[p] for p in columns]
    within = np.where(finite, np.abs(predicted - true) <= errors, np.nan)[:, columns]
    bins = {}
    if names and snr is not None and np.isfinite(snr).any():
        bins["snr"] = _shares(snr, snr_edges, within, names, more_than)
    if "teff" in names:
        teff = true[:, columns[names.index("teff")]]
        low, high = np.nanmin(teff) // TEFF_STEP, np.nanmax(teff) // TEFF_STEP + 1
        bins["teff"] = _shares(teff, np.arange(low, high + 1) * TEFF_STEP, within, names, more_than)
    return bins


def _shares(
    quantity: np.ndarray,
    edges: Sequence[float] | np.ndarray,
    within: np.ndarray,
    names: Sequence[str],
    more_than: int,
) -> list[dict]:
    """One row per bin of the quantity (N,): limits, number of stars, share of `within` (N, P) per label."""
    rows = []
    for low, high in pairwise(edges):
        here = (quantity >= low) & (quantity < high)
        if here.sum() > more_than:
            limits = {"low": float(low), "high": None if np.isinf(high) else float(high)}
            shares = dict(zip(names, np.nanmean(within[here], 0).tolist(), strict=True))
            rows.append({**limits, "stars": int(here.sum()), **shares})
    return rows
