"""Walking along one latent dimension: how far a population reaches in it, and a star moved along it.

Shapes: N stars, Z latent, K steps.
"""

import numpy as np

PERCENTILES = (1, 16, 50, 84, 99)
STEPS = 11


def bands(latents: np.ndarray) -> np.ndarray:
    """(5, Z) percentiles 1, 16, 50, 84, 99 of a population's latents (N, Z); 0 without stars."""
    if not len(latents):
        return np.zeros((len(PERCENTILES), latents.shape[1]), np.float32)
    return np.percentile(latents, PERCENTILES, axis=0).astype(np.float32)


def traverse_values(population: np.ndarray, dimension: int, steps: int = STEPS) -> np.ndarray:
    """(K,) values of one latent dimension (counted from 1) from its 1st to its 99th percentile.

    population: (5, Z), its `bands`.
    """
    low, high = population[[0, -1], dimension - 1]
    return np.linspace(low, high, steps).astype(np.float32)


def with_dimension(latent: np.ndarray, dimension: int, values: np.ndarray) -> np.ndarray:
    """(K, Z): copies of one latent (Z,), one dimension (counted from 1) at each of the values (K,)."""
    copies = np.repeat(np.asarray(latent, np.float32)[None], len(values), 0)
    copies[:, dimension - 1] = values
    return copies
