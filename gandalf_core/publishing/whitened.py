"""Weights of a kernel's nodes in a form that survives rounding: what a grid sends to the browser.

Neighbouring nodes have large weights w of opposite signs, so that rounding them to 16 bits would ruin the sum
k(x)·w. With K = LLᵀ, the kernel between the nodes, t = Lᵀw has no such pairs: an error of t changes k(x)·w by
no more than its own size, since |L⁻¹k(x)|² ≤ k(x, x) = 1. The browser solves Lᵀw = t (live_decoder/start.js).
Shapes: M nodes, D labels, K components.
"""

import numpy as np
from scipy.spatial.distance import cdist

JITTER = 1e-8  # added to the diagonal of K, here and in start.js: nodes may lie very close to each other
# fewer weights are sent as they are; the browser's share of the work grows with the third power of the nodes
NODES = range(500, 1501)
FINEST = 5e-5  # of t in the scaler's units, in which noise is about 1


def whitened(nodes: np.ndarray, lengths: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(K, M) t of weights (M, K) of the rational-quadratic kernel of networks/start.py."""
    scaled = nodes.astype(float) / lengths.astype(float)
    near = (1 + cdist(scaled, scaled, "sqeuclidean") / 4) ** -2
    factor = np.linalg.cholesky(near + JITTER * np.eye(len(near)))
    return (factor.T @ weights.astype(float)).T
