"""Places of new stars in a finished map, from the places of their nearest neighbours in it.

tsne: openTSNE's partial embedding, rebuilt from the stored vectors and coordinates (Poličar, Stražar & Zupan
2024, J. Stat. Softw. 109, 3). umap: an approximation, since UMAP's own transform needs its fitted object.
Shapes: N stars of the map, M new stars, R numbers in which neighbours are found, k neighbours.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from openTSNE import TSNEEmbedding

NEIGHBOURS = 15
REACH = 1e3  # times the spread of the map's stars; a new star beyond has no neighbours
PERPLEXITY, ITERATIONS = 5.0, 250  # of t-SNE
WEISZFELD_ROUNDS = 20


def within_reach(x: np.ndarray, x_new: np.ndarray) -> np.ndarray:
    """(M,) true where a star x_new (M, R) lies within `REACH` times the spread of the map's x (N, R)."""
    offset = x_new.astype(np.float64) - x.mean(0)  # whose squares float32 may not hold
    return (offset**2).sum(1) < REACH**2 * x.var(0, dtype=np.float64).sum()


@dataclass(frozen=True, eq=False)
class TsneMap:
    """A t-SNE map as openTSNE needs it to place stars: with its grid of forces, its middle (2,) at zero."""

    embedding: "TSNEEmbedding"
    middle: np.ndarray

    @classmethod
    def of(cls, xy: np.ndarray) -> "TsneMap":
        """From the coordinates (N, 2) of its stars."""
        from openTSNE import TSNEEmbedding
        from openTSNE.affinity import PrecomputedAffinities
        from scipy.sparse import csr_matrix

        middle = (xy.max(0) + xy.min(0)) / 2
        # the map's own stars stand still: their affinities are never used
        unused = PrecomputedAffinities(csr_matrix((len(xy), len(xy))), normalize=False)
        embedding = TSNEEmbedding(xy - middle, unused, negative_gradient_method="fft")
        embedding.prepare_interpolation_grid()
        return cls(embedding, middle)


def place_tsne(reference: TsneMap, distance: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(M, 2) by gradient descent from the median of the nearest neighbours; distance, index (M, k)."""
    from openTSNE.affinity import joint_probabilities_nn
    from openTSNE.tsne import PartialTSNEEmbedding

    affinities = joint_probabilities_nn(
        index,
        distance,
        [min(PERPLEXITY, index.shape[1] / 3)],
        symmetrize=False,
        normalization="point-wise",
        n_reference_samples=len(reference.embedding),
    )
    start = np.median(np.asarray(reference.embedding)[index], 1)
    new = PartialTSNEEmbedding(start, reference.embedding, affinities, negative_gradient_method="fft")
    new = new.optimize(ITERATIONS, learning_rate=0.1, exaggeration=1.5, momentum=0.8, max_grad_norm=0.25)
    return np.asarray(new) + reference.middle


def place_umap(xy: np.ndarray, distance: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(M, 2) weighted geometric medians of the nearest neighbours' places xy (N, 2); distance, index (M, k).

    Weights fall as exp(−d / scale) beyond the nearest neighbour, as UMAP's membership strengths do. A median
    (Weiszfeld's iteration), because the mean of neighbours on two islands lies in the sea.
    """
    beyond = distance - distance[:, :1]
    strength = np.exp(-beyond / np.maximum(beyond.mean(1, keepdims=True), 1e-12))
    near = xy[index].astype(np.float64)  # (M, k, 2)
    weights, places = strength, near[:, 0]
    for _ in range(WEISZFELD_ROUNDS):
        places = np.einsum("mk,mkc->mc", weights / weights.sum(1, keepdims=True), near)
        weights = strength / np.maximum(np.linalg.norm(near - places[:, None], axis=2), 1e-3)
    return places
