"""The best linear erasure of labels from a representation: a reference beside learned removal.

LEACE, Belrose et al. 2023 (NeurIPS, arXiv 2306.03819), closed form of their section 4: r(x) = x − W⁺ P W (x −
E[x]), W the whitening of Σ_xx, P the orthogonal projection onto the columns of W Σ_xy. It leaves a linear
reader nothing and moves x the least; a nonlinear probe may still read. Shapes: N stars, Z latent, T labels.
"""

from dataclasses import dataclass

import numpy as np

RANK_TOLERANCE = 1e-10  # of the largest eigenvalue: directions without variance are left alone


@dataclass(frozen=True, eq=False)
class Eraser:
    """x − (x − mean) @ matrix; mean (Z,), matrix (Z, Z)."""

    mean: np.ndarray
    matrix: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(N, Z) without what a linear reader could use of the labels."""
        return x - (x - self.mean) @ self.matrix


def leace(x: np.ndarray, y: np.ndarray) -> Eraser:
    """The eraser of labels y (N, T) fitted on x (N, Z)."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    mean = x.mean(0)
    centred = x - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(x))
    solid = values > RANK_TOLERANCE * values.max()
    root = np.sqrt(np.where(solid, values, 1))
    whiten = (vectors * (solid / root)) @ vectors.T
    unwhiten = (vectors * (solid * root)) @ vectors.T
    spread = np.where(y.std(0) > 0, y.std(0), 1)
    cross = whiten @ centred.T @ ((y - y.mean(0)) / spread) / len(x)  # (Z, T)
    basis, strength, _ = np.linalg.svd(cross, full_matrices=False)
    basis = basis[:, strength > 1e-9 * max(strength.max(initial=0.0), 1e-300)]
    return Eraser(mean, (unwhiten @ basis @ basis.T @ whiten).T)


def erased(x: np.ndarray, y: np.ndarray, seed: int = 0) -> np.ndarray:
    """(N, Z) x without the labels y (N, T), each half of the stars by the eraser fitted on the other half."""
    half = np.random.default_rng([seed, len(x)]).permutation(len(x)) % 2 == 0
    out = np.empty(np.shape(x))
    out[half] = leace(x[~half], y[~half])(x[half])
    out[~half] = leace(x[half], y[half])(x[~half])
    return out
