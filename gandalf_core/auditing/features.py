"""What a reader in closed form may look at: sets of functions of the latent, each for what the others miss.

Shapes: N stars, Z latent, K kept labels, D functions.
"""

import numpy as np

from .probes import standardised

NARROW = 40  # latents up to this size: all products of two dimensions; wider: squares and a kernel
KNOTS, KNOTS_WIDE = (0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9), (0.25, 0.5, 0.75)
COSINES, STARS_PER_COSINE, COSINE_SCALE = 300, 4, 1.2
TAIL = 0.06  # the share of stars at either end of a kept label that make a stratum
LEADING = 25  # principal components of a wide latent, in its own scale, whose products are looked at


def whitened(z: np.ndarray) -> np.ndarray:
    """(N, D ≤ Z) every direction of z (N, Z) at unit variance, down to rounding: nothing hides in scale."""
    unit = standardised(np.asarray(z, np.float64))
    if not unit.shape[1]:
        return unit
    u, strength, _ = np.linalg.svd(unit, full_matrices=False)
    rounding = 4 * max(unit.shape) * np.finfo(np.float64).eps
    return u[:, strength > rounding * max(strength[0], 1e-300)] * np.sqrt(len(z))


def feature_sets(z: np.ndarray, kept: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """{name: (N, D)} the sets for a latent (N, Z) and kept labels (N, K): `linear`, others if z varies."""
    w, a = whitened(z), standardised(np.asarray(z, np.float64))
    sets = {"linear": w}
    if not w.shape[1]:
        return sets
    a = a[:, a.std(0) > 0]
    if w.shape[1] <= NARROW:
        sets["quadratic"] = products(w)
    else:
        sets["squares"] = standardised(np.hstack([w**2, a**2]))
        sets["quadratic"] = products(whitened(leading(z)))
    sets["axes"] = along_axes(a)
    sets["waves"] = waves(w, seed)
    if kept.shape[1]:
        sets["tails"] = np.hstack([w * inside[:, None] for inside in tails(kept).values()])
        sets["with kept"] = np.hstack([w * k[:, None] for k in standardised(kept).T])
    return {name: np.nan_to_num(x) for name, x in sets.items()}


def products(w: np.ndarray) -> np.ndarray:
    """(N, D(D + 1)/2) all products of two columns of w (N, D)."""
    i, j = np.triu_indices(w.shape[1])
    return standardised(w[:, i] * w[:, j])


def leading(z: np.ndarray) -> np.ndarray:
    """(N, LEADING) principal components of z in its own scale, for a strong signal beside weak noise."""
    centred = np.asarray(z, np.float64) - np.mean(z, 0)
    u, strength, _ = np.linalg.svd(centred, full_matrices=False)
    return u[:, :LEADING] * strength[:LEADING]


def along_axes(a: np.ndarray) -> np.ndarray:
    """(N, ·) functions of one dimension of standardised a (N, Z): hinges at quantiles, and the magnitude."""
    knots = np.quantile(a, KNOTS if a.shape[1] <= NARROW else KNOTS_WIDE, axis=0)
    return standardised(np.hstack([np.abs(a), *(np.maximum(a - knot, 0) for knot in knots)]))


def waves(w: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, ·) random cosines of whitened w (N, D), smooth in all dimensions (Rahimi & Recht 2007)."""
    rng = np.random.default_rng([seed, 13])
    count = min(COSINES, len(w) // STARS_PER_COSINE)
    directions = rng.standard_normal((w.shape[1], count)) * COSINE_SCALE / np.sqrt(w.shape[1])
    return np.sqrt(2) * np.cos(w @ directions + rng.uniform(0, 2 * np.pi, count))


def tails(kept: np.ndarray) -> dict[tuple[int, str], np.ndarray]:
    """{(column, low | high): (N,) true for the stars of that tail} of every kept label (N, K)."""
    found = {}
    for column, k in enumerate(kept.T):
        low, high = np.quantile(k, [TAIL, 1 - TAIL])
        found |= {(column, "low"): k <= low, (column, "high"): k >= high}
    return found
