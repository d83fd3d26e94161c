"""How wide an interval must be for its promise to hold, whatever the distribution of the residuals.

A score says how far a calibrating star's truth lies from its prediction, in units of the width that its
features suggest. *Split conformal* prediction (Vovk, Gammerman & Shafer 2005; Lei et al. 2018): with the
⌈p(n + 1)⌉-th smallest of n scores as the limit, an interval of level p holds the truth of at least p, and at
most p + 1/(n + 1), of new stars like the calibrating ones. That is an average over draws of the calibrating
stars; for one draw it scatters by √(p(1 − p)/n). It does not hold bin by bin, nor for stars of another kind.

*CV+* (Barber, Candès, Ramdas & Tibshirani 2021; the cross-conformal prediction of Vovk 2015): the n stars lie
in K folds, and the scores of a fold come from a fit without it. With α = 1 − p, at least
1 − 2α − min(2(1 − 1/K)/(n/K + 1), (1 − K/n)/(K + 1)) of new stars are covered; in practice 1 − α or a little
more.

Shapes: N stars, S scores, P labels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

LEVEL = 0.6827  # two-sided probability of one standard deviation
FOLDS = 5
MIN_SCORES = 20  # of a label; with fewer its width is NaN
MIN_UNSEEN = 500  # calibrating stars; with fewer the fit is crossed, so that no star is lost to training
CHUNK = 1024  # stars at once, each with all scores


def rank(count: int, level: float) -> int:
    """How many of `count` scores an interval of this level must hold; more than `count`: no width will do."""
    return int(np.ceil(round(level * (count + 1), 9)))


def in_order(scores: np.ndarray) -> np.ndarray:
    """(S, P) each column in increasing order, NaN (unknown) at its end."""
    return np.sort(scores, axis=0)


def limits(scores: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """(P,) the score that an interval of this level reaches, from scores (S, P) in order.

    NaN for a label with fewer than `MIN_SCORES`, inf for a level that so few scores cannot promise.
    """
    counts = np.isfinite(scores).sum(0)
    return np.array([_limit(column, n, level) for column, n in zip(scores.T, counts, strict=True)])


def _limit(column: np.ndarray, count: int, level: float) -> float:
    if count < MIN_SCORES:
        return float("nan")
    wanted = rank(count, level)
    return float(column[wanted - 1]) if wanted <= count else float("inf")


def crossed_half_widths(
    offsets: Sequence[np.ndarray],
    widths: Sequence[np.ndarray],
    scores: Sequence[np.ndarray],
    level: float = LEVEL,
) -> np.ndarray:
    """(N, P) half-widths around the mean of K fits: the longer side of the intervals of CV+.

    Of each fit: offsets (N, P) of its predictions from the mean, the widths (N, P) that belong to a score of
    0, and the scores (S, P) of the fold that it did not see. NaN and inf as in `limits`.
    """
    out = np.full_like(widths[0], np.nan)
    factors = [np.exp(s) for s in scores]
    for p in range(out.shape[1]):
        known = [f[np.isfinite(f[:, p]), p] for f in factors]
        count = sum(map(len, known))
        wanted = rank(count, level)
        if count >= MIN_SCORES and wanted <= count:
            fits = [(o[:, p], w[:, p], f) for o, w, f in zip(offsets, widths, known, strict=True)]
            out[:, p] = np.maximum(_smallest(fits, wanted, 1), _smallest(fits, wanted, -1))
        elif count >= MIN_SCORES:
            out[:, p] = np.inf
    return out


def _smallest(fits: list[tuple[np.ndarray, np.ndarray, np.ndarray]], wanted: int, side: int) -> np.ndarray:
    """(N,) the `wanted`-th smallest of side · offset (N,) + width (N,) · factor (S,) over all fits."""
    out = np.empty(len(fits[0][0]))
    for start in range(0, len(out), CHUNK):
        rows = slice(start, start + CHUNK)
        reach = [side * o[rows, None] + w[rows, None] * factor for o, w, factor in fits]
        out[rows] = np.partition(np.hstack(reach), wanted - 1, axis=1)[:, wanted - 1]
    return out


# --- in words ---


def promise(calibration: dict[str, Any]) -> str:
    """One sentence: on which stars the error bars were calibrated, how, and what they promise.

    calibration: that of a regressor's summary. Keys `method` (`split` or `cross`), `stars`, `folds`, `seen`;
    `other_physics`, where there are some, how many more stars are of another nature.
    """
    stars, others = f"{calibration['stars']:,} stars", calibration.get("other_physics", 0)
    if calibration["method"] == "split":
        drawn = f" and {others:,} of other physics, drawn by chance" if others else ""
        kind = "stars drawn likewise" if others else "stars like these"
        return (
            f"split conformal, on {stars}{drawn} that trained nothing: an interval of level p holds the "
            f"truth of at least p of {kind}, on average over them, not in every bin"
            + (", nor of either physics alone" if others else "")
        )
    crossed = f"cross-conformal (CV+, {calibration['folds']} folds), on {stars}"
    guarantee = (
        "an interval of level p is sure to hold about 2p − 1 of stars like these, in practice p or more"
    )
    if calibration["seen"]:
        return (
            f"{crossed}, whose folds trained no regressor but all trained the encoder, because fewer than "
            f"{MIN_SCORES} stars were held back from it: the intervals may be too narrow"
        )
    return f"{crossed}, since fewer than {MIN_UNSEEN} are unseen, each by a fit without it: {guarantee}"
