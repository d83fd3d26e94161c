"""Offset and scatter of residuals as functions of what a star is like, when some labels are simply wrong.

A residual r = model − label is drawn from one of two: around γ·x with the variance (σ e^{β·x})² + s² of the
model's claimed error σ and the label's own error s, by Student's t with some tails (Lange, Little & Taylor
1989, JASA 84, 881); or, with a small probability, from a much wider one (Cauchy's), where the label (or the
spectrum) is of another star. Both functions and the share of bad labels are those of
greatest posterior probability, by expectation and maximisation (Dempster, Laird & Rubin 1977; Hogg, Bovy &
Lang 2010, arXiv:1008.4686, section 3).
Shapes: N stars, F features, the first of which is 1.
"""

from dataclasses import dataclass

import numpy as np

ROUNDS = 50
WIDE = 4.0  # the half-width of bad labels' (Cauchy) distribution, in typical errors
EXPECTED_BAD, WORTH = 0.02, 50.0  # the share of bad labels that is expected, and how many stars that is worth
SLOPE_SPREAD = 0.5  # prior spread of the slopes of β; those of γ have that many typical errors
CORE = 0.76  # the squared scale of Student's t that fits normal errors of unit variance best
SCALE_SPREAD = 0.7  # prior spread of β₀: claimed errors are not wrong by far more than a factor of two
TAILS = 6.0  # degrees of freedom: models err by three claimed errors more often than normal errors do
BAD = 0.5  # probability above which a label is named
DOUBTFUL = 0.3  # and above which it counts nothing for the offset, which many wrong alike would pull along


@dataclass(frozen=True, eq=False)
class OffsetFit:
    """What was found.

    offset: (F,) γ, in the label's unit.  covariance: (F, F) of it.  scale: (F,) β.  share: of bad labels.
    bad: (N,) probability that a label is one.
    """

    offset: np.ndarray
    covariance: np.ndarray
    scale: np.ndarray
    share: float
    bad: np.ndarray


def fit_offsets(
    residual: np.ndarray, claimed: np.ndarray, label_error: np.ndarray, features: np.ndarray
) -> OffsetFit:
    """Offset and scatter from residuals (N,) with claimed errors and errors of labels (N,), all finite."""
    count, size = features.shape
    offset, scale = np.zeros(size), np.zeros(size)
    offset[0] = np.median(residual)
    typical = np.median(claimed)
    spread = max(1.4826 * float(np.median(np.abs(residual - offset[0]))), 1e-3 * float(typical))
    scale[0] = np.log(spread / typical)
    wide = WIDE * spread
    slopes = np.r_[0.0, np.ones(size - 1)]
    share, bad = EXPECTED_BAD, np.zeros(count)
    matrix = np.eye(size)
    for _ in range(ROUNDS):
        own = (claimed * np.exp(features @ scale)) ** 2
        variance = own + CORE * label_error**2
        left = residual - features @ offset
        bad = _probability(left, variance, wide, share)
        share = (bad.sum() + EXPECTED_BAD * WORTH) / (count + WORTH)
        good = np.where(bad > DOUBTFUL, 0.0, 1.0) * _near(left**2 / variance)
        weight = good / variance
        matrix = (features.T * weight) @ features + np.diag(slopes) / (2 * SLOPE_SPREAD * spread) ** 2
        offset = np.linalg.solve(matrix, features.T @ (weight * residual))
        squares = (residual - features @ offset) ** 2 / variance
        scale = scale + _scale_step(features, 1 - bad, own / variance, squares, scale)
    return OffsetFit(offset, np.linalg.inv(matrix), scale, float(share), bad)


def _near(squares: np.ndarray) -> np.ndarray:
    """(N,) how much a star counts that far from the middle: the weight of Student's t."""
    return (TAILS + 1) / (TAILS + squares)


def bad_probability(fit: OffsetFit, residual: np.ndarray, variance: np.ndarray, typical: float) -> np.ndarray:
    """(N,) probability that other labels are bad, by residuals beside the offset and their variance."""
    return _probability(residual, variance, WIDE * typical, fit.share)


def _probability(left: np.ndarray, variance: np.ndarray, wide: float, share: float) -> np.ndarray:
    """Posterior probability of the wide distribution, beside Student's t of this variance."""
    from scipy.special import gammaln

    constant = gammaln((TAILS + 1) / 2) - gammaln(TAILS / 2) - 0.5 * np.log(np.pi * TAILS)
    log_good = constant - 0.5 * np.log(variance) - (TAILS + 1) / 2 * np.log1p(left**2 / variance / TAILS)
    spread = np.sqrt(variance + wide**2)
    log_bad = -np.log(np.pi * spread) - np.log1p((left / spread) ** 2)
    odds = np.log1p(-share) + log_good - np.log(share) - log_bad
    return 1 / (1 + np.exp(np.clip(odds, -500, 500)))


def _scale_step(
    features: np.ndarray, good: np.ndarray, part: np.ndarray, squares: np.ndarray, scale: np.ndarray
) -> np.ndarray:
    """(F,) a Fisher step of β.

    good: (N,) probability of a good label.  part: (N,) share of the variance that is not the label's.
    squares: (N,) of residuals, in units of their variance.
    """
    prior = np.r_[1 / SCALE_SPREAD**2, np.full(len(scale) - 1, 1 / SLOPE_SPREAD**2)]
    excess = _near(squares) * squares - 1
    slope = features.T @ (good * part * excess) - prior * scale
    information = 2 * TAILS / (TAILS + 3) * good * part**2
    curvature = (features.T * information) @ features + np.diag(prior + 1e-3)
    return np.clip(np.linalg.solve(curvature, slope), -0.5, 0.5)
