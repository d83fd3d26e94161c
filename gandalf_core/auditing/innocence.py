"""Innocent labels: what the kept labels leave open of a label, dealt anew among stars of like kept labels.

A latent can tell nothing of a residual that belongs to another star; so whatever a reader finds in labels
dealt in this way is chance, and how often chance finds as much as was found is the p value. Residuals are
dealt within leaves of a tree over the kept labels, so that a spread that depends on them stays where it is.
Shapes: N stars, K kept labels, T removed labels, B columns of the basis.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .probes import standardised

LEAF = 12  # stars of like kept labels among which residuals are dealt, at least
BUMPS, STARS_PER_BUMP = 120, 50  # local functions of the kept labels: at most, and one for so many stars
SPREAD_RANGE = 30.0  # local spreads differ from their median by this factor at most
SPREAD_STARS = 25  # of nearest kept labels, that tell a local spread
NEIGHBOURS = 4  # that agree with a star where the floor was not learned
ROUNDING = 1e-7  # directions of the basis weaker than this part of the strongest are rounding


def kept_basis(kept: np.ndarray, seed: int = 0, bumps: int | None = None) -> np.ndarray:
    """(N, B) functions of the kept labels (N, K): a constant, polynomials, local bumps; B = 1 for K = 0."""
    n = len(kept)
    bumps = min(BUMPS, n // STARS_PER_BUMP) if bumps is None else bumps
    parts = [np.ones((n, 1))]
    if kept.shape[1]:
        unit = np.clip(standardised(kept), -4, 4)
        parts += [standardised(powers(unit)), *_bumps(unit, seed, bumps)]
    return np.hstack(parts)


def powers(unit: np.ndarray) -> np.ndarray:
    """(N, ·) products of standardised kept labels (N, K): up to the fourth degree of three, fewer of more."""
    from sklearn.preprocessing import PolynomialFeatures

    degree = 4 if unit.shape[1] <= 3 else 2 if unit.shape[1] <= 8 else 1
    return PolynomialFeatures(degree, include_bias=False).fit_transform(unit)


def _bumps(unit: np.ndarray, seed: int, count: int) -> list[np.ndarray]:
    """Gaussians around some of the stars, as wide as the distance to their neighbours among the centres."""
    from scipy.spatial.distance import cdist

    if count < 8:
        return []
    centres = unit[np.random.default_rng([seed, 11]).permutation(len(unit))[:count]]
    distance = cdist(unit, centres)
    width = 1.5 * np.median(np.sort(distance, axis=1)[:, 6]) + 1e-9
    return [np.exp(-0.5 * np.square(distance / width))]


def orthonormal(x: np.ndarray, rounding: float = ROUNDING) -> tuple[np.ndarray, np.ndarray]:
    """(N, D) orthonormal directions of x and (D,) their strengths, down to `rounding` of the strongest."""
    if not x.shape[1]:
        return x, np.empty(0)
    u, strength, _ = np.linalg.svd(x, full_matrices=False)
    keep = strength > rounding * max(strength[0], 1e-300)
    return u[:, keep], strength[keep]


def leaves(kept: np.ndarray, size: int = LEAF) -> np.ndarray:
    """(N,) the leaf of each star: halves at the median of the widest kept label, down to `size` stars."""
    leaf = np.zeros(len(kept), int)
    if not kept.shape[1]:
        return leaf
    unit, todo, count = standardised(kept), [np.arange(len(kept))], 0
    while todo:
        rows = todo.pop()
        if len(rows) < 2 * size:
            leaf[rows] = count
            count += 1
            continue
        order = rows[np.argsort(unit[rows, unit[rows].std(0).argmax()], kind="stable")]
        todo += [order[: len(rows) // 2], order[len(rows) // 2 :]]
    return leaf


def deals(leaf: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, N) permutations of the stars, each within its leaf (N,)."""
    order = np.argsort(leaf, kind="stable")
    out = np.empty((draws, len(leaf)), int)
    out[:, order] = np.argsort(leaf + rng.random((draws, len(leaf))), axis=1)
    return out


def nearest(kept: np.ndarray, count: int) -> np.ndarray:
    """(N, count) the stars whose kept labels (N, K) are nearest to those of each star, without itself."""
    from sklearn.neighbors import NearestNeighbors

    unit = standardised(kept)
    return NearestNeighbors(n_neighbors=count + 1).fit(unit).kneighbors(unit)[1][:, 1:]


def unlearned(residual: np.ndarray, kept: np.ndarray) -> float:
    """The share of the variance of a residual (N,) on which stars of nearly equal kept labels (N, K) agree.

    A floor that was learned leaves nothing of that kind. 0 where the agreement may be chance (3 σ).
    """
    n, variance = len(residual), residual.var()
    if not kept.shape[1] or not variance:
        return 0.0
    centred = residual - residual.mean()
    share = float((centred * centred[nearest(kept, NEIGHBOURS)].mean(1)).mean() / variance)
    # pairs count twice where each is the other's neighbour, as most are
    return share if share > 3 * np.sqrt(1.6 / (NEIGHBOURS * n)) else 0.0


def local_spread(residual: np.ndarray, basis: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(N, T) how widely residuals (N, T) scatter at each star's kept labels (N, K), in units of the median.

    A trend is fitted by the basis (N, B); what it misses, a jump for example, the neighbours tell. A spread
    that is left within a leaf of stars would make their magnitudes look told.
    """
    if not kept.shape[1]:
        return np.ones_like(residual)
    size = np.log(np.abs(residual) + 1e-3 * residual.std(0) + 1e-300)
    gram = basis.T @ basis + 1e-3 * len(basis) * np.eye(basis.shape[1])
    trend = basis @ np.linalg.solve(gram, basis.T @ (size - size.mean(0)))
    spread = trend + (size - trend)[nearest(kept, min(SPREAD_STARS, len(kept) - 1))].mean(1)
    limit = np.log(SPREAD_RANGE)
    return np.exp(np.clip(spread - np.median(spread, 0), -limit, limit))


@dataclass(frozen=True, eq=False)
class Innocence:
    """Residuals (N, T) of the removed labels, out of fold, and the ways to deal them anew."""

    residual: np.ndarray
    kept: np.ndarray
    draws: int
    seed: int = 0

    @cached_property
    def basis(self) -> np.ndarray:
        return kept_basis(self.kept, self.seed)

    @cached_property
    def known(self) -> np.ndarray:
        """(N, B) orthonormal functions of the kept labels; features and targets are taken off them."""
        return orthonormal(self.basis)[0]

    @cached_property
    def unit(self) -> np.ndarray:
        """(N, T) residuals over their local spread, at unit spread."""
        scaled = self.residual / local_spread(self.residual, self.basis, self.kept)
        return scaled / np.maximum(scaled.std(0), 1e-300)

    @cached_property
    def permutations(self) -> np.ndarray:
        rng = np.random.default_rng([self.seed, 12])
        return deals(leaves(self.kept), self.draws, rng)

    def beyond_kept(self, x: np.ndarray) -> np.ndarray:
        """x (N, ·) without what the functions of the kept labels tell of it."""
        return x - self.known @ (self.known.T @ x)

    def dealt(self, target: np.ndarray) -> np.ndarray:
        """(N, 1 + draws) a target (N,) as it is and as dealt, off the kept labels, each at unit length.

        In single precision, as what is multiplied with it: these products are most of the work of a test.
        """
        known = self.known.astype(np.float32)
        columns = np.column_stack([target, target[self.permutations].T]).astype(np.float32)
        columns -= known @ (known.T @ columns)
        return columns / np.maximum(np.linalg.norm(columns, axis=0), 1e-30)
