"""What a few hundred labelled stars say of a mean spectrum: line strengths, shrunk as far as the data ask.

The residuals of stars i from a mean spectrum m(y) are fitted, pixel by pixel, with Δ of `networks.shift`, by
ridge regression whose penalties are not chosen but found: the terms of Δ have a prior mean and covariance
that all pixels share, the likeliest ones (empirical Bayes; MacKay 1992, Neural Computation 4, 415). How many
terms there are, cross-validation says. A star counts by its noise, by what labels in error would move in its
spectrum, and little where it is like none of the others (Huber 1964).
Shapes: N stars, C labels, L pixels, F terms of Δ and its level.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..networks.shift import LineShift, line_terms

MODEL_ERROR, LEAST_ERROR = 0.10, 0.02  # of the depth, and of the flux: what scatters beside the noise
ORDERS = ("no dependence on labels", "linear in labels", "quadratic in labels")
FOLDS, ROUNDS, START = 5, 12, 0.05**2
FARTHEST = 9.0  # squared residuals in units of their variance count no more than this when orders compete
ODD = 3.0  # a star whose mean square exceeds this many times the median counts less
EDGE_PERCENT = 1.0  # of the stars' labels, beyond which Δ no longer follows them


@dataclass(frozen=True, eq=False)
class Residuals:
    """What spectra are beside a mean spectrum.

    labels: (N, C) standardised.  mean: (N, L) expected flux.  left: (N, L) flux − mean.  variance: (N, L) of
    it, inf for a pixel that is not used.
    """

    labels: np.ndarray
    mean: np.ndarray
    left: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(
        cls, labels: np.ndarray, mean: np.ndarray, flux: np.ndarray, error: np.ndarray, unused: np.ndarray
    ) -> "Residuals":
        """Of spectra (N, L) with noise of one standard deviation `error`; unused: pixels that say nothing."""
        variance = error.astype(np.float64) ** 2 + LEAST_ERROR**2 + (MODEL_ERROR * (1 - mean)) ** 2
        left = np.where(unused, 0.0, np.nan_to_num(flux) - mean)
        return cls(labels, mean, left, np.where(unused | ~np.isfinite(variance), np.inf, variance))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: np.ndarray) -> "Residuals":
        return Residuals(self.labels[rows], self.mean[rows], self.left[rows], self.variance[rows])


@dataclass(frozen=True, eq=False)
class LineFit:
    """Δ as it was fitted; strengths (F − 1, L) and level (L,) in units of the flux.

    low, high, centre, spread: (C,) of the stars' labels, as in `networks.shift`.
    """

    low: np.ndarray
    high: np.ndarray
    centre: np.ndarray
    spread: np.ndarray
    strengths: np.ndarray
    level: np.ndarray

    def at(self, labels: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """(N, L) Δ at standardised labels (N, C) for expected fluxes (N, L)."""
        share = self._terms(labels) @ self.strengths
        return ((1 - mean) * share + self.level).astype(np.float32)

    def _terms(self, labels: np.ndarray) -> np.ndarray:
        x = (np.clip(labels, self.low, self.high) - self.centre) / self.spread
        return line_terms(torch.as_tensor(x), len(self.strengths)).numpy()

    def shift(self, flux_offset: np.ndarray, flux_scale: np.ndarray) -> LineShift:
        """The same in the units of a decoder whose output is (flux − offset)/scale."""
        module = LineShift(len(self.low), len(self.level))
        arrays = {name: getattr(self, name) for name in ("low", "high", "centre", "spread", "strengths")}
        arrays |= {"level": self.level / flux_scale, "continuum": (1 - flux_offset) / flux_scale}
        module.set({name: torch.as_tensor(values) for name, values in arrays.items()})
        return module


@dataclass(frozen=True)
class OrderChoice:
    """Mean squared residuals of stars that were left out, in units of their variance, without Δ and by order.

    order: the one of least error.
    """

    before: float
    after: tuple[float, ...]
    order: int


def fit_lines(stars: Residuals, seed: int = 0) -> tuple[LineFit, OrderChoice]:
    """Δ from the residuals of N stars, of the order that predicts stars best that were left out."""
    folds = np.random.default_rng(seed).permutation(len(stars)) % FOLDS
    weight = np.ones(len(stars))
    for _ in range(2):  # once to see which stars are like no other
        most = _Equations.of(stars, 2, weight)
        weight = _huber(stars, most.fit())
    scores = [_left_out(stars, order, weight, folds) for order in range(len(ORDERS))]
    order = int(np.argmin(scores))
    choice = OrderChoice(_loss(stars.left, stars.variance), tuple(scores), order)
    return _Equations.of(stars, order, weight).fit(), choice


def _left_out(stars: Residuals, order: int, weight: np.ndarray, folds: np.ndarray) -> float:
    """The loss of stars by fits without their fold."""
    parts = [_Equations.of(stars[folds == k], order, weight[folds == k], stars.labels) for k in range(FOLDS)]
    losses = []
    for k in range(FOLDS):
        fit = _together([part for j, part in enumerate(parts) if j != k]).fit()
        own = stars[folds == k]
        losses.append(_loss(own.left - fit.at(own.labels, own.mean), own.variance) * len(own))
    return float(np.sum(losses) / len(stars))


def _loss(left: np.ndarray, variance: np.ndarray) -> float:
    used = np.isfinite(variance)
    return float(np.minimum(left[used] ** 2 / variance[used], FARTHEST).mean())


def _huber(stars: Residuals, fit: LineFit) -> np.ndarray:
    """(N,) how much each star counts, by how far it lies from the fit beside the other stars."""
    used = np.isfinite(stars.variance)
    squares = np.where(used, (stars.left - fit.at(stars.labels, stars.mean)) ** 2 / stars.variance, 0.0)
    mean = squares.sum(1) / np.maximum(used.sum(1), 1)
    return np.minimum(1.0, ODD * np.median(mean) / np.maximum(mean, 1e-12))


@dataclass(frozen=True, eq=False)
class _Equations:
    """Normal equations of each pixel: matrix (L, F, F), right (L, F); and the scales of labels."""

    matrix: np.ndarray
    right: np.ndarray
    low: np.ndarray
    high: np.ndarray
    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(
        cls, stars: Residuals, order: int, weight: np.ndarray, labels: np.ndarray | None = None
    ) -> "_Equations":
        """labels: of all stars of the sample, which say the scales."""
        labels = stars.labels if labels is None else labels
        low, high = np.percentile(labels, [EDGE_PERCENT, 100 - EDGE_PERCENT], axis=0)
        centre, spread = labels.mean(0), np.maximum(labels.std(0), 1e-9)
        x = (np.clip(stars.labels, low, high) - centre) / spread
        terms = line_terms(torch.as_tensor(x), _count(order, labels.shape[1])).numpy()
        depth, share = 1 - stars.mean, weight[:, None] / stars.variance
        # the columns are depth times terms, and 1: sums over stars are products of matrices
        pairs = (terms[:, :, None] * terms[:, None, :]).reshape(len(terms), -1)
        count = terms.shape[1]
        matrix = np.empty((depth.shape[1], count + 1, count + 1))
        matrix[:, :-1, :-1] = ((share * depth**2).T @ pairs).reshape(-1, count, count)
        matrix[:, :-1, -1] = matrix[:, -1, :-1] = (share * depth).T @ terms
        matrix[:, -1, -1] = share.sum(0)
        right = np.column_stack([(share * depth * stars.left).T @ terms, (share * stars.left).sum(0)])
        return cls(matrix, right, low, high, centre, spread)

    def fit(self) -> LineFit:
        """The solution under the likeliest prior: a mean (F,) and a covariance (F, F) of all pixels."""
        count = self.right.shape[1]
        middle, covariance = np.zeros(count), np.eye(count) * START
        solution = np.zeros_like(self.right)
        for _ in range(ROUNDS):
            prior = np.linalg.inv(covariance)
            inverse = np.linalg.inv(self.matrix + prior)
            solution = np.einsum("lfg,lg->lf", inverse, self.right + prior @ middle)
            middle = solution.mean(0)
            apart = solution - middle
            covariance = (apart[:, :, None] * apart[:, None, :] + inverse).mean(0) + 1e-10 * np.eye(count)
        strengths, level = solution[:, :-1].T, solution[:, -1]
        return LineFit(self.low, self.high, self.centre, self.spread, strengths, level)


def _together(parts: Sequence[_Equations]) -> _Equations:
    first = parts[0]
    matrix = np.sum([part.matrix for part in parts], axis=0)
    right = np.sum([part.right for part in parts], axis=0)
    return _Equations(matrix, right, first.low, first.high, first.centre, first.spread)


def _count(order: int, labels: int) -> int:
    """How many terms of the labels there are."""
    return (1, 1 + labels, 1 + labels + labels * (labels + 1) // 2)[order]
